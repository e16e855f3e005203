//! Which server a request goes to, and the connections to it, as one worker has them. With `connection` this is the
//! whole interface of the upstream side: check out, send, stream the body, give back.

use super::super::http1::buffers::Buffers;
use super::choice::{self, Candidate, Chance};
use super::connect::{ConnectFault, Turn};
use super::connection::{Connection, Peer};
use super::exchange::{Exchange, Timeouts};
use super::health::{Failure, Fitness};
use super::http2::session::{Sessions, Ticket};
use super::queue::{Place, Queue};
use super::retry::Budget;
use super::server::{Link, Server};
use crate::clock::Clock;
use crate::config;
use crate::gateway::observe::metrics::Metrics;
use crate::gateway::policy::Endpoints;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::net::deadline::{Deadlines, Moment};
use crate::net::patience::Pace;
use http::StatusCode;
use smallvec::SmallVec;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// One upstream and its servers.
pub struct Upstream {
    settings: Arc<config::upstreams::Upstream>,
    servers: Vec<Rc<Server>>,
    queue: Arc<Queue>,
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

/// The servers that gave a request no connection: it tries none twice, however often it looks.
#[derive(Default)]
struct Tried {
    failed: SmallVec<[usize; 4]>,
    /// Why the last of them did not.
    reason: Option<Reason>,
}

/// Why there is no way to a server.
enum NoLink {
    /// All connections that there may be are in use.
    Busy,
    /// This is what becomes of the request.
    Refused(Refusal),
}

impl Upstream {
    /// An upstream without connections. `pace` is the client's within a request body.
    pub fn new((settings, endpoints): (&Arc<config::upstreams::Upstream>, &Endpoints), pace: Pace, home: Home) -> Self {
        let timeouts = Timeouts { response: settings.response_timeout, idle: settings.idle_timeout, pace };
        let queue = &endpoints.queue;
        let server = |numbered| Server::new(numbered, queue, timeouts, &home);
        let servers = endpoints.servers.iter().enumerate().map(server).collect();
        let seed = (Arc::as_ptr(settings) as usize).wrapping_add(home.worker);
        let (chance, budget) = (Chance::new(seed as u64), Budget::default());
        Self { servers, queue: Arc::clone(queue), chance, budget, timeouts, home, settings: Arc::clone(settings) }
    }

    /// The settings that it was made from.
    pub fn settings(&self) -> &Arc<config::upstreams::Upstream> {
        &self.settings
    }

    /// Closes connections that have been idle for too long. Call it now and then.
    pub fn sweep(&self) {
        self.servers.iter().for_each(|server| server.sweep());
    }

    /// Closes idle connections of this worker while requests of others wait for as many. Call it more often.
    pub fn relieve(&self) {
        if self.queue.pending() > 0 {
            self.servers.iter().for_each(|server| server.relieve());
        }
    }

    /// A usable way to a server, which is chosen, or to another one if it has and gets none. Where all have as many
    /// connections as they may the request waits for its turn, behind those that wait already.
    pub(super) async fn check_out(&self, end: Moment) -> Result<(Link, Rc<Server>), Refusal> {
        let mut tried = Tried::default();
        if !self.queue.has_pending(self.home.worker) {
            match self.find(&mut tried, None, end).await {
                Ok(found) => return Ok(found),
                Err(NoLink::Refused(refusal)) => return Err(refusal),
                Err(NoLink::Busy) => {}
            }
        }
        // Boxed, so that requests that need not wait carry no room for it.
        Box::pin(self.wait(tried, end)).await
    }

    async fn find(
        &self,
        tried: &mut Tried,
        waiting: Option<&Place>,
        end: Moment,
    ) -> Result<(Link, Rc<Server>), NoLink> {
        let mut is_busy = false;
        let mut looked_at = tried.failed.clone();
        while let Some((number, server)) = self.choose(&looked_at) {
            looked_at.push(number);
            let found = match &server.sessions {
                Some(sessions) => self.ticket(sessions, waiting, end).await.map(|ticket| ticket.map(Link::Ticket)),
                None => self.connection(server, waiting, end).await.map(|connection| connection.map(Link::Connection)),
            };
            match found {
                Ok(Some(link)) => return Ok((link, Rc::clone(server))),
                Ok(None) => is_busy = true,
                // Which says nothing of the server: the time may have gone elsewhere.
                Err(Reason::UpstreamLate) => return Err(NoLink::Refused(Reason::UpstreamLate.into())),
                Err(reason) => {
                    self.failed(server, reason);
                    tried.failed.push(number);
                    tried.reason = Some(reason);
                }
            }
        }
        let refusal = || tried.reason.map_or_else(Refusal::upstream_down, Refusal::from);
        Err(if is_busy { NoLink::Busy } else { NoLink::Refused(refusal()) })
    }

    /// In the line until there is a way, or none, or it took too long.
    async fn wait(&self, mut tried: Tried, end: Moment) -> Result<(Link, Rc<Server>), Refusal> {
        let counters = self.home.metrics.worker(self.home.worker);
        let Ok(place) = self.queue.join(self.home.worker) else {
            counters.upstream_pending_full.add(1);
            return Err(Refusal::upstream_busy());
        };
        let (patience, left) = (self.settings.pending_timeout, self.home.deadlines.until(end));
        let (patience, refusal) = match left.filter(|left| *left < patience) {
            Some(left) => (left, Reason::UpstreamLate.into()),
            None => (patience, Refusal::upstream_busy()),
        };
        let mut late = pin!(tokio::time::sleep(patience));
        loop {
            tokio::select! {
                biased;
                () = &mut late => {
                    counters.upstream_pending_late.add(1);
                    return Err(refusal);
                }
                () = place.called() => {}
            }
            match self.find(&mut tried, Some(&place), end).await {
                Ok(found) => return Ok(found),
                Err(NoLink::Refused(refusal)) => return Err(refusal),
                Err(NoLink::Busy) if tried.failed.is_empty() => {}
                // It may have been called for a server that it does not ask again.
                Err(NoLink::Busy) => place.pass_on(),
            }
        }
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

    /// By when an exchange that begins now must be over, if it has so long.
    pub(super) fn end(&self, timeout: Option<Duration>) -> Moment {
        self.home.deadlines.after(timeout)
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

    /// A connection to `server`, idle or new; `None` where it has as many as it may.
    async fn connection(
        &self,
        server: &Rc<Server>,
        waiting: Option<&Place>,
        end: Moment,
    ) -> Result<Option<Box<Connection>>, Reason> {
        if let Some(connection) = poll_fn(|cx| Poll::Ready(server.take_idle(cx))).await {
            return Ok(Some(connection));
        }
        let Some(slot) = server.slot(waiting) else { return Ok(None) };
        let counters = self.home.metrics.worker(self.home.worker);
        counters.upstream_connects.add(1);
        let version = server.version();
        let opened = async {
            let opened = server.endpoint.open().await;
            opened.inspect_err(|fault| counters.connect_failed(*fault))
        };
        // Boxed, so that requests which find a connection carry no room for it.
        let (transport, address) = Box::pin(self.by(end, opened)).await?;
        let peer = Peer { address, version };
        let exchange = Exchange::new(self.home.deadlines.deadline(), self.timeouts);
        Ok(Some(Connection::new((transport, peer), exchange, self.home.buffers.clone(), slot)))
    }

    /// A place on a connection of HTTP/2, idle or new; `None` where there may be no more of them.
    async fn ticket(
        &self,
        sessions: &Rc<Sessions>,
        waiting: Option<&Place>,
        end: Moment,
    ) -> Result<Option<Ticket>, Reason> {
        if let Some(ticket) = sessions.find() {
            return Ok(Some(ticket));
        }
        if let Some(place) = waiting.filter(|_| sessions.may_open()) {
            place.step_aside();
        }
        Box::pin(self.by(end, sessions.ticket())).await
    }

    /// What becomes of `opening`, if that is by `end`.
    async fn by<T>(&self, end: Moment, opening: impl Future<Output = Result<T, ConnectFault>>) -> Result<T, Reason> {
        let opened = match self.home.deadlines.until(end) {
            None => opening.await,
            Some(left) => tokio::time::timeout(left, opening).await.map_err(|_late| Reason::UpstreamLate)?,
        };
        opened.map_err(Reason::from)
    }
}
