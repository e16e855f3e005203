//! How everything stands now, as numbers: what `/status.json` holds and the page shows.

use super::super::Admin;
use super::super::exposition::float;
use super::super::history::Event;
use super::series::{self, SAMPLE_INTERVAL, SAMPLES_MAX, Sample, Series};
use super::shares::{Quota, Store};
use super::stand::{Caches, Certificate, Config, Connections, Issuer, Upstream, Worker};
use super::words;
use crate::gateway::observe::totals::Totals;
use crate::gateway::reason::Reason;
use serde::Serialize;
use std::collections::VecDeque;
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

/// The requests of the last moment, and what is usual.
#[derive(Debug, Serialize)]
pub(super) struct Traffic {
    pub requests_total: u64,
    pub refused_total: u64,
    pub failed_total: u64,
    /// Of these seconds are the rates and latencies below.
    pub recent_seconds: u64,
    pub requests_per_second: f64,
    pub refused_per_second: f64,
    pub failed_per_second: f64,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub refused_share: Option<f64>,
    /// Before these seconds, as far as it is remembered.
    pub refused_share_before: Option<f64>,
    pub refusing: Refusing,
    pub failed_share: Option<f64>,
}

/// Whether more is refused than usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Refusing {
    /// There are too few requests to say.
    Unknown,
    Usual,
    More,
    Fewer,
}

/// Lines over the last minutes, the newest value first.
#[derive(Debug, Serialize)]
pub(super) struct Lines {
    pub step_seconds: u64,
    pub points_max: usize,
    pub requests_per_second: Vec<f64>,
    pub refused_per_second: Vec<f64>,
    pub failed_per_second: Vec<f64>,
    pub p50_ms: Vec<Option<f64>>,
    pub p99_ms: Vec<Option<f64>>,
    pub connections: Vec<u64>,
    /// Of the tokens of each step, those that were remembered.
    pub remembered_share: Vec<Option<f64>>,
}

/// Why requests are refused.
#[derive(Debug, Serialize)]
pub(super) struct Refusal {
    pub reason: &'static str,
    pub status: u16,
    pub meaning: &'static str,
    pub recent: u64,
    pub remembered: u64,
    pub total: u64,
    /// The newest first.
    pub per_second: Vec<f64>,
}

/// Who is refused. Only clients whose token was verified have a name.
#[derive(Debug, Serialize)]
pub(super) struct RefusedClients {
    pub clients: Vec<RefusedClient>,
    /// Refusals of requests whose client nobody knows.
    pub unknown: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct RefusedClient {
    pub client_id: String,
    pub count: u64,
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

impl Traffic {
    fn of(samples: &VecDeque<Sample>, totals: &Totals) -> Self {
        let recent = || samples.iter().take(RECENT_SAMPLES);
        let seconds: f64 = recent().map(|sample| sample.span.as_secs_f64()).sum();
        let rate = |count: u64| if seconds > 0.0 { float(count) / seconds } else { 0.0 };
        let requests = recent().map(|sample| sample.delta.requests()).sum();
        let (refused, failed) = (recent().map(Sample::refused).sum(), recent().map(Sample::failed).sum());
        let before = || samples.iter().skip(RECENT_SAMPLES);
        let requests_before = before().map(|sample| sample.delta.requests()).sum();
        let refused_before = before().map(Sample::refused).sum();
        Self {
            requests_total: totals.requests(),
            refused_total: series::refused(totals),
            failed_total: series::failed(totals),
            recent_seconds: SAMPLE_INTERVAL.as_secs() * RECENT_SAMPLES as u64,
            requests_per_second: rate(requests),
            refused_per_second: rate(refused),
            failed_per_second: rate(failed),
            failed_share: share(failed, requests),
            p50_ms: series::latency_ms(recent(), 0.5),
            p99_ms: series::latency_ms(recent(), 0.99),
            refused_share: share(refused, requests),
            refused_share_before: share(refused_before, requests_before),
            refusing: Refusing::of((refused, requests), (refused_before, requests_before)),
        }
    }
}

impl Traffic {
    /// What an operator must hear of it.
    fn note(&self) -> Option<String> {
        let share = self.failed_share.filter(|share| *share > NOTABLE_SHARE)?;
        Some(format!("{} of the requests of the last {} s failed", words::percent(Some(share)), self.recent_seconds))
    }
}

impl Refusing {
    /// Refused ones among all, now and before.
    fn of(now: (u64, u64), before: (u64, u64)) -> Self {
        if now.1 < COMPARED_MIN || before.1 < COMPARED_MIN {
            return Self::Unknown;
        }
        match (share(now.0, now.1), share(before.0, before.1)) {
            (Some(now), Some(before)) if now > before + NOTABLE_SHARE => Self::More,
            (Some(now), Some(before)) if now + NOTABLE_SHARE < before => Self::Fewer,
            (Some(_), Some(_)) => Self::Usual,
            (None, _) | (_, None) => Self::Unknown,
        }
    }
}

impl Lines {
    fn of(samples: &VecDeque<Sample>) -> Self {
        let rates = |count: fn(&Sample) -> u64| samples.iter().map(|sample| sample.rate(count(sample))).collect();
        let latencies = |q| {
            let at = |place| series::latency_ms(samples.iter().skip(place).take(RECENT_SAMPLES), q);
            (0..samples.len()).map(at).collect()
        };
        Self {
            step_seconds: SAMPLE_INTERVAL.as_secs(),
            points_max: SAMPLES_MAX,
            requests_per_second: rates(|sample| sample.delta.requests()),
            refused_per_second: rates(Sample::refused),
            failed_per_second: rates(Sample::failed),
            p50_ms: latencies(0.5),
            p99_ms: latencies(0.99),
            connections: samples.iter().map(|sample| sample.connections as u64).collect(),
            remembered_share: samples
                .iter()
                .map(|Sample { verdicts: (hits, misses), .. }| share(*hits, hits + misses))
                .collect(),
        }
    }
}

impl Refusal {
    /// The most frequent of the last minutes first; those that nobody met since the start are left out.
    fn all(samples: &VecDeque<Sample>, totals: &Totals) -> Vec<Self> {
        let mut all: Vec<Self> = totals
            .refused()
            .filter(|(_, total)| *total > 0)
            .map(|(reason, total)| {
                let counts: Vec<u64> = samples.iter().map(|sample| count(&sample.delta, reason)).collect();
                Self {
                    reason: reason.name(),
                    status: reason.status().as_u16(),
                    meaning: reason.description(),
                    recent: counts.iter().take(RECENT_SAMPLES).sum(),
                    remembered: counts.iter().sum(),
                    total,
                    per_second: samples.iter().zip(counts).map(|(sample, count)| sample.rate(count)).collect(),
                }
            })
            .collect();
        all.sort_by_key(|refusal| std::cmp::Reverse((refusal.remembered, refusal.total)));
        all
    }
}

fn count(totals: &Totals, wanted: Reason) -> u64 {
    totals.refused().find(|(reason, _)| *reason == wanted).map_or(0, |(_, count)| count)
}

impl RefusedClients {
    fn of(series: &Series) -> Self {
        let summary = series.clients();
        let clients = summary.top(CLIENTS_SHOWN).into_iter();
        Self {
            clients: clients.map(|(client, count)| RefusedClient { client_id: client.into(), count }).collect(),
            unknown: summary.unknown,
        }
    }
}

pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| float(part) / float(whole))
}

/// Half a minute: what "now" means.
const RECENT_SAMPLES: usize = 6;
/// Fewer requests say nothing.
const COMPARED_MIN: u64 = 20;
/// Five in a hundred are not noise.
const NOTABLE_SHARE: f64 = 0.05;
/// As many as a person takes in.
const CLIENTS_SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_refusals_than_usual_are_noticed_where_there_is_enough_to_compare() {
        for (now, before, expected) in [
            ((0, 0), (0, 0), Refusing::Unknown),
            ((19, 19), (0, 1000), Refusing::Unknown),
            ((20, 20), (0, 19), Refusing::Unknown),
            ((20, 20), (0, 20), Refusing::More),
            ((4, 100), (0, 100), Refusing::Usual),
            ((6, 100), (0, 100), Refusing::More),
            ((0, 100), (60, 100), Refusing::Fewer),
            ((60, 100), (60, 100), Refusing::Usual),
        ] {
            assert_eq!(Refusing::of(now, before), expected, "{now:?} {before:?}");
        }
    }
}
