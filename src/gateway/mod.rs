//! The data path, in the order in which a request passes it. `pipeline` has it on one screen.

pub mod answer;
pub mod arrival;
pub mod assertion;
pub mod authorize;
pub mod body;
pub mod certificate;
pub mod connection;
pub mod cors;
pub mod credentials;
pub mod envelope;
pub mod explain;
pub mod forward;
pub mod forwarded;
pub mod http1;
pub mod http2;
pub mod interaction;
pub mod interim;
pub mod observe;
pub mod options;
mod percent;
pub mod pipeline;
pub mod policy;
pub mod quotas;
pub mod read;
pub mod reason;
pub mod refusal;
pub mod request;
pub mod resource;
pub mod respond;
pub mod rewrite;
pub mod route;
mod rules;
pub mod shadow;
pub mod texts;
mod tunnel;
pub mod upgrade;
pub mod verify;
pub mod via;
mod witness;

use crate::clock::Clock;
use crate::net::activity::{Activity, Timeouts};
use crate::net::admission::Admission;
use crate::net::deadline::Deadlines;
use crate::state::revocations::Revocations;
use crate::state::shared::Store;
use crate::state::shared::link::Link;
use arc_swap::{ArcSwap, Cache};
use assertion::Asserter;
use forward::pool::{Home, Upstream};
use http1::answer::DateLine;
use http1::buffers::Buffers;
use http1::head::HeadBounds;
use interaction::InteractionIds;
use observe::access_log::{HandedOver, LogBuffer};
use observe::audit::{self, Audit};
use observe::metrics::{Metrics, WorkerMetrics};
use observe::stamp::Seconds;
use observe::trace::{Counts, Spans};
use policy::{Endpoints, Policy};
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use upgrade::Tunnels;
use witness::Waiting;

/// What all workers and the control thread share.
pub struct Shared {
    /// The policy in force; replaced whole.
    pub policy: Arc<ArcSwap<Policy>>,
    /// Tokens that are not accepted any more.
    pub revocations: Arc<Revocations>,
    /// Where other gateways agree with this one; `None`: there are no others.
    pub store: Option<Arc<Store>>,
    /// What became of security events.
    pub events: verify::events::record::Record,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Where decisions are written down, if anywhere.
    pub audit: Option<Audit>,
    /// What became of spans.
    pub spans: Arc<Counts>,
    /// Open client connections.
    pub admission: Arc<Admission>,
    /// Those among them that speak something else than HTTP.
    pub tunnels: Arc<Tunnels>,
    /// Grows when other authorities' client certificates are good: whoever was let in before has to come anew.
    pub doors: AtomicU64,
    /// Time.
    pub clock: Clock,
}

/// What a client connection may hold.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Of each request's head.
    pub head: HeadBounds,
    /// Requests at a time on an HTTP/2 connection.
    pub streams_max: u32,
    /// Requests that it carries in all.
    pub requests_max: usize,
    /// Silence in a tunnel.
    pub tunnel_idle_timeout: Duration,
    /// From a tunnel's beginning to its end, at most.
    pub tunnel_lifetime: Duration,
}

/// The policy in force as a worker last saw it: whether it is another now is asked without counting readers.
type InForce = Cache<Arc<ArcSwap<Policy>>, Arc<Policy>>;

/// One worker: everything its requests share. It never leaves its thread.
pub struct Worker {
    /// From 0.
    pub index: usize,
    /// What all workers share.
    pub shared: Arc<Shared>,
    clock: Clock,
    home: Home,
    timeouts: Timeouts,
    bounds: Bounds,
    plan: RefCell<(Rc<Plan>, InForce)>,
    log: RefCell<LogBuffer>,
    audit: Option<RefCell<audit::Buffer>>,
    seconds: RefCell<Seconds>,
    date: Cell<DateLine>,
    ids: InteractionIds,
    link: Option<Link>,
    shadow_lines: shadow::Lines,
    waiting: Waiting,
    connections: RefCell<Vec<Weak<Activity>>>,
    /// Requests whose answer is not over.
    under_way: Cell<usize>,
    is_draining: Cell<bool>,
    sweeps: Cell<usize>,
    doors: Cell<u64>,
}

/// The policy as one worker uses it: with its own connections to the upstreams, and assertions that it remembers.
pub struct Plan {
    /// What requests are decided by.
    pub policy: Arc<Policy>,
    upstreams: Vec<Rc<Upstream>>,
    asserter: Option<Asserter>,
    spans: Option<Spans>,
}

impl Worker {
    /// A worker without connections. `bounds` and `timeouts` hold for every connection it will have.
    pub fn new(index: usize, shared: Arc<Shared>, timeouts: Timeouts, bounds: Bounds, log: LogBuffer) -> Rc<Self> {
        let clock = shared.clock.clone();
        let deadlines = Deadlines::new(clock.instant());
        let home = Home {
            worker: index,
            deadlines,
            metrics: Arc::clone(&shared.metrics),
            buffers: Buffers::default(),
            clock: clock.clone(),
        };
        let mut policy = Cache::new(Arc::clone(&shared.policy));
        let plan = Rc::new(Plan::new(Arc::clone(policy.load()), None, &home));
        Rc::new(Self {
            index,
            clock,
            home,
            timeouts,
            bounds,
            plan: RefCell::new((plan, policy)),
            log: RefCell::new(log),
            audit: shared.audit.as_ref().map(|audit| RefCell::new(audit.buffer())),
            seconds: RefCell::default(),
            date: Cell::new(http1::answer::date_line(shared.clock.now())),
            ids: InteractionIds::new(),
            link: shared.store.clone().map(|store| Link::new(store, index)),
            shadow_lines: shadow::Lines::default(),
            waiting: Waiting::default(),
            connections: RefCell::default(),
            under_way: Cell::default(),
            is_draining: Cell::new(false),
            sweeps: Cell::default(),
            doors: Cell::new(shared.doors.load(Ordering::Relaxed)),
            shared,
        })
    }

    /// Keeps the connection to the store, if there is one.
    pub async fn keep_link(&self) {
        if let Some(link) = &self.link {
            link.keep().await;
        }
    }

    /// The plan for a request that begins now.
    fn plan(&self) -> Rc<Plan> {
        let (plan, policy) = &mut *self.plan.borrow_mut();
        let policy = policy.load();
        if !Arc::ptr_eq(policy, &plan.policy) {
            *plan = Rc::new(Plan::new(Arc::clone(policy), Some(plan), &self.home));
        }
        Rc::clone(plan)
    }

    /// This worker's counters.
    pub fn metrics(&self) -> &WorkerMetrics {
        self.shared.metrics.worker(self.index)
    }

    fn log_line(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let outcome = self.log.borrow_mut().line(write);
        self.count_log(outcome);
    }

    fn count_log(&self, outcome: HandedOver) {
        if outcome == HandedOver::Dropped {
            self.metrics().log_blocks_dropped.add(1);
        }
    }

    /// What must happen now and then, four or five times a second: deadlines, the time that answers carry, and connections
    /// for which other workers wait.
    pub fn tick(&self) {
        self.home.deadlines.sweep(self.clock.instant());
        self.plan.borrow().0.upstreams.iter().for_each(|upstream| upstream.relieve());
        self.date.set(http1::answer::date_line(self.clock.now()));
        if let Some(audit) = &self.audit {
            audit.borrow_mut().flush();
        }
        if let Some(spans) = self.plan.borrow().0.spans() {
            spans.flush();
        }
    }

    /// What must happen about once a second: log lines go out, idle upstream connections end, a new policy takes
    /// over even where there is no traffic.
    pub fn second(&self) {
        let outcome = self.log.borrow_mut().flush();
        self.count_log(outcome);
        self.metrics().beats.add(1);
        let doors = self.shared.doors.load(Ordering::Relaxed);
        if self.doors.replace(doors) != doors {
            self.dismiss();
        }
        let plan = self.plan();
        for upstream in &plan.upstreams {
            upstream.sweep();
        }
        // One worker is enough: the counts are everybody's.
        if self.index == 0 {
            let turn = self.sweeps.replace(self.sweeps.get().wrapping_add(1));
            plan.policy.quotas.iter().for_each(|quota| quota.counts.sweep(turn, self.clock.now_us()));
        }
        self.connections.borrow_mut().retain(|connection| connection.strong_count() > 0);
    }

    /// From now on every answer asks its client to leave, and who says nothing for `linger` is shown out.
    pub fn drain(&self, linger: Duration) {
        self.is_draining.set(true);
        for connection in self.connections.borrow().iter().filter_map(Weak::upgrade) {
            connection.dismiss(linger);
        }
    }

    /// Whether a peer at this address speaks for others.
    pub fn is_hop(&self, address: IpAddr) -> bool {
        self.plan().policy.certificates.trusts(address.to_canonical())
    }

    /// Open client connections of this worker.
    pub fn connections(&self) -> usize {
        self.connections.borrow().iter().filter(|connection| connection.strong_count() > 0).count()
    }
}

impl Plan {
    /// Keeps the connections to upstreams whose settings stay the same.
    fn new(policy: Arc<Policy>, old: Option<&Self>, home: &Home) -> Self {
        let keep_or_make = |(settings, endpoints): (&Arc<crate::config::upstreams::Upstream>, &Endpoints)| {
            let kept = old.into_iter().flat_map(|old| &old.upstreams).find(|kept| kept.settings() == settings);
            kept.map_or_else(|| Rc::new(Upstream::new((settings, endpoints), policy.pace, home.clone())), Rc::clone)
        };
        let upstreams = policy.upstreams.iter().zip(&policy.endpoints).map(keep_or_make).collect();
        let asserter = policy.assertions.clone().map(Asserter::new);
        let spans = policy.tracing.as_ref().map(Spans::new);
        Self { policy, upstreams, asserter, spans }
    }

    /// Where the spans of its requests go, if any are traced.
    fn spans(&self) -> Option<&Spans> {
        self.spans.as_ref()
    }
}
