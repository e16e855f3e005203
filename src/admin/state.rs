//! The part of the metrics page about the store in which gateways agree.

use super::exposition::{counter, family, float, gauge, label, seconds, sum};
use crate::gateway::Shared;
use crate::state::shared::tally::{Kind, Outcome, Tally};
use prometheus::proto::{MetricFamily, MetricType};

/// Empty where there is no store.
pub(super) fn families(shared: &Shared) -> Vec<MetricFamily> {
    let Some(store) = &shared.store else { return Vec::new() };
    let tallies = store.tallies();
    let Some((control, workers)) = tallies.split_last() else { return Vec::new() };
    let up = [("requests", workers.iter().all(Tally::is_up)), ("revocations", control.is_up())];
    let up = up.map(|(link, is_up)| gauge(float(u64::from(is_up)), vec![label("link", link)]));
    let total = |of: &dyn Fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    let calls = Kind::ALL.into_iter().flat_map(|kind| Outcome::ALL.map(|outcome| (kind, outcome)));
    let calls = calls.map(|(kind, outcome)| {
        let labels = vec![label("kind", kind.name()), label("outcome", outcome.name())];
        counter(total(&|tally| tally.calls(kind, outcome)), labels)
    });
    let took =
        Kind::ALL.map(|kind| sum(seconds(total(&|tally| tally.took_us(kind))), vec![label("kind", kind.name())]));
    let counters = MetricType::COUNTER;
    let one = |count: u64| vec![counter(count, Vec::new())];
    vec![
        family(
            "state_up",
            "1 where the store answers: to every worker, and to the thread that shares revocations.",
            MetricType::GAUGE,
            up.into(),
        ),
        family(
            "state_calls_total",
            "Calls of the store, by how they went; away: it was not called.",
            counters,
            calls.collect(),
        ),
        family("state_call_seconds_total", "What calls of the store took together.", counters, took.into()),
        family(
            "state_connections_lost_total",
            "Connections to the store that ended, or were given up because it did not answer.",
            counters,
            one(total(&Tally::lost)),
        ),
        family(
            "state_malformed_total",
            "Revocations in the store that no gateway can have put there.",
            counters,
            one(total(&Tally::malformed)),
        ),
        family(
            "state_behind",
            "1 where tokens are refused because revocations of other gateways are not known.",
            MetricType::GAUGE,
            vec![gauge(float(u64::from(shared.revocations.is_behind())), Vec::new())],
        ),
    ]
}
