//! So many calls in any span of time, however it is laid: a window that slides (ÖHVPS §3.20 demands one). Up to `EXACT_MAX`
//! calls each is remembered for itself. Of more, those of a 64th of the window are remembered together and leave together,
//! with the last of them: never are more let through than may be, and a call counts a 64th too long at most.

use super::Outcome;
use super::table::Idle;
use smallvec::SmallVec;

/// So many calls within so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// May be none.
    pub calls: u64,
    /// How long each counts.
    pub within_us: u64,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A call.
    One,
    /// A further page of what a call asked for: it is none itself if a call was let through this long ago at most.
    FollowUp(u64),
}

/// The calls that count, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls(SmallVec<[Group; 4]>);

/// Calls that are remembered together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Group {
    latest_us: u64,
    calls: u64,
}

impl Idle for Calls {
    /// Whether none is younger than that.
    fn is_idle(&self, before_us: u64) -> bool {
        self.0.last().is_none_or(|last| last.latest_us <= before_us)
    }
}

impl Window {
    /// Calls closer to each other than this may be remembered together.
    pub fn grain_us(self) -> u64 {
        if self.calls <= EXACT_MAX { 1 } else { self.within_us.div_ceil(EXACT_MAX).max(1) }
    }
}

impl Calls {
    /// Takes one call, or says after which time there is one. What is refused changes nothing.
    pub fn take(&mut self, now_us: u64, window: Window, call: Call) -> Outcome {
        let now_us = self.now(now_us);
        self.forget(now_us, window);
        let used = self.used();
        if let (Call::FollowUp(within_us), Some(last)) = (call, self.0.last())
            && now_us - last.latest_us <= within_us
        {
            return Outcome::Free { left: window.calls.saturating_sub(used), wait_us: self.wait(1, now_us, window) };
        }
        if used >= window.calls {
            return Outcome::Refused { wait_us: self.wait(used - window.calls + 1, now_us, window) };
        }
        let grain = window.grain_us();
        match self.0.last_mut() {
            Some(last) if last.latest_us / grain == now_us / grain => {
                *last = Group { latest_us: now_us, calls: last.calls + 1 };
            }
            Some(_) | None => self.0.push(Group { latest_us: now_us, calls: 1 }),
        }
        Outcome::Taken { left: window.calls - used - 1, wait_us: self.wait(1, now_us, window) }
    }

    /// Undoes the call of that time, if it still counts.
    pub fn give_back(&mut self, at_us: u64) {
        let Some(place) = self.0.iter().position(|group| group.latest_us >= at_us) else { return };
        if let Some(group) = self.0.get_mut(place) {
            group.calls -= 1;
            if group.calls == 0 {
                self.0.remove(place);
            }
        }
    }

    /// Who read the clock first need not come first: a call that is a little ahead stays where its maker looks for it.
    fn now(&self, now_us: u64) -> u64 {
        let latest_us = self.0.last().map_or(0, |last| last.latest_us);
        if latest_us.saturating_sub(now_us) <= AHEAD_MAX_US { now_us.max(latest_us) } else { now_us }
    }

    fn used(&self) -> u64 {
        self.0.iter().map(|group| group.calls).sum()
    }

    /// Lets go of what does not count any more. A call in the future was made before the clock was set back: it counts from now.
    fn forget(&mut self, now_us: u64, window: Window) {
        let gone = self.0.iter().take_while(|group| group.latest_us.saturating_add(window.within_us) <= now_us).count();
        self.0.drain(..gone);
        for group in self.0.iter_mut().rev().take_while(|group| group.latest_us > now_us) {
            group.latest_us = now_us;
        }
    }

    /// How long until so many of the calls do not count any more.
    fn wait(&self, calls: u64, now_us: u64, window: Window) -> u64 {
        let mut left = 0;
        let group = self.0.iter().find(|group| {
            left += group.calls;
            left >= calls
        });
        group.map_or(window.within_us, |group| group.latest_us.saturating_add(window.within_us) - now_us)
    }
}

/// Of a window with so many calls, each is remembered for itself: 16 bytes. PSD2's rule is about 4, ÖHVPS's about 24.
pub const EXACT_MAX: u64 = 64;
/// What other threads counted may be so far ahead of our reading of the clock; what is further was made before it was set back.
const AHEAD_MAX_US: u64 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: u64 = 3_600_000_000;
    const DAY: Window = Window { calls: 4, within_us: 24 * HOUR };
    const START: u64 = 1_767_225_600_000_000;

    /// RTS-1: the fifth within any 24 hours is refused, and the first leaves after exactly 24.
    #[test]
    fn four_in_any_twenty_four_hours() {
        let mut calls = Calls::default();
        let mut take = |at: u64| calls.take(START + at, DAY, Call::One);
        let taken = |left, wait_us| Outcome::Taken { left, wait_us };
        assert_eq!(take(0), taken(3, 24 * HOUR));
        assert_eq!(take(6 * HOUR), taken(2, 18 * HOUR));
        assert_eq!(take(12 * HOUR), taken(1, 12 * HOUR));
        assert_eq!(take(18 * HOUR), taken(0, 6 * HOUR));
        assert_eq!(take(24 * HOUR - 1), Outcome::Refused { wait_us: 1 });
        assert_eq!(take(24 * HOUR), taken(0, 6 * HOUR), "midnight has no part in it");
        assert_eq!(take(24 * HOUR), Outcome::Refused { wait_us: 6 * HOUR });
        assert_eq!(take(100 * HOUR), taken(3, 24 * HOUR));
    }

    #[test]
    fn further_pages_are_no_calls_shortly_after_one_and_calls_otherwise() {
        let window = Window { calls: 2, within_us: HOUR };
        let mut calls = Calls::default();
        let mut take = |at: u64, call| calls.take(START + at, window, call);
        let page = Call::FollowUp(600_000_000);
        assert_eq!(take(0, page), Outcome::Taken { left: 1, wait_us: HOUR }, "of nothing that was asked for");
        assert_eq!(take(600_000_000, page), Outcome::Free { left: 1, wait_us: HOUR - 600_000_000 });
        assert_eq!(take(600_000_001, page), Outcome::Taken { left: 0, wait_us: HOUR - 600_000_001 });
        assert_eq!(take(700_000_000, page), Outcome::Free { left: 0, wait_us: HOUR - 700_000_000 }, "nothing is left");
        assert_eq!(take(700_000_000, Call::One), Outcome::Refused { wait_us: HOUR - 700_000_000 });
    }

    #[test]
    fn who_may_not_call_at_all_waits_in_vain_and_fewer_than_were_had_take_their_time() {
        let mut calls = Calls::default();
        assert_eq!(calls.take(START, Window { calls: 0, ..DAY }, Call::One), Outcome::Refused { wait_us: 24 * HOUR });
        for at in 0..4 {
            calls.take(START + at * HOUR, DAY, Call::One);
        }
        let lowered = Window { calls: 2, ..DAY };
        assert_eq!(calls.take(START + 3 * HOUR, lowered, Call::One), Outcome::Refused { wait_us: 23 * HOUR });
    }

    #[test]
    fn a_call_can_be_given_back_once_others_came_and_after_it_left() {
        let mut calls = Calls::default();
        for at in [0, 1, 1, 2] {
            calls.take(START + at, DAY, Call::One);
        }
        calls.give_back(START + 1);
        assert_eq!(calls.take(START + 3, DAY, Call::One), Outcome::Taken { left: 0, wait_us: 24 * HOUR - 3 });
        calls.give_back(START + 100 * HOUR);
        assert_eq!(calls.used(), 4);
        calls.give_back(START);
        assert_eq!((calls.used(), calls.0.len()), (3, 3));
    }

    /// Two threads: who read the clock first takes last.
    #[test]
    fn a_call_is_given_back_though_an_earlier_reading_came_after_it() {
        let mut calls = Calls::default();
        calls.take(START + 101, DAY, Call::One);
        calls.take(START + 100, DAY, Call::One);
        calls.give_back(START + 101);
        assert_eq!(calls.used(), 1);
        calls.give_back(START + 100);
        assert_eq!(calls.used(), 0);
        calls.take(START + AHEAD_MAX_US, DAY, Call::One);
        calls.take(START, DAY, Call::One);
        assert_eq!(
            calls.take(START + HOUR, DAY, Call::One),
            Outcome::Taken { left: 1, wait_us: 23 * HOUR + AHEAD_MAX_US }
        );
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nothing_longer_than_a_window() {
        let mut calls = Calls::default();
        calls.take(START + 100 * HOUR, DAY, Call::One);
        assert_eq!(calls.take(START, Window { calls: 1, ..DAY }, Call::One), Outcome::Refused { wait_us: 24 * HOUR });
        assert!(!calls.is_idle(START - 1) && calls.is_idle(START));
    }

    proptest! {
        /// Against a list of every call. Exact up to the bound; beyond it never more, and a 64th late at most.
        #[test]
        fn a_plain_list_of_calls_decides_alike(
            calls in prop_oneof![1_u64..8, Just(EXACT_MAX), Just(EXACT_MAX + 1), 65_u64..200],
            within_us in prop_oneof![1_u64..100, 1_000_u64..100_000],
            pauses in prop::collection::vec(prop_oneof![Just(0_u64), 0_u64..10, 0_u64..1_000, 0_u64..60_000], 1..600),
        ) {
            let window = Window { calls, within_us };
            let (mut state, mut now, mut log) = (Calls::default(), START, Vec::<u64>::new());
            let counted = |log: &[u64], from: u64| log.iter().filter(|at| **at > from).count() as u64;
            for pause in pauses {
                now += pause;
                let surely = counted(&log, now - within_us - window.grain_us()) < calls;
                let perhaps = counted(&log, now - within_us) < calls;
                match state.take(now, window, Call::One) {
                    Outcome::Taken { left, wait_us } => {
                        prop_assert!(perhaps);
                        log.push(now);
                        prop_assert!(left <= calls - counted(&log, now - within_us) && wait_us <= within_us);
                    }
                    Outcome::Free { .. } => prop_assert!(false, "nobody asked for a page"),
                    Outcome::Refused { wait_us } => {
                        prop_assert!(!surely);
                        let mut later = state.clone();
                        let after = |wait: u64| now + wait;
                        prop_assert!(wait_us > 0);
                        let is_refused = |state: &mut Calls, at| matches!(state.take(at, window, Call::One), Outcome::Refused { .. });
                        prop_assert!(is_refused(&mut later, after(wait_us - 1)));
                        prop_assert!(!is_refused(&mut later, after(wait_us)));
                    }
                }
                if calls <= EXACT_MAX {
                    prop_assert_eq!(state.used(), counted(&log, now - within_us));
                }
                prop_assert!(state.0.len() <= 66);
            }
        }
    }
}
