//! What is counted about the questions to one issuer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// `active: true`.
    Active,
    /// `active: false`.
    Inactive,
    /// No answer in time, or a status that says that there is none.
    Unreachable,
    /// An answer that is none.
    Absurd,
    /// The issuer refuses our own credentials.
    Refused,
}

/// Counters of one issuer's introspection.
#[derive(Debug, Default)]
pub struct Counts {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    /// Requests that joined a call which was under way.
    pub coalesced: AtomicU64,
    /// Requests answered 503 because too many were waiting.
    pub turned_away: AtomicU64,
    /// Whether the last call that was answered refused our credentials: somebody must act.
    pub is_refused: AtomicBool,
    buckets: [AtomicU64; BUCKETS_MS.len()],
    micros: AtomicU64,
}

impl Outcome {
    /// Every outcome, in the order of its index.
    pub const ALL: [Self; 5] = [Self::Active, Self::Inactive, Self::Unreachable, Self::Absurd, Self::Refused];

    /// The label's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Unreachable => "unreachable",
            Self::Absurd => "absurd",
            Self::Refused => "credentials_refused",
        }
    }
}

impl Counts {
    pub(super) fn count(&self, outcome: Outcome, took: Duration) {
        if let Some(counter) = self.outcomes.get(outcome as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        if outcome != Outcome::Unreachable {
            self.is_refused.store(outcome == Outcome::Refused, Ordering::Relaxed);
        }
        let bucket = BUCKETS_MS.iter().position(|bound| took.as_millis() <= u128::from(*bound));
        if let Some(bucket) = bucket.and_then(|place| self.buckets.get(place)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Calls that went so.
    pub fn calls(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(outcome as usize).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Cumulative counts by upper bound in milliseconds, then the count and the sum in microseconds of all.
    pub fn durations(&self) -> (Vec<(u64, u64)>, u64, u64) {
        let mut cumulative = 0;
        let buckets = BUCKETS_MS.iter().zip(&self.buckets).map(|(bound, bucket)| {
            cumulative += bucket.load(Ordering::Relaxed);
            (*bound, cumulative)
        });
        let buckets = buckets.collect();
        let count = Outcome::ALL.into_iter().map(|outcome| self.calls(outcome)).sum();
        (buckets, count, self.micros.load(Ordering::Relaxed))
    }
}

/// Upper bounds in milliseconds: from a neighbour to the longest timeout.
const BUCKETS_MS: [u64; 8] = [2, 5, 10, 25, 100, 500, 2_500, 10_000];
