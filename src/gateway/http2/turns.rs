//! The exchanges of one connection, all in the connection's own task, and whose turn it is among them.
//!
//! A task for each would cost memory of two KiB from the allocator's slow path and three trips through the scheduler for
//! each request, and would outlive its connection. Here the memory serves one exchange after the other, what many of them
//! say is written at once, and what ends the connection ends them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// The exchanges under way.
pub(super) struct Exchanges<F> {
    slots: Vec<Slot<F>>,
    free: Vec<usize>,
    max: usize,
    turns: Arc<Turns>,
}

struct Slot<F> {
    exchange: Pin<Box<Option<F>>>,
    waker: Waker,
}

/// Who can go on: the connection, at place 0, and its exchanges behind it. Wakers set it, from any thread: keys, for one, are
/// fetched on another.
pub(super) struct Turns {
    words: Box<[AtomicU64]>,
    /// The task is running and will look again before it sleeps: waking it would only make it run once more.
    is_awake: AtomicBool,
    task: Waker,
}

/// Wakes one place.
struct Turn {
    place: usize,
    turns: Arc<Turns>,
}

impl Turns {
    /// Those of a connection and at most `exchanges_max`; it is the connection's turn. `task` is the one that runs all of them.
    pub(super) fn new(exchanges_max: usize, task: &Waker) -> Arc<Self> {
        let words = (0..=exchanges_max / BITS).map(|_| AtomicU64::new(0)).collect();
        let turns = Self { words, is_awake: AtomicBool::new(false), task: task.clone() };
        turns.set(CONNECTION);
        Arc::new(turns)
    }

    /// Wakes the place.
    pub(super) fn waker(self: &Arc<Self>, place: usize) -> Waker {
        Arc::new(Turn { place, turns: Arc::clone(self) }).into()
    }

    /// The task runs.
    pub(super) fn begin(&self) {
        self.is_awake.store(true, Ordering::SeqCst);
    }

    /// The task is about to sleep. Where somebody had a turn in the meantime it is woken again.
    pub(super) fn rest(&self) {
        self.is_awake.store(false, Ordering::SeqCst);
        if self.is_any() {
            self.task.wake_by_ref();
        }
    }

    /// Whether it is anybody's turn.
    pub(super) fn is_any(&self) -> bool {
        self.words.iter().any(|word| word.load(Ordering::SeqCst) != 0)
    }

    /// Whether it is this place's turn, which it then has had.
    pub(super) fn take(&self, place: usize) -> bool {
        let bit = 1 << (place % BITS);
        self.words.get(place / BITS).is_some_and(|word| word.fetch_and(!bit, Ordering::SeqCst) & bit != 0)
    }

    /// It is this place's turn. Either the task sees it before it sleeps, or it is seen that it sleeps: the two stores and the
    /// two loads stand in one order for all threads.
    pub(super) fn set(&self, place: usize) {
        if let Some(word) = self.words.get(place / BITS) {
            let was_set = word.fetch_or(1 << (place % BITS), Ordering::SeqCst) & 1 << (place % BITS) != 0;
            if !was_set && !self.is_awake.load(Ordering::SeqCst) {
                self.task.wake_by_ref();
            }
        }
    }

    /// The places whose turn it is, which they then have had.
    fn drain(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(number, word)| {
            let mut bits = if word.load(Ordering::SeqCst) == 0 { 0 } else { word.swap(0, Ordering::SeqCst) };
            std::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
                bits &= bits - 1;
                Some(number * BITS + bit)
            })
        })
    }
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.turns.set(self.place);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.turns.set(self.place);
    }
}

impl<F: Future<Output = ()>> Exchanges<F> {
    /// None, and at most `max`.
    pub(super) fn new(max: usize, turns: &Arc<Turns>) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), max, turns: Arc::clone(turns) }
    }

    /// How many there may be.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// Whether there is no room for one more.
    pub(super) fn is_full(&self) -> bool {
        self.free.is_empty() && self.slots.len() == self.max
    }

    /// One begins; it has its first turn.
    pub(super) fn start(&mut self, exchange: F) {
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                let place = self.slots.len() + 1;
                self.slots.push(Slot { exchange: Box::pin(None), waker: self.turns.waker(place) });
                place
            }
        };
        if let Some(slot) = self.slots.get_mut(place - 1) {
            slot.exchange.set(Some(exchange));
        }
        self.turns.set(place);
    }

    /// Lets those go on whose turn it is.
    pub(super) fn poll(&mut self) {
        let turns = Arc::clone(&self.turns);
        for place in turns.drain() {
            match place.checked_sub(1) {
                Some(slot) => self.poll_one(slot),
                // Not ours.
                None => turns.set(CONNECTION),
            }
        }
        // A connection that idles after many exchanges keeps room for one.
        if self.free.len() == self.slots.len() && self.slots.len() > 1 {
            self.slots.truncate(1);
            self.free = vec![1];
        }
    }

    fn poll_one(&mut self, slot: usize) {
        // A late waker may name a place that is gone, or free.
        let Some(Slot { exchange, waker }) = self.slots.get_mut(slot) else { return };
        let Some(running) = exchange.as_mut().as_pin_mut() else { return };
        if let Poll::Ready(()) = running.poll(&mut Context::from_waker(waker)) {
            exchange.set(None);
            self.free.push(slot + 1);
        }
    }
}

/// The place of the connection itself.
pub(super) const CONNECTION: usize = 0;
const BITS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// A task that counts how often it is woken.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn turns(max: usize) -> (Arc<Task>, Arc<Turns>) {
        let task = Arc::new(Task::default());
        let turns = Turns::new(max, &Arc::clone(&task).into());
        (task, turns)
    }

    #[test]
    fn a_task_is_woken_once_and_not_while_it_runs() {
        let (task, turns) = turns(200);
        assert_eq!(task.0.load(Ordering::SeqCst), 1, "a connection begins");
        turns.begin();
        let wakers = [turns.waker(7), turns.waker(199)];
        wakers.iter().for_each(Waker::wake_by_ref);
        assert_eq!(turns.drain().collect::<Vec<_>>(), [CONNECTION, 7, 199]);
        turns.rest();
        assert_eq!(task.0.load(Ordering::SeqCst), 1);
        wakers.iter().chain(&wakers).for_each(Waker::wake_by_ref);
        assert_eq!(task.0.load(Ordering::SeqCst), 3, "once for each place");
        turns.begin();
        turns.rest();
        assert_eq!(task.0.load(Ordering::SeqCst), 4, "what was not looked at is not forgotten");
    }

    #[test]
    fn places_serve_again_and_a_late_waker_wakes_nobody() {
        let (_, turns) = turns(3);
        let mut exchanges = Exchanges::new(3, &turns);
        let polls = AtomicUsize::new(0);
        let once = |pending: bool| {
            let polls = &polls;
            std::future::poll_fn(move |_| {
                polls.fetch_add(1, Ordering::SeqCst);
                if pending { Poll::Pending } else { Poll::Ready(()) }
            })
        };
        for pending in [true, false, true] {
            assert!(!exchanges.is_full());
            exchanges.start(once(pending));
        }
        assert!(exchanges.is_full());
        exchanges.poll();
        assert!(!exchanges.is_full());
        turns.waker(2).wake();
        exchanges.poll();
        assert_eq!(polls.load(Ordering::SeqCst), 3, "the second one is over");
        exchanges.start(once(false));
        assert!(exchanges.is_full());
        exchanges.poll();
        assert_eq!(polls.load(Ordering::SeqCst), 4);
        assert!(turns.take(CONNECTION) && !turns.is_any());
    }
}
