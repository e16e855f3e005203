//! How long a client may make us wait within a body, in either direction. Silence has a bound, and so has what is next to
//! it: a byte every now and then (slowhttptest -B and -X) would hold a connection, and one of the upstream's, for days.
//!
//! Only time counts in which nothing but the client holds us up. It is taken from a store, and every byte puts some back:
//! who is as fast as it must be in the long run has the whole store for the moments in which it is not.

use super::deadline::Deadline;
use std::cell::Cell;
use std::time::Duration;

/// What a client must do within a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The longest silence.
    pub stall: Duration,
    /// Bytes that each second of waiting must bring in the long run. With 0, silence alone counts.
    pub rate_min: u64,
}

/// What is left of our patience for one body.
#[derive(Debug)]
pub struct Patience {
    pace: Pace,
    /// In microseconds of waiting: all of it,
    most: i64,
    /// and what is left; below 0 there is none.
    left: Cell<i64>,
    /// When we began to wait, in milliseconds of the worker; `NEVER` while we do not.
    since_ms: Cell<u64>,
}

impl Patience {
    /// All of it.
    pub fn new(pace: Pace) -> Self {
        let most = i64::try_from(pace.stall.max(STORE_MIN).as_micros()).unwrap_or(i64::MAX);
        Self { pace, most, left: Cell::new(most), since_ms: Cell::new(NEVER) }
    }

    /// Another body begins.
    pub fn renew(&self) {
        self.left.set(self.most);
        self.since_ms.set(NEVER);
    }

    /// From now on, until `renew`, silence alone counts.
    pub fn forgive(&self) {
        self.left.set(i64::MAX);
    }

    /// We wait from now on, if we do not yet: `deadline` is armed with the time that there is for it.
    pub fn wait(&self, deadline: &Deadline) {
        if self.since_ms.get() != NEVER {
            return;
        }
        self.since_ms.set(deadline.now_ms());
        match u64::try_from(self.left.get()) {
            Ok(left @ 1..) => deadline.set(self.pace.stall.min(Duration::from_micros(left))),
            // A byte within every tick of the deadlines wins no time either.
            Ok(0) | Err(_) => deadline.expire(),
        }
    }

    /// We wait no more, if we did, and the client has taken or sent so many bytes.
    pub fn moved(&self, deadline: &Deadline, bytes: usize) {
        let since = self.since_ms.replace(NEVER);
        let (left, most) = (self.left.get(), self.most);
        if (since == NEVER && left >= most) || self.pace.rate_min == 0 {
            return;
        }
        let waited = deadline.now_ms().saturating_sub(since).saturating_mul(1000);
        let earned = (bytes as u64).saturating_mul(1_000_000) / self.pace.rate_min;
        let signed = |micros: u64| i64::try_from(micros).unwrap_or(i64::MAX);
        self.left.set(left.saturating_sub(signed(waited)).saturating_add(signed(earned)).min(left.max(most)));
    }
}

/// Deadlines know time by their ticks: an average over less than ten of them is none.
const STORE_MIN: Duration = Duration::from_secs(2);
const NEVER: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::net::deadline::{Deadlines, TICK};
    use std::task::{Context, Waker};
    use std::time::Instant;

    struct Body {
        deadlines: Deadlines,
        deadline: Deadline,
        patience: Patience,
        now: Instant,
    }

    fn body(rate_min: u64) -> Body {
        let now = Clock::System.instant();
        let deadlines = Deadlines::new(now);
        let deadline = deadlines.deadline();
        Body { deadlines, deadline, patience: Patience::new(Pace { stall: Duration::from_secs(30), rate_min }), now }
    }

    impl Body {
        /// Whether a client that sends `bytes` every `interval` is still borne after `turns` of them.
        fn bears(&mut self, bytes: usize, interval: Duration, turns: u32) -> bool {
            (0..turns).all(|_| {
                self.patience.wait(&self.deadline);
                let end = self.now + interval;
                while self.now < end && !self.is_late() {
                    self.now += TICK.min(end - self.now);
                    self.deadlines.sweep(self.now);
                }
                let is_in_time = !self.is_late();
                self.patience.moved(&self.deadline, bytes);
                self.deadline.clear();
                is_in_time
            })
        }

        fn is_late(&self) -> bool {
            self.deadline.poll(&Context::from_waker(Waker::noop())).is_ready()
        }
    }

    #[test]
    fn silence_is_borne_for_its_time_and_no_longer() {
        assert!(body(500).bears(1, Duration::from_secs(30), 1));
        assert!(!body(500).bears(1, Duration::from_secs(31), 1));
    }

    /// However the drops fall, also within one tick.
    #[test]
    fn who_is_as_fast_as_it_must_be_is_borne_for_ever_and_who_is_slower_is_not() {
        for millis in [100, 400, 1000, 7000, 29_000] {
            let interval = Duration::from_millis(millis);
            let enough = usize::try_from(millis / 2).unwrap();
            assert!(body(500).bears(enough, interval, 10_000), "{interval:?}");
            assert!(!body(500).bears(enough * 9 / 10, interval, 10_000), "{interval:?}");
            assert!(body(0).bears(1, interval, 1000), "{interval:?}: where no rate is asked for");
        }
    }

    #[test]
    fn a_byte_every_now_and_then_wins_next_to_no_time() {
        // At a hundredth of a second it is a fifth of the rate, and wins a quarter of the time.
        for (millis, least, most) in [(15_000, 29, 31), (1000, 29, 31), (10, 37, 38)] {
            let mut body = body(500);
            let start = body.now;
            assert!(!body.bears(1, Duration::from_millis(millis), u32::MAX));
            let borne = body.now - start;
            let bounds = Duration::from_secs(least)..=Duration::from_secs(most);
            assert!(bounds.contains(&borne), "every {millis} ms: {borne:?}");
        }
    }

    #[test]
    fn what_was_earned_before_is_kept_up_to_the_longest_silence() {
        let mut body = body(500);
        assert!(body.bears(1_000_000, Duration::from_secs(1), 3));
        assert!(body.bears(0, Duration::from_secs(29), 1));
        assert!(!body.bears(0, Duration::from_secs(29), 1));
        body.patience.renew();
        assert!(body.bears(0, Duration::from_secs(29), 1));
        body.patience.forgive();
        assert!(body.bears(0, Duration::from_secs(29), 10));
        assert!(!body.bears(0, Duration::from_secs(31), 1));
    }

    #[test]
    fn a_short_store_holds_some_ticks() {
        let mut short = body(500);
        short.patience = Patience::new(Pace { stall: Duration::from_millis(300), rate_min: 500 });
        assert!(short.bears(1, Duration::from_millis(200), 9));
        assert!(!short.bears(1, Duration::from_millis(200), 3));
    }
}
