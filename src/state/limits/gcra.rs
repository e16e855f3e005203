//! So many calls a second, and some at once: the generic cell rate algorithm (ITU-T I.371). All that is kept of a key is one
//! point in time. Whole microseconds below 2^53 throughout, so that a script with nothing but doubles does the same.

use super::Outcome;
use super::table::Idle;

/// A rate. Its arithmetic is whole: an interval that does not come out even is longer, never shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Between two calls of somebody who never pauses; at least 1.
    pub interval_us: u64,
    /// Calls at once after a long pause; at least 1.
    pub burst: u64,
}

/// When everything that was taken will have come back; all of it has where that is past. The theoretical arrival time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored(pub u64);

impl Rate {
    /// `calls` in each `period_us`.
    pub fn new(calls: u64, period_us: u64, burst: u64) -> Self {
        Self { interval_us: period_us.div_ceil(calls.max(1)).max(1), burst: burst.max(1) }
    }

    /// How long it takes until a burst is there again.
    pub fn span_us(self) -> u64 {
        self.interval_us.saturating_mul(self.burst)
    }
}

impl Restored {
    /// Takes one call, or says after which time there is one. What is refused changes nothing, so nobody who goes on asking
    /// waits longer.
    pub fn take(&mut self, now_us: u64, rate: Rate) -> Outcome {
        let most = now_us.saturating_add(rate.span_us());
        // Further away it can only be by a clock that was set back, or by a rate that was lowered: then nothing is left, and
        // it comes back as ever.
        let from = self.0.max(now_us).min(most);
        let next = from.saturating_add(rate.interval_us);
        if next > most {
            self.0 = from;
            return Outcome::Refused { wait_us: next - most };
        }
        self.0 = next;
        let (room, interval) = (most - next, rate.interval_us);
        Outcome::Taken { left: room / interval, wait_us: interval - room % interval }
    }

    /// Undoes one call.
    pub fn give_back(&mut self, rate: Rate) {
        self.0 = self.0.saturating_sub(rate.interval_us);
    }
}

impl Idle for Restored {
    /// Whether it is then as if nothing had ever been taken.
    fn is_idle(&self, now_us: u64) -> bool {
        self.0 <= now_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::{Clock as _, FakeRelativeClock};
    use governor::{Quota, RateLimiter};
    use proptest::prelude::*;
    use std::num::NonZeroU32;
    use std::time::Duration;

    const TAKEN: fn(u64, u64) -> Outcome = |left, wait_us| Outcome::Taken { left, wait_us };
    const REFUSED: fn(u64) -> Outcome = |wait_us| Outcome::Refused { wait_us };
    const START: u64 = 1_767_225_600_000_000;

    #[test]
    fn a_burst_is_there_at_once_and_then_one_each_interval() {
        let rate = Rate::new(10, 1_000_000, 3);
        let mut state = Restored::default();
        let mut take = |after: u64| state.take(START + after, rate);
        assert_eq!([take(0), take(0), take(0)], [TAKEN(2, 100_000), TAKEN(1, 100_000), TAKEN(0, 100_000)]);
        assert_eq!([take(0), take(99_999)], [REFUSED(100_000), REFUSED(1)], "what is refused takes nothing");
        assert_eq!([take(100_000), take(100_000)], [TAKEN(0, 100_000), REFUSED(100_000)]);
        assert_eq!(take(350_000), TAKEN(1, 50_000));
        assert_eq!(take(10_000_000), TAKEN(2, 100_000), "no more than the burst, however long the pause");
    }

    #[test]
    fn an_interval_that_does_not_come_out_even_is_longer() {
        assert_eq!(Rate::new(3, 1_000_000, 1).interval_us, 333_334);
        assert_eq!(Rate::new(0, 0, 0), Rate { interval_us: 1, burst: 1 });
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out_for_longer_than_a_burst_takes() {
        let rate = Rate::new(1, 1_000_000, 5);
        let mut state = Restored::default();
        assert_eq!(state.take(START, rate), TAKEN(4, 1_000_000));
        assert_eq!(state.take(START - 86_400_000_000, rate), REFUSED(1_000_000));
        assert_eq!(state.take(START - 86_399_000_000, rate), TAKEN(0, 1_000_000));
    }

    #[test]
    fn what_was_given_back_can_be_taken_again() {
        let rate = Rate::new(1, 1_000_000, 1);
        let mut state = Restored::default();
        assert_eq!(state.take(START, rate), TAKEN(0, 1_000_000));
        assert!(!state.is_idle(START));
        state.give_back(rate);
        assert!(state.is_idle(START));
        assert_eq!(state.take(START, rate), TAKEN(0, 1_000_000));
    }

    proptest! {
        /// The same calls pass as with the crate that others trust, and it names the same times.
        #[test]
        fn governor_decides_alike(
            interval_us in 1_u64..2_000_000,
            burst in 1_u32..40,
            pauses in prop::collection::vec(prop_oneof![Just(0_u64), 0..3_000_u64, 0..3_000_000_u64], 1..200),
        ) {
            let clock = FakeRelativeClock::default();
            let quota = Quota::with_period(Duration::from_micros(interval_us)).unwrap();
            let oracle = RateLimiter::direct_with_clock(quota.allow_burst(NonZeroU32::new(burst).unwrap()), clock.clone());
            let (mut state, mut now) = (Restored::default(), START);
            let rate = Rate { interval_us, burst: burst.into() };
            for pause in pauses {
                now += pause;
                clock.advance(Duration::from_micros(pause));
                match (state.take(now, rate), oracle.check()) {
                    (Outcome::Taken { .. }, Ok(())) => {}
                    (Outcome::Refused { wait_us }, Err(not_until)) => {
                        prop_assert_eq!(Duration::from_micros(wait_us), not_until.wait_time_from(clock.now()));
                    }
                    (ours, theirs) => prop_assert!(false, "{ours:?} {theirs:?}"),
                }
            }
        }

        /// What an answer says is left can be taken, and no more; after the wait there is one more.
        #[test]
        fn what_is_left_is_so(interval_us in 1_u64..1_000, burst in 1_u64..20, pauses in prop::collection::vec(0_u64..2_000, 1..50)) {
            let rate = Rate { interval_us, burst };
            let (mut state, mut now) = (Restored::default(), START);
            for pause in pauses {
                now += pause;
                let (left, wait_us) = match state.take(now, rate) {
                    Outcome::Taken { left, wait_us } => (left, wait_us),
                    Outcome::Free { .. } => unreachable!("a rate knows no pages"),
                    Outcome::Refused { wait_us } => (0, wait_us),
                };
                let available = |at: u64| {
                    let mut copy = state;
                    (0..100).take_while(|_| matches!(copy.take(at, rate), Outcome::Taken { .. })).count() as u64
                };
                prop_assert_eq!(available(now), left);
                prop_assert_eq!(available(now + wait_us - 1), left);
                prop_assert_eq!(available(now + wait_us), left + 1);
            }
        }
    }
}
