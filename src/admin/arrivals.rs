//! The part of the metrics page about who comes in: connections and the certificates that they are shown.

use super::exposition::{counter, family, float, gauge, label, signed};
use crate::gateway::Shared;
use crate::gateway::observe::metrics::{Cell, WorkerMetrics};
use crate::gateway::policy::Served;
use prometheus::proto::{MetricFamily, MetricType};

/// Its families.
pub(super) fn families(shared: &Shared) -> [MetricFamily; 4] {
    [certificates(shared), refused(shared), loads(shared), tunnels(shared)]
}

type Counts = fn(&WorkerMetrics) -> &Cell;

fn certificates(shared: &Shared) -> MetricFamily {
    let (policy, now) = (shared.policy.load(), shared.clock.now());
    let left = |served: &Served| {
        let labels = vec![label("certificate", &served.name), label("key", &served.key)];
        gauge(signed(served.not_after.0.saturating_sub(now.0)), labels)
    };
    family(
        "certificate_expiry_seconds",
        "Until a certificate of the public listener ends; less than 0 once it has.",
        MetricType::GAUGE,
        policy.served.iter().map(left).collect(),
    )
}

fn refused(shared: &Shared) -> MetricFamily {
    let causes: [(&str, Counts); 2] =
        [("network", |w| &w.connections_refused_network), ("total", |w| &w.connections_refused)];
    family(
        "connections_refused_total",
        "Client connections closed at once: there are as many as there may be, in all or of their network.",
        MetricType::COUNTER,
        causes.map(|(cause, counts)| counter(shared.metrics.total(counts), vec![label("cause", cause)])).into(),
    )
}

fn tunnels(shared: &Shared) -> MetricFamily {
    let open = gauge(float(shared.tunnels.open() as u64), Vec::new());
    family(
        "tunnels",
        "Client connections that speak another protocol than HTTP, and wishes for one.",
        MetricType::GAUGE,
        vec![open],
    )
}

fn loads(shared: &Shared) -> MetricFamily {
    let of = |(worker, load): (usize, usize)| gauge(float(load as u64), vec![label("worker", &worker.to_string())]);
    let loads = shared.admission.loads().enumerate().map(of).collect();
    family("worker_connections", "Open client connections of each worker.", MetricType::GAUGE, loads)
}
