//! What one thread counts of the store. It alone writes; scrapes read.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The counts of one thread.
#[derive(Debug, Default)]
pub struct Tally {
    is_up: AtomicBool,
    was_up: AtomicBool,
    lost: AtomicU64,
    /// What the store has of us that is not ours.
    malformed: AtomicU64,
    calls: [Calls; Kind::ALL.len()],
}

/// Those of one kind.
#[derive(Debug, Default)]
struct Calls {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    took_us: AtomicU64,
}

/// What the store was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A used proof.
    Proofs,
    /// Revocations, to tell or to read.
    Revocations,
    /// Calls that are counted together.
    Limits,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Answered,
    /// It did not in time.
    Late,
    /// It answered with an error, or the connection ended.
    Failed,
    /// It was not asked: there was no connection.
    Away,
}

impl Tally {
    /// Whether there is a connection that works.
    pub fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// Whether there ever was one.
    pub fn was_up(&self) -> bool {
        self.was_up.load(Ordering::Relaxed)
    }

    /// Connections that were given up.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Entries that could not be read.
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }

    /// Calls of one kind that went so.
    pub fn calls(&self, kind: Kind, outcome: Outcome) -> u64 {
        let calls = self.calls.get(kind as usize).and_then(|calls| calls.outcomes.get(outcome as usize));
        calls.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// What those of one kind took together, in microseconds.
    pub fn took_us(&self, kind: Kind) -> u64 {
        self.calls.get(kind as usize).map_or(0, |calls| calls.took_us.load(Ordering::Relaxed))
    }

    pub(super) fn up(&self) {
        self.was_up.store(true, Ordering::Relaxed);
        self.is_up.store(true, Ordering::Relaxed);
    }

    pub(super) fn down(&self) {
        if self.is_up.swap(false, Ordering::Relaxed) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn add_malformed(&self, entries: usize) {
        self.malformed.fetch_add(entries as u64, Ordering::Relaxed);
    }

    pub(super) fn count(&self, kind: Kind, outcome: Outcome, took: Duration) {
        let Some(calls) = self.calls.get(kind as usize) else { return };
        if let Some(count) = calls.outcomes.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        calls.took_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Kind {
    /// Each, in the order of its counts.
    pub const ALL: [Self; 3] = [Self::Proofs, Self::Revocations, Self::Limits];

    /// In metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proofs => "proofs",
            Self::Revocations => "revocations",
            Self::Limits => "limits",
        }
    }
}

impl Outcome {
    /// Each, in the order of its counts.
    pub const ALL: [Self; 4] = [Self::Answered, Self::Late, Self::Failed, Self::Away];

    /// In metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Late => "late",
            Self::Failed => "failed",
            Self::Away => "away",
        }
    }
}
