//! When the last byte of a request's body arrived. Banks publish how long they take from there (EBA GL 2018/07, 2.3).

use crate::clock::Clock;
use std::cell::Cell;

/// Shared by a body on its way and the record of its request.
pub struct Receipt {
    clock: Clock,
    at_us: Cell<Option<u64>>,
}

impl Receipt {
    /// Of a body that is still to come.
    pub fn new(clock: Clock) -> Self {
        Self { clock, at_us: Cell::new(None) }
    }

    /// The last byte is here. Later words of it change nothing.
    pub fn complete(&self) {
        if self.at_us.get().is_none() {
            self.at_us.set(Some(self.clock.monotonic_us()));
        }
    }

    /// When that was, in microseconds of the monotonic clock; `None` while there is more to come.
    pub fn at_us(&self) -> Option<u64> {
        self.at_us.get()
    }
}
