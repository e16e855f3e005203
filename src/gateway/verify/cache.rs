//! Remembers verdicts. Bounded; the key is the SHA-256 of the whole token, so that neither a token nor a part of it
//! is kept, and no two tokens share an entry (CVE-2021-32701 and its kin came from narrower keys).

use super::token::Verdict;
use aws_lc_rs::digest as sha;
use quick_cache::sync::Cache;
use std::sync::Arc;

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
    verdicts: Cache<Digest, Arc<Verdict>>,
    verdicts_max: usize,
}

impl VerdictCache {
    pub(super) fn new(verdicts_max: usize) -> Self {
        Self { verdicts: Cache::new(verdicts_max), verdicts_max }
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<Arc<Verdict>> {
        self.verdicts.get(digest)
    }

    pub(super) fn store(&self, digest: Digest, verdict: Arc<Verdict>) {
        self.verdicts.insert(digest, verdict);
    }

    pub(super) fn forget(&self, digest: &Digest) {
        self.verdicts.remove(digest);
    }

    pub(super) fn max(&self) -> usize {
        self.verdicts_max
    }

    pub(super) fn len(&self) -> usize {
        self.verdicts.len()
    }
}

/// The key of a token's verdict.
pub(in crate::gateway) fn digest(token: &[u8]) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(sha::digest(&sha::SHA256, token).as_ref());
    digest
}
