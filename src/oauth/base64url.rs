//! base64url without padding (RFC 7515 §2), by vectors where the processor has them. What does not end as an encoder ends it
//! is refused: there would be two texts for the same octets.

use base64::{DecodeError, Engine as _};

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static DECODER: std::sync::LazyLock<base64::engine::Simd> =
    std::sync::LazyLock::new(|| base64::engine::Simd::url_safe(base64::engine::general_purpose::NO_PAD));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::engine::general_purpose::URL_SAFE_NO_PAD as DECODER;

/// Decodes `text` to behind what is in `octets` already.
pub(super) fn append(text: &str, octets: &mut Vec<u8>) -> Result<(), DecodeError> {
    DECODER.decode_vec(text, octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    proptest! {
        /// Without vectors, octet by octet, it comes to the same; so it does where something is no base64url.
        #[test]
        fn vectors_change_nothing(
            octets in prop::collection::vec(any::<u8>(), 0..400),
            spoilt in prop::option::of((any::<prop::sample::Index>(), "[ -~]")),
            cut in 0_usize..4,
        ) {
            let mut text = URL_SAFE_NO_PAD.encode(&octets);
            text.truncate(text.len().saturating_sub(cut));
            if let Some((place, other)) = spoilt.filter(|_| !text.is_empty()) {
                let place = place.index(text.len());
                text.replace_range(place..=place, &other);
            }
            let mut seen = b"before".to_vec();
            let outcome = append(&text, &mut seen).map(|()| seen.split_off(6));
            prop_assert_eq!(outcome, URL_SAFE_NO_PAD.decode(&text));
        }
    }
}
