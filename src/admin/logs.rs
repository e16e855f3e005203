//! How the audit log fares.

use super::exposition::{counter, family, float, gauge};
use crate::gateway::Shared;
use prometheus::proto::{MetricFamily, MetricType};
use std::sync::atomic::Ordering;

/// Empty where there is none.
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
    families
}
