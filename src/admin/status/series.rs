//! The last minutes: what was counted in each few seconds, and what changed from one look to the next. The control thread
//! takes it down; workers only count as they always do.

use super::super::exposition::float;
use super::super::history::{History, Kind};
use super::chart::quantile;
use super::words;
use crate::clock::UnixSeconds;
use crate::gateway::Shared;
use crate::gateway::observe::clients::Summary;
use crate::gateway::observe::totals::{BOUNDS_US, BUCKETS, Totals};
use crate::gateway::policy::Policy;
use crate::state::shared::tally::Tally;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// What is remembered.
#[derive(Debug, Default)]
pub struct Series {
    samples: VecDeque<Sample>,
    last: Option<Last>,
    /// Refused clients of this period, and of the one before.
    clients: [Summary; 2],
    /// Samples that this period has.
    clients_age: usize,
    /// Whether each server is asked.
    servers: HashMap<String, bool>,
    /// Generation and number of each issuer's keys.
    keys: HashMap<String, (u64, usize)>,
    /// Whether the store answers, where there is one.
    store: Option<bool>,
    /// Of each worker: its last beat, and for how many samples there was no other.
    beats: Vec<(u64, usize)>,
}

/// What happened between two looks.
#[derive(Clone, Debug)]
pub struct Sample {
    /// How long that was.
    pub span: Duration,
    /// What was counted.
    pub delta: Totals,
    /// Client connections open at its end.
    pub connections: usize,
    /// Tokens whose verdict was remembered, and those verified from scratch.
    pub verdicts: (u64, u64),
}

/// How the counters stood.
#[derive(Debug)]
struct Last {
    at: Instant,
    totals: Totals,
    verdicts: (u64, u64),
}

impl Series {
    /// Looks. What changed is noted in `history`.
    pub fn sample(&mut self, shared: &Shared, history: &History) {
        let (at, now) = (shared.clock.instant(), shared.clock.now());
        let totals = shared.metrics.totals();
        let verdicts = (shared.metrics.total(|w| &w.verdict_hits), shared.metrics.total(|w| &w.verdict_misses));
        if let Some(last) = &self.last {
            self.samples.truncate(SAMPLES_MAX - 1);
            self.samples.push_front(Sample {
                span: at.duration_since(last.at),
                delta: totals.since(&last.totals),
                connections: shared.admission.total(),
                verdicts: (verdicts.0.saturating_sub(last.verdicts.0), verdicts.1.saturating_sub(last.verdicts.1)),
            });
        }
        self.last = Some(Last { at, totals, verdicts });
        let policy = shared.policy.load();
        self.watch_servers(&policy, at, |kind, what| history.note(now, kind, what));
        self.watch_keys(&policy, |kind, what| history.note(now, kind, what));
        self.watch_store(shared, |kind, what| history.note(now, kind, what));
        self.watch_workers(shared, now, history);
        self.take_clients(shared);
    }

    /// The samples, the newest first.
    pub fn samples(&self) -> &VecDeque<Sample> {
        &self.samples
    }

    /// Refused clients of the last five to ten minutes.
    pub fn clients(&self) -> Summary {
        let [mut sum, before] = self.clients.clone();
        sum.merge(&before);
        sum
    }

    /// Whether each worker moves.
    pub fn workers(&self) -> impl Iterator<Item = bool> {
        self.beats.iter().map(|(_, missed)| *missed < STUCK_SAMPLES)
    }

    fn watch_servers(&mut self, policy: &Policy, at: Instant, note: impl Fn(Kind, &str)) {
        let mut seen = HashMap::new();
        for (settings, endpoints) in policy.upstreams.iter().zip(&policy.endpoints) {
            for server in &*endpoints.servers {
                let (name, is_up) = (format!("{} {server}", settings.name), !server.health.is_out(at));
                match (self.servers.get(&name).copied().unwrap_or(true), is_up) {
                    (true, false) => note(Kind::ServerOut, &name),
                    (false, true) => note(Kind::ServerBack, &name),
                    (true, true) | (false, false) => {}
                }
                seen.insert(name, is_up);
            }
        }
        self.servers = seen;
    }

    fn watch_keys(&mut self, policy: &Policy, note: impl Fn(Kind, &str)) {
        let mut seen = HashMap::new();
        for issuer in policy.verifier.issuers().iter().filter(|issuer| issuer.has_keys()) {
            let (name, keys) = (issuer.settings.name.to_string(), (issuer.keys.generation(), issuer.keys.len()));
            let before = self.keys.get(&name).copied().unwrap_or_default();
            match (before.1, keys.1) {
                (0, 0) => {}
                (_, 0) => note(Kind::KeysLost, &format!("{name}: none can be used any more")),
                (_, count) if before != keys => {
                    note(Kind::KeysChanged, &format!("{name}: {} now", words::counted(count, "key")));
                }
                (_, _) => {}
            }
            seen.insert(name, keys);
        }
        self.keys = seen;
    }

    fn watch_store(&mut self, shared: &Shared, note: impl Fn(Kind, &str)) {
        let up = shared.store.as_ref().map(|store| store.tallies().iter().all(Tally::is_up));
        match (self.store, up) {
            (Some(true), Some(false)) => {
                note(Kind::StoreLost, "what becomes of calls meanwhile is in `state.when_away`");
            }
            (Some(false), Some(true)) => note(Kind::StoreBack, "it answers every thread"),
            (_, _) => {}
        }
        self.store = up;
    }

    fn watch_workers(&mut self, shared: &Shared, now: UnixSeconds, history: &History) {
        let workers = shared.metrics.workers();
        self.beats.resize(workers.len(), (0, 0));
        for (number, (worker, (beat, missed))) in workers.iter().zip(&mut self.beats).enumerate() {
            let seen = worker.beats.get();
            let was_stuck = *missed >= STUCK_SAMPLES;
            *missed = if seen == *beat { *missed + 1 } else { 0 };
            *beat = seen;
            match (was_stuck, *missed >= STUCK_SAMPLES) {
                (false, true) => history.note(now, Kind::WorkerStuck, &format!("worker {number}")),
                (true, false) => history.note(now, Kind::WorkerBack, &format!("worker {number}")),
                (true, true) | (false, false) => {}
            }
        }
    }

    fn take_clients(&mut self, shared: &Shared) {
        let [current, before] = &mut self.clients;
        if self.clients_age >= CLIENTS_PERIOD {
            *before = std::mem::take(current);
            self.clients_age = 0;
        }
        self.clients_age += 1;
        shared.metrics.workers().iter().for_each(|worker| current.merge(&worker.refused_clients.take()));
    }
}

impl Sample {
    /// So many a second.
    pub fn rate(&self, count: u64) -> f64 {
        float(count) / self.span.as_secs_f64().max(1e-3)
    }

    /// Requests that we refused, for their client's sake.
    pub fn refused(&self) -> u64 {
        refused(&self.delta)
    }

    /// Requests that went wrong for ours or the upstream's.
    pub fn failed(&self) -> u64 {
        failed(&self.delta)
    }
}

/// Of `totals`, those refused with 4xx.
pub fn refused(totals: &Totals) -> u64 {
    totals.refused().filter(|(reason, _)| reason.status().is_client_error()).map(|(_, count)| count).sum()
}

/// Of `totals`, those answered 5xx, by us or the upstream.
pub fn failed(totals: &Totals) -> u64 {
    let by_us = totals.refused().filter(|(reason, _)| reason.status().is_server_error()).map(|(_, count)| count);
    let by_them = totals.passed().filter(|(status, _)| status.is_server_error()).map(|(_, count)| count);
    by_us.chain(by_them).sum()
}

/// The duration, in milliseconds, that a share `q` of the requests of `samples` did not exceed.
pub fn latency_ms<'a>(samples: impl Iterator<Item = &'a Sample>, q: f64) -> Option<f64> {
    let mut sum = [0; BUCKETS];
    for sample in samples {
        sum.iter_mut().zip(sample.delta.buckets).for_each(|(sum, count)| *sum += count);
    }
    quantile(&sum, &BOUNDS_US, q).map(|us| us / 1000.0)
}

/// Between two looks. Each adds up all routes: a third of a millisecond for a thousand of them.
pub const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);
/// A quarter of an hour.
pub const SAMPLES_MAX: usize = 180;
/// Five minutes.
const CLIENTS_PERIOD: usize = 60;
/// A worker beats every second; after fifteen without one it hangs.
const STUCK_SAMPLES: usize = 3;
