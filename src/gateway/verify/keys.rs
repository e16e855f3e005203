//! An issuer's keys as they are now. Readers never wait; the control thread refreshes. A failed or absurd answer
//! never empties the set, a key that is gone takes its verdicts with it, and random key ids cannot make us
//! hammer the issuer.

use super::key_source::{DiscoveryCounts, FetchPlan, KeyFault};
use crate::clock::Clock;
use crate::config::bounds::JWKS_RETRY_INTERVAL;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::jwk::{Key, KeySet};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The keys of one issuer and the memory of what was asked for in vain. A new one is empty: one that reads a file is filled
/// at once by `take_over`, one that is fetched by `keep_fresh`.
#[derive(Default)]
pub struct KeyStore {
    current: ArcSwap<Keys>,
    /// Of `current`, readable without touching it.
    generation: AtomicU64,
    asked: Mutex<Asked>,
    wanted: Notify,
    /// Answers that brought a usable set, and those that did not.
    pub fetches: FetchCounts,
    /// Of the metadata that names the set's address, where it is looked for.
    pub discoveries: DiscoveryCounts,
}

/// One state of an issuer's keys.
#[derive(Debug, Default)]
pub struct Keys {
    /// Changes when a key was removed or replaced, not when one was added: verdicts by kept keys stay good.
    pub generation: u64,
    keys: Vec<Key>,
}

/// Counters for metrics.
#[derive(Debug, Default)]
pub struct FetchCounts {
    /// Usable answers.
    pub good: AtomicU64,
    /// No answer, or an absurd one.
    pub failed: AtomicU64,
}

/// Key ids under which no key fitted, by the time they were first asked for, and when the set was last fetched.
#[derive(Debug, Default)]
struct Asked {
    since: HashMap<u64, Instant>,
    hasher: RandomState,
    last_try: Option<Instant>,
    last_good: Option<Instant>,
}

impl KeyStore {
    /// The keys as they are now.
    pub fn current(&self) -> arc_swap::Guard<Arc<Keys>> {
        self.current.load()
    }

    /// The generation of the keys as they are now.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether there is a key to verify with.
    pub fn is_warm(&self) -> bool {
        !self.current.load().is_empty()
    }

    /// Usable keys.
    pub fn len(&self) -> usize {
        self.current.load().keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the set was last fetched with success.
    pub fn last_good(&self) -> Option<Instant> {
        self.asked().last_good
    }

    /// The answer for a signature under this key id by none of the keys: 503 until the set was fetched after the id was
    /// first asked for, then 401 for this reason. Asks for that fetch, `refetch` after the last one at the soonest; `None`:
    /// nothing is fetched.
    pub(super) fn doubt(
        &self,
        (kid, reason): (Option<&str>, Reason),
        refetch: Option<Duration>,
        now: Instant,
    ) -> Refusal {
        let Some(refetch) = refetch else { return reason.into() };
        let mut asked = self.asked();
        if let Answer::Absent = asked.ask(kid, now) {
            return reason.into();
        }
        let wait = asked.next_try(refetch, now);
        drop(asked);
        self.wanted.notify_one();
        Refusal::issuer_unreachable(u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX))
    }

    /// Fetches the set for as long as it is polled: every `refresh`, sooner when an unknown key id is asked for or
    /// the issuer does not answer, never more often than the intervals in `limits`.
    pub async fn keep_fresh(&self, issuer: &str, plan: &FetchPlan, clock: &Clock) {
        let mut was_good = true;
        loop {
            self.asked().last_try = Some(clock.instant());
            let outcome = self.fetch(plan, clock).await;
            report(issuer, &outcome, was_good);
            was_good = outcome.is_ok();
            self.forget_stale(issuer, plan.fetching.stale_max, clock.instant());
            let pause = if was_good { plan.fetching.refresh } else { JWKS_RETRY_INTERVAL };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.wanted.notified() => {
                    let wait = self.asked().next_try(plan.fetching.refetch, clock.instant());
                    tokio::time::sleep(wait.min(pause)).await;
                }
            }
        }
    }

    /// Fetches the set once.
    pub async fn fetch(&self, plan: &FetchPlan, clock: &Clock) -> Result<(), KeyFault> {
        // What the answer says is at least as old as the question.
        let asked = clock.instant();
        let answer = plan.key_set(&self.discoveries).await.map(|set| self.take_over(set, asked));
        let count = if answer.is_ok() { &self.fetches.good } else { &self.fetches.failed };
        count.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// Takes over a set as of `now`.
    pub fn take_over(&self, set: KeySet, now: Instant) {
        let old = self.current.load();
        let is_kept = |key: &Key| set.keys.iter().any(|new| new.fingerprint() == key.fingerprint());
        let generation = if old.keys.iter().all(is_kept) { old.generation } else { old.generation + 1 };
        self.current.store(Arc::new(Keys { generation, keys: set.keys }));
        self.generation.store(generation, Ordering::Release);
        self.asked().last_good = Some(now);
    }

    /// Keys that nobody has confirmed for so long may have been withdrawn: without them, tokens are 503 until the issuer
    /// answers again.
    fn forget_stale(&self, issuer: &str, stale_max: Duration, now: Instant) {
        let age = self.last_good().map(|good| now.duration_since(good));
        if age.is_some_and(|age| age > stale_max) && self.is_warm() {
            tracing::error!(issuer, "the issuer's keys could not be fetched for too long and are used no more");
            let generation = self.generation() + 1;
            self.current.store(Arc::new(Keys { generation, keys: Vec::new() }));
            self.generation.store(generation, Ordering::Release);
        }
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        // The map is whole after every statement, so a panic elsewhere did not break it.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    /// The keys that a header with this `kid` can mean: those of that id, or all where it names none.
    pub(super) fn named(&self, kid: Option<&str>) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| kid.is_none() || key.kid() == kid)
    }

    /// Their ids, as far as they have one.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(Key::kid)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

enum Answer {
    /// The set was fetched since, and the key was not in it.
    Absent,
    /// Nobody knows yet.
    Open,
}

impl Asked {
    fn ask(&mut self, kid: Option<&str>, now: Instant) -> Answer {
        // Keyed, so that nobody can choose ids that collide with an honest one.
        let id = self.hasher.hash_one(kid);
        if self.since.len() >= ASKED_MAX {
            self.since.retain(|_, since| now.duration_since(*since) < REMEMBERED);
        }
        match self.since.get(&id) {
            Some(since) if now.duration_since(*since) < REMEMBERED => {
                if self.last_good.is_some_and(|fetched| fetched > *since) { Answer::Absent } else { Answer::Open }
            }
            Some(_) | None => {
                if self.since.len() < ASKED_MAX {
                    self.since.insert(id, now);
                }
                Answer::Open
            }
        }
    }

    /// How long until the issuer may be asked again.
    fn next_try(&self, refetch: Duration, now: Instant) -> Duration {
        self.last_try.map_or(Duration::ZERO, |last| (last + refetch).saturating_duration_since(now))
    }
}

/// One line per change of state: an issuer that is away for a night is one line, not ten thousand.
fn report(issuer: &str, outcome: &Result<(), KeyFault>, was_good: bool) {
    match outcome {
        Err(fault) if was_good => tracing::warn!(issuer, %fault, "cannot fetch the issuer's keys; trying again"),
        Ok(()) if !was_good => tracing::info!(issuer, "the issuer's keys can be fetched again"),
        Ok(()) | Err(_) => {}
    }
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore").field("current", &self.current.load()).finish_non_exhaustive()
    }
}

/// Unknown key ids remembered per issuer; further ones are answered 503 until some are forgotten.
const ASKED_MAX: usize = 1024;
/// After this an unknown key id may cause another fetch.
const REMEMBERED: Duration = Duration::from_mins(1);
