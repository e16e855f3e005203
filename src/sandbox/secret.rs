//! Secrets: made from the system's randomness, kept as digests, compared in constant time.

use crate::digest::sha256;
use aws_lc_rs::{constant_time, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The SHA-256 of a secret: enough to recognise it, useless to whoever reads it.
/// No salt and no stretching: the secrets are 256 random bits, which nobody tries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    /// Of `secret`.
    pub(super) fn of(secret: &str) -> Self {
        Self(sha256(secret.as_bytes()))
    }

    /// Whether both are of the same secret, in time that does not depend on them.
    pub(super) fn equals(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }

    /// Reads what `base64url` wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// base64url without padding, as PKCE and JWK thumbprints write it.
    pub(super) fn base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// A new secret of 256 random bits behind `prefix`, which lets a person and a scanner recognise it.
pub(super) fn fresh(prefix: &str) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<32>()))
}

/// A new name of 128 random bits behind `prefix`: nobody guesses it, and no two are the same.
pub(super) fn name(prefix: &str) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<16>()))
}

fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    rand::fill(&mut bytes).expect("AWS-LC ends the process rather than return without randomness");
    bytes
}

/// A new id of 128 random bits behind `prefix`: nobody meets it twice, and nobody guesses another's.
pub(super) fn fresh_id(prefix: &str) -> String {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).expect("AWS-LC ends the process rather than return without randomness");
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// Six random digits, for people to type: 64 random bits spread evenly enough over a million.
pub(super) fn digits() -> String {
    format!("{:06}", u64::from_le_bytes(random::<8>()) % 1_000_000)
}

/// Compares in time that depends on the lengths only.
pub(super) fn equal(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}
