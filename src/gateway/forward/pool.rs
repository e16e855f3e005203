//! Which server a request goes to, and the connections to it, as one worker has them. With `connection` this is the
//! whole interface of the upstream side: check out, send, stream the body, give back.

use super::super::http1::buffers::Buffers;
use super::body::{Exchange, ResponseBody, Timeouts};
use super::connect::{ConnectFault, Endpoint};
use super::connection::{Connection, Outgoing, SendFault};
use super::http2::session::{Sessions, Ticket};
use crate::config;
use crate::config::limits::{UPSTREAM_CONNECTIONS_MAX, UPSTREAM_IDLE_MAX};
use crate::config::upstreams::Protocol;
use crate::gateway::observe::metrics::Metrics;
use crate::gateway::policy::Endpoints;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::net::deadline::Deadlines;
use http::Response;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// One upstream: its servers, asked in turn.
pub struct Upstream {
    settings: Arc<config::upstreams::Upstream>,
    servers: Vec<Rc<Server>>,
    next: Cell<usize>,
    timeouts: Timeouts,
    home: Home,
}

/// The worker that an upstream's connections belong to.
#[derive(Clone)]
pub struct Home {
    /// The worker's number.
    pub worker: usize,
    /// Its deadlines.
    pub deadlines: Deadlines,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
    /// What it reads into.
    pub buffers: Buffers,
}

/// One server: its idle connections, the last one used on top.
struct Server {
    endpoint: Arc<Endpoint>,
    #[expect(
        clippy::vec_box,
        reason = "a connection changes hands twice a request: eight bytes instead of two hundred"
    )]
    idle: RefCell<Vec<Box<Connection>>>,
    open: Cell<usize>,
    /// Where it is spoken to by HTTP/2.
    sessions: Option<Rc<Sessions>>,
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
pub(super) struct Slot(Weak<Server>);

impl Upstream {
    /// An upstream without connections. `stall` bounds the client's silence within a request body.
    pub fn new(
        (settings, endpoints): (&Arc<config::upstreams::Upstream>, &Endpoints),
        stall: Duration,
        home: Home,
    ) -> Self {
        let timeouts = Timeouts { response: settings.response_timeout, idle: settings.idle_timeout, stall };
        let server = |endpoint: &Arc<Endpoint>| {
            let sessions = match endpoint.protocol() {
                Protocol::Http1 => None,
                Protocol::Http2 => Some(Sessions::new(Arc::clone(endpoint), timeouts, home.clone())),
            };
            let endpoint = Arc::clone(endpoint);
            Rc::new(Server { endpoint, idle: RefCell::default(), open: Cell::new(0), sessions })
        };
        let servers = endpoints.iter().map(server).collect();
        Self { servers, next: Cell::new(0), timeouts, home, settings: Arc::clone(settings) }
    }

    /// The settings that it was made from.
    pub fn settings(&self) -> &Arc<config::upstreams::Upstream> {
        &self.settings
    }

    /// Closes connections that have been idle for too long. Call it now and then.
    pub fn sweep(&self) {
        let cx = Context::from_waker(Waker::noop());
        for server in &self.servers {
            server.idle.borrow_mut().retain(|connection| !connection.is_stale(&cx));
            server.sessions.iter().for_each(|sessions| sessions.sweep());
        }
    }

    /// A usable way to the next server that has or gets one.
    pub(super) async fn check_out(&self) -> Result<Link, Refusal> {
        let first = self.next.get();
        self.next.set((first + 1) % self.servers.len().max(1));
        let mut refusal = Refusal::upstream_down();
        for server in self.servers.iter().cycle().skip(first).take(self.servers.len()) {
            if let Some(sessions) = &server.sessions {
                match sessions.ticket().await {
                    Ok(ticket) => return Ok(Link::Ticket(ticket)),
                    Err(other) => refusal = other,
                }
                continue;
            }
            if let Some(connection) = poll_fn(|cx| Poll::Ready(server.take_idle(cx))).await {
                return Ok(Link::Connection(connection));
            }
            if server.open.get() >= UPSTREAM_CONNECTIONS_MAX {
                continue;
            }
            match self.connect(server).await {
                Ok(connection) => return Ok(Link::Connection(connection)),
                Err(fault) => refusal = Reason::from(fault).into(),
            }
        }
        Err(refusal)
    }

    async fn connect(&self, server: &Rc<Server>) -> Result<Box<Connection>, ConnectFault> {
        let slot = Slot::new(server);
        let counters = self.home.metrics.worker(self.home.worker);
        counters.upstream_connects.add(1);
        match server.endpoint.open(server.endpoint.address()).await {
            Ok(transport) => {
                let exchange = Exchange::new(self.home.deadlines.deadline(), self.timeouts);
                Ok(Connection::new(transport, exchange, self.home.buffers.clone(), slot))
            }
            Err(fault) => {
                counters.connect_failed(fault);
                Err(fault)
            }
        }
    }
}

impl Link {
    /// Sends a request and waits for the head of its response.
    pub(super) async fn send(self, outgoing: &mut Outgoing<'_>) -> Result<Response<ResponseBody>, SendFault> {
        match self {
            Self::Connection(connection) => connection.send(outgoing).await,
            // Boxed, so that exchanges without HTTP/2 carry no room for it.
            Self::Ticket(ticket) => Box::pin(ticket.send(outgoing)).await,
        }
    }
}

impl Server {
    fn take_idle(&self, cx: &mut Context<'_>) -> Option<Box<Connection>> {
        loop {
            // The borrow ends before an ended connection is dropped.
            let mut connection = self.idle.borrow_mut().pop()?;
            if connection.is_usable(cx) {
                return Some(connection);
            }
        }
    }
}

impl Slot {
    fn new(server: &Rc<Server>) -> Self {
        server.open.set(server.open.get() + 1);
        Self(Rc::downgrade(server))
    }

    /// Keeps `connection` for the next request to its server.
    pub(super) fn give_back(connection: Box<Connection>) {
        if let Some(server) = connection.slot.0.upgrade() {
            let mut idle = server.idle.borrow_mut();
            if idle.len() < UPSTREAM_IDLE_MAX {
                idle.push(connection);
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(server) = self.0.upgrade() {
            server.open.set(server.open.get().saturating_sub(1));
        }
    }
}
