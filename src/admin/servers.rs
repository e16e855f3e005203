//! The part of the metrics page about upstreams: their servers, their connections and who waits for one.

use super::exposition::{counter, family, float, gauge, label};
use crate::gateway::Shared;
use crate::gateway::observe::metrics::{Cell, WorkerMetrics};
use crate::gateway::policy::Endpoints;
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};
use std::sync::atomic::Ordering;

/// Its families.
pub(super) fn families(shared: &Shared) -> [MetricFamily; 6] {
    let policy = shared.policy.load();
    let (mut up, mut open, mut pending, mut addresses, mut lookups) =
        <(Vec<_>, Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    for (settings, Endpoints { servers, queue }) in policy.upstreams.iter().zip(&policy.endpoints) {
        let upstream = || label("upstream", &settings.name);
        pending.push(gauge(float(queue.pending() as u64), vec![upstream()]));
        for (number, endpoint) in servers.iter().enumerate() {
            let labels = || -> Vec<LabelPair> { vec![upstream(), label("server", &endpoint.to_string())] };
            up.push(gauge(float(u64::from(!endpoint.health.is_out(shared.clock.instant()))), labels()));
            open.push(gauge(float(queue.open(number) as u64), labels()));
            let known = endpoint.addresses();
            if known.name().is_some() {
                addresses.push(gauge(float(known.count() as u64), labels()));
                for (outcome, count) in [("good", &known.good), ("failed", &known.failed)] {
                    let labels = labels().into_iter().chain([label("outcome", outcome)]);
                    lookups.push(counter(count.load(Ordering::Relaxed), labels.collect()));
                }
            }
        }
    }
    let gauges = |name, help, metrics: Vec<Metric>| family(name, help, MetricType::GAUGE, metrics);
    [
        gauges("upstream_server_up", "1 where a server is asked, 0 where it is left alone.", up),
        gauges("upstream_connections", "Open connections to a server, idle ones among them.", open),
        gauges("upstream_pending", "Requests that wait for a connection to an upstream.", pending),
        turned_away(shared),
        gauges("upstream_addresses", "Addresses of a server's name; 0 means that it is sent nothing.", addresses),
        family("upstream_lookups_total", "Lookups of a server's name.", MetricType::COUNTER, lookups),
    ]
}

type Counts = fn(&WorkerMetrics) -> &Cell;

fn turned_away(shared: &Shared) -> MetricFamily {
    let causes: [(&str, Counts); 2] = [("full", |w| &w.upstream_pending_full), ("late", |w| &w.upstream_pending_late)];
    family(
        "upstream_pending_refused_total",
        "Requests answered 503 because they found the line for an upstream's connections full, or waited in it for too long.",
        MetricType::COUNTER,
        causes.map(|(cause, counts)| counter(shared.metrics.total(counts), vec![label("cause", cause)])).into(),
    )
}
