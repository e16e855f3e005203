//! How everything stands now, as numbers: what `/status.json` holds and the page shows.

use super::super::Admin;
use super::super::history::Event;
use super::shares::{Quota, Store};
use super::stand::{Caches, Certificate, Config, Connections, Issuer, Upstream, Worker};
use super::traffic::{Lines, Refusal, RefusedClients, Traffic};
use serde::Serialize;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// All of it. Rates are per second, durations in milliseconds or seconds as their names say, shares between 0 and 1.
#[derive(Debug, Serialize)]
pub(super) struct Snapshot {
    /// Seconds since 1970.
    pub at: i64,
    pub version: &'static str,
    pub started: i64,
    pub state: State,
    /// What keeps it from being fully there, in words.
    pub notes: Vec<String>,
    pub traffic: Traffic,
    pub series: Lines,
    pub refusals: Vec<Refusal>,
    pub refused_clients: RefusedClients,
    pub upstreams: Vec<Upstream>,
    pub issuers: Vec<Issuer>,
    pub certificates: Vec<Certificate>,
    pub config: Config,
    pub connections: Connections,
    pub caches: Caches,
    pub workers: Vec<Worker>,
    pub quotas: Vec<Quota>,
    pub store: Option<Store>,
    /// The newest first.
    pub history: Vec<Event>,
}

/// Whether it is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// It serves, and everything that it needs is there.
    Serving,
    /// It serves, and something is missing.
    Hindered,
    /// It serves, and nobody is behind it.
    Cut,
    /// It was not ready yet.
    Starting,
    /// It has been told to leave.
    Draining,
}

impl Snapshot {
    /// Looks at everything.
    pub(super) fn take(admin: &Admin) -> Self {
        let (shared, state) = (&admin.shared, &admin.state);
        let policy = shared.policy.load();
        let series = state.series.lock().unwrap_or_else(PoisonError::into_inner);
        let totals = shared.metrics.totals();
        let now = shared.clock.now();
        let upstreams = Upstream::all(&policy, shared.clock.instant());
        let workers = Worker::all(shared, &series);
        let certificates = Certificate::all(&policy, &admin.access.load(), now);
        let store = Store::of(shared);
        let (config, traffic) = (Config::of(&policy, state), Traffic::of(series.samples(), &totals));
        let mut notes = admin.missing().iter().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        notes.extend(upstreams.iter().filter_map(Upstream::note));
        notes.extend(workers.iter().filter_map(Worker::note));
        notes.extend(certificates.iter().filter_map(Certificate::note));
        notes.extend(config.note());
        notes.extend(store.as_ref().and_then(Store::note));
        notes.extend(traffic.note());
        let is_cut = upstreams.iter().all(Upstream::is_out);
        let standing = match (state.is_draining.load(Ordering::Relaxed), admin.note_ready(), notes.is_empty()) {
            (true, _, _) => State::Draining,
            (false, false, _) => State::Starting,
            (false, true, false) if is_cut => State::Cut,
            (false, true, false) => State::Hindered,
            (false, true, true) => State::Serving,
        };
        Self {
            at: now.0,
            version: env!("CARGO_PKG_VERSION"),
            started: state.started.0,
            state: standing,
            notes,
            traffic,
            series: Lines::of(series.samples()),
            refusals: Refusal::all(series.samples(), &totals),
            refused_clients: RefusedClients::of(&series),
            upstreams,
            issuers: Issuer::all(&policy, shared.clock.instant()),
            certificates,
            config,
            connections: Connections::of(shared),
            caches: Caches::of(shared, &policy),
            workers,
            quotas: Quota::all(&policy),
            store,
            history: state.history.newest_first(),
        }
    }
}
