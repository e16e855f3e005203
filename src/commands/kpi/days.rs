//! The days of a report: from midnight to midnight where the bank is. A day on which clocks change has 23 or 25 hours, and
//! shares of it are shares of those.

use super::bounds::DAYS_MAX;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

/// One day of the bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Day {
    /// `2026-03-29`.
    pub(super) date: String,
    /// Its midnight, in milliseconds since 1970.
    pub(super) start_ms: u64,
    /// The next midnight.
    pub(super) end_ms: u64,
}

impl Day {
    /// Its length: 86,400 s but where clocks change.
    pub(super) fn length_ms(&self) -> u64 {
        self.end_ms - self.start_ms
    }
}

/// All days from the first to the last, both among them.
pub(super) fn days(from: &str, to: &str, zone: &str) -> Result<Vec<Day>, String> {
    let zone = parse_zone(zone)?;
    let date = |text: &str| text.parse::<Date>().map_err(|_| format!("{text:?} is not a day; write 2026-07-01"));
    let (first, last) = (date(from)?, date(to)?);
    if first > last {
        return Err(format!("the period ends on {last}, before it begins on {first}"));
    }
    let mut days = Vec::new();
    let mut next = first;
    while next <= last {
        if days.len() == DAYS_MAX {
            return Err(format!("a period may have {DAYS_MAX} days"));
        }
        let after = next.tomorrow().map_err(|_| "the period ends too late".to_owned())?;
        days.push(Day { date: next.to_string(), start_ms: midnight(next, &zone)?, end_ms: midnight(after, &zone)? });
        next = after;
    }
    Ok(days)
}

/// The first moment of a day, also where clocks skip midnight itself.
fn midnight(date: Date, zone: &TimeZone) -> Result<u64, String> {
    let start = date.to_zoned(zone.clone()).and_then(|zoned| zoned.start_of_day());
    let ms = start.map(|start| start.timestamp().as_millisecond());
    ms.ok().and_then(|ms| u64::try_from(ms).ok()).ok_or_else(|| format!("{date} is no day of a gateway"))
}

/// `UTC`, `+03:00`, or a name of the time zone database.
fn parse_zone(text: &str) -> Result<TimeZone, String> {
    if text == "UTC" {
        return Ok(TimeZone::UTC);
    }
    if let Some(offset) = parse_offset(text) {
        return Ok(TimeZone::fixed(offset));
    }
    TimeZone::get(text).map_err(|_| format!("{text:?} is no time zone; write Europe/London, UTC or +03:00"))
}

fn parse_offset(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
    let number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i32>().ok())?;
    let (hours, minutes) = (number(hours)?, number(minutes).filter(|minutes| *minutes < 60)?);
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok().filter(|_| hours < 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_the_hours_that_the_banks_clocks_show() {
        for (from, zone, start, hours) in [
            ("2026-07-01", "UTC", 1_782_864_000_000, 24),
            ("2026-07-01", "+03:00", 1_782_853_200_000, 24),
            ("2026-07-01", "-00:30", 1_782_865_800_000, 24),
            ("2026-03-29", "Europe/London", 1_774_742_400_000, 23),
            ("2026-10-25", "Europe/London", 1_792_882_800_000, 25),
            ("2026-10-25", "Europe/Istanbul", 1_792_875_600_000, 24),
            // Clocks went from midnight to one o'clock.
            ("2018-11-04", "America/Sao_Paulo", 1_541_300_400_000, 23),
        ] {
            let days = days(from, from, zone).unwrap();
            assert_eq!(
                (days.len(), days[0].start_ms, days[0].length_ms()),
                (1, start, hours * 3_600_000),
                "{from} {zone}"
            );
        }
    }

    #[test]
    fn days_follow_each_other_without_a_gap() {
        let quarter = days("2026-01-01", "2026-03-31", "Europe/Berlin").unwrap();
        assert_eq!(quarter.len(), 90);
        assert!(quarter.windows(2).all(|pair| pair[0].end_ms == pair[1].start_ms));
        assert_eq!((quarter[0].date.as_str(), quarter[89].date.as_str()), ("2026-01-01", "2026-03-31"));
    }

    #[test]
    fn what_is_no_period_is_refused_and_says_how_it_is_written() {
        for (from, to, zone, said) in [
            ("1.7.2026", "2026-07-02", "UTC", "\"1.7.2026\" is not a day; write 2026-07-01"),
            ("2026-07-02", "2026-07-01", "UTC", "the period ends on 2026-07-01, before it begins on 2026-07-02"),
            ("2026-02-30", "2026-07-01", "UTC", "\"2026-02-30\" is not a day; write 2026-07-01"),
            ("2026-01-01", "2027-02-05", "UTC", "a period may have 400 days"),
            ("1969-01-01", "1969-01-02", "UTC", "1969-01-01 is no day of a gateway"),
            (
                "2026-07-01",
                "2026-07-01",
                "Europe/Lodnon",
                "\"Europe/Lodnon\" is no time zone; write Europe/London, UTC or +03:00",
            ),
            ("2026-07-01", "2026-07-01", "+3", "\"+3\" is no time zone; write Europe/London, UTC or +03:00"),
            ("2026-07-01", "2026-07-01", "+24:00", "\"+24:00\" is no time zone; write Europe/London, UTC or +03:00"),
            ("2026-07-01", "2026-07-01", "", "\"\" is no time zone; write Europe/London, UTC or +03:00"),
        ] {
            assert_eq!(days(from, to, zone).unwrap_err(), said);
        }
        assert_eq!(days("2026-01-01", "2027-02-04", "UTC").unwrap().len(), DAYS_MAX);
    }
}
