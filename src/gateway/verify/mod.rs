//! VERIFY: a bearer token becomes a `VerifiedToken`, or is refused. Order: issuer, that issuer's keys only, algorithm,
//! claims, signature; then on every request, cached or not: dates and key generation.

pub mod cache;
pub mod jwt;
pub mod keys;
pub mod memo;
pub mod token;

use super::credentials::Bearer;
use super::refusal::{Reason, Refusal};
use crate::clock::{Clock, UnixSeconds};
use crate::config;
use cache::{CacheUse, VerdictCache};
use keys::KeyStore;
use memo::Memo;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use token::VerifiedToken;

/// Knows every issuer and remembers its verdicts. A changed issuer means a new `Verifier`, and so an empty cache:
/// no verdict outlives the settings that made it.
pub struct Verifier {
    issuers: Vec<Arc<Issuer>>,
    cache: VerdictCache,
    /// Of no other verifier of this process.
    id: u64,
    clock: Clock,
}

/// One issuer: how its tokens are checked, and its keys.
#[derive(Debug)]
pub struct Issuer {
    /// The checked settings.
    pub settings: config::Issuer,
    /// Its public keys, as they are now.
    pub keys: Arc<KeyStore>,
}

impl Verifier {
    /// A verifier with an empty cache of `verdicts_max` entries.
    pub fn new(issuers: Vec<Arc<Issuer>>, verdicts_max: usize, clock: Clock) -> Self {
        Self { issuers, cache: VerdictCache::new(verdicts_max), id: NEXT_ID.fetch_add(1, Ordering::Relaxed), clock }
    }

    /// In the order of the configuration.
    pub fn issuers(&self) -> &[Arc<Issuer>] {
        &self.issuers
    }

    /// Verdicts in the cache.
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    /// The token's verdict as of `now`. A remembered verdict saves the signature, never the dates or the
    /// generation of the keys. `memo` is the connection's.
    pub fn verify(
        &self,
        bearer: &Bearer<'_>,
        memo: &Memo,
        now: UnixSeconds,
    ) -> (Result<VerifiedToken, Refusal>, CacheUse) {
        if let Some(verdict) = memo.find(bearer.token(), self.id).filter(|verdict| verdict.has_current_keys()) {
            return (VerifiedToken::check(verdict, now), CacheUse::Hit);
        }
        let digest = cache::digest(bearer.token());
        if let Some(verdict) = self.cache.find(&digest).filter(|verdict| verdict.has_current_keys()) {
            memo.keep(bearer.token(), self.id, &verdict);
            return (VerifiedToken::check(verdict, now), CacheUse::Hit);
        }
        let fresh = jwt::verify(bearer.token(), self, now).and_then(|verdict| {
            let verdict = Arc::new(verdict);
            let token = VerifiedToken::check(Arc::clone(&verdict), now)?;
            self.cache.store(digest, verdict);
            Ok(token)
        });
        (fresh, CacheUse::Miss)
    }

    /// The issuer whose identifier is `iss`, code point by code point (RFC 7519 §2, `StringOrURI`).
    fn issuer(&self, iss: &str) -> Result<&Arc<Issuer>, Refusal> {
        let named = |issuer: &&Arc<Issuer>| *issuer.settings.issuer == *iss;
        self.issuers.iter().find(named).ok_or_else(|| Reason::IssuerUnknown.into())
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}
