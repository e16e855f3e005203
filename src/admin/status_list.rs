//! The metrics of status lists: one set of lines for each issuer whose lists are looked at.

use super::exposition::{counter, family, float, gauge, label};
use crate::gateway::Shared;
use crate::gateway::verify::status::counts::Outcome;
use prometheus::proto::{MetricFamily, MetricType};
use std::sync::atomic::Ordering;

/// Empty where nobody looks at any.
pub(super) fn families(shared: &Shared) -> Vec<MetricFamily> {
    let policy = shared.policy.load();
    let (mut kept, mut failing, mut ages, mut delays) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut fetches, mut waits, mut away) = (Vec::new(), Vec::new(), Vec::new());
    for issuer in policy.verifier.issuers() {
        let Some(lists) = &issuer.status_lists else { continue };
        let name = || label("issuer", &issuer.settings.name);
        kept.push(gauge(float(lists.len() as u64), vec![name()]));
        failing.push(gauge(float(lists.failing() as u64), vec![name()]));
        if let Some(age) = lists.age() {
            ages.push(gauge(age.as_secs_f64(), vec![name()]));
        }
        delays.push(gauge(lists.settings.refresh.as_secs_f64(), vec![name()]));
        for outcome in Outcome::ALL {
            fetches.push(counter(lists.counts.fetches(outcome), vec![name(), label("outcome", outcome.name())]));
        }
        waits.push(counter(lists.counts.waits.load(Ordering::Relaxed), vec![name()]));
        away.push(counter(lists.counts.turned_away.load(Ordering::Relaxed), vec![name()]));
    }
    let (counters, gauges) = (MetricType::COUNTER, MetricType::GAUGE);
    vec![
        family("status_lists", "Status lists that are kept fresh.", gauges, kept),
        family("status_lists_failing", "Those that could not be fetched the last time.", gauges, failing),
        family("status_list_age_seconds", "Since the oldest of them was last fetched.", gauges, ages),
        family(
            "status_list_refresh_seconds",
            "The longest that a revocation may go unnoticed while lists can be fetched.",
            gauges,
            delays,
        ),
        family("status_list_fetches_total", "Fetches of status lists, by how they went.", counters, fetches),
        family("status_list_waits_total", "Requests that waited for a status list.", counters, waits),
        family(
            "status_lists_turned_away_total",
            "Requests answered 503: there are too many lists, or too many wait for one.",
            counters,
            away,
        ),
    ]
}
