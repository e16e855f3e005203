//! How the audit log and the traces fare.

use super::exposition::{counter, family, float, gauge, label};
use crate::gateway::Shared;
use prometheus::proto::{MetricFamily, MetricType};
use std::sync::atomic::Ordering;

/// Empty where neither is configured.
pub(super) fn families(shared: &Shared) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    if let Some(audit) = &shared.audit {
        let state = audit.state();
        let count = |name, help, count: u64| family(name, help, MetricType::COUNTER, vec![counter(count, Vec::new())]);
        let now = |name, help, value: u64| family(name, help, MetricType::GAUGE, vec![gauge(float(value), Vec::new())]);
        families.extend([
            count("audit_lines_total", "Lines of the audit log, written.", state.written.load(Ordering::Relaxed)),
            count(
                "audit_lines_lost_total",
                "Lines of the audit log that there was no room for, and requests refused for want of room.",
                state.lost.load(Ordering::Relaxed),
            ),
            now("audit_queue_bytes", "Of the audit log, handed over and not written.", {
                state.waiting.load(Ordering::Relaxed) as u64
            }),
            now("audit_failing", "1 while the audit log cannot be written.", {
                u64::from(state.is_failing.load(Ordering::Relaxed))
            }),
        ]);
    }
    if shared.policy.load().tracing.is_some() {
        let counts = &shared.spans;
        let lost = [("overflow", &counts.overflowed), ("collector", &counts.refused)];
        let lost = lost.map(|(cause, count)| counter(count.load(Ordering::Relaxed), vec![label("cause", cause)]));
        families.extend([
            family("trace_spans_exported_total", "Spans that the collector has taken.", MetricType::COUNTER, {
                vec![counter(counts.exported.load(Ordering::Relaxed), Vec::new())]
            }),
            family(
                "trace_spans_dropped_total",
                "Spans lost: too many waited, or the collector was away or said no.",
                MetricType::COUNTER,
                lost.into(),
            ),
        ]);
    }
    families
}
