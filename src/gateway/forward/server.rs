//! One server as one worker has it: its connections, those that rest and those that are at work.

use super::body::Response;
use super::connect::Endpoint;
use super::connection::{Connection, Peer, SendFault};
use super::exchange::Timeouts;
use super::http2::session::{Sessions, Ticket};
use super::pool::Home;
use super::queue::{Place, Queue, Room};
use super::sending::Outgoing;
use crate::config::bounds::UPSTREAM_IDLE_MAX;
use crate::config::upstreams::Protocol;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Context;

/// One server: its idle connections, the last one used on top.
pub(super) struct Server {
    pub(super) endpoint: Arc<Endpoint>,
    #[expect(
        clippy::vec_box,
        reason = "a connection changes hands twice a request: eight bytes instead of two hundred"
    )]
    idle: RefCell<Vec<Box<Connection>>>,
    open: Cell<usize>,
    /// Of its addresses, when they were last looked at. It costs more to look than to be late by a second.
    version: Cell<u64>,
    /// Where it is spoken to by HTTP/2.
    pub(super) sessions: Option<Rc<Sessions>>,
    queue: Arc<Queue>,
    /// Its number in the queue, and the worker's.
    numbers: (usize, usize),
}

/// A way to a server for one exchange.
pub(super) enum Link {
    /// A connection that is the exchange's own.
    Connection(Box<Connection>),
    /// A place on a connection that many share.
    Ticket(Ticket),
}

/// Counts an open connection of a server for as long as it exists. Weak, because the server owns its idle connections:
/// after a reload without it, both must go.
pub(super) struct Slot {
    server: Weak<Server>,
    /// Behind the other: whoever is called when it goes finds everything counted.
    _room: Room,
}

impl Server {
    /// The server of this number among those of `queue`, without connections.
    pub(super) fn new(
        (number, endpoint): (usize, &Arc<Endpoint>),
        queue: &Arc<Queue>,
        timeouts: Timeouts,
        home: &Home,
    ) -> Rc<Self> {
        let sessions = match endpoint.protocol() {
            Protocol::Http1 => None,
            Protocol::Http2 => {
                Some(Sessions::new((number, Arc::clone(endpoint)), Arc::clone(queue), timeouts, home.clone()))
            }
        };
        Rc::new(Self {
            endpoint: Arc::clone(endpoint),
            idle: RefCell::default(),
            open: Cell::new(0),
            version: Cell::new(endpoint.addresses().version()),
            sessions,
            queue: Arc::clone(queue),
            numbers: (number, home.worker),
        })
    }

    /// Requests that it is working on for this worker.
    pub(super) fn load(&self) -> usize {
        let shared = self.sessions.as_ref().map_or(0, |sessions| sessions.active());
        shared + self.open.get().saturating_sub(self.idle.borrow().len())
    }

    /// The idle connection that was used last and still works.
    pub(super) fn take_idle(&self, cx: &mut Context<'_>) -> Option<Box<Connection>> {
        loop {
            // The borrow ends before an ended connection is dropped.
            let mut connection = self.idle.borrow_mut().pop()?;
            if connection.is_usable(cx) {
                return Some(connection);
            }
        }
    }

    /// Room for a connection, if there may be one more.
    pub(super) fn slot(self: &Rc<Self>, place: Option<&Place>) -> Option<Slot> {
        let (number, worker) = self.numbers;
        let room = self.queue.enter(number, worker, place)?;
        self.open.set(self.open.get() + 1);
        Some(Slot { server: Rc::downgrade(self), _room: room })
    }

    /// The version of its addresses that its connections go by.
    pub(super) fn version(&self) -> u64 {
        self.version.get()
    }

    /// Closes connections that have been idle for too long, or lead to an address that is not the server's any more.
    pub(super) fn sweep(&self) {
        self.version.set(self.endpoint.addresses().version());
        let is_over = |connection: &mut Box<Connection>| connection.is_stale() || !self.is_there(connection);
        let over: Vec<_> = self.idle.borrow_mut().extract_if(.., is_over).collect();
        drop(over);
        self.sessions.iter().for_each(|sessions| sessions.sweep());
    }

    /// Closes idle connections, the longest idle first, for requests of other workers that wait for as many.
    pub(super) fn relieve(&self) {
        let wanted = self.queue.pending_elsewhere(self.numbers.1);
        if wanted > 0 {
            let mut idle = self.idle.borrow_mut();
            let count = wanted.min(idle.len());
            let spared: Vec<_> = idle.drain(..count).collect();
            drop(idle);
            drop(spared);
        }
    }

    /// Whether the address that it leads to is still the server's.
    fn is_there(&self, connection: &mut Connection) -> bool {
        let Peer { address, version } = &mut connection.peer;
        // Looked at once for each set of addresses.
        *version == self.version.get() || {
            *version = self.version.get();
            self.endpoint.addresses().contain(*address)
        }
    }

    fn keep(&self, mut connection: Box<Connection>) {
        if !self.is_there(&mut connection) {
            return;
        }
        if self.queue.pending() > 0 && !self.queue.keeps(self.numbers.1, self.open.get()) {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        if idle.len() < UPSTREAM_IDLE_MAX {
            idle.push(connection);
        }
    }
}

impl Link {
    /// Sends a request and waits for the head of its response.
    pub(super) async fn send(self, outgoing: &mut Outgoing<'_>) -> Result<Response, SendFault> {
        match self {
            Self::Connection(connection) => connection.send(outgoing).await,
            // Boxed, so that exchanges without HTTP/2 carry no room for it.
            Self::Ticket(ticket) => Box::pin(ticket.send(outgoing)).await,
        }
    }
}

impl Slot {
    /// Keeps `connection` for the next request to its server.
    pub(super) fn give_back(connection: Box<Connection>) {
        if let Some(server) = connection.slot.server.upgrade() {
            server.keep(connection);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(server) = self.server.upgrade() {
            server.open.set(server.open.get().saturating_sub(1));
        }
    }
}
