//! Remembers verdicts. Bounded.

use super::fingerprint::Fingerprint;
use super::verdict::Verdict;
use quick_cache::sync::Cache;

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
    verdicts: Cache<Fingerprint, Verdict>,
    verdicts_max: usize,
}

impl VerdictCache {
    pub(super) fn new(verdicts_max: usize) -> Self {
        Self { verdicts: Cache::new(verdicts_max), verdicts_max }
    }

    pub(super) fn find(&self, fingerprint: &Fingerprint) -> Option<Verdict> {
        self.verdicts.get(fingerprint)
    }

    pub(super) fn store(&self, fingerprint: Fingerprint, verdict: Verdict) {
        self.verdicts.insert(fingerprint, verdict);
    }

    pub(super) fn forget(&self, fingerprint: &Fingerprint) {
        self.verdicts.remove(fingerprint);
    }

    pub(super) fn max(&self) -> usize {
        self.verdicts_max
    }

    pub(super) fn len(&self) -> usize {
        self.verdicts.len()
    }
}
