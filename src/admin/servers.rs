//! The part of the metrics page about upstreams' servers.

use super::exposition;
use crate::gateway::Shared;
use crate::gateway::forward::connect::Endpoint;
use prometheus::proto::{MetricFamily, MetricType};
use std::sync::Arc;

/// Which of them are asked.
pub(super) fn family(shared: &Shared) -> MetricFamily {
    let policy = shared.policy.load();
    let now = shared.clock.instant();
    let of = |endpoint: &Arc<Endpoint>| {
        let labels = vec![
            exposition::label("upstream", endpoint.upstream()),
            exposition::label("server", &endpoint.to_string()),
        ];
        exposition::gauge(exposition::float(u64::from(!endpoint.health.is_out(now))), labels)
    };
    let servers = policy.endpoints.iter().flat_map(|endpoints| endpoints.iter()).map(of).collect();
    exposition::family(
        "upstream_server_up",
        "1 where a server is asked, 0 where it is left alone.",
        MetricType::GAUGE,
        servers,
    )
}
