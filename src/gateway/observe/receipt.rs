//! When the last byte of a request's body arrived. Banks publish how long they take from there (EBA GL 2018/07, 2.3).

use crate::clock::Clock;
use std::cell::Cell;
use std::time::Instant;

/// Shared by a body on its way and the record of its request.
pub struct Receipt {
    clock: Clock,
    at: Cell<Option<Instant>>,
}

impl Receipt {
    /// Of a body that is still to come.
    pub fn new(clock: Clock) -> Self {
        Self { clock, at: Cell::new(None) }
    }

    /// The last byte is here. Later words of it change nothing.
    pub fn complete(&self) {
        if self.at.get().is_none() {
            self.at.set(Some(self.clock.instant()));
        }
    }

    /// When that was; `None` while there is more to come.
    pub fn at(&self) -> Option<Instant> {
        self.at.get()
    }
}
