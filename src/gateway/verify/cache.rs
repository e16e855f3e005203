//! Remembers verdicts. Bounded; the key is of the whole token, so that neither a token nor a part of it is kept, and no two
//! tokens share an entry (CVE-2021-32701 and its kin came from narrower keys).

use super::verdict::Verdict;
use aws_lc_rs::digest as sha;
use quick_cache::sync::Cache;

/// SHA-256 of a token.
pub type Digest = [u8; 32];

/// Whether a verdict was remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheUse {
    /// The signature was verified earlier.
    Hit,
    /// The token was verified from scratch, or refused.
    Miss,
}

/// Verdicts of good signatures; refusals are not remembered.
pub(super) struct VerdictCache {
    verdicts: Cache<Key, Verdict>,
    verdicts_max: usize,
}

impl VerdictCache {
    pub(super) fn new(verdicts_max: usize) -> Self {
        Self { verdicts: Cache::new(verdicts_max), verdicts_max }
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<Verdict> {
        self.verdicts.get(&key(digest))
    }

    pub(super) fn store(&self, digest: Digest, verdict: Verdict) {
        self.verdicts.insert(key(&digest), verdict);
    }

    pub(super) fn forget(&self, digest: &Digest) {
        self.verdicts.remove(&key(digest));
    }

    pub(super) fn max(&self) -> usize {
        self.verdicts_max
    }

    pub(super) fn len(&self) -> usize {
        self.verdicts.len()
    }
}

/// The first 160 bits of a digest. Whoever wants another's verdict must make a token to a digest that is given: 2^160 tries
/// over the number of verdicts, where two of any tokens that meet, 2^80, are of no use, since an issuer signs neither. All
/// 256 would make a place of 64 bytes of one that now takes 48.
type Key = [u8; KEY_BYTES];

fn key(digest: &Digest) -> Key {
    let mut key = [0; KEY_BYTES];
    key.copy_from_slice(digest.split_at(KEY_BYTES).0);
    key
}

/// The key of a token's verdict.
pub(in crate::gateway) fn digest(token: &[u8]) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(sha::digest(&sha::SHA256, token).as_ref());
    digest
}

const KEY_BYTES: usize = 20;
