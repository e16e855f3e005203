//! Dates as JSON and query strings carry them (ISO 8601 in its extended form), and the calendar behind them.

use super::fault::{Code, Fault};
use crate::clock::UnixSeconds;
use std::ops::Range;

/// What is done with the offset that a date may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// It counts; a date without one is in UTC. In bodies.
    Counts,
    /// It is read past, as the standard asks of query strings.
    Ignored,
}

/// A day in the calendar of everywhere.
#[expect(clippy::struct_field_names, reason = "a day of a month is called a day")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
}

/// `2026-03-01T12:00:00Z`
pub fn print(at: UnixSeconds) -> String {
    let Day { year, month, day } = Day::of(at);
    let second = at.0.rem_euclid(DAY);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// A day, or a day with a time of it: seconds, a fraction and an offset may be missing. Fractions are cut off.
pub fn parse(text: &str, offset: Offset) -> Option<UnixSeconds> {
    let (day, rest) = text.split_at_checked(10)?;
    let midnight = Day::parse(day)?.begins();
    if rest.is_empty() {
        return Some(midnight);
    }
    let (second, rest) = time(rest.strip_prefix(['T', 't'])?)?;
    let ahead = offset_seconds(rest)?;
    let at = midnight.0 + second;
    let at = if offset == Offset::Counts { at - ahead } else { at };
    // An offset must not lead to a year that cannot be printed in four digits.
    FOUR_DIGITS.contains(&at).then_some(UnixSeconds(at))
}

/// A date and time in a body.
pub(super) fn in_body(text: &str) -> Result<UnixSeconds, Fault> {
    parse(text, Offset::Counts).ok_or(Fault::new(Code::DateInvalid, "a date and time like 2026-03-01T12:00:00Z"))
}

/// Likewise, which is still to come.
pub(super) fn ahead(text: &str, now: UnixSeconds) -> Result<UnixSeconds, Fault> {
    let at = in_body(text)?;
    if at > now { Ok(at) } else { Err(Fault::new(Code::DateInvalid, "it must lie ahead")) }
}

impl Day {
    /// The day in UTC that `at` is in.
    pub(super) fn of(at: UnixSeconds) -> Self {
        let (year, month, day) = at.date();
        Self { year, month, day }
    }

    /// Its first second in UTC.
    pub(super) fn begins(self) -> UnixSeconds {
        UnixSeconds::of_date((self.year, self.month, self.day))
    }

    /// 0 on Mondays.
    pub(super) fn weekday(self) -> i64 {
        (self.begins().0.div_euclid(DAY) + 3).rem_euclid(7)
    }

    /// How many days its month has.
    pub(super) fn days_in_month(self) -> i64 {
        let next = if self.month == 12 { (self.year + 1, 1) } else { (self.year, self.month + 1) };
        let (this, next) = (Self { day: 1, ..self }, Self { year: next.0, month: next.1, day: 1 });
        (next.begins().0 - this.begins().0) / DAY
    }

    fn parse(text: &str) -> Option<Self> {
        let (year, rest) = digits(text, 4)?;
        let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
        let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
        let first = Self { year, month, day: 1 };
        let is_real = (1..=12).contains(&month) && (1..=first.days_in_month()).contains(&day);
        (is_real && rest.is_empty()).then_some(Self { day, ..first })
    }
}

/// Seconds since midnight, and what follows the time.
fn time(text: &str) -> Option<(i64, &str)> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => digits(rest, 2)?,
        None => (0, rest),
    };
    let rest = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => {
            let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            let length = fraction.len() - rest.len();
            (1..=FRACTION_DIGITS_MAX).contains(&length).then_some(rest)?
        }
        None => rest,
    };
    // A leap second is the last of its minute.
    let is_real = hour <= 23 && minute <= 59 && second <= 60;
    is_real.then_some((hour * 3600 + minute * 60 + second.min(59), rest))
}

/// `Z`, `+01:00`, `+0100`, `+01`, or nothing. A plus that came through a form as a space is one all the same.
fn offset_seconds(text: &str) -> Option<i64> {
    if matches!(text, "" | "Z" | "z") {
        return Some(0);
    }
    let ahead = if text.starts_with('-') { -1 } else { 1 };
    let (hours, rest) = digits(text.strip_prefix(['+', '-', ' '])?, 2)?;
    let (minutes, rest) = match rest.strip_prefix(':').unwrap_or(rest) {
        "" if rest.is_empty() => (0, ""),
        minutes => digits(minutes, 2)?,
    };
    (rest.is_empty() && hours <= 23 && minutes <= 59).then_some(ahead * (hours * 3600 + minutes * 60))
}

fn digits(text: &str, length: usize) -> Option<(i64, &str)> {
    let (number, rest) = text.split_at_checked(length)?;
    let is_number = number.bytes().all(|b| b.is_ascii_digit());
    Some((number.parse().ok().filter(|_| is_number)?, rest))
}

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;
/// The years 0000 to 9999.
const FOUR_DIGITS: Range<i64> = -62_167_219_200..253_402_300_800;
const FRACTION_DIGITS_MAX: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_instants() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_772_366_405, "2026-03-01T12:00:05Z"),
        ] {
            assert_eq!(
                (print(UnixSeconds(seconds)).as_str(), parse(text, Offset::Counts)),
                (text, Some(UnixSeconds(seconds)))
            );
        }
        assert_eq!(Day::of(UnixSeconds(1_772_366_405)).weekday(), 6, "a Sunday");
        assert_eq!(Day { year: 2024, month: 2, day: 5 }.days_in_month(), 29);
    }

    #[test]
    fn the_variants_of_the_standard_are_read() {
        let noon = Some(UnixSeconds(1_772_366_400));
        for text in [
            "2026-03-01T12:00:00Z",
            "2026-03-01t12:00:00z",
            "2026-03-01T12:00",
            "2026-03-01T12:00:00",
            "2026-03-01T12:00:00.999Z",
            "2026-03-01T12:00:00,5+00:00",
            "2026-03-01T13:00:00+01:00",
            "2026-03-01T13:00:00 01:00",
            "2026-03-01T13:30+0130",
            "2026-03-01T07:00:00-05",
        ] {
            assert_eq!(parse(text, Offset::Counts), noon, "{text}");
        }
        assert_eq!(parse("2026-03-01T12:00:00+09:00", Offset::Ignored), noon);
        assert_eq!(parse("2026-03-01", Offset::Ignored), Some(UnixSeconds(1_772_366_400 - DAY / 2)));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in [
            "",
            "2026",
            "2026-3-1",
            "20260301",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "2026-03-01T",
            "2026-03-01T24:00:00Z",
            "2026-03-01T12:60:00Z",
            "2026-03-01T12:00:61Z",
            "2026-03-01T12",
            "2026-03-01T12:00:00.Z",
            "2026-03-01T12:00:00.1234567890Z",
            "2026-03-01T12:00:00ZZ",
            "2026-03-01T12:00:00+24:00",
            "2026-03-01T12:00:00+1",
            "2026-03-01T12:00:00+01:",
            "2026-03-01 12:00:00Z",
            "+026-03-01",
            "２０２６-03-01",
            "2026-03-01T12:00:0é",
            "9999-12-31T23:59:59-00:01",
            "0000-01-01T00:00:00+00:01",
        ] {
            assert_eq!(parse(bad, Offset::Counts), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(seconds in FOUR_DIGITS) {
            let at = UnixSeconds(seconds);
            prop_assert_eq!(parse(&print(at), Offset::Counts), Some(at));
            prop_assert_eq!(Day::of(at).begins().0, seconds - seconds.rem_euclid(DAY));
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,40}", more in "[0-9TZ:+ .-]{0,30}") {
            for text in [text, more] {
                for offset in [Offset::Counts, Offset::Ignored] {
                    let _read = parse(&text, offset);
                }
            }
        }
    }
}
