//! Which server a request goes to, and the connections to it, as one worker has them. With `connection` this is the
//! whole interface of the upstream side: check out, send, stream the body, give back.

use super::super::http1::buffers::Buffers;
use super::body::ResponseBody;
use super::choice::{self, Candidate, Chance};
use super::connect::{ConnectFault, Endpoint, Turn};
use super::connection::{Connection, SendFault};
use super::exchange::{Exchange, Timeouts};
use super::health::{Failure, Fitness};
use super::http2::session::{Sessions, Ticket};
use super::retry::Budget;
use super::sending::Outgoing;
use crate::clock::Clock;
use crate::config;
use crate::config::limits::{UPSTREAM_CONNECTIONS_MAX, UPSTREAM_IDLE_MAX};
use crate::config::upstreams::Protocol;
use crate::gateway::observe::metrics::Metrics;
use crate::gateway::policy::Endpoints;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::net::deadline::Deadlines;
use crate::net::patience::Pace;
use http::{Response, StatusCode};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// One upstream and its servers.
pub struct Upstream {
    settings: Arc<config::upstreams::Upstream>,
    servers: Vec<Rc<Server>>,
    chance: Chance,
    budget: Budget,
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
    /// Its time.
    pub clock: Clock,
}

/// One server: its idle connections, the last one used on top.
pub(super) struct Server {
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
    /// An upstream without connections. `pace` is the client's within a request body.
    pub fn new((settings, endpoints): (&Arc<config::upstreams::Upstream>, &Endpoints), pace: Pace, home: Home) -> Self {
        let timeouts = Timeouts { response: settings.response_timeout, idle: settings.idle_timeout, pace };
        let server = |endpoint: &Arc<Endpoint>| {
            let sessions = match endpoint.protocol() {
                Protocol::Http1 => None,
                Protocol::Http2 => Some(Sessions::new(Arc::clone(endpoint), timeouts, home.clone())),
            };
            let endpoint = Arc::clone(endpoint);
            Rc::new(Server { endpoint, idle: RefCell::default(), open: Cell::new(0), sessions })
        };
        let servers = endpoints.iter().map(server).collect();
        let seed = (Arc::as_ptr(settings) as usize).wrapping_add(home.worker);
        let (chance, budget) = (Chance::new(seed as u64), Budget::default());
        Self { servers, chance, budget, timeouts, home, settings: Arc::clone(settings) }
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

    /// A usable way to a server, which is chosen, or to another one if it has and gets none.
    pub(super) async fn check_out(&self) -> Result<(Link, Rc<Server>), Refusal> {
        let mut refusal = Refusal::upstream_down();
        let mut tried = SmallVec::<[usize; 4]>::new();
        while let Some((place, server)) = self.choose(&tried) {
            tried.push(place);
            if let Some(sessions) = &server.sessions {
                match sessions.ticket().await {
                    Ok(ticket) => return Ok((Link::Ticket(ticket), Rc::clone(server))),
                    Err(other) => {
                        self.failed(server, other.reason());
                        refusal = other;
                    }
                }
                continue;
            }
            if let Some(connection) = poll_fn(|cx| Poll::Ready(server.take_idle(cx))).await {
                return Ok((Link::Connection(connection), Rc::clone(server)));
            }
            if server.open.get() >= UPSTREAM_CONNECTIONS_MAX {
                continue;
            }
            match self.connect(server).await {
                Ok(connection) => return Ok((Link::Connection(connection), Rc::clone(server))),
                Err(fault) => {
                    let reason = Reason::from(fault);
                    self.failed(server, reason);
                    refusal = reason.into();
                }
            }
        }
        Err(refusal)
    }

    fn choose(&self, tried: &[usize]) -> Option<(usize, &Rc<Server>)> {
        let now = || self.home.clock.instant();
        // Most have one server, or all in good health: then nobody looks at the time.
        let candidate = |(place, server): (usize, &Rc<Server>)| {
            let is_left = !tried.contains(&place);
            is_left.then(|| Candidate {
                place,
                weight: server.endpoint.weight(),
                load: server.load(),
                fitness: server.endpoint.health.fitness(now),
            })
        };
        let place = match &*self.servers {
            [only] => (tried.is_empty() && only.endpoint.health.fitness(now) != Fitness::Out).then_some(0)?,
            servers => {
                let candidates: SmallVec<[Candidate; 8]> = servers.iter().enumerate().filter_map(candidate).collect();
                choice::choose(&candidates, &self.chance)?
            }
        };
        self.servers.get(place).map(|server| (place, server))
    }

    /// A request is sent for the first time.
    pub(super) fn begins(&self) {
        self.budget.earn();
    }

    /// Whether one more request may be sent again.
    pub(super) fn may_retry(&self) -> bool {
        let counters = self.home.metrics.worker(self.home.worker);
        let may = self.budget.spend();
        if may { &counters.upstream_retries } else { &counters.upstream_retries_refused }.add(1);
        may
    }

    /// `server` has answered. These three a gateway says for a server behind it that does not work (RFC 9110 §15.6).
    pub(super) fn answered(&self, server: &Server, status: StatusCode) {
        if matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT) {
            self.count_failure(server, Failure::Answer);
        } else if server.endpoint.health.succeeded(|| self.home.clock.instant()) {
            server.endpoint.turned(Turn::Back);
        }
    }

    /// `server` was asked and did not answer. What a client did is not its fault.
    pub(super) fn failed(&self, server: &Server, reason: Reason) {
        if matches!(reason, Reason::UpstreamRefused | Reason::UpstreamUntrusted | Reason::UpstreamHandshake) {
            self.count_failure(server, Failure::Connect);
        } else if matches!(reason, Reason::UpstreamInvalid | Reason::UpstreamLate) {
            self.count_failure(server, Failure::Answer);
        }
    }

    fn count_failure(&self, server: &Server, failure: Failure) {
        let now = self.home.clock.instant();
        // Never more than half of them because of their answers: the fault may be the request's, or that of what is behind them.
        let may_eject = || {
            let out = self.servers.iter().filter(|server| server.endpoint.health.is_out(now)).count();
            (out + 1) * 2 <= self.servers.len()
        };
        if server.endpoint.health.failed(failure, now, may_eject) {
            self.home.metrics.worker(self.home.worker).upstream_ejections.add(1);
            server.endpoint.turned(Turn::Ejected);
        }
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
    /// Requests that it is working on for this worker.
    fn load(&self) -> usize {
        let shared = self.sessions.as_ref().map_or(0, |sessions| sessions.active());
        shared + self.open.get().saturating_sub(self.idle.borrow().len())
    }

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
