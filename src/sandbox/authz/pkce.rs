//! Proof Key for Code Exchange (RFC 7636): S256 only. `plain` protects nothing that TLS does not.

use crate::sandbox::secret::{self, Digest};

/// A code challenge: 43 characters, the base64url of a SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Challenge(String);

impl Challenge {
    /// Takes a challenge of method S256.
    pub(in crate::sandbox) fn parse(text: &str) -> Option<Self> {
        let is_digest = text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        is_digest.then(|| Self(text.to_owned()))
    }

    /// The challenge that `verifier` meets.
    pub(in crate::sandbox) fn of(verifier: &str) -> Self {
        Self(Digest::of(verifier).base64url())
    }

    /// Whether `verifier` is a verifier (RFC 7636 §4.1) and its digest is the challenge.
    pub(in crate::sandbox) fn is_met_by(&self, verifier: &str) -> bool {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        (43..=128).contains(&verifier.len())
            && verifier.bytes().all(fits)
            && secret::equal(Self::of(verifier).0.as_bytes(), self.0.as_bytes())
    }

    /// Its text.
    pub(in crate::sandbox) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_appendix_b_holds() {
        let challenge = Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert!(challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"));
    }

    #[test]
    fn verifiers_have_43_to_128_unreserved_characters() {
        for (verifier, is_one) in [
            ("a".repeat(42), false),
            ("a".repeat(43), true),
            ("a".repeat(128), true),
            ("a".repeat(129), false),
            (format!("{}+", "a".repeat(43)), false),
            (format!("{}ç", "a".repeat(43)), false),
        ] {
            assert_eq!(Challenge::of(&verifier).is_met_by(&verifier), is_one, "{verifier}");
        }
    }

    #[test]
    fn challenges_are_digests() {
        for bad in ["", "short", &"a".repeat(42), &"a".repeat(44), &format!("{}=", "a".repeat(42))] {
            assert_eq!(Challenge::parse(bad), None, "{bad}");
        }
    }
}
