//! What became of calls: of those that were counted here, and of those that a store has counted, since several gateways count
//! them together.

use std::sync::atomic::{AtomicU64, Ordering};

/// Of one quota, since it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls that this quota would let through, whatever others said.
    pub allowed: u64,
    /// Calls that were not.
    pub refused: u64,
    /// Calls whose key could not be remembered.
    pub full: u64,
    /// Keys that are remembered.
    pub keys: u64,
}

/// As far as this gateway asked.
#[derive(Debug, Default)]
pub struct Elsewhere {
    taken: AtomicU64,
    refused: AtomicU64,
}

impl Elsewhere {
    /// One was taken, or let through as a further page.
    pub fn add_taken(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// One was not.
    pub fn add_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// With those that were counted here.
    pub(super) fn and(&self, here: Totals) -> Totals {
        let (taken, refused) = (self.taken.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed));
        Totals { allowed: here.allowed + taken, refused: here.refused + refused, ..here }
    }
}
