//! What is counted about the status lists of one issuer.

use std::sync::atomic::{AtomicU64, Ordering};

/// How a fetch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It brought a list.
    Good,
    /// No answer in time, or none with status 200.
    Unreachable,
    /// An answer that is no list, or not the one that was asked for, or not signed by the issuer.
    Absurd,
}

impl Outcome {
    /// Every outcome, in the order of its index.
    pub const ALL: [Self; 3] = [Self::Good, Self::Unreachable, Self::Absurd];

    /// The label's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unreachable => "unreachable",
            Self::Absurd => "absurd",
        }
    }
}

/// Counters of one issuer's lists.
#[derive(Debug, Default)]
pub struct Counts {
    fetches: [AtomicU64; Outcome::ALL.len()],
    /// Requests that waited for a list.
    pub waits: AtomicU64,
    /// Requests answered 503 because there are too many lists, or too many were waiting.
    pub turned_away: AtomicU64,
}

impl Counts {
    pub(super) fn count(&self, outcome: Outcome) {
        if let Some(counter) = self.fetches.get(outcome as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Fetches that went so.
    pub fn fetches(&self, outcome: Outcome) -> u64 {
        self.fetches.get(outcome as usize).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}
