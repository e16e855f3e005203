//! Counters of the data path. Each worker writes cells of its own, so counting is a load and a store without a lock
//! or a shared cache line; a scrape adds the workers up.

use super::super::forward::connect::ConnectFault;
use super::super::reason::Reason;
use super::super::shadow::Difference;
use super::super::verify::cache::CacheUse;
use super::clients::RefusedClients;
use super::histogram::{self, Distribution, Histogram, Timings};
use super::services::{self, FAULTS, Services};
use super::statuses;
use super::totals::Totals;
use crate::config::service::Service;
use crate::net::admission::Turned;
use http::StatusCode;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// All counters of the gateway.
#[derive(Debug)]
pub struct Metrics {
    pub(super) workers: Box<[WorkerMetrics]>,
    /// Access-log lines that could not be written: the writer's own.
    pub log_lines_unwritten: Cell,
    routes: Mutex<BTreeMap<Box<str>, Arc<RouteMetrics>>>,
    /// What was counted under labels that are forgotten.
    pub(super) gone: Mutex<Totals>,
    upstreams: Mutex<BTreeMap<Box<str>, Arc<Timings>>>,
}

/// Counters of one worker that belong to no route. Field comments are the help texts.
#[derive(Debug, Default)]
pub struct WorkerMetrics {
    /// Client connections accepted.
    pub connections_accepted: Cell,
    /// Client connections that ended.
    pub connections_closed: Cell,
    /// Client connections closed at once because the cap was reached.
    pub connections_refused: Cell,
    /// Client connections closed at once because they came from no hop of ours, where only those may.
    pub connections_untrusted: Cell,
    /// Client connections closed at once because their network has as many as it may have.
    pub connections_refused_network: Cell,
    /// Client connections accepted here and handed to a worker with fewer.
    pub connections_moved: Cell,
    /// Tries to accept that failed for want of file descriptors or memory.
    pub accept_failures: Cell,
    /// Client connections closed because the client was too slow.
    pub connections_late: Cell,
    /// Client connections closed because of frames that carried nothing.
    pub connections_strained: Cell,
    /// Client connections that speak HTTP/2.
    pub connections_http2: Cell,
    /// Connections of balancers closed because they did not begin with a header of the PROXY protocol.
    pub proxy_headers_malformed: Cell,
    /// Requests of hops of ours that say of their clients what cannot be read or contradicts itself.
    pub forwarded_malformed: Cell,
    /// Requests answered 400 or 431 because no head could be read.
    pub heads_unreadable: Cell,
    /// TLS handshakes that failed.
    pub handshakes_failed: Cell,
    /// TLS handshakes that went on with an earlier session.
    pub handshakes_resumed: Cell,
    /// Tokens whose verdict was remembered.
    pub verdict_hits: Cell,
    /// Tokens that were verified from scratch.
    pub verdict_misses: Cell,
    /// Assertions signed; what was remembered is not among them.
    pub assertions_signed: Cell,
    /// Connections opened to upstreams.
    pub upstream_connects: Cell,
    /// Connections to upstreams that could not be opened.
    pub upstream_connect_failures: Cell,
    /// Connections to upstreams among those whose TLS or HTTP/2 could not be agreed on.
    pub upstream_handshakes_failed: Cell,
    /// Requests that were sent to an upstream again.
    pub upstream_retries: Cell,
    /// Those that were not, because too many had been.
    pub upstream_retries_refused: Cell,
    /// Times that a server was left alone because of the requests that it failed.
    pub upstream_ejections: Cell,
    /// Requests that could not wait for a connection to an upstream because too many did.
    pub upstream_pending_full: Cell,
    /// Requests that waited for one for too long.
    pub upstream_pending_late: Cell,
    /// Access-log blocks dropped because the writer could not keep up.
    pub log_blocks_dropped: Cell,
    /// Grows about once a second, unless the worker hangs.
    pub beats: Cell,
    /// Whom it refuses.
    pub refused_clients: RefusedClients,
    /// Requests by service.
    pub services: Services,
}

/// Counters of one route, one set of cells per worker, made when the worker first counts there.
#[derive(Debug)]
pub struct RouteMetrics {
    pub(super) cells: Box<[OnceLock<Box<RouteCells>>]>,
}

#[derive(Debug)]
pub(super) struct RouteCells {
    pub(super) passed: [Cell; statuses::COUNT],
    pub(super) refused: [Cell; Reason::ALL.len()],
    pub(super) shadow: [Cell; Difference::ALL.len()],
    pub(super) seconds: Histogram,
}

/// A counter with one writer.
#[derive(Debug, Default)]
pub struct Cell(AtomicU64);

/// How a request ended, for its route's counters.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// Forwarded and answered by the upstream, or answered by us without a token.
    Passed(StatusCode),
    /// Refused by us.
    Refused(Reason),
}

/// One line of `scopegate_requests_total`.
#[derive(Debug)]
pub struct RequestCount {
    /// What they have in common.
    pub outcome: Outcome,
    /// How many.
    pub count: u64,
}

impl Cell {
    /// Adds `n`. Only the owning thread may call it: that is what makes it free of a bus lock.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// The value as any thread sees it.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Metrics {
    /// Zeroes for `workers` workers.
    pub fn new(workers: usize) -> Self {
        let workers = (0..workers).map(|_| WorkerMetrics::default()).collect();
        Self {
            workers,
            log_lines_unwritten: Cell::default(),
            routes: Mutex::default(),
            gone: Mutex::default(),
            upstreams: Mutex::default(),
        }
    }

    /// The cells of one worker.
    ///
    /// # Panics
    ///
    /// Where there is no worker of that number, which is a fault of ours.
    pub fn worker(&self, index: usize) -> &WorkerMetrics {
        self.workers.get(index).expect("workers are numbered from 0 to the number given to `new`")
    }

    /// The sum of one counter over all workers.
    pub fn total(&self, counter: impl Fn(&WorkerMetrics) -> &Cell) -> u64 {
        self.workers.iter().map(|worker| counter(worker).get()).sum()
    }

    /// The counters under `label`: those that are there, or new ones.
    pub fn route(&self, label: &str) -> Arc<RouteMetrics> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(label.into()).or_insert_with(|| Arc::new(RouteMetrics::new(self.workers.len()))))
    }

    /// How long the upstream of this name takes to answer: what is known, or nothing yet.
    pub fn upstream(&self, name: &str) -> Arc<Timings> {
        let mut upstreams = self.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(upstreams.entry(name.into()).or_insert_with(|| Arc::new(Timings::new(self.workers.len()))))
    }

    /// Requests of a service by whose fault, in the order of `FAULTS`.
    pub fn faults(&self, service: Option<Service>) -> [u64; FAULTS.len()] {
        let mut sums = [0; FAULTS.len()];
        for worker in &self.workers {
            sums.iter_mut().zip(worker.services.faults(service)).for_each(|(sum, count)| *sum += count);
        }
        sums
    }

    /// How long those of a service took.
    pub fn service(&self, service: Option<Service>) -> Distribution {
        services::distribution(self.workers.iter().map(|worker| &worker.services), service)
    }

    /// Forgets the counters of routes and upstreams that are in use no more: they come and go with reloads.
    pub fn forget(&self, is_route: impl Fn(&str) -> bool, is_upstream: impl Fn(&str) -> bool) {
        self.upstreams.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| is_upstream(name));
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).retain(|label, route| {
            let stays = is_route(label);
            if !stays {
                gone.add(route);
            }
            stays
        });
    }

    /// Every route's counters, by label.
    pub fn routes(&self) -> Vec<(Box<str>, Arc<RouteMetrics>)> {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.iter().map(|(label, metrics)| (label.clone(), Arc::clone(metrics))).collect()
    }
}

impl WorkerMetrics {
    /// Counts a connection that was not taken.
    pub fn turned_away(&self, turned: Turned) {
        match turned {
            Turned::Full => self.connections_refused.add(1),
            Turned::NetworkFull => self.connections_refused_network.add(1),
        }
    }

    /// Counts a use of the verdict cache.
    pub fn verdict(&self, cache: CacheUse) {
        match cache {
            CacheUse::Hit => self.verdict_hits.add(1),
            CacheUse::Miss => self.verdict_misses.add(1),
        }
    }

    /// Counts a connection to an upstream that did not come about.
    pub fn connect_failed(&self, fault: ConnectFault) {
        self.upstream_connect_failures.add(1);
        match fault {
            ConnectFault::Refused => {}
            ConnectFault::Untrusted | ConnectFault::Handshake => self.upstream_handshakes_failed.add(1),
        }
    }
}

impl RouteMetrics {
    fn new(workers: usize) -> Self {
        Self { cells: (0..workers).map(|_| OnceLock::new()).collect() }
    }

    /// Counts one request of `worker`, which took so many microseconds.
    pub fn count(&self, worker: usize, outcome: Outcome, took_us: u64) {
        let Some(cells) = self.cells.get(worker) else { return };
        let cells = cells.get_or_init(Box::default);
        let slot = match outcome {
            Outcome::Passed(status) => cells.passed.get(statuses::slot(status)),
            Outcome::Refused(reason) => cells.refused.get(reason.index()),
        };
        if let Some(slot) = slot {
            slot.add(1);
        }
        cells.seconds.observe(took_us);
    }

    /// The counts that are not zero, added up over the workers.
    pub fn requests(&self) -> Vec<RequestCount> {
        let passed = statuses::ALL.iter().enumerate().map(|(slot, status)| RequestCount {
            outcome: Outcome::Passed(*status),
            count: self.sum(|cells| cells.passed.get(slot)),
        });
        let refused = Reason::ALL.into_iter().map(|reason| RequestCount {
            outcome: Outcome::Refused(reason),
            count: self.sum(|cells| cells.refused.get(reason.index())),
        });
        passed.chain(refused).filter(|line| line.count > 0).collect()
    }

    /// How long its requests took.
    pub fn durations(&self) -> Distribution {
        histogram::distribution(self.cells.iter().filter_map(|cells| cells.get()).map(|cells| &cells.seconds))
    }

    pub(super) fn sum<'a>(&'a self, cell: impl Fn(&'a RouteCells) -> Option<&'a Cell>) -> u64 {
        self.cells.iter().filter_map(|cells| cells.get()).filter_map(|cells| cell(cells)).map(Cell::get).sum()
    }
}

impl Default for RouteCells {
    fn default() -> Self {
        Self {
            passed: std::array::from_fn(|_| Cell::default()),
            refused: std::array::from_fn(|_| Cell::default()),
            shadow: Default::default(),
            seconds: Histogram::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_added_up_and_zeroes_left_out() {
        let metrics = Metrics::new(2);
        let route = metrics.route("/a");
        route.count(0, Outcome::Passed(StatusCode::OK), 600);
        route.count(1, Outcome::Passed(StatusCode::OK), 60_000_000);
        route.count(1, Outcome::Passed(StatusCode::IM_A_TEAPOT), 0);
        route.count(1, Outcome::Refused(Reason::TokenExpired), 0);
        let lines = metrics.route("/a").requests();
        assert_eq!(lines.iter().map(|line| line.count).collect::<Vec<_>>(), [2, 1, 1]);
        assert!(matches!(lines[1].outcome, Outcome::Passed(StatusCode::BAD_REQUEST)));
        let (buckets, count, sum_us) = route.durations();
        assert_eq!((buckets[0].1, buckets[1].1, buckets[15].1, count, sum_us), (2, 3, 3, 4, 60_000_600));
    }
}
