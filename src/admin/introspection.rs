//! The metrics of introspection: one set of lines for each issuer that is asked about opaque tokens.

use super::exposition::{counter, family, float, gauge, label};
use super::services::histogram;
use crate::gateway::Shared;
use crate::gateway::verify::introspect::breaker::Phase;
use crate::gateway::verify::introspect::counts::{Counts, Outcome};
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};
use std::sync::atomic::Ordering;

/// Empty where nobody is asked.
pub(super) fn families(shared: &Shared) -> Vec<MetricFamily> {
    let policy = shared.policy.load();
    let now = shared.clock.instant();
    let (mut calls, mut durations, mut coalesced, mut away) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut breakers, mut refused, mut delays) = (Vec::new(), Vec::new(), Vec::new());
    for issuer in policy.verifier.issuers() {
        let Some(asked) = &issuer.introspector else { continue };
        let name = || label("issuer", &issuer.settings.name);
        for outcome in Outcome::ALL {
            calls.push(counter(asked.counts.calls(outcome), vec![name(), label("outcome", outcome.name())]));
        }
        durations.push(duration(&asked.counts, name()));
        coalesced.push(counter(asked.counts.coalesced.load(Ordering::Relaxed), vec![name()]));
        away.push(counter(asked.counts.turned_away.load(Ordering::Relaxed), vec![name()]));
        let phase = match asked.breaker.phase(now) {
            Phase::Closed => 0.0,
            Phase::HalfOpen => 1.0,
            Phase::Open => 2.0,
        };
        breakers.push(gauge(phase, vec![name()]));
        let is_refused = asked.counts.is_refused.load(Ordering::Relaxed);
        refused.push(gauge(float(u64::from(is_refused)), vec![name()]));
        delays.push(gauge(asked.settings.cache.as_secs_f64(), vec![name()]));
    }
    let counters = MetricType::COUNTER;
    vec![
        family("introspections_total", "Calls about opaque tokens, by how they went.", counters, calls),
        family("introspection_duration_seconds", "Of those calls.", MetricType::HISTOGRAM, durations),
        family("introspections_coalesced_total", "Requests that joined a call under way.", counters, coalesced),
        family("introspections_turned_away_total", "Requests answered 503: too many wait.", counters, away),
        family(
            "introspection_breaker",
            "0: the issuer is asked; 1: one question probes it; 2: it is left alone.",
            MetricType::GAUGE,
            breakers,
        ),
        family(
            "introspection_credentials_refused",
            "1 where the issuer refuses our own credentials: every unknown token gets 503 until somebody acts.",
            MetricType::GAUGE,
            refused,
        ),
        family(
            "introspection_cache_seconds",
            "The longest that a revocation at the issuer may go unnoticed.",
            MetricType::GAUGE,
            delays,
        ),
    ]
}

fn duration(counts: &Counts, name: LabelPair) -> Metric {
    let (buckets, count, sum_us) = counts.durations();
    let buckets = buckets.into_iter().map(|(bound_ms, cumulative)| (bound_ms * 1_000, cumulative)).collect();
    histogram(&(buckets, count, sum_us), vec![name])
}
