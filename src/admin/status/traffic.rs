//! The requests of the last minutes as numbers: rates, latencies, refusals by reason and by client, and whether more is refused
//! than usual.

use super::super::exposition::float;
use super::series::{self, SAMPLE_INTERVAL, SAMPLES_MAX, Sample, Series};
use super::words;
use crate::gateway::observe::totals::Totals;
use crate::gateway::reason::Reason;
use serde::Serialize;
use std::collections::VecDeque;

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

impl Traffic {
    pub(super) fn of(samples: &VecDeque<Sample>, totals: &Totals) -> Self {
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
    pub(super) fn note(&self) -> Option<String> {
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
    pub(super) fn of(samples: &VecDeque<Sample>) -> Self {
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
    pub(super) fn all(samples: &VecDeque<Sample>, totals: &Totals) -> Vec<Self> {
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
    pub(super) fn of(series: &Series) -> Self {
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
