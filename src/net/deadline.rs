//! Deadlines without timers. Arming one is a store to a cell; a sweep per worker finds the expired ones a few times
//! a second. A timer of the runtime would cost an allocation and two list operations on every request.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// All deadlines of one worker. Cheap to clone.
#[derive(Clone)]
pub struct Deadlines(Rc<Shared>);

struct Shared {
    swept: Cell<Instant>,
    /// Milliseconds that have passed, as of the last sweep.
    now_ms: Cell<u64>,
    entries: RefCell<Vec<Weak<Entry>>>,
}

/// One deadline; dropped, it is forgotten. Clones are the same deadline.
#[derive(Clone)]
pub struct Deadline {
    entry: Rc<Entry>,
    shared: Rc<Shared>,
}

/// A moment in a worker's time: by it something must be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

struct Entry {
    due_ms: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

impl Deadlines {
    /// No deadlines yet; `now` is the zero of their time.
    pub fn new(now: Instant) -> Self {
        Self(Rc::new(Shared { swept: Cell::new(now), now_ms: Cell::new(0), entries: RefCell::default() }))
    }

    /// A deadline that is not armed.
    pub fn deadline(&self) -> Deadline {
        let entry = Rc::new(Entry { due_ms: Cell::new(NEVER), waker: RefCell::default() });
        self.0.entries.borrow_mut().push(Rc::downgrade(&entry));
        Deadline { entry, shared: Rc::clone(&self.0) }
    }

    /// The moment `after` from now, or the one that never comes.
    pub fn after(&self, after: Option<Duration>) -> Moment {
        after.map_or(Moment::NEVER, |after| Moment(due(self.0.now_ms.get(), after)))
    }

    /// The time until `moment`; `None` where it never comes.
    pub fn until(&self, moment: Moment) -> Option<Duration> {
        (moment != Moment::NEVER).then(|| Duration::from_millis(moment.0.saturating_sub(self.0.now_ms.get())))
    }

    /// Wakes the tasks whose deadlines have passed and forgets those that were dropped. Call it every `TICK`.
    pub fn sweep(&self, now: Instant) {
        // A worker that stood still (a paused machine) has not given anybody the time that passed meanwhile.
        let passed = now.duration_since(self.0.swept.replace(now)).min(STEP_MAX);
        let now_ms = self.0.now_ms.get().saturating_add(u64::try_from(passed.as_millis()).unwrap_or_default());
        self.0.now_ms.set(now_ms);
        let mut expired = Vec::new();
        self.0.entries.borrow_mut().retain(|entry| match entry.upgrade() {
            Some(entry) => {
                if entry.due_ms.get() <= now_ms {
                    expired.extend(entry.waker.borrow_mut().take());
                }
                true
            }
            None => false,
        });
        // Outside the borrow: a woken task may make or drop deadlines.
        expired.into_iter().for_each(Waker::wake);
    }
}

impl Deadline {
    /// Arms it: it expires `after` from now, up to two ticks later, and not earlier unless a sweep is late.
    pub fn set(&self, after: Duration) {
        self.entry.due_ms.set(due(self.shared.now_ms.get(), after));
    }

    /// However it is armed, it expires by `end`.
    pub fn limit(&self, end: Moment) {
        self.entry.due_ms.set(self.entry.due_ms.get().min(end.0));
    }

    /// Whether `moment` has come.
    pub fn is_past(&self, moment: Moment) -> bool {
        moment.0 <= self.shared.now_ms.get()
    }

    /// Whether it has expired.
    pub fn has_expired(&self) -> bool {
        self.is_past(Moment(self.entry.due_ms.get()))
    }

    /// Lets it expire now.
    pub fn expire(&self) {
        self.entry.due_ms.set(0);
    }

    /// Milliseconds that have passed for this worker, as of the last sweep.
    pub fn now_ms(&self) -> u64 {
        self.shared.now_ms.get()
    }

    /// Wakes the task that waits for it, before its time.
    pub fn wake(&self) {
        // Outside the borrow: a woken task may ask again.
        let waiting = self.entry.waker.borrow_mut().take();
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Disarms it.
    pub fn clear(&self) {
        self.entry.due_ms.set(NEVER);
    }

    /// Ready once it has expired; else the task is woken when it does.
    pub fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        if self.has_expired() {
            return Poll::Ready(());
        }
        let mut waker = self.entry.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Moment {
    /// Later than any other.
    pub const NEVER: Self = Self(NEVER);
}

/// In words of the machine: `as_millis` would divide a number of 128 bits, three times in every request.
fn due(now_ms: u64, after: Duration) -> u64 {
    let after = after + TICK;
    let after_ms = after.as_secs().saturating_mul(1000).saturating_add(u64::from(after.subsec_millis()));
    now_ms.saturating_add(after_ms)
}

/// Time between two sweeps: the resolution of every timeout on the data path.
pub const TICK: Duration = Duration::from_millis(200);
/// What one sweep may add, however late it is.
const STEP_MAX: Duration = Duration::from_secs(1);
const NEVER: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn it_expires_after_its_time_and_not_before() {
        let start = Clock::System.instant();
        let deadlines = Deadlines::new(start);
        let deadline = deadlines.deadline();
        let cx = Context::from_waker(Waker::noop());
        assert!(deadline.poll(&cx).is_pending());
        deadline.set(Duration::from_secs(1));
        deadlines.sweep(start + Duration::from_millis(1100));
        assert!(deadline.poll(&cx).is_pending());
        deadlines.sweep(start + Duration::from_millis(1300));
        assert!(deadline.poll(&cx).is_ready());
        deadline.clear();
        assert!(deadline.poll(&cx).is_pending());
    }

    #[test]
    fn an_end_comes_before_what_is_later_and_after_what_is_earlier() {
        let start = Clock::System.instant();
        let deadlines = Deadlines::new(start);
        let deadline = deadlines.deadline();
        let cx = Context::from_waker(Waker::noop());
        let end = deadlines.after(Some(Duration::from_millis(500)));
        assert_eq!(deadlines.until(end), Some(Duration::from_millis(500) + TICK));
        deadline.set(Duration::from_mins(1));
        deadline.limit(end);
        deadlines.sweep(start + Duration::from_millis(600));
        assert!(deadline.poll(&cx).is_pending() && !deadline.is_past(end));
        deadlines.sweep(start + Duration::from_millis(700));
        assert!(deadline.poll(&cx).is_ready() && deadline.is_past(end));
        assert_eq!(deadlines.until(end), Some(Duration::ZERO));
        let never = deadlines.after(None);
        deadline.set(Duration::ZERO);
        deadline.limit(never);
        assert!(deadline.poll(&cx).is_pending());
        deadlines.sweep(start + Duration::from_millis(900));
        assert!(deadline.poll(&cx).is_ready() && !deadline.is_past(never));
        assert_eq!(deadlines.until(never), None);
    }

    #[test]
    fn dropped_deadlines_are_forgotten() {
        let start = Clock::System.instant();
        let deadlines = Deadlines::new(start);
        let kept = deadlines.deadline();
        drop(deadlines.deadline());
        deadlines.sweep(start);
        assert_eq!(deadlines.0.entries.borrow().len(), 1);
        drop(kept);
    }
}
