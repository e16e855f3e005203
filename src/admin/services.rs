//! The part of the metrics page about what the gateway is for: requests by service and by whose doing they failed, how long
//! upstreams take, whose tokens are refused.

use super::exposition::{counter, family, gauge, label, seconds};
use crate::gateway::Shared;
use crate::gateway::observe::histogram::Distribution;
use crate::gateway::observe::services::{FAULTS, SERVICES, fault_name, service_name};
use crate::gateway::reason::Reason;
use crate::gateway::verify::Issuer;
use prometheus::proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Its families.
pub(super) fn families(shared: &Shared) -> [MetricFamily; 5] {
    let gauges = MetricType::GAUGE;
    [
        family(
            "service_requests_total",
            "Requests by service of PSD2 and by whose fault they were not answered well.",
            MetricType::COUNTER,
            faults(shared),
        ),
        family(
            "service_response_seconds",
            "From the last byte of a request to the last byte of its answer.",
            MetricType::HISTOGRAM,
            SERVICES
                .into_iter()
                .map(|service| {
                    histogram(&shared.metrics.service(service), vec![label("service", service_name(service))])
                })
                .collect(),
        ),
        family("route_service", "1 for each route and the service that it is for.", gauges, routes(shared)),
        family(
            "upstream_response_seconds",
            "From the permit to the head of an upstream's answer, or until there is none.",
            MetricType::HISTOGRAM,
            upstreams(shared),
        ),
        family(
            "issuer_refusals_total",
            "Refused requests by the issuer that their token is of, or says that it is of.",
            MetricType::COUNTER,
            refusals(shared),
        ),
    ]
}

fn faults(shared: &Shared) -> Vec<Metric> {
    let of = |service| {
        FAULTS.into_iter().zip(shared.metrics.faults(service)).map(move |(fault, count)| {
            counter(count, vec![label("fault", fault_name(fault)), label("service", service_name(service))])
        })
    };
    SERVICES.into_iter().flat_map(of).collect()
}

fn routes(shared: &Shared) -> Vec<Metric> {
    let policy = shared.policy.load();
    let routes = policy.router.routes().iter();
    let pairs: BTreeSet<_> = routes.filter_map(|route| Some((&*route.path, route.service?.name()))).collect();
    pairs
        .into_iter()
        .map(|(route, service)| gauge(1.0, vec![label("route", route), label("service", service)]))
        .collect()
}

fn upstreams(shared: &Shared) -> Vec<Metric> {
    let policy = shared.policy.load();
    let of = |name: &str| histogram(&shared.metrics.upstream(name).distribution(), vec![label("upstream", name)]);
    policy.upstreams.iter().map(|upstream| of(&upstream.name)).collect()
}

fn refusals(shared: &Shared) -> Vec<Metric> {
    let policy = shared.policy.load();
    let of = |issuer: &Arc<Issuer>| {
        let name = &issuer.settings.name;
        let line = |(reason, count): (Reason, u64)| {
            counter(count, vec![label("issuer", name), label("reason", reason.name())])
        };
        issuer.refusals.counts().map(line).collect::<Vec<_>>()
    };
    policy.verifier.issuers().iter().flat_map(of).collect()
}

/// A line of a histogram; `Distribution` holds microseconds.
pub(super) fn histogram((buckets, count, sum_us): &Distribution, labels: Vec<LabelPair>) -> Metric {
    let mut histogram = Histogram::default();
    histogram.set_sample_count(*count);
    histogram.set_sample_sum(seconds(*sum_us));
    let buckets = buckets.iter().map(|(bound_us, cumulative)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(seconds(*bound_us));
        bucket.set_cumulative_count(*cumulative);
        bucket
    });
    histogram.set_bucket(buckets.collect());
    let mut metric = Metric::default();
    metric.set_label(labels);
    metric.set_histogram(histogram);
    metric
}
