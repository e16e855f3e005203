//! Numbers, durations and times as a person reads them: never a number without its unit. Templates pass references, Rust
//! passes values: both are taken.

use super::super::exposition::float;
use crate::gateway::observe::stamp::Seconds;
use std::borrow::Borrow;
use std::fmt::Display;

/// Three digits that matter, no zeros behind the point, and commas between thousands.
pub(super) fn number(value: f64) -> String {
    match value {
        value if value >= 99.95 || value == 0.0 => grouped(&format!("{value:.0}")),
        value if value >= 9.995 => whole(format!("{value:.1}")),
        value if value >= 0.01 => whole(format!("{value:.2}")),
        _ => "< 0.01".to_owned(),
    }
}

fn whole(digits: String) -> String {
    match digits.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|b| b == b'0') => whole.to_owned(),
        Some(_) | None => digits,
    }
}

/// A whole number.
pub(super) fn count(value: impl Display) -> String {
    grouped(&value.to_string())
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration in milliseconds, as far as it is known.
pub(super) fn ms(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= MS_MAX => "> 30 s".to_owned(),
        Some(value) if value >= 1000.0 => format!("{} s", number(value / 1000.0)),
        Some(value) => format!("{} ms", number(value)),
    }
}

/// A share of a whole.
pub(super) fn percent(share: impl Borrow<Option<f64>>) -> String {
    match *share.borrow() {
        None => "–".to_owned(),
        Some(share) if share > 0.0 && share < 0.001 => "< 0.1 %".to_owned(),
        Some(share) if share < 1.0 && share > 0.999 => "> 99.9 %".to_owned(),
        Some(share) => format!("{:.1} %", share * 100.0),
    }
}

/// A span in its two greatest units.
pub(super) fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let first = parts.iter().position(|(value, _)| *value > 0).unwrap_or(parts.len() - 1);
    let shown = parts.iter().skip(first).take(2).filter(|(value, _)| *value > 0 || first == parts.len() - 1);
    shown.map(|(value, unit)| format!("{value} {unit}")).collect::<Vec<_>>().join(" ")
}

/// How long ago something was that is so many seconds old.
pub(super) fn ago(seconds: impl Borrow<u64>) -> String {
    format!("{} ago", span(i64::try_from(*seconds.borrow()).unwrap_or(i64::MAX)))
}

/// A moment.
#[derive(Debug)]
pub(super) struct Moment {
    /// RFC 3339.
    pub machine: String,
    /// For people, in UTC.
    pub utc: String,
    /// How long ago it was.
    pub ago: String,
}

/// A moment for which it does not matter how long ago it was.
pub(super) fn utc(at: impl Borrow<i64>) -> String {
    Moment::of(*at.borrow(), 0).utc
}

impl Moment {
    pub(super) fn of(at: i64, now: i64) -> Self {
        let stamp = Seconds::default().stamp(u64::try_from(at).unwrap_or_default().saturating_mul(1000));
        let (date, rest) = stamp.as_str().split_once('T').unwrap_or_default();
        let time = rest.get(..8).unwrap_or_default();
        let ago = match now.saturating_sub(at) {
            ..=4 => "just now".to_owned(),
            passed => format!("{} ago", span(passed)),
        };
        Self { machine: format!("{date}T{time}Z"), utc: format!("{date} {time} UTC"), ago }
    }
}

/// What is left until an end, or that it has come.
pub(super) fn left(seconds: impl Borrow<i64>) -> String {
    match *seconds.borrow() {
        ended @ ..=-1 => format!("ended {} ago", span(ended.saturating_neg())),
        soon if soon < 2 * DAY => format!("{} left", span(soon)),
        later => format!("{} days left", count(later / DAY)),
    }
}

/// So many of something.
pub(super) fn counted(value: impl Borrow<usize>, one: &str) -> String {
    let value = value.borrow();
    let plural = if *value == 1 { "" } else { "s" };
    format!("{} {one}{plural}", grouped(&value.to_string()))
}

/// A rate.
pub(super) fn rate(value: f64) -> String {
    format!("{}/s", number(value))
}

/// A count as a float, for lines.
pub(super) fn floats(values: &[u64]) -> Vec<Option<f64>> {
    values.iter().map(|value| Some(float(*value))).collect()
}

const DAY: i64 = 86_400;
/// The greatest bound of the histogram.
const MS_MAX: f64 = 30_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_matter() {
        for (value, text) in [
            (0.0, "0"),
            (0.004, "< 0.01"),
            (0.25, "0.25"),
            (9.994, "9.99"),
            (12.34, "12.3"),
            (5.0, "5"),
            (50.01, "50"),
            (9.999, "10"),
            (99.96, "100"),
            (999.6, "1,000"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(
            (count(0), count(1_000), count(u64::MAX)),
            ("0".into(), "1,000".into(), "18,446,744,073,709,551,615".into())
        );
    }

    #[test]
    fn durations_have_units() {
        for (value, text) in
            [(None, "–"), (Some(0.25), "0.25 ms"), (Some(1500.0), "1.50 s"), (Some(30_000.0), "> 30 s")]
        {
            assert_eq!(ms(value), text);
        }
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (61, "1 min 1 s"),
            (3661, "1 h 1 min"),
            (86_400, "1 d"),
            (93_600, "1 d 2 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
        for (seconds, text) in
            [(-60, "ended 1 min ago"), (3600, "1 h left"), (2 * DAY, "2 days left"), (365 * DAY, "365 days left")]
        {
            assert_eq!(left(seconds), text);
        }
    }

    #[test]
    fn shares_near_the_ends_are_not_rounded_into_them() {
        for (share, text) in [
            (None, "–"),
            (Some(0.0), "0.0 %"),
            (Some(0.0004), "< 0.1 %"),
            (Some(0.5), "50.0 %"),
            (Some(0.9999), "> 99.9 %"),
            (Some(1.0), "100.0 %"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn a_moment_is_written_for_both() {
        let moment = Moment::of(1_800_000_000, 1_800_000_061);
        assert_eq!((&*moment.machine, &*moment.utc), ("2027-01-15T08:00:00Z", "2027-01-15 08:00:00 UTC"));
        assert_eq!(moment.ago, "1 min 1 s ago");
        assert_eq!(Moment::of(10, 7).ago, "just now");
    }
}
