//! A token that is not known yet.

use super::cache::CacheUse;
use super::fingerprint::Fingerprint;
use super::jwt;
use super::opaque::{Asks, Inquiry};
use super::verdict::Verdict;
use super::{Verification, Verifier};
use crate::clock::UnixSeconds;

/// A token of which no verdict is remembered.
pub struct Unseen<'v> {
    verifier: &'v Verifier,
    token: &'v [u8],
    fingerprint: Fingerprint,
    asks: &'v Asks,
    now: UnixSeconds,
}

impl<'v> Unseen<'v> {
    pub(super) fn new(
        verifier: &'v Verifier,
        (token, fingerprint): (&'v [u8], Fingerprint),
        asks: &'v Asks,
        now: UnixSeconds,
    ) -> Self {
        Self { verifier, token, fingerprint, asks, now }
    }

    /// What comes of a look at it, and at its signature, which takes as long as several requests with remembered tokens.
    pub fn verify(self) -> Verification<'v> {
        // Others may have brought it since.
        if let Some(verdict) = self.cached() {
            return self.verifier.decide(verdict, CacheUse::Hit, self.now);
        }
        let Self { verifier, token, fingerprint, asks, now } = self;
        if let Some(inquiry) = Inquiry::about(token, fingerprint, verifier, asks, now) {
            return match inquiry.refused() {
                Some(refusal) => Verification::Decided(Err(refusal), CacheUse::Hit),
                None => Verification::Ask(inquiry),
            };
        }
        let verdict = match jwt::verify(token, verifier, now) {
            Ok(verdict) => verdict,
            Err(refusal) => return Verification::Decided(Err(refusal), CacheUse::Miss),
        };
        let decided = verifier.decide(verdict.clone(), CacheUse::Miss, now);
        if verifier.scratch.is_none() && !matches!(decided, Verification::Decided(Err(_), _)) {
            verdict.issuer().check_life(&verdict, &verifier.revocations, now);
            verifier.cache.store(fingerprint, verdict);
        }
        decided
    }

    /// Its verdict in the cache, if that still holds.
    pub(super) fn cached(&self) -> Option<Verdict> {
        self.verifier.cache.find(&self.fingerprint).filter(|verdict| verdict.holds(self.asks, self.now))
    }
}
