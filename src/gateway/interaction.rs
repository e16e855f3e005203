//! The correlation id (FAPI 1.0 §6.2.1, UK Open Banking "play back"): echoed when it is a UUID, made when not.

use super::Worker;
use super::forward::headers::INTERACTION_ID;
use http::{HeaderMap, HeaderValue};
use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};

/// Makes ids for one worker. They need to be unique, not unguessable, so no system call is paid for each.
pub struct InteractionIds(RefCell<fastrand::Rng>);

impl InteractionIds {
    /// Seeded from the system's randomness.
    pub fn new() -> Self {
        // Every hasher state is seeded so; it is the standard library's only door to that randomness.
        let seed = RandomState::new().hash_one("interaction ids");
        Self(RefCell::new(fastrand::Rng::with_seed(seed)))
    }

    /// Random bits, as good as those of the ids.
    pub(super) fn chance(&self) -> [u64; 4] {
        let mut random = self.0.borrow_mut();
        [(); 4].map(|()| random.u64(..))
    }

    /// A version 4 UUID (RFC 9562 §5.4).
    fn make(&self) -> HeaderValue {
        let mut octets = self.0.borrow_mut().u128(..).to_be_bytes();
        octets[6] = octets[6] & 0x0f | 0x40;
        octets[8] = octets[8] & 0x3f | 0x80;
        let mut text = [b'-'; UUID_BYTES];
        let digits = text.iter_mut().enumerate().filter(|(place, _)| !HYPHENS.contains(place));
        let nibbles = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]);
        for ((_, place), nibble) in digits.zip(nibbles) {
            *place = hex_digit(nibble);
        }
        HeaderValue::from_bytes(&text).expect("hex digits and hyphens are visible ASCII")
    }
}

impl Default for InteractionIds {
    fn default() -> Self {
        Self::new()
    }
}

impl Worker {
    /// The request's own id if there is a request and it has exactly one and that is a UUID, else a new one.
    pub fn interaction_id(&self, headers: Option<&HeaderMap>) -> HeaderValue {
        let mut values = headers.into_iter().flat_map(|headers| headers.get_all(INTERACTION_ID));
        match (values.next(), values.next()) {
            (Some(value), None) if is_uuid(value.as_bytes()) => value.clone(),
            _ => self.ids.make(),
        }
    }
}

fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

/// Eight, four, four, four and twelve hexadecimal digits (RFC 9562 §4), of any version and case.
pub(super) fn is_uuid(text: &[u8]) -> bool {
    text.len() == UUID_BYTES
        && text.iter().enumerate().all(
            |(place, byte)| {
                if HYPHENS.contains(&place) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
            },
        )
}

const UUID_BYTES: usize = 36;
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_ids_are_version_4_uuids_and_differ() {
        let ids = InteractionIds::new();
        let (one, other) = (ids.make(), ids.make());
        assert!(is_uuid(one.as_bytes()), "{one:?}");
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&one.as_bytes()[19]));
        assert_ne!(one, other);
    }

    #[test]
    fn only_uuids_are_echoed() {
        assert!(is_uuid(b"93bac548-d2de-4546-b106-880a5018460d"));
        assert!(is_uuid(b"93BAC548-D2DE-4546-B106-880A5018460D"));
        for bad in [
            "",
            "93bac548d2de4546b106880a5018460d",
            "93bac548-d2de-4546-b106-880a5018460",
            "93bac548-d2de-4546-b106-880a5018460g",
            "93bac548-d2de-4546-b106_880a5018460d",
            "{3bac548-d2de-4546-b106-880a5018460d",
        ] {
            assert!(!is_uuid(bad.as_bytes()), "{bad}");
        }
    }
}
