//! Whether a DPoP proof fits its request (RFC 9449 §4.3, §7.1): made by the token's holder, for this method, this URI
//! and this token, just now, and not used before.

use super::claim::Claim;
use super::sender::is_same;
use super::{Facts, Replay};
use crate::clock::UnixSeconds;
use crate::config::dpop::{Dpop, Nonce};
use crate::digest::sha256;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::confirmation::Thumbprint;
use crate::oauth::dpop::{self, Proof, ProofFault};
use crate::oauth::origin::Origin;
use crate::state::replay::{Replays, Use};
use crate::state::shared::Store;
use crate::state::shared::era::{Era, SKEW_MAX_S};
use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// What proofs are checked against.
#[derive(Debug)]
pub struct Proofs {
    settings: Dpop,
    origin: Origin,
    replays: Replays,
    nonces: Nonces,
    /// Where other gateways may have seen them.
    store: Option<Arc<Store>>,
    /// Only proofs made from then on are ours to remember: an earlier one may have been used at a process before this one.
    from: AtomicI64,
    /// Only those made before: a later one may be used at a process after this one.
    until: AtomicI64,
}

impl Proofs {
    /// Nothing was used yet, but at other gateways that share `store`. `origin` is where third parties reach us, whatever
    /// their `Host` says.
    pub fn new(settings: Dpop, origin: Origin, store: Option<Arc<Store>>, now: UnixSeconds) -> Self {
        let replays = Replays::new(settings.proofs_max, settings.max_age + EARLY_MAX);
        let nonces = Nonces::new(settings.nonce_life);
        let (from, until) = (AtomicI64::new(now.0), AtomicI64::new(i64::MAX));
        Self { settings, origin, replays, nonces, store, from, until }
    }

    /// Another process takes over: proofs made before the time that this gives are ours, later ones are its own. Where
    /// neither can tell, both ask for a nonce, and each knows its own alone: so none is good at both. Those of a store are
    /// good at both, and there each proof is good once.
    pub fn end(&self, now: UnixSeconds) -> UnixSeconds {
        // Later than any that may have been used by now.
        let end = now.later(EARLY_MAX).0.saturating_add(1);
        self.until.store(end, Ordering::Relaxed);
        UnixSeconds(end)
    }

    /// It did not take over.
    pub fn go_on(&self) {
        self.until.store(i64::MAX, Ordering::Relaxed);
    }

    /// We take over from a process whose `end` gave `time`.
    pub fn begin(&self, time: UnixSeconds) {
        self.from.store(time.0, Ordering::Relaxed);
    }

    /// Proofs that are remembered.
    pub fn remembered(&self) -> usize {
        self.replays.len()
    }

    /// Refuses a request whose proof does not fit it, or is not by `key`. What costs comes late: a proof is remembered
    /// only when everything else is right, and here before other gateways are asked.
    pub(super) fn check(&self, facts: &Facts<'_>, key: Option<&Thumbprint>) -> Result<Sound, Refusal> {
        let proof = self.read(facts)?;
        self.check_place(facts, &proof)?;
        self.check_time(&proof, facts.now)?;
        let era = self.store.as_ref().and_then(|store| store.era());
        let needs_nonce = self.needs_nonce(&proof) || era.as_ref().is_some_and(|era| proof.issued < era.begun());
        let nonce =
            if needs_nonce { self.nonces.check(era.as_deref(), proof.nonce.as_deref(), facts.now)? } else { None };
        if !key.is_some_and(|key| is_same(key, &proof.key)) {
            return Err(Reason::ProofKeyWrong.into());
        }
        let mark = mark(&proof);
        match facts.replay {
            Replay::Spend => match self.replays.spend(&mark, facts.now) {
                Use::First => {
                    let keep = self.good_for(&proof, facts.now);
                    Ok(Sound { nonce, claim: self.store.is_some().then_some(Claim { mark, keep, era }) })
                }
                Use::Again => Err(Reason::ProofReplayed.into()),
                Use::Full => Err(Refusal::unavailable(Reason::ProofsFull, RETRY_AFTER)),
            },
            Replay::Look if self.replays.has(&mark, facts.now) => Err(Reason::ProofReplayed.into()),
            Replay::Known(Some(reason)) => Err(reason.into()),
            Replay::Look | Replay::Known(None) => Ok(Sound { nonce, claim: None }),
        }
    }

    /// A refusal for want of a nonce that is good now.
    pub(super) fn nonce_wanted(&self, now: UnixSeconds) -> Refusal {
        let era = self.store.as_ref().and_then(|store| store.era());
        self.nonces.wanted(era.as_deref(), now)
    }

    /// It was not used after all.
    pub(super) fn forget(&self, mark: &[u8; 32], now: UnixSeconds) {
        self.replays.forget(mark, now);
    }

    /// How long any gateway may accept it, by its own clock.
    fn good_for(&self, proof: &Proof, now: UnixSeconds) -> Duration {
        let end = proof.issued.later(self.settings.max_age).0.saturating_add(SKEW_MAX_S + 1);
        Duration::from_secs(u64::try_from(end.saturating_sub(now.0)).unwrap_or(0))
    }

    fn read(&self, facts: &Facts<'_>) -> Result<Proof, Refusal> {
        let mut fields = facts.head.fields().all(DPOP);
        let field = match (fields.next(), fields.next()) {
            (None, _) => return Err(Reason::ProofMissing.into()),
            (Some(field), None) => field,
            (Some(_), Some(_)) => return Err(Reason::ProofMalformed.into()),
        };
        match dpop::read(field, &self.settings.algorithms) {
            Ok(proof) if proof.token.is_some() => Ok(proof),
            // RFC 9449 §4.3-12: what is shown with a token names it.
            Ok(_) | Err(ProofFault::Malformed) => Err(Reason::ProofMalformed.into()),
            Err(ProofFault::Forged) => Err(Reason::ProofForged.into()),
        }
    }

    /// For this method, this URI as the outside knows it, and this token.
    fn check_place(&self, facts: &Facts<'_>, proof: &Proof) -> Result<(), Refusal> {
        let fits = proof.method == facts.head.method().as_str()
            && self.origin.has(&proof.uri, facts.head.path())
            && proof.token.is_some_and(|token| is_same(&token, &sha256(facts.bearer.token())));
        if fits { Ok(()) } else { Err(Reason::ProofMisplaced.into()) }
    }

    fn needs_nonce(&self, proof: &Proof) -> bool {
        let ours = self.from.load(Ordering::Relaxed)..self.until.load(Ordering::Relaxed);
        self.settings.nonce == Nonce::Required || !ours.contains(&proof.issued.0)
    }

    fn check_time(&self, proof: &Proof, now: UnixSeconds) -> Result<(), Refusal> {
        let is_recent = proof.issued <= now.later(EARLY_MAX) && now <= proof.issued.later(self.settings.max_age);
        let has_begun = proof.not_before.is_none_or(|date| date <= now.later(EARLY_MAX));
        let has_ended = proof.expires.is_some_and(|date| date <= now);
        if is_recent && has_begun && !has_ended { Ok(()) } else { Err(Reason::ProofStale.into()) }
    }
}

/// A proof that is good as far as this gateway knows.
#[derive(Debug, Default)]
pub struct Sound {
    /// What the next proof must hold, where that is new.
    pub nonce: Option<HeaderValue>,
    /// What other gateways are to be asked.
    pub claim: Option<Claim>,
}

/// What a proof is remembered by: its key and its id, so that no client can use up another's ids.
fn mark(proof: &Proof) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(&proof.key);
    context.update(proof.id.as_bytes());
    let mut mark = [0; 32];
    mark.copy_from_slice(context.finish().as_ref());
    mark
}

/// Nonces of ours (RFC 9449 §9). One for each span of time, made from it with a key that nobody else knows, our own or the
/// era's: nothing is stored, and all workers agree, and all gateways that share a store.
struct Nonces {
    key: hmac::Key,
    span: i64,
}

impl Nonces {
    /// Each is accepted for at least `life`, and for twice that at most.
    fn new(life: Duration) -> Self {
        let mut key = [0; 32];
        // It cannot fail once the process has seeded it, and a key of zeros must not be an answer.
        rand::fill(&mut key).expect("the system's random numbers");
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            span: i64::try_from(life.as_secs()).unwrap_or(i64::MAX).max(1),
        }
    }

    /// The new nonce, where the proof's is the last one and not this one.
    fn check(&self, era: Option<&Era>, given: Option<&str>, now: UnixSeconds) -> Result<Option<HeaderValue>, Refusal> {
        let span = now.0.div_euclid(self.span);
        let current = self.nonce(era, span);
        match given {
            Some(given) if *given == *current => Ok(None),
            Some(given) if *given == *self.nonce(era, span - 1) => Ok(Some(header(&current))),
            Some(_) | None => Err(Refusal::nonce_wanted(header(&current))),
        }
    }

    fn wanted(&self, era: Option<&Era>, now: UnixSeconds) -> Refusal {
        Refusal::nonce_wanted(header(&self.nonce(era, now.0.div_euclid(self.span))))
    }

    fn nonce(&self, era: Option<&Era>, span: i64) -> String {
        let tag = hmac::sign(era.map_or(&self.key, Era::nonces), &span.to_be_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref().get(..NONCE_BYTES).unwrap_or_default())
    }
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonces").field("span", &self.span).finish_non_exhaustive()
    }
}

fn header(nonce: &str) -> HeaderValue {
    HeaderValue::from_str(nonce).expect("base64url is visible ASCII")
}

/// The field that holds the proof.
const DPOP: HeaderName = HeaderName::from_static("dpop");
/// FAPI 2.0 §5.3.2.1: up to 10 s ahead is another clock, not an attack.
const EARLY_MAX: Duration = Duration::from_secs(10);
/// 128 bits: not to be guessed.
const NONCE_BYTES: usize = 16;
/// The store forgets by the second.
const RETRY_AFTER: u32 = 1;
