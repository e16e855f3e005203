//! The HTTP/2 connections of one worker to one server, and the places on them. A new one is opened when all are full,
//! by one task for all who wait, and a connection that may be lost takes no more requests.

use super::super::connect::{ConnectFault, Endpoint};
use super::super::exchange::{Exchange, Timeouts};
use super::super::pool::Home;
use super::super::queue::{Queue, Room};
use super::line::{self, Line};
use crate::config::bounds::{
    UPSTREAM_IDLE_MAX, UPSTREAM_RESETS_MAX, UPSTREAM_SESSIONS_LEAVING_MAX, UPSTREAM_SESSIONS_MAX, UPSTREAM_STREAMS_MAX,
};
use crate::net::thread;
use bytes::Bytes;
use h2::client::SendRequest;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::Notify;

/// All connections to one server.
pub(in super::super) struct Sessions {
    endpoint: Arc<Endpoint>,
    /// Its number in the queue.
    number: usize,
    queue: Arc<Queue>,
    timeouts: Timeouts,
    home: Home,
    /// Those that take requests.
    open: RefCell<Vec<Rc<Session>>>,
    /// How many there are, with those that finish what they have.
    count: Rc<Cell<usize>>,
    opening: RefCell<Option<Rc<Opening>>>,
    /// Of exchanges that are over.
    spare: RefCell<Vec<Rc<Exchange>>>,
}

/// One connection, as those see it who send requests on it. When the last of them has gone, it ends.
pub(super) struct Session {
    pub(super) sender: RefCell<SendRequest<Bytes>>,
    line: Rc<Line>,
    peer: SocketAddr,
    count: Rc<Cell<usize>>,
    active: Cell<usize>,
    resets: Cell<usize>,
    is_retired: Cell<bool>,
    /// Behind all others: whoever is called when it goes finds everything counted.
    _room: Room,
}

/// A connection that is being opened, and who waits for it.
#[derive(Default)]
struct Opening {
    outcome: Cell<Option<Result<(), ConnectFault>>>,
    decided: Notify,
}

/// Tells those who wait, whatever becomes of the task that opens.
struct Opener {
    sessions: Rc<Sessions>,
    opening: Rc<Opening>,
}

/// A place on a connection, for one exchange.
pub(in super::super) struct Ticket {
    pub(super) session: Rc<Session>,
    pub(super) sessions: Rc<Sessions>,
    /// Both directions have come to their end.
    pub(super) is_complete: bool,
}

impl Sessions {
    /// No connections yet.
    pub(in super::super) fn new(
        (number, endpoint): (usize, Arc<Endpoint>),
        queue: Arc<Queue>,
        timeouts: Timeouts,
        home: Home,
    ) -> Rc<Self> {
        let (open, count, opening, spare) = Default::default();
        Rc::new(Self { endpoint, number, queue, timeouts, home, open, count, opening, spare })
    }

    /// A place on a connection that has one, or on a new one; `None` where there may be no more of them.
    pub(in super::super) async fn ticket(self: &Rc<Self>) -> Result<Option<Ticket>, ConnectFault> {
        // Others may take all places of a connection that was waited for.
        for _ in 0..=UPSTREAM_SESSIONS_MAX {
            if let Some(ticket) = self.find() {
                return Ok(Some(ticket));
            }
            if !self.may_open() {
                break;
            }
            self.opening().outcome().await?;
        }
        Ok(None)
    }

    /// Whether there may be one more connection. Every worker has its even part of them, and one at least: what they carry
    /// cannot be handed from one worker to another.
    pub(in super::super) fn may_open(&self) -> bool {
        let most = self.queue.part().clamp(1, UPSTREAM_SESSIONS_MAX);
        // Those that take no more requests may last as long as the answers on them do.
        self.open.borrow().len() < most && self.count.get() < most + UPSTREAM_SESSIONS_LEAVING_MAX
    }

    /// Requests under way.
    pub(in super::super) fn active(&self) -> usize {
        self.open.borrow().iter().map(|session| session.active.get()).sum()
    }

    /// Forgets connections that have ended, and those to addresses that are not the server's any more.
    pub(in super::super) fn sweep(&self) {
        let is_there = |session: &Rc<Session>| self.endpoint.addresses().contain(session.peer);
        let ended = |session: &mut Rc<Session>| !session.line.seems_open() || !is_there(session);
        let ended: Vec<_> = self.open.borrow_mut().extract_if(.., ended).collect();
        drop(ended);
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What bounds an exchange that begins now.
    pub(super) fn exchange(&self) -> Rc<Exchange> {
        let spare = self.spare.borrow_mut().pop();
        spare.unwrap_or_else(|| Rc::new(Exchange::new(self.home.deadlines.deadline(), self.timeouts)))
    }

    /// Takes back what bounded an exchange that is over.
    pub(super) fn keep(&self, exchange: Rc<Exchange>) {
        let mut spare = self.spare.borrow_mut();
        if Rc::strong_count(&exchange) == 1 && spare.len() < UPSTREAM_IDLE_MAX {
            exchange.finish();
            spare.push(exchange);
        }
    }

    /// A place on the first connection that has one: so the last ones become idle when there are too many.
    pub(in super::super) fn find(self: &Rc<Self>) -> Option<Ticket> {
        let mut open = self.open.borrow_mut();
        open.retain(|session| session.is_usable());
        let session = open.iter().find(|session| session.has_room())?;
        session.active.set(session.active.get() + 1);
        session.line.deadline.clear();
        Some(Ticket { session: Rc::clone(session), sessions: Rc::clone(self), is_complete: false })
    }

    /// The connection that is being opened. Its task belongs to no request: whose client leaves takes nothing from others.
    fn opening(self: &Rc<Self>) -> Rc<Opening> {
        let mut current = self.opening.borrow_mut();
        let opening = current.get_or_insert_with(|| {
            let opener = Opener { sessions: Rc::clone(self), opening: Rc::default() };
            let opening = Rc::clone(&opener.opening);
            thread::beside(opener.open());
            opening
        });
        Rc::clone(opening)
    }
}

impl Opener {
    async fn open(self) {
        let Sessions { endpoint, home, .. } = &*self.sessions;
        let counters = home.metrics.worker(home.worker);
        counters.upstream_connects.add(1);
        let outcome = match line::open(endpoint).await {
            Ok((sender, connection, peer)) => {
                let line = Line::new(connection, home.deadlines.deadline());
                thread::beside(Rc::clone(&line).work());
                line.deadline.set(self.sessions.timeouts.idle);
                let Sessions { queue, number, count, open, .. } = &*self.sessions;
                open.borrow_mut().push(Session::new((sender, line, peer), count, queue.count(*number, home.worker)));
                Ok(())
            }
            Err(fault) => {
                counters.connect_failed(fault);
                Err(fault)
            }
        };
        self.opening.outcome.set(Some(outcome));
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        let Sessions { opening, queue, home, .. } = &*self.sessions;
        drop(opening.take());
        if self.opening.outcome.get().is_none() {
            self.opening.outcome.set(Some(Err(ConnectFault::Refused)));
        }
        self.opening.decided.notify_waiters();
        queue.call(home.worker);
    }
}

impl Opening {
    async fn outcome(&self) -> Result<(), ConnectFault> {
        loop {
            let decided = self.decided.notified();
            if let Some(outcome) = self.outcome.get() {
                return outcome;
            }
            decided.await;
        }
    }
}

impl Session {
    fn new(
        (sender, line, peer): (SendRequest<Bytes>, Rc<Line>, SocketAddr),
        count: &Rc<Cell<usize>>,
        room: Room,
    ) -> Rc<Self> {
        count.set(count.get() + 1);
        Rc::new(Self {
            sender: RefCell::new(sender),
            line,
            peer,
            count: Rc::clone(count),
            active: Cell::new(0),
            resets: Cell::new(0),
            is_retired: Cell::new(false),
            _room: room,
        })
    }

    /// From now on it takes no more requests; those that it has may end.
    pub(super) fn retire(&self) {
        self.is_retired.set(true);
    }

    /// Whether it takes requests: neither side has said that it is about to leave.
    fn is_usable(&self) -> bool {
        let is_open = || if self.active.get() == 0 { self.line.is_open() } else { self.line.seems_open() };
        let mut cx = Context::from_waker(Waker::noop());
        !self.is_retired.get()
            && is_open()
            && !matches!(self.sender.borrow_mut().poll_ready(&mut cx), Poll::Ready(Err(_)))
    }

    /// Whether it takes another one now.
    fn has_room(&self) -> bool {
        self.active.get() < self.sender.borrow().current_max_send_streams().min(UPSTREAM_STREAMS_MAX)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.line.deadline.set(LINGER);
        self.count.set(self.count.get().saturating_sub(1));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let session = &self.session;
        session.active.set(session.active.get().saturating_sub(1));
        if session.active.get() == 0 {
            session.line.deadline.set(self.sessions.timeouts.idle);
        }
        if !self.is_complete {
            session.resets.set(session.resets.get() + 1);
            if session.resets.get() >= UPSTREAM_RESETS_MAX {
                session.retire();
            }
        }
        self.sessions.queue.call(self.sessions.home.worker);
    }
}

/// What a connection has for its farewell.
const LINGER: Duration = Duration::from_secs(1);
