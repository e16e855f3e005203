//! How far back the store remembers. Who finds it without a past, or started anew, begins an era: proofs made earlier may have
//! been used unbeknown to it, and are good only with a nonce of this era. The era brings the key of those nonces, so all gateways
//! accept each other's; and what was made in an era that is over is good no more.

use super::count::Script;
use crate::clock::UnixSeconds;
use aws_lc_rs::{hmac, rand};
use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

/// One era.
pub struct Era {
    /// As the store has it.
    text: Box<[u8]>,
    begun: UnixSeconds,
    nonces: hmac::Key,
}

impl Era {
    /// The text of an era that begins at `now`.
    pub(super) fn begin(now: UnixSeconds) -> Vec<u8> {
        let mut key = [0; KEY_BYTES];
        // It cannot fail once the process has seeded it, and a key of zeros must not be an answer.
        rand::fill(&mut key).expect("the system's random numbers");
        let mut text = now.0.saturating_add(EARLY_MAX_S + SKEW_MAX_S + 1).to_string();
        text.push(' ');
        for octet in key {
            write!(text, "{octet:02x}").expect("writing to a String does not fail");
        }
        text.into_bytes()
    }

    /// `None` for what `begin` cannot have made.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let (begun, digits) = std::str::from_utf8(text).ok()?.split_once(' ')?;
        if digits.len() != 2 * KEY_BYTES || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut key = [0; KEY_BYTES];
        for (place, octet) in key.iter_mut().enumerate() {
            *octet = u8::from_str_radix(digits.get(place * 2..place * 2 + 2)?, 16).ok()?;
        }
        let begun = UnixSeconds(begun.parse().ok()?);
        Some(Self { text: text.into(), begun, nonces: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    /// Proofs made before may have been used before.
    pub fn begun(&self) -> UnixSeconds {
        self.begun
    }

    /// What its nonces are made with.
    pub fn nonces(&self) -> &hmac::Key {
        &self.nonces
    }

    /// Whether the store has this one.
    pub(super) fn is(&self, text: Option<&[u8]>) -> bool {
        text == Some(&self.text)
    }
}

impl PartialEq for Era {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Era").field("begun", &self.begun).finish_non_exhaustive()
    }
}

/// By those rights that we need anyway. What another wrote meanwhile is not written over.
pub(super) static RENEW: Script = Script::new(
    "local era = redis.call('GET', KEYS[1]) if era then redis.call('SET', KEYS[1], era, 'PX', ARGV[1]) end return {}",
);

const KEY_BYTES: usize = 32;
/// How long an era is kept that nobody renews: those of runs that are over pile up no further.
pub(super) const KEEP: Duration = Duration::from_hours(24);
/// A proof may be dated so far ahead, and have been used by now (FAPI 2.0 §5.3.2.1).
const EARLY_MAX_S: i64 = 10;
/// Clocks of gateways that share a store differ by no more.
pub const SKEW_MAX_S: i64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_era_is_read_as_it_was_begun() {
        let text = Era::begin(UnixSeconds(1000));
        let era = Era::read(&text).unwrap();
        assert!(era.is(Some(&text)) && !era.is(None) && !era.is(Some(b"")));
        assert_eq!(era.begun(), UnixSeconds(1021));
        assert_ne!(text, Era::begin(UnixSeconds(1000)), "its key is nobody else's");
        let tag = |era: &Era| hmac::sign(era.nonces(), b"7").as_ref().to_vec();
        assert_eq!(tag(&era), tag(&Era::read(&text).unwrap()), "and everybody's who reads it");
    }

    #[test]
    fn what_somebody_else_put_there_is_no_era() {
        let key = "ab".repeat(KEY_BYTES);
        assert!(Era::read(format!("5 {key}").as_bytes()).is_some());
        let bad = [
            String::new(),
            "5".to_owned(),
            format!("5 {}", &key[2..]),
            format!("5 {key}00"),
            format!("x {key}"),
            format!(" {key}"),
            format!("5 +f{}", &key[2..]),
            format!("99999999999999999999 {key}"),
        ];
        for bad in bad {
            assert!(Era::read(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(Era::read(&[0xff; 66]).is_none());
    }
}
