//! What became of calls by each quota, and how many callers it counts. Never whose.

use super::exposition::{counter, family, float, gauge, label};
use crate::gateway::Shared;
use prometheus::proto::{MetricFamily, MetricType};

pub(super) fn families(shared: &Shared) -> Vec<MetricFamily> {
    let policy = shared.policy.load();
    let (mut decisions, mut keys) = (Vec::new(), Vec::new());
    for quota in &policy.quotas {
        let name = || label("quota", &quota.settings.name);
        let totals = quota.counts.totals();
        for (outcome, count) in [("allowed", totals.allowed), ("refused", totals.refused), ("full", totals.full)] {
            decisions.push(counter(count, vec![name(), label("outcome", outcome)]));
        }
        keys.push(gauge(float(totals.keys), vec![name()]));
    }
    vec![
        family(
            "quota_decisions_total",
            "Calls by what a quota said; full: there were too many callers to count.",
            MetricType::COUNTER,
            decisions,
        ),
        family("quota_keys", "Callers that a quota counts.", MetricType::GAUGE, keys),
    ]
}
