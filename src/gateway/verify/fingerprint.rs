//! What a token is remembered under: neither the token nor a part of it, so that whoever sees one has nothing, and no two
//! tokens have the same.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use std::sync::LazyLock;

/// The GMAC (NIST SP 800-38D §3) of the whole of `token`, since narrower keys have given one holder another's verdict
/// (CVE-2021-32701 and its kin). Of the keys that this process may have made up, about one in 2^119 gives two tokens of
/// `TOKEN_BYTES_MAX` one fingerprint, and whoever looks for such two sees neither key nor fingerprints: every try is a request.
/// A SHA-256 takes four times as long, half a microsecond of every request with another token than the last.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; TAG_BYTES]);

impl Fingerprint {
    /// Of `token`, as long as this process lives.
    pub(super) fn of(token: &[u8]) -> Self {
        // That nonces differ keeps those who see tags from learning the key. Nobody sees these, and they must not differ.
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let tag = KEY.seal_in_place_separate_tag(nonce, Aad::from(token), &mut []).expect("no token has 2^61 octets");
        let mut fingerprint = [0; TAG_BYTES];
        fingerprint.copy_from_slice(tag.as_ref());
        Self(fingerprint)
    }
}

static KEY: LazyLock<LessSafeKey> = LazyLock::new(|| {
    let mut key = [0; KEY_BYTES];
    // The system's generator does not fail once it is seeded, and a key of zeros must not be an answer.
    rand::fill(&mut key).expect("the system's random numbers");
    LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("a key of this algorithm's length"))
});

const KEY_BYTES: usize = 16;
const TAG_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::bounds::TOKEN_BYTES_MAX;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_octet_and_the_length_matter(token in prop::collection::vec(any::<u8>(), 1..300), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let mut other = token.clone();
            let at = at.index(token.len());
            other[at] ^= 1_u8 << bit;
            prop_assert!(Fingerprint::of(&token) != Fingerprint::of(&other));
            prop_assert!(Fingerprint::of(&token) == Fingerprint::of(&token.clone()));
            other.clone_from(&token);
            other.push(0);
            prop_assert!(Fingerprint::of(&token) != Fingerprint::of(&other));
        }
    }

    #[test]
    fn the_longest_token_and_none_at_all_have_one() {
        assert!(Fingerprint::of(&[b'a'; TOKEN_BYTES_MAX]) != Fingerprint::of(&[b'a'; TOKEN_BYTES_MAX - 1]));
        assert!(Fingerprint::of(b"") != Fingerprint::of(&[0]));
    }
}
