//! VERIFY: a bearer token becomes a `VerifiedToken`, or is refused. Order: issuer, that issuer's keys only, algorithm,
//! claims, signature; then on every request, cached or not: dates, key generation, revocations, status list.

pub mod audiences;
pub mod cache;
pub mod events;
mod fingerprint;
pub mod identity;
pub mod introspect;
pub mod jwt;
pub mod key_source;
pub mod keys;
pub mod label;
pub mod memo;
pub mod opaque;
pub mod status;
pub mod token;
pub mod unseen;
mod verdict;
mod words;

use super::credentials::Bearer;
use super::observe::refusals::Refusals;
use super::reason::Reason;
use super::refusal::Refusal;
use crate::clock::{Clock, UnixSeconds};
use crate::config;
use crate::config::key_source::KeySource;
use crate::state::revocations::Revocations;
use cache::{CacheUse, VerdictCache};
use fingerprint::Fingerprint;
use identity::Alike;
use introspect::Introspector;
use jwt::Signatory;
use keys::KeyStore;
use memo::Memo;
use opaque::{Asks, Inquiry};
use status::StatusLists;
use status::pending::Pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use token::{Checked, VerifiedToken};
use unseen::Unseen;
use verdict::Verdict;

/// Knows every issuer and remembers its verdicts. A changed issuer means a new `Verifier`, and so an empty cache:
/// no verdict outlives the settings that made it.
pub struct Verifier {
    issuers: Vec<Arc<Issuer>>,
    cache: Arc<VerdictCache>,
    /// Takes what must not be remembered, where this one only looks on.
    scratch: Option<Arc<VerdictCache>>,
    revocations: Arc<Revocations>,
    /// Of no other verifier of this process.
    id: u64,
    clock: Clock,
}

/// One issuer: how its tokens are checked, and its keys.
#[derive(Debug)]
pub struct Issuer {
    /// The checked settings.
    pub settings: config::issuers::Issuer,
    /// Its public keys, as they are now.
    pub keys: Arc<KeyStore>,
    /// Questions about its opaque tokens, where it takes any.
    pub introspector: Option<Arc<Introspector>>,
    /// The lists by which it revokes JWTs, where anybody looks at them.
    pub status_lists: Option<Arc<StatusLists>>,
    /// Its tokens, as they were verified from scratch, that live longer than an entry of the deny-list.
    pub outliving: AtomicU64,
    /// Its tokens that were refused.
    pub refusals: Arc<Refusals>,
    /// What is written of each of its tokens.
    alike: Alike,
}

/// What can be said about a token at once.
pub enum Verification<'v> {
    /// The verdict.
    Decided(Result<VerifiedToken, Refusal>, CacheUse),
    /// Only its issuer knows.
    Ask(Inquiry<'v>),
    /// It is good, unless its status list says otherwise, which must be fetched first.
    Wait(Pending<'v>),
}

impl Issuer {
    /// An issuer with these keys of which nothing was asked yet.
    pub fn new(settings: config::issuers::Issuer, keys: Arc<KeyStore>, clock: &Clock) -> Self {
        let asked = settings.introspection.clone();
        let introspector = asked.map(|asked| Arc::new(Introspector::new(asked, clock.clone())));
        let listed = settings.status_list.clone();
        let status_lists =
            listed.map(|listed| Arc::new(StatusLists::new(Arc::clone(&settings.name), listed, clock.clone())));
        let alike = Alike::new(&settings.name, &settings.issuer);
        let (outliving, refusals) = (AtomicU64::new(0), Arc::default());
        Self { settings, keys, introspector, status_lists, outliving, refusals, alike }
    }

    /// The same issuer with other settings, by the keys that it has. Its status lists stay where they would be judged as
    /// they were: what they revoked is not forgotten for another audience.
    #[must_use]
    pub fn changed(&self, settings: config::issuers::Issuer, clock: &Clock) -> Self {
        let (one, two) = (&self.settings, &settings);
        let is_alike = one.name == two.name
            && one.issuer == two.issuer
            && one.keys == two.keys
            && one.algorithms == two.algorithms
            && one.leeway == two.leeway
            && one.status_list == two.status_list;
        let mut changed = Self::new(settings, Arc::clone(&self.keys), clock);
        if is_alike {
            changed.status_lists.clone_from(&self.status_lists);
        }
        changed
    }

    fn signatory(&self) -> Signatory<'_> {
        Signatory { settings: &self.settings, keys: &self.keys }
    }

    /// Counts a token that a revocation may not last for, and tells the operator of the first.
    fn check_life(&self, verdict: &Verdict, revocations: &Revocations, now: UnixSeconds) {
        if verdict.outlives(revocations, now) && self.outliving.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                issuer = &*self.settings.name,
                keep_s = revocations.keep().as_secs(),
                "the issuer's tokens live longer than `revocations.keep`: a revocation may be forgotten before its token"
            );
        }
    }

    /// Whether there are keys to verify with, now or once they are fetched.
    pub fn has_keys(&self) -> bool {
        self.settings.keys != KeySource::None
    }

    /// Whether its metadata says where they are.
    pub fn is_discovered(&self) -> bool {
        matches!(self.settings.keys, KeySource::Discovered(..))
    }
}

impl Verifier {
    /// A verifier with an empty cache of `verdicts_max` entries.
    pub fn new(issuers: Vec<Arc<Issuer>>, verdicts_max: usize, revocations: Arc<Revocations>, clock: Clock) -> Self {
        let (id, cache) = (NEXT_ID.fetch_add(1, Ordering::Relaxed), Arc::new(VerdictCache::new(verdicts_max)));
        Self { issuers, cache, scratch: None, revocations, id, clock }
    }

    /// The same, with all that it remembers, for whoever only wants to know: nothing more is remembered by it.
    #[must_use]
    pub fn onlooker(&self) -> Self {
        Self {
            issuers: self.issuers.clone(),
            cache: Arc::clone(&self.cache),
            scratch: Some(Arc::new(VerdictCache::new(1))),
            revocations: Arc::clone(&self.revocations),
            id: self.id,
            clock: self.clock.clone(),
        }
    }

    /// In the order of the configuration.
    pub fn issuers(&self) -> &[Arc<Issuer>] {
        &self.issuers
    }

    /// Verdicts in the cache.
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    /// As many as it may hold.
    pub fn verdicts_max(&self) -> usize {
        self.cache.max()
    }

    /// The token's verdict as of `now`, if it is remembered. That saves the signature or the question, never the dates,
    /// the generation of the keys, the deny-list or the status list. `memo` is the connection's, `asks` the route's. Never
    /// waits: that is for whoever gets an `Inquiry` or a `Pending`.
    pub fn recall<'v>(
        &'v self,
        bearer: &Bearer<'v>,
        memo: &Memo,
        asks: &'v Asks,
        now: UnixSeconds,
    ) -> Result<Verification<'v>, Unseen<'v>> {
        if self.revocations.is_behind() {
            let refusal = Refusal::unavailable(Reason::StateUnavailable, BEHIND_RETRY_S);
            return Ok(Verification::Decided(Err(refusal), CacheUse::Miss));
        }
        let token = bearer.token();
        if let Some(verdict) = memo.find(token, self.id).filter(|verdict| verdict.holds(asks, now)) {
            return Ok(self.decide(verdict, CacheUse::Hit, now));
        }
        let unseen = Unseen::new(self, (token, Fingerprint::of(token)), asks, now);
        let Some(verdict) = unseen.cached() else { return Err(unseen) };
        memo.keep(token, self.id, &verdict);
        Ok(self.decide(verdict, CacheUse::Hit, now))
    }

    /// What can be said now of a token whose verdict this is.
    fn decide(&self, verdict: Verdict, cache: CacheUse, now: UnixSeconds) -> Verification<'_> {
        match VerifiedToken::check(verdict, &self.revocations, now) {
            Ok(Checked::Good(token)) => Verification::Decided(Ok(token), cache),
            Ok(Checked::Pending(verdict)) => Verification::Wait(Pending::new(verdict, cache, &self.revocations, now)),
            Err(refusal) => Verification::Decided(Err(refusal), cache),
        }
    }

    /// A token was seen where everybody can read it: if it is a good one, it is good no more. Nothing is kept of one that
    /// is not, so that nobody can fill the list with what we never accepted. One without `jti` has no name to revoke
    /// it by, and an opaque one is known only while it is remembered.
    pub fn revoke_leaked(&self, token: &[u8], now: UnixSeconds) -> Option<Arc<Issuer>> {
        let remembered = self.cache.find(&Fingerprint::of(token));
        let verdict = remembered.map_or_else(|| jwt::verify(token, self, now), Ok);
        let verdict = verdict.ok()?;
        // A status list is not waited for: to revoke what it revoked does no harm.
        verdict.check(&self.revocations, now).ok()?;
        let issuer = &verdict.issuer().settings;
        match verdict.revoke(&self.revocations, now) {
            Some(Ok(())) => {
                tracing::warn!(issuer = &*issuer.name, "a token was sent in a URL and is revoked");
                return Some(Arc::clone(verdict.issuer()));
            }
            Some(Err(refused)) => tracing::error!(%refused, "a token was sent in a URL and could not be revoked"),
            None => {
                tracing::warn!(issuer = &*issuer.name, "a token was sent in a URL and has no `jti` to revoke it by");
            }
        }
        None
    }

    /// Whom a route that accepts the tokens of these issuers, all if there is none in the list, asks about opaque ones.
    /// The configuration has seen to it that there is one such issuer at most.
    pub fn asks(&self, issuers: &[usize], introspect: config::introspection::Introspect) -> Asks {
        let asked =
            self.issuers.iter().enumerate().find(|(place, issuer)| {
                issuer.introspector.is_some() && (issuers.is_empty() || issuers.contains(place))
            });
        match (asked, introspect) {
            (None, _) => Asks::Nobody,
            (Some((_, issuer)), config::introspection::Introspect::Once) => Asks::Once(Arc::clone(issuer)),
            (Some((_, issuer)), config::introspection::Introspect::Always) => Asks::Always(Arc::clone(issuer)),
        }
    }

    /// The issuer whose identifier is `iss`, code point by code point (RFC 7519 §2, `StringOrURI`).
    fn issuer(&self, iss: &str) -> Result<&Arc<Issuer>, Refusal> {
        let named = |issuer: &&Arc<Issuer>| *issuer.settings.issuer == *iss;
        self.issuers.iter().find(named).ok_or_else(|| Reason::IssuerUnknown.into())
    }
}

/// What other gateways have revoked is read within moments.
const BEHIND_RETRY_S: u32 = 1;

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
