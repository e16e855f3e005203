//! What is published, and in which words and digits: the three forms of the report say the same.

use super::days::Day;
use super::psu::Psu;
use super::reading::{Read, SCOPES, Stats, Tally, Times};
use super::sources::Counts;
use crate::config::service::Service;
use std::io::{self, Write};

/// All that a report says.
pub(super) struct Report<'r> {
    pub(super) zone: &'r str,
    pub(super) days: &'r [Day],
    pub(super) read: &'r Read,
    pub(super) psu: Option<&'r Psu>,
    pub(super) counts: &'r Counts,
    pub(super) benchmarks: Benchmarks,
}

/// Whether a report compares with the benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Benchmarks {
    Shown,
    Hidden,
}

/// The numbers of one service over some time, as they are printed; `None` where there is nothing to say.
pub(super) struct Row {
    pub(super) service: &'static str,
    pub(super) seconds: u64,
    pub(super) uptime_percent: Option<String>,
    pub(super) downtime_percent: Option<String>,
    pub(super) downtime_seconds: Option<String>,
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) error_percent: Option<String>,
    pub(super) mean_response_ms: Option<String>,
    pub(super) mean_first_byte_ms: Option<String>,
    /// Availability, errors, response time: whether each benchmark is kept; `None` where there is none, or nothing to judge.
    pub(super) kept: [Option<bool>; BENCHMARKS.len()],
}

/// The columns of the benchmarks.
pub(super) const BENCHMARKS: [&str; 3] = ["uptime_kept", "errors_kept", "response_kept"];

impl Report<'_> {
    /// The rows of one day, the whole interface first.
    pub(super) fn rows(&self, day: usize) -> Vec<Row> {
        let (Some(tally), Some(length)) = (self.read.tallies.get(day), self.days.get(day).map(Day::length_ms)) else {
            return Vec::new();
        };
        let one = |(scope, stats): (_, &Stats)| Row::new(scope, stats, length, tally.lines > 0 || stats.down_ms > 0);
        SCOPES.into_iter().zip(&tally.scopes).map(one).collect()
    }

    /// The rows of the whole period. Whether it was down is known where it is of every day.
    pub(super) fn totals(&self) -> Vec<Row> {
        let length = self.days.iter().map(Day::length_ms).sum();
        let is_whole = self.read.tallies.iter().all(is_known);
        let total = |place: usize| {
            let mut total = Stats::default();
            let days = self.read.tallies.iter().filter_map(|tally| tally.scopes.get(place));
            days.for_each(|stats| total.join(stats));
            total
        };
        SCOPES.into_iter().enumerate().map(|(place, scope)| Row::new(scope, &total(place), length, is_whole)).collect()
    }

    /// Whether the period is known to miss no benchmark.
    pub(super) fn keeps_benchmarks(&self) -> bool {
        let is_whole = self.read.tallies.iter().all(is_known);
        is_whole && self.totals().iter().flat_map(|row| row.kept).all(|kept| kept != Some(false))
    }

    /// Days that nothing is known of: each row of them from the first to the last.
    fn unknown_days(&self) -> Vec<String> {
        let days: Vec<_> = self.days.iter().zip(&self.read.tallies).collect();
        let rows = days.chunk_by(|(_, before), (_, after)| is_known(before) == is_known(after));
        let said = rows.filter_map(|row| match row {
            [(_, tally), ..] if is_known(tally) => None,
            [(only, _)] => Some(only.date.clone()),
            [(first, _), .., (last, _)] => Some(format!("{} to {}", first.date, last.date)),
            [] => None,
        });
        said.collect()
    }

    /// What of the logs was of no use, for whoever publishes the rest.
    pub(super) fn note(&self, notes: &mut impl Write) -> io::Result<()> {
        let Counts { lines, malformed, first_malformed, unpublished } = self.counts;
        if let Some(place) = first_malformed {
            writeln!(notes, "note: {malformed} of {lines} lines are none of an access log; the first is {place}")?;
        }
        let unknown = self.unknown_days();
        if !unknown.is_empty() {
            let days = unknown.join(", ");
            writeln!(notes, "note: no line is of {days}: the uptime is not known; is a log missing?")?;
        }
        let whole: u64 = self.totals().first().map_or(0, |row| row.requests);
        if whole == 0 && *unpublished > 0 {
            writeln!(
                notes,
                "note: no request is for a service: say `service: ais` at its routes, and name them by --config"
            )?;
        }
        if self.read.late > 0 {
            writeln!(
                notes,
                "note: {} lines came too late to count for availability; is a log missing?",
                self.read.late
            )?;
        }
        Ok(())
    }
}

/// Whether there is a line of the day, or an outage that lasted through it.
fn is_known(tally: &Tally) -> bool {
    tally.lines > 0 || tally.scopes.first().is_some_and(|whole| whole.down_ms > 0)
}

impl Row {
    /// What is known of requests, and of downtime if `is_known`.
    fn new(scope: Option<Service>, stats: &Stats, length_ms: u64, is_known: bool) -> Self {
        let Stats { requests, errors, down_ms, response, first_byte, .. } = stats;
        Self {
            service: scope.map_or(WHOLE, Service::name),
            seconds: length_ms / 1000,
            uptime_percent: is_known.then(|| decimal(share(length_ms.saturating_sub(*down_ms), length_ms), 4)),
            downtime_percent: is_known.then(|| decimal(share(*down_ms, length_ms), 4)),
            downtime_seconds: is_known.then(|| decimal((u128::from(*down_ms), 1000), 3)),
            requests: *requests,
            errors: *errors,
            error_percent: (*requests > 0).then(|| decimal(share(*errors, *requests), 4)),
            mean_response_ms: mean_ms(response),
            mean_first_byte_ms: mean_ms(first_byte),
            kept: [
                is_known.then(|| at_most(share(*down_ms, length_ms), (1, 2))),
                (*requests > 0).then(|| at_most(share(*errors, *requests), (1, 2))),
                responds(scope, stats),
            ],
        }
    }
}

/// The benchmarks of UK Open Banking: the mean of confirmations of funds is 300 ms at most and none takes longer than 500 ms;
/// other answers take 1,000 ms for each megabyte.
fn responds(scope: Option<Service>, Stats { response, megabytes, .. }: &Stats) -> Option<bool> {
    let mean = (u128::from(response.sum_us), u128::from(response.count));
    let is_judged = response.count > 0;
    match scope? {
        Service::Funds => is_judged.then(|| at_most(mean, (300_000, 1)) && response.max_us <= 500_000),
        Service::Ais | Service::Pis => {
            is_judged.then(|| at_most((u128::from(response.sum_us), u128::from(*megabytes)), (1_000_000, 1)))
        }
    }
}

fn mean_ms(times: &Times) -> Option<String> {
    (times.count > 0).then(|| decimal((u128::from(times.sum_us), u128::from(times.count) * 1000), 1))
}

/// In percent, as a fraction. Of nothing, it is nothing.
fn share(part: u64, whole: u64) -> (u128, u128) {
    (u128::from(part) * 100, u128::from(whole.max(1)))
}

fn at_most((part, whole): (u128, u128), (most, of): (u128, u128)) -> bool {
    part * of <= most * whole
}

/// A fraction with some decimals, rounded half up: the same digits on every machine.
fn decimal((part, whole): (u128, u128), places: usize) -> String {
    let scale = 10_u128.pow(u32::try_from(places).unwrap_or_default());
    let scaled = (part * scale * 2 + whole) / (whole * 2);
    format!("{}.{:0places$}", scaled / scale, scaled % scale)
}

/// The interface as a whole.
pub(super) const WHOLE: &str = "all";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_rounded_half_up() {
        for (fraction, places, text) in [
            ((1, 3), 4, "0.3333"),
            ((2, 3), 4, "0.6667"),
            ((1, 8), 2, "0.13"),
            ((99_999, 1000), 1, "100.0"),
            ((0, 1), 3, "0.000"),
        ] {
            assert_eq!(decimal(fraction, places), text);
        }
    }

    /// KPI-9, at each bound and one past it.
    #[test]
    fn benchmarks_are_kept_up_to_their_bounds() {
        let day = 86_400_000;
        let kept = |scope, stats: &Stats| Row::new(scope, stats, day, true).kept;
        let times = |count, sum_us, max_us| Times { count, sum_us, max_us };
        let some = |response, megabytes| Stats { requests: 200, response, megabytes, ..Stats::default() };
        assert_eq!(kept(None, &Stats::default()), [Some(true), None, None]);
        for (down_ms, good) in [(432_000, true), (432_001, false)] {
            assert_eq!(kept(None, &Stats { down_ms, ..Stats::default() })[0], Some(good));
        }
        for (errors, good) in [(1, true), (2, false)] {
            assert_eq!(kept(None, &Stats { requests: 200, errors, ..Stats::default() })[1], Some(good));
        }
        for (response, good) in [
            (times(2, 600_000, 500_000), true),
            (times(2, 600_001, 500_000), false),
            (times(2, 600_000, 500_001), false),
        ] {
            assert_eq!(kept(Some(Service::Funds), &some(response, 2))[2], Some(good), "{response:?}");
        }
        for (sum_us, megabytes, good) in [(2_000_000, 2, true), (2_000_001, 2, false), (3_000_000, 3, true)] {
            assert_eq!(kept(Some(Service::Ais), &some(times(2, sum_us, 0), megabytes))[2], Some(good));
            assert_eq!(kept(Some(Service::Pis), &some(times(2, sum_us, 0), megabytes))[2], Some(good));
        }
    }
}
