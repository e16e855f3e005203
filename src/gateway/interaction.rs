//! The correlation id (FAPI 1.0 §6.2.1, UK Open Banking "play back"): echoed when it is a UUID, made when not.

use super::Worker;
use super::forward::headers::INTERACTION_ID;
use super::http1::fields::Fields;
use http::HeaderValue;
use std::cell::RefCell;
use std::fmt;
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
    fn make(&self) -> InteractionId {
        let bits = self.0.borrow_mut().u128(..) & !VERSION_AND_VARIANT | VERSION_4 | VARIANT_RFC;
        InteractionId::spelled(&text(bits))
    }
}

/// The correlation id of one request, spelled out as the line that carries it in every message: `x-fapi-interaction-id`, a
/// UUID, and CRLF. Copied whole, it needs no memory of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InteractionId([u8; LINE_BYTES]);

impl InteractionId {
    /// Of exactly 36 octets that are a UUID (RFC 9562 §4), of any version and case.
    fn parse(octets: &[u8]) -> Option<Self> {
        let uuid = octets.first_chunk().filter(|_| is_uuid(octets))?;
        Some(Self::spelled(uuid))
    }

    fn spelled(uuid: &[u8; UUID_BYTES]) -> Self {
        let mut line = *b"x-fapi-interaction-id: 00000000-0000-0000-0000-000000000000\r\n";
        line[UUID_START..UUID_START + UUID_BYTES].copy_from_slice(uuid);
        Self(line)
    }

    /// The field that carries it, as it stands in a message, with its CRLF.
    pub fn line(&self) -> &[u8; LINE_BYTES] {
        &self.0
    }

    /// The UUID.
    pub fn octets(&self) -> &[u8] {
        &self.0[UUID_START..UUID_START + UUID_BYTES]
    }

    /// The same.
    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(self.octets()).expect("a UUID is ASCII")
    }

    /// The same, where a message is not made of lines.
    pub(super) fn value(&self) -> HeaderValue {
        HeaderValue::from_bytes(self.octets()).expect("hex digits and hyphens are visible ASCII")
    }
}

impl fmt::Debug for InteractionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text of a UUID (RFC 9562 §4). Every request without an id of its own pays for this: eight digits at a time are spread
/// over the octets of a word, and none is looked at by itself.
fn text(bits: u128) -> [u8; UUID_BYTES] {
    let mut digits = [0; 32];
    for (place, octets) in digits.chunks_exact_mut(8).zip(bits.to_be_bytes().as_chunks::<4>().0) {
        place.copy_from_slice(&hex(u32::from_be_bytes(*octets)));
    }
    let mut text = [b'-'; UUID_BYTES];
    text[..8].copy_from_slice(&digits[..8]);
    text[9..13].copy_from_slice(&digits[8..12]);
    text[14..18].copy_from_slice(&digits[12..16]);
    text[19..23].copy_from_slice(&digits[16..20]);
    text[24..].copy_from_slice(&digits[20..]);
    text
}

/// Eight hexadecimal digits.
fn hex(bits: u32) -> [u8; 8] {
    let mut nibbles = u64::from(bits);
    nibbles = (nibbles | nibbles << 16) & 0x0000_ffff_0000_ffff;
    nibbles = (nibbles | nibbles << 8) & 0x00ff_00ff_00ff_00ff;
    nibbles = (nibbles | nibbles << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // Ten and more carry when six is added: there the digit is a letter.
    let letters = (nibbles + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    (nibbles + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10)).to_be_bytes()
}

impl Default for InteractionIds {
    fn default() -> Self {
        Self::new()
    }
}

impl Worker {
    /// The request's own id if there is a request and it has exactly one and that is a UUID, else a new one.
    pub fn interaction_id(&self, fields: Option<&Fields>) -> InteractionId {
        let its_own = fields.and_then(|fields| fields.only(INTERACTION_ID)).and_then(InteractionId::parse);
        its_own.unwrap_or_else(|| self.ids.make())
    }
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
/// Behind the name of the field and `: `.
const UUID_START: usize = 23;
const LINE_BYTES: usize = UUID_START + UUID_BYTES + 2;
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
/// RFC 9562 §4.2 and §4.1: who made the bits, and by which document.
const VERSION_AND_VARIANT: u128 = 0xf000_c000_0000_0000_0000;
const VERSION_4: u128 = 0x4000_0000_0000_0000_0000;
const VARIANT_RFC: u128 = 0x8000_0000_0000_0000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn made_ids_are_version_4_uuids_and_differ() {
        let ids = InteractionIds::new();
        let (one, other) = (ids.make(), ids.make());
        assert!(is_uuid(one.octets()), "{one:?}");
        assert_eq!(one.octets()[14], b'4');
        assert!(b"89ab".contains(&one.octets()[19]));
        assert_ne!(one, other);
    }

    #[test]
    fn an_id_stands_in_a_line_of_its_own() {
        let id = InteractionId::parse(b"93BAC548-d2de-4546-b106-880a5018460d").unwrap();
        assert_eq!(id.line(), b"x-fapi-interaction-id: 93BAC548-d2de-4546-b106-880a5018460d\r\n");
        assert_eq!((id.as_str(), id.value().as_bytes()), ("93BAC548-d2de-4546-b106-880a5018460d", id.octets()));
        assert!(id.line().starts_with(INTERACTION_ID.as_str().as_bytes()));
        for bad in ["93bac548-d2de-4546-b106-880a5018460d0", "93bac548-d2de-4546-b106-880a5018460", ""] {
            assert!(InteractionId::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_text_has_every_digit_in_its_place(bits: u128) {
            let digits = format!("{bits:032x}");
            let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
            prop_assert_eq!(text(bits).to_vec(), groups.join("-").into_bytes());
        }
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
