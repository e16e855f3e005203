//! What candidate rules would have made of live traffic, as metrics.

use super::exposition::{counter, family, label};
use crate::gateway::Shared;
use prometheus::proto::{MetricFamily, MetricType};

pub(super) fn families(shared: &Shared) -> Vec<MetricFamily> {
    let lines = shared.metrics.routes().into_iter().flat_map(|(route, metrics)| {
        let counted = metrics.shadows().into_iter().filter(|(_, count)| *count > 0);
        counted.map(move |(difference, count)| {
            counter(count, vec![label("route", &route), label("difference", difference.name())])
        })
    });
    vec![family(
        "shadow_decisions_total",
        "Requests that were held against candidate rules, by what these would have changed; nothing of it is enforced.",
        MetricType::COUNTER,
        lines.collect(),
    )]
}
