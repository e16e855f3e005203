//! How many connections each server of an upstream may have, and the requests that wait because all have as many. One value
//! for each upstream, shared by all workers, and locked only where a connection begins or ends, or where somebody waits.
//!
//! Whoever waits is called when a connection was given back on its worker, or when one ended on any. Called, it looks for
//! itself, keeps its place if it finds nothing, and when it leaves, whatever for, it calls the next: no call is lost with
//! whom it was meant for. On each worker who comes first is served first. Among workers it is so for connections that end;
//! one that is given back stays with its worker, if somebody waits there and the worker has no more than its even part.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// The connections to the servers of one upstream, and who waits for them.
#[derive(Debug)]
pub struct Queue {
    connections_max: usize,
    pending_max: usize,
    workers: usize,
    /// The length of the line, for whoever need not know more: all, while nobody waits.
    pending: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Connections, by server.
    open: Box<[usize]>,
    /// In the order of their arrival, and so of their numbers.
    line: VecDeque<Waiter>,
    next_number: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    worker: usize,
    is_called: bool,
    /// It is busy with a connection that is being opened: what becomes free meanwhile is for others.
    is_away: bool,
    waker: Option<Waker>,
}

/// One connection to a server, counted until this is dropped.
#[derive(Debug)]
pub struct Room {
    queue: Arc<Queue>,
    server: usize,
    worker: usize,
}

/// A place in the line, kept until this is dropped.
#[derive(Debug)]
pub struct Place {
    queue: Arc<Queue>,
    number: u64,
    worker: usize,
}

/// As many wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Queue {
    /// Nobody waits. Each of so many servers may have `connections_max` connections of all workers; so many requests may wait.
    pub fn new(servers: usize, workers: usize, (connections_max, pending_max): (usize, usize)) -> Arc<Self> {
        let state = State { open: vec![0; servers].into(), line: VecDeque::new(), next_number: 0 };
        let workers = workers.max(1);
        Arc::new(Self { connections_max, pending_max, workers, pending: AtomicUsize::new(0), state: Mutex::new(state) })
    }

    /// Requests that wait.
    pub fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Connections to a server.
    pub fn open(&self, server: usize) -> usize {
        self.lock().open.get(server).copied().unwrap_or_default()
    }

    /// What each worker may have of a server's connections, if all want as many as they can get.
    pub fn part(&self) -> usize {
        self.connections_max / self.workers
    }

    /// Whether somebody waits on `worker`: who comes now comes after.
    pub fn has_pending(&self, worker: usize) -> bool {
        self.pending() > 0 && self.lock().of(worker).next().is_some()
    }

    /// How many wait on other workers than this.
    pub fn pending_elsewhere(&self, worker: usize) -> usize {
        match self.pending() {
            0 => 0,
            _ => self.lock().line.iter().filter(|waiter| waiter.worker != worker).count(),
        }
    }

    /// Room for one more connection, if there is. Whoever has no place in the line takes none from those who have, and
    /// whoever has steps aside while it is opened.
    pub fn enter(self: &Arc<Self>, server: usize, worker: usize, place: Option<&Place>) -> Option<Room> {
        let mut state = self.lock();
        let may_go = place.is_some() || state.line.iter().all(|waiter| waiter.is_away);
        let open = state.open.get_mut(server).filter(|open| may_go && **open < self.connections_max)?;
        *open += 1;
        if let Some(place) = place {
            state.step_aside(place);
        }
        Some(Room { queue: Arc::clone(self), server, worker })
    }

    /// Counts a connection that is bounded otherwise.
    pub fn count(self: &Arc<Self>, server: usize, worker: usize) -> Room {
        if let Some(open) = self.lock().open.get_mut(server) {
            *open += 1;
        }
        Room { queue: Arc::clone(self), server, worker }
    }

    /// A place at the end of the line.
    pub fn join(self: &Arc<Self>, worker: usize) -> Result<Place, Full> {
        let mut state = self.lock();
        if state.line.len() >= self.pending_max {
            return Err(Full);
        }
        let number = state.next_number;
        state.next_number += 1;
        // Between its last look and now something may have become free, of which only those before it are told.
        let is_called = state.of(worker).next().is_none();
        state.line.push_back(Waiter { number, worker, is_called, is_away: false, waker: None });
        self.pending.store(state.line.len(), Ordering::Relaxed);
        drop(state);
        Ok(Place { queue: Arc::clone(self), number, worker })
    }

    /// A connection of `worker`, which has `open` of its server, has become free. Whether it stays: the worker calls one of
    /// its own for it. If not it must end, so that another worker may open one.
    pub fn keeps(&self, worker: usize, open: usize) -> bool {
        let mut state = self.lock();
        let first = state.first(|_| true).map(|waiter| waiter.worker);
        let stays = match first {
            None => true,
            Some(first) if first == worker => true,
            Some(_) => open <= self.part() && state.of(worker).next().is_some(),
        };
        if stays {
            state.call(worker);
        }
        stays
    }

    /// Something has become free on `worker`, or may have.
    pub fn call(&self, worker: usize) {
        if self.pending() > 0 {
            self.lock().call(worker);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked has left whole counts: each change is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Those of `worker` that can be called.
    fn of(&mut self, worker: usize) -> impl Iterator<Item = &mut Waiter> {
        self.line.iter_mut().filter(move |waiter| waiter.worker == worker && !waiter.is_away)
    }

    /// The first of these that can be called; if none can, the first that will be told when it comes back.
    fn first(&mut self, of: impl Fn(&Waiter) -> bool) -> Option<&mut Waiter> {
        let at = self.line.iter().position(|waiter| of(waiter) && !waiter.is_away);
        let at = at.or_else(|| self.line.iter().position(of))?;
        self.line.get_mut(at)
    }

    /// Calls the first of `worker`.
    fn call(&mut self, worker: usize) {
        self.first(|waiter| waiter.worker == worker).into_iter().for_each(Waiter::call);
    }

    /// Calls the first of all, and the first of `worker`.
    fn call_next(&mut self, worker: usize) {
        self.first(|_| true).into_iter().for_each(Waiter::call);
        self.call(worker);
    }

    /// Calls the first behind `place`, and the first behind it of its worker.
    fn call_behind(&mut self, place: &Place) {
        self.first(|waiter| waiter.number > place.number).into_iter().for_each(Waiter::call);
        let is_own = |waiter: &Waiter| waiter.number > place.number && waiter.worker == place.worker;
        self.first(is_own).into_iter().for_each(Waiter::call);
    }

    fn step_aside(&mut self, place: &Place) {
        if let Some(waiter) = self.find(place.number).and_then(|at| self.line.get_mut(at)) {
            waiter.is_away = true;
            self.call_next(place.worker);
        }
    }

    fn find(&self, number: u64) -> Option<usize> {
        self.line.binary_search_by_key(&number, |waiter| waiter.number).ok()
    }
}

impl Waiter {
    fn call(&mut self) {
        self.is_called = true;
        self.waker.take().into_iter().for_each(Waker::wake);
    }
}

impl Place {
    /// Lets others look while this one is busy, until it waits again.
    pub fn step_aside(&self) {
        self.queue.lock().step_aside(self);
    }

    /// It was called and can make no use of what it was called for: those behind it may.
    pub fn pass_on(&self) {
        self.queue.lock().call_behind(self);
    }

    /// Waits to be called, which was done already if it was not answered yet.
    pub async fn called(&self) {
        poll_fn(|cx| {
            let mut state = self.queue.lock();
            let found = state.find(self.number);
            let Some(waiter) = found.and_then(|at| state.line.get_mut(at)) else { return Poll::Ready(()) };
            waiter.is_away = false;
            if std::mem::take(&mut waiter.is_called) {
                return Poll::Ready(());
            }
            waiter.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        if let Some(at) = state.find(self.number) {
            state.line.remove(at);
        }
        self.queue.pending.store(state.line.len(), Ordering::Relaxed);
        state.call_next(self.worker);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        if let Some(open) = state.open.get_mut(self.server) {
            *open = open.saturating_sub(1);
        }
        state.call_next(self.worker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::Context;

    fn queue(connections_max: usize, pending_max: usize) -> Arc<Queue> {
        Queue::new(2, 2, (connections_max, pending_max))
    }

    /// Whether it was called; then it has to be called again.
    fn is_called(place: &Place) -> bool {
        pin!(place.called()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn each_server_has_its_bound_and_the_line_has_its_own() {
        let queue = queue(2, 1);
        let _both = [queue.enter(0, 0, None).unwrap(), queue.enter(0, 1, None).unwrap()];
        assert!(queue.enter(0, 0, None).is_none(), "one past the bound");
        let _other = queue.enter(1, 0, None).unwrap();
        let place = queue.join(0).unwrap();
        assert_eq!((queue.join(1).unwrap_err(), queue.pending(), queue.open(0)), (Full, 1, 2));
        drop(place);
        assert_eq!((queue.pending(), queue.join(1).is_ok()), (0, true));
    }

    #[test]
    fn who_comes_first_is_called_first_and_nobody_goes_before() {
        let queue = queue(1, 10);
        let room = queue.enter(0, 0, None).unwrap();
        let places: Vec<_> = (0..3).map(|_| queue.join(0).unwrap()).collect();
        // The first looks once more at once.
        assert_eq!(places.iter().map(is_called).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(places.iter().map(is_called).collect::<Vec<_>>(), [false, false, false]);
        drop(room);
        assert!(queue.enter(0, 0, None).is_none(), "it is for who waits");
        assert_eq!(places.iter().map(is_called).collect::<Vec<_>>(), [true, false, false]);
        assert!(queue.enter(0, 0, Some(&places[0])).is_some());
    }

    #[test]
    fn a_call_is_not_lost_with_who_was_called() {
        let queue = queue(1, 10);
        let room = queue.enter(0, 0, None).unwrap();
        let mut places: VecDeque<_> = (0..3).map(|worker| queue.join(worker % 2).unwrap()).collect();
        assert_eq!(places.iter().filter(|place| is_called(place)).count(), 2, "the first of each worker");
        drop(room);
        // It leaves, called or not, and without having looked.
        for _ in 0..2 {
            places.pop_front();
            assert!(is_called(&places[0]));
        }
        drop(places);
        assert!(queue.enter(0, 0, None).is_some());
    }

    #[test]
    fn a_call_that_is_of_no_use_is_passed_on_to_those_behind() {
        let queue = queue(1, 10);
        let places: Vec<_> = [0, 0, 1, 0].map(|worker| queue.join(worker).unwrap()).into();
        let called = || places.iter().map(is_called).collect::<Vec<_>>();
        assert_eq!(called(), [true, false, true, false], "each looks once more");
        queue.call(0);
        assert_eq!(called(), [true, false, false, false]);
        places[0].pass_on();
        assert_eq!(called(), [false, true, false, false]);
        places[1].pass_on();
        assert_eq!(called(), [false, false, true, true], "the first behind it, and of its worker");
        places[3].pass_on();
        assert_eq!(called(), [false; 4], "it comes to an end");
    }

    #[test]
    fn a_connection_stays_with_its_worker_unless_that_has_more_than_its_part() {
        let queue = queue(4, 10);
        assert_eq!(queue.part(), 2);
        let others = queue.join(1).unwrap();
        assert!(!queue.keeps(0, 1), "nobody waits here");
        let own = queue.join(0).unwrap();
        assert!(is_called(&own) && is_called(&others), "the first of each worker");
        assert!(!queue.keeps(0, 3), "the other was first");
        assert!(queue.keeps(0, 2) && is_called(&own) && !is_called(&others));
        assert_eq!(queue.pending_elsewhere(0), 1);
        drop(others);
        assert!(queue.keeps(0, 3), "now it is first");
    }

    #[test]
    fn who_opens_a_connection_holds_up_nobody_and_misses_nothing() {
        let queue = queue(1, 10);
        let [first, second] = [0, 0].map(|worker| queue.join(worker).unwrap());
        assert!(is_called(&first) && !is_called(&second));
        let room = queue.enter(0, 0, Some(&first)).unwrap();
        assert!(is_called(&second), "it may look meanwhile");
        assert!(queue.keeps(0, 1) && is_called(&second), "what becomes free is for who is there");
        drop(second);
        queue.call(0);
        assert!(queue.enter(1, 0, None).is_some(), "nobody is there who could have it");
        drop(room);
        assert!(is_called(&first), "it is told when it is back");
        assert!(!is_called(&first) && queue.enter(1, 0, None).is_none(), "and has its place again");
    }

    /// Requests come, are served, leave the line called or not, and connections end, in any order.
    #[test]
    fn whatever_happens_nobody_waits_beside_a_connection_that_may_be_opened() {
        let mut chance = fastrand::Rng::with_seed(7);
        let queue = queue(3, 8);
        let (mut rooms, mut places): (Vec<Room>, Vec<Place>) = Default::default();
        for step in 0..20_000 {
            let worker = chance.usize(0..2);
            match chance.u8(0..4) {
                0 => match queue.enter(0, worker, None) {
                    Some(room) => rooms.push(room),
                    None => places.extend(queue.join(worker).ok()),
                },
                1 if !rooms.is_empty() => drop(rooms.swap_remove(chance.usize(..rooms.len()))),
                2 if !places.is_empty() => drop(places.remove(chance.usize(..places.len()))),
                _ => drop(places.pop()),
            }
            while let Some(at) = places.iter().position(is_called) {
                if let Some(room) = queue.enter(0, places[at].worker, Some(&places[at])) {
                    rooms.push(room);
                    places.remove(at);
                }
            }
            assert!(places.is_empty() || rooms.len() == 3, "{step}: {} wait, {} are open", places.len(), rooms.len());
            assert_eq!((queue.pending(), queue.open(0)), (places.len(), rooms.len()));
        }
    }
}
