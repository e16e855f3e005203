//! The metrics page: the workers' cells added up and written in the Prometheus text format. Label values come from
//! closed sets: route templates, reasons, statuses, names of issuers, upstreams and servers.

use super::door::Turned;
use super::{
    Admin, State, arrivals, events, introspection, logs, quotas, servers, services, shadow, state as store, status_list,
};
use crate::gateway::Shared;
use crate::gateway::authorize::proof::Proofs;
use crate::gateway::observe::metrics::{Cell, Outcome, RouteMetrics, WorkerMetrics};
use crate::gateway::verify::Issuer;
use crate::gateway::verify::key_source::DiscoveryCounts;
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The format's media type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The whole page.
pub fn render(admin: &Admin) -> prometheus::Result<String> {
    let Admin { shared, state, .. } = admin;
    let mut families = workers(shared);
    families.extend(routes(shared));
    families.extend(issuers(shared));
    families.push(discoveries(shared));
    families.extend(arrivals::families(shared));
    families.extend(servers::families(shared));
    families.extend(services::families(shared));
    families.extend(introspection::families(shared));
    families.extend(events::families(shared));
    families.extend(status_list::families(shared));
    families.extend(quotas::families(shared));
    families.extend(store::families(shared));
    families.extend(logs::families(shared));
    families.extend(shadow::families(shared));
    families.extend(process(shared, state));
    let is_ready = gauge(float(u64::from(admin.is_ready())), Vec::new());
    families.push(family("ready", "1 where /readyz says so.", MetricType::GAUGE, vec![is_ready]));
    families.extend(ProcessCollector::for_self().collect());
    // The encoder takes a family without a line for a fault; ours are empty until there is traffic, or keys.
    families.retain(|family| !family.get_metric().is_empty());
    let mut page = Vec::new();
    TextEncoder::new().encode(&families, &mut page)?;
    String::from_utf8(page).map_err(|fault| prometheus::Error::Msg(fault.to_string()))
}

type Counts = fn(&WorkerMetrics) -> &Cell;

/// Name, help, and where it is counted.
const COUNTERS: [(&str, &str, Counts); 23] = [
    ("connections_accepted_total", "Client connections accepted.", |w| &w.connections_accepted),
    ("connections_closed_total", "Client connections that ended.", |w| &w.connections_closed),
    ("accept_failures_total", "Tries to accept that failed: no file descriptor or no memory was left.", |w| {
        &w.accept_failures
    }),
    ("connections_moved_total", "Client connections that another worker carries than accepted them.", |w| {
        &w.connections_moved
    }),
    (
        "connections_untrusted_total",
        "Client connections closed at once: only server.trusted_hops may come here.",
        |w| &w.connections_untrusted,
    ),
    ("connections_late_total", "Client connections closed: the client was too slow.", |w| &w.connections_late),
    ("connections_strained_total", "HTTP/2 connections closed: too many frames that carried nothing.", |w| {
        &w.connections_strained
    }),
    ("connections_http2_total", "Client connections that speak HTTP/2.", |w| &w.connections_http2),
    ("heads_unreadable_total", "Requests answered 400 or 431 because no head could be read.", |w| &w.heads_unreadable),
    (
        "proxy_headers_malformed_total",
        "Connections closed: a trusted hop did not begin with a header of the PROXY protocol.",
        |w| &w.proxy_headers_malformed,
    ),
    (
        "forwarded_malformed_total",
        "Requests whose Forwarded or X-Forwarded fields, from a trusted hop, were not believed.",
        |w| &w.forwarded_malformed,
    ),
    ("handshakes_failed_total", "TLS handshakes of clients that failed.", |w| &w.handshakes_failed),
    ("handshakes_resumed_total", "TLS handshakes of clients that resumed a session.", |w| &w.handshakes_resumed),
    ("verdict_hits_total", "Tokens whose signature verdict was remembered.", |w| &w.verdict_hits),
    ("verdict_misses_total", "Tokens verified from scratch, or refused.", |w| &w.verdict_misses),
    ("assertions_signed_total", "Assertions signed for upstreams; repeated ones are not among them.", |w| {
        &w.assertions_signed
    }),
    ("upstream_connects_total", "Connections to upstreams begun.", |w| &w.upstream_connects),
    ("upstream_connect_failures_total", "Connections to upstreams that failed.", |w| &w.upstream_connect_failures),
    ("upstream_handshakes_failed_total", "Failed for TLS or HTTP/2, certificates not trusted among them.", |w| {
        &w.upstream_handshakes_failed
    }),
    ("upstream_retries_total", "Requests sent again: a connection had ended while it was idle.", |w| {
        &w.upstream_retries
    }),
    ("upstream_retries_refused_total", "Requests not sent again: too many had been.", |w| &w.upstream_retries_refused),
    ("upstream_ejections_total", "Servers left alone for a while: they failed requests.", |w| &w.upstream_ejections),
    ("access_log_blocks_dropped_total", "Access-log blocks lost: the writer fell behind.", |w| &w.log_blocks_dropped),
];

fn workers(shared: &Shared) -> Vec<MetricFamily> {
    let of = |(name, help, counts): (&str, &str, Counts)| {
        family(name, help, MetricType::COUNTER, vec![counter(shared.metrics.total(counts), Vec::new())])
    };
    let unwritten = family(
        "access_log_lines_unwritten_total",
        "Access-log lines lost: they could not be written.",
        MetricType::COUNTER,
        vec![counter(shared.metrics.log_lines_unwritten.get(), Vec::new())],
    );
    COUNTERS.into_iter().map(of).chain([unwritten]).collect()
}

fn routes(shared: &Shared) -> Vec<MetricFamily> {
    let routes = shared.metrics.routes();
    let requests = routes.iter().flat_map(|(route, metrics)| requests(route, metrics)).collect();
    let of = |(route, metrics): &(Box<str>, Arc<RouteMetrics>)| {
        services::histogram(&metrics.durations(), vec![label("route", route)])
    };
    let durations = routes.iter().map(of).collect();
    vec![
        family(
            "requests_total",
            "Requests by route, status and reason; a reason stands where the gateway refused.",
            MetricType::COUNTER,
            requests,
        ),
        family(
            "request_duration_seconds",
            "From the head of a request to the last byte of its answer.",
            MetricType::HISTOGRAM,
            durations,
        ),
    ]
}

fn requests(route: &str, metrics: &RouteMetrics) -> Vec<Metric> {
    let lines = metrics.requests().into_iter().map(|line| {
        let (status, reason) = match line.outcome {
            Outcome::Passed(status) => (status, ""),
            Outcome::Refused(reason) => (reason.status(), reason.name()),
        };
        counter(line.count, vec![label("reason", reason), label("route", route), label("status", status.as_str())])
    });
    lines.collect()
}

fn issuers(shared: &Shared) -> Vec<MetricFamily> {
    let policy = shared.policy.load();
    let now = shared.clock.instant();
    let (mut keys, mut ages, mut fetches, mut outliving) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut refreshes = Vec::new();
    for issuer in policy.verifier.issuers() {
        let name = || label("issuer", &issuer.settings.name);
        outliving.push(counter(issuer.outliving.load(Ordering::Relaxed), vec![name()]));
        if !issuer.has_keys() {
            continue;
        }
        keys.push(gauge(float(issuer.keys.len() as u64), vec![name()]));
        if let Some(fetched) = issuer.keys.last_good() {
            ages.push(gauge(now.duration_since(fetched).as_secs_f64(), vec![name()]));
        }
        if let Some(fetching) = issuer.settings.keys.fetching() {
            refreshes.push(gauge(fetching.refresh.as_secs_f64(), vec![name()]));
        }
        for (outcome, count) in [("good", &issuer.keys.fetches.good), ("failed", &issuer.keys.fetches.failed)] {
            fetches.push(counter(count.load(Ordering::Relaxed), vec![name(), label("outcome", outcome)]));
        }
    }
    vec![
        family("issuer_keys", "Usable keys of an issuer; 0 means that its tokens get 503.", MetricType::GAUGE, keys),
        family("issuer_keys_age_seconds", "Since the issuer's keys were last read.", MetricType::GAUGE, ages),
        family("issuer_keys_refresh_seconds", "How often they are to be read.", MetricType::GAUGE, refreshes),
        family("issuer_key_fetches_total", "Fetches of an issuer's keys.", MetricType::COUNTER, fetches),
        family(
            "tokens_outlive_revocations_total",
            "Tokens verified from scratch that live longer than revocations.keep: raise it.",
            MetricType::COUNTER,
            outliving,
        ),
    ]
}

fn discoveries(shared: &Shared) -> MetricFamily {
    let policy = shared.policy.load();
    let of = |issuer: &Arc<Issuer>| {
        let DiscoveryCounts { good, failed, refused } = &issuer.keys.discoveries;
        [("good", good), ("failed", failed), ("refused", refused)].map(|(outcome, count)| {
            let name = label("issuer", &issuer.settings.name);
            counter(count.load(Ordering::Relaxed), vec![name, label("outcome", outcome)])
        })
    };
    family(
        "issuer_discoveries_total",
        "Fetches of the metadata that says where an issuer's keys are; refused: it was there and not believed.",
        MetricType::COUNTER,
        policy.verifier.issuers().iter().filter(|issuer| issuer.is_discovered()).flat_map(of).collect(),
    )
}

fn process(shared: &Shared, state: &State) -> Vec<MetricFamily> {
    let policy = shared.policy.load();
    let gauges = [
        ("connections", "Open client connections.", float(shared.admission.total() as u64)),
        (
            "connections_max",
            "As many as there may be (limits.connections).",
            float(shared.admission.total_max() as u64),
        ),
        ("verdicts", "Verdicts remembered.", float(policy.verifier.cached() as u64)),
        ("verdicts_max", "As many as may be (limits.verdicts).", float(policy.verifier.verdicts_max() as u64)),
        ("revocations", "Entries of the deny-list.", float(shared.revocations.len() as u64)),
        ("proofs", "Used DPoP proofs remembered.", float(policy.senders.proofs().map_or(0, Proofs::remembered) as u64)),
        ("config_generation", "Counts the configurations applied, from 1.", float(policy.generation)),
        (
            "draining",
            "1 once the process has been told to leave.",
            float(u64::from(state.is_draining.load(Ordering::Relaxed))),
        ),
    ];
    let mut families: Vec<_> = gauges
        .into_iter()
        .map(|(name, help, value)| family(name, help, MetricType::GAUGE, vec![gauge(value, Vec::new())]))
        .collect();
    families.extend(state.reloads.families(state.started));
    families.push(family(
        "admin_refused_total",
        "Requests and connections that the admin listener turned away, by what they lacked.",
        MetricType::COUNTER,
        Turned::ALL.map(|cause| counter(state.turned.of(cause), vec![label("cause", cause.name())])).into(),
    ));
    let version = vec![label("version", env!("CARGO_PKG_VERSION"))];
    let failed = counter(state.takeovers_failed.load(Ordering::Relaxed), Vec::new());
    let help = "Successors that did not come to serve, so that this process went on.";
    families.push(family("takeovers_failed_total", help, MetricType::COUNTER, vec![failed]));
    families.push(family("build_info", "The version that runs.", MetricType::GAUGE, vec![gauge(1.0, version)]));
    families
}

pub(super) fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(format!("scopegate_{name}"));
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

pub(super) fn counter(value: u64, labels: Vec<LabelPair>) -> Metric {
    sum(float(value), labels)
}

/// A counter of what does not come in wholes.
pub(super) fn sum(value: f64, labels: Vec<LabelPair>) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = Metric::default();
    metric.set_label(labels);
    metric.set_counter(counter);
    metric
}

pub(super) fn gauge(value: f64, labels: Vec<LabelPair>) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::default();
    metric.set_label(labels);
    metric.set_gauge(gauge);
    metric
}

pub(super) fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}

pub(super) fn seconds(us: u64) -> f64 {
    float(us) / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "the exposition format has only floats")]
pub(super) fn signed(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "the exposition format has only floats")]
pub(super) fn float(value: u64) -> f64 {
    value as f64
}
