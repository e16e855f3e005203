//! How often an issuer's tokens were refused, by reason. Whoever refuses is not in a hurry, so all workers share them.

use crate::gateway::reason::Reason;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of one issuer.
#[derive(Debug)]
pub struct Refusals([AtomicU64; Reason::ALL.len()]);

impl Default for Refusals {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::default()))
    }
}

impl Refusals {
    /// Counts one.
    pub fn add(&self, reason: Reason) {
        if let Some(count) = self.0.get(reason.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Those that are not zero.
    pub fn counts(&self) -> impl Iterator<Item = (Reason, u64)> {
        let counts =
            Reason::ALL.into_iter().zip(&self.0).map(|(reason, count)| (reason, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0)
    }
}
