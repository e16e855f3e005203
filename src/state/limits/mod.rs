//! How often and how many at once, counted by key in this process. The arithmetic is in `gcra` and `window`, as plain functions
//! of state, time and rule; here is where the states are kept, how many of them, and that several rules take together or
//! not at all.

pub mod gcra;
pub mod key;
mod table;
pub mod totals;
pub mod window;

use gcra::{Rate, Restored};
use key::{Key, KeyMaker};
use smallvec::SmallVec;
use std::sync::Arc;
use table::Table;
use totals::{Elsewhere, Totals};
use window::{Call, Calls, Window};

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken. So many are left, and after so long there is one more.
    Taken {
        /// Further calls at once.
        left: u64,
        /// Until there is one more than that.
        wait_us: u64,
    },
    /// It is let through and takes nothing: a further page of a call.
    Free {
        /// Calls at once.
        left: u64,
        /// Until there is one more than that.
        wait_us: u64,
    },
    /// It is not let through.
    Refused {
        /// Until there is one.
        wait_us: u64,
    },
}

/// How much there may be of what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many a second.
    Rate(Rate),
    /// So many within a time.
    Window(Window),
    /// So many at once.
    AtOnce(u64),
}

/// What a quota counts, whatever the numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// How fast calls come.
    Rate,
    /// How many there are within so long.
    Window {
        /// How long a call counts.
        within_us: u64,
    },
    /// How many there are at a time.
    AtOnce,
}

/// One quota: the counts of all its keys. It outlives the policies that name it.
#[derive(Debug)]
pub struct Quota {
    /// Makes its keys.
    pub keys: KeyMaker,
    counts: Counts,
    /// Calls that a store has counted.
    pub elsewhere: Elsewhere,
}

/// Each behind one of a few locks, which is held for the arithmetic and never while anything waits: a cell of its own for
/// each key would need the lock of the map that it stands in all the same.
#[derive(Debug)]
enum Counts {
    Rate(Table<Restored>),
    Window(Table<Calls>),
    AtOnce(Table<u64>),
}

/// A call by one quota's count.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'q> {
    /// Which.
    pub quota: &'q Arc<Quota>,
    /// Whose count.
    pub key: Key,
    /// How much there may be of it.
    pub limit: Limit,
    /// What is asked for; by windows only.
    pub call: Call,
    /// What becomes of it where no more keys can be remembered.
    pub when_full: WhenFull,
}

/// What becomes of a call whose key cannot be remembered beside all the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused.
    Refuse,
    /// It is let through uncounted.
    Allow,
}

/// How one demand stands after it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Further calls at once.
    pub left: u64,
    /// Until there is one more.
    pub wait_us: u64,
}

/// What was taken for one request. What is counted at once is given back when this is dropped, and nothing else is.
#[derive(Debug, Default)]
pub struct Taken {
    /// Of each demand, in their order; `None` where it was not counted.
    pub standings: SmallVec<[Option<Standing>; 2]>,
    held: SmallVec<[Held; 1]>,
}

/// Why a request is not let through, and by which of its demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The demand's place.
    pub place: usize,
    /// Why.
    pub why: Why,
}

/// Why a request is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// All calls were made.
    Spent {
        /// Until there is one.
        wait_us: u64,
    },
    /// As many are under way as may be.
    TooManyAtOnce,
    /// No more keys can be remembered.
    Full,
}

/// What must or may be undone.
#[derive(Debug)]
struct Held {
    quota: Arc<Quota>,
    key: Key,
    at_us: u64,
}

/// Takes every demand, or none.
pub fn take<'q>(demands: impl Iterator<Item = Demand<'q>> + Clone, now_us: u64) -> Result<Taken, Refused> {
    let mut taken = Taken::default();
    for (place, demand) in demands.clone().enumerate() {
        match demand.quota.take(&demand, now_us) {
            Ok(outcome) => taken.add(&demand, outcome, now_us),
            Err(why) => {
                taken.give_back();
                for earlier in demands.take(place) {
                    earlier.quota.give_back_rate(earlier.key, earlier.limit);
                }
                return Err(Refused { place, why });
            }
        }
    }
    Ok(taken)
}

impl Quota {
    /// Remembers at most about `keys_max` keys.
    pub fn new(measure: Measure, keys_max: usize) -> Self {
        let counts = match measure {
            Measure::Rate => Counts::Rate(Table::new(keys_max, 0)),
            Measure::Window { within_us } => Counts::Window(Table::new(keys_max, within_us)),
            Measure::AtOnce => Counts::AtOnce(Table::new(keys_max, 0)),
        };
        Self { keys: KeyMaker::default(), counts, elsewhere: Elsewhere::default() }
    }

    /// The same for what several gateways count together, where they cannot: its keys are everybody's.
    pub fn everybodys(measure: Measure, keys_max: usize) -> Self {
        Self { keys: KeyMaker::Everybodys, ..Self::new(measure, keys_max) }
    }

    /// What became of it; nothing where it was let through uncounted.
    fn take(&self, demand: &Demand<'_>, now_us: u64) -> Result<Option<Outcome>, Why> {
        let key = demand.key;
        let outcome = match (&self.counts, demand.limit) {
            (Counts::Rate(table), Limit::Rate(rate)) => table.take(key, now_us, |state| state.take(now_us, rate)),
            (Counts::Window(table), Limit::Window(window)) => {
                table.take(key, now_us, |state| state.take(now_us, window, demand.call))
            }
            (Counts::AtOnce(table), Limit::AtOnce(most)) => table.take(key, now_us, |open| take_one(open, most)),
            // A quota is made for what its limits measure.
            (Counts::Rate(_) | Counts::Window(_) | Counts::AtOnce(_), _) => None,
        };
        match outcome {
            Some(Outcome::Refused { wait_us }) => Err(match self.counts {
                Counts::AtOnce(_) => Why::TooManyAtOnce,
                Counts::Rate(_) | Counts::Window(_) => Why::Spent { wait_us },
            }),
            Some(outcome) => Ok(Some(outcome)),
            None if demand.when_full == WhenFull::Allow => Ok(None),
            None => Err(Why::Full),
        }
    }

    /// Undoes a call of a rate, of which nothing went on its way.
    pub fn give_back_rate(&self, key: Key, limit: Limit) {
        if let (Counts::Rate(table), Limit::Rate(rate)) = (&self.counts, limit) {
            table.undo(key, |state| state.give_back(rate));
        }
    }

    /// Lets go of the keys of an eighth whose counts have run out. Called once a second, it keeps what is remembered
    /// near what is needed, and never holds a request up for long.
    pub fn sweep(&self, turn: usize, now_us: u64) {
        match &self.counts {
            Counts::Rate(table) => table.sweep(turn, now_us),
            Counts::Window(table) => table.sweep(turn, now_us),
            Counts::AtOnce(_) => {}
        }
    }

    /// What became of calls so far, and the keys that are remembered.
    pub fn totals(&self) -> Totals {
        self.elsewhere.and(match &self.counts {
            Counts::Rate(table) => table.totals(),
            Counts::Window(table) => table.totals(),
            Counts::AtOnce(table) => table.totals(),
        })
    }
}

impl Taken {
    fn add(&mut self, demand: &Demand<'_>, outcome: Option<Outcome>, now_us: u64) {
        let (standing, is_taken) = match outcome {
            Some(Outcome::Taken { left, wait_us }) => (Some(Standing { left, wait_us }), true),
            Some(Outcome::Free { left, wait_us }) => (Some(Standing { left, wait_us }), false),
            Some(Outcome::Refused { .. }) | None => (None, false),
        };
        self.standings.push(standing);
        // Rates are not given back once the request is on its way: its load was there.
        if is_taken && !matches!(demand.quota.counts, Counts::Rate(_)) {
            self.held.push(Held { quota: Arc::clone(demand.quota), key: demand.key, at_us: now_us });
        }
    }

    /// Takes over what another took.
    pub fn join(&mut self, mut other: Self) {
        self.standings.append(&mut other.standings);
        self.held.append(&mut other.held);
    }

    /// Undoes what windows counted: the call came to nothing, and that is not its caller's fault.
    pub fn give_back(&mut self) {
        for held in &self.held {
            if let Counts::Window(table) = &held.quota.counts {
                table.undo(held.key, |calls| calls.give_back(held.at_us));
            }
        }
        self.held.retain(|held| matches!(held.quota.counts, Counts::AtOnce(_)));
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        for held in &self.held {
            if let Counts::AtOnce(table) = &held.quota.counts {
                table.undo(held.key, |open| *open -= 1);
            }
        }
    }
}

fn take_one(open: &mut u64, most: u64) -> Outcome {
    if *open >= most {
        return Outcome::Refused { wait_us: 0 };
    }
    *open += 1;
    Outcome::Taken { left: most - *open, wait_us: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const SECOND: u64 = 1_000_000;
    const START: u64 = 1_767_225_600 * SECOND;
    const ONE_A_SECOND: Limit = Limit::Rate(Rate { interval_us: SECOND, burst: 1 });
    const TWO_AN_HOUR: Limit = Limit::Window(Window { calls: 2, within_us: 3600 * SECOND });

    fn quota(limit: Limit, keys_max: usize) -> Arc<Quota> {
        let measure = match limit {
            Limit::Rate(_) => Measure::Rate,
            Limit::Window(window) => Measure::Window { within_us: window.within_us },
            Limit::AtOnce(_) => Measure::AtOnce,
        };
        Arc::new(Quota::new(measure, keys_max))
    }

    fn demand(quota: &Arc<Quota>, limit: Limit, name: u32) -> Demand<'_> {
        let mut key = quota.keys.begin();
        key.add(0, &name.to_be_bytes());
        Demand { quota, key: key.end(), limit, call: Call::One, when_full: WhenFull::Refuse }
    }

    fn totals(quota: &Quota) -> [u64; 4] {
        let Totals { allowed, refused, full, keys } = quota.totals();
        [allowed, refused, full, keys]
    }

    #[test]
    fn everything_is_taken_or_nothing() {
        let (rate, window, open) = (quota(ONE_A_SECOND, 9), quota(TWO_AN_HOUR, 9), quota(Limit::AtOnce(1), 9));
        let all = [demand(&open, Limit::AtOnce(1), 1), demand(&rate, ONE_A_SECOND, 1), demand(&window, TWO_AN_HOUR, 1)];
        let take = |after| take(all.iter().copied(), START + after * SECOND);
        let first = take(0).unwrap();
        let standing = |left, wait_s| Some(Standing { left, wait_us: wait_s * SECOND });
        assert_eq!(first.standings.to_vec(), [standing(0, 0), standing(0, 1), standing(1, 3600)]);
        assert_eq!(take(0).unwrap_err(), Refused { place: 0, why: Why::TooManyAtOnce });
        drop(first);
        assert_eq!(take(0).unwrap_err(), Refused { place: 1, why: Why::Spent { wait_us: SECOND } });
        drop(take(1).unwrap());
        for _ in 0..3 {
            let why = Why::Spent { wait_us: 3590 * SECOND };
            assert_eq!(take(10).unwrap_err(), Refused { place: 2, why }, "and the second's call is still there");
        }
        assert_eq!((totals(&open), totals(&rate)), ([6, 1, 0, 0], [5, 1, 0, 1]));
        assert_eq!(totals(&window), [2, 3, 0, 1]);
    }

    #[test]
    fn a_call_that_came_to_nothing_is_given_back_once() {
        let window = quota(TWO_AN_HOUR, 9);
        let take = || take([demand(&window, TWO_AN_HOUR, 1)].into_iter(), START);
        let mut first = take().unwrap();
        first.give_back();
        first.give_back();
        drop(first);
        assert_eq!(totals(&window), [1, 0, 0, 0]);
        let _two = [take().unwrap(), take().unwrap()];
        assert!(take().is_err());
    }

    #[test]
    fn a_table_has_its_bound_and_makes_room_of_what_has_run_out() {
        for (limit, over) in [(ONE_A_SECOND, 1), (TWO_AN_HOUR, 3600)] {
            let quota = quota(limit, 64);
            let take = |name, after: u64| take([demand(&quota, limit, name)].into_iter(), START + after);
            let full = (0..1000).filter(|name| take(*name, 0).is_err()).count();
            let kept = usize::try_from(quota.totals().keys).unwrap();
            assert_eq!((kept, full), (64, 1000 - 64));
            let one = (0..1000).find(|name| take(*name, 0).is_err_and(|refused| refused.why == Why::Full)).unwrap();
            assert_eq!(take(one, over * SECOND - 1).unwrap_err().why, Why::Full);
            let allowed = WhenFull::Allow;
            let uncounted =
                super::take([Demand { when_full: allowed, ..demand(&quota, limit, one) }].into_iter(), START);
            assert_eq!(uncounted.unwrap().standings.to_vec(), [None]);
            assert!(take(one, (over + 1) * SECOND).is_ok());
            (0..8).for_each(|turn| quota.sweep(turn, START + 2 * over * SECOND + SECOND));
            assert_eq!(quota.totals().keys, 0);
        }
    }

    /// What they read of a state is old by the time they write: that is what the lock is for.
    #[test]
    fn of_many_threads_no_more_come_through_than_may() {
        for limit in [
            Limit::AtOnce(10),
            Limit::Rate(Rate { interval_us: SECOND, burst: 10 }),
            Limit::Window(Window { calls: 10, within_us: SECOND }),
        ] {
            let quota = quota(limit, 64);
            let taken: Vec<_> = std::thread::scope(|scope| {
                let work = || (0..100).filter_map(|_| take([demand(&quota, limit, 1)].into_iter(), START).ok());
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(move || work().collect::<Vec<_>>())).collect();
                threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(taken.len(), 10, "{limit:?}");
            let left: HashSet<_> =
                taken.iter().flat_map(|taken| &taken.standings).flatten().map(|it| it.left).collect();
            assert_eq!(left.len(), 10, "each knows of the others");
        }
    }
}
