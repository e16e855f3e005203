//! The only reader of time, and what a second is: which day it is in. Everything that computes takes `now` as an argument.

use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where time comes from: the system, or a test that moves it by hand.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The operating system's clocks.
    System,
    /// Wall time that stands still until it is moved; monotonic time stays the system's.
    Manual(Arc<AtomicI64>),
}

/// Seconds since 1970-01-01T00:00:00Z without leap seconds: the `NumericDate` of RFC 7519 §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixSeconds(pub i64);

impl UnixSeconds {
    /// The whole second of a time in milliseconds.
    pub fn from_ms(unix_ms: u64) -> Self {
        Self(i64::try_from(unix_ms / 1000).unwrap_or(i64::MAX))
    }

    /// The first second of a day in UTC: Howard Hinnant's `days_from_civil`. Years begin in March here, so that the leap day
    /// comes last. Whether the month has such a day is for whoever read it to see.
    pub fn of_date((year, month, day): (i64, i64, i64)) -> Self {
        let year = if month <= 2 { year - 1 } else { year };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        Self((era * DAYS_OF_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH) * DAY)
    }

    /// Year, month and day in UTC: his `civil_from_days`.
    pub fn date(self) -> (i64, i64, i64) {
        let days = self.0.div_euclid(DAY) + EPOCH;
        let (era, of_era) = (days.div_euclid(DAYS_OF_ERA), days.rem_euclid(DAYS_OF_ERA));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }

    /// So much later; where there is no such second, the last one.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_secs()).unwrap_or(i64::MAX)))
    }

    /// The earliest that a request can have read the clock which meets something made now: it may have begun in the second
    /// before. Where a clock shows less it was set back.
    #[must_use]
    pub fn a_moment_before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl Clock {
    /// A clock that stands at `seconds`.
    pub fn manual(seconds: i64) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(seconds)))
    }

    /// Wall time, which may jump.
    pub fn now(&self) -> UnixSeconds {
        match self {
            Self::System => UnixSeconds(i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX)),
            Self::Manual(seconds) => UnixSeconds(seconds.load(Ordering::Relaxed)),
        }
    }

    /// Wall time in milliseconds, for log lines.
    pub fn now_ms(&self) -> u64 {
        match self {
            Self::System => u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX),
            Self::Manual(_) => u64::try_from(self.now().0).unwrap_or(0).saturating_mul(1000),
        }
    }

    /// Wall time in microseconds, for what is counted within a time.
    pub fn now_us(&self) -> u64 {
        match self {
            Self::System => u64::try_from(since_epoch().as_micros()).unwrap_or(u64::MAX),
            Self::Manual(_) => self.now_ms().saturating_mul(1000),
        }
    }

    /// Time that never runs backwards, in microseconds since some moment before this process: what is measured of every request.
    /// A span is one subtraction; between two `Instant`s it is thirty instructions, and as many more to have it in microseconds.
    pub fn monotonic_us(&self) -> u64 {
        #[expect(clippy::disallowed_methods, reason = "this is the one reader")]
        let now = clock_gettime(ClockId::Monotonic);
        now.tv_sec.unsigned_abs().saturating_mul(1_000_000).saturating_add(now.tv_nsec.unsigned_abs() / 1000)
    }

    /// The same for what hardly any request pays for, as the standard library has it: deadlines, pauses, ages.
    pub fn instant(&self) -> Instant {
        #[expect(clippy::disallowed_methods, reason = "this is the one reader")]
        Instant::now()
    }

    /// Moves a manual clock; the system's clock does not move for anybody.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(seconds) = self {
            seconds.fetch_add(i64::try_from(by.as_secs()).unwrap_or(0), Ordering::Relaxed);
        }
    }
}

fn since_epoch() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "this is the one reader")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
}

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Days of four hundred years, after which everything repeats.
const DAYS_OF_ERA: i64 = 146_097;
/// Days from the first of March of the year 0 to 1970-01-01.
const EPOCH: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn days_have_their_dates() {
        for (seconds, date) in [
            (0, (1970, 1, 1)),
            (-DAY, (1969, 12, 31)),
            (951_782_400, (2000, 2, 29)),
            (951_868_800, (2000, 3, 1)),
            (4_107_542_400, (2100, 3, 1)),
            (253_402_214_400, (9999, 12, 31)),
            (-62_167_219_200, (0, 1, 1)),
        ] {
            assert_eq!((UnixSeconds(seconds).date(), UnixSeconds::of_date(date).0), (date, seconds));
        }
    }

    #[test]
    fn later_is_never_sooner() {
        assert_eq!(UnixSeconds(5).later(Duration::from_millis(2_999)), UnixSeconds(7));
        assert_eq!(UnixSeconds(i64::MAX - 1).later(Duration::from_secs(2)), UnixSeconds(i64::MAX));
        assert_eq!(UnixSeconds(0).later(Duration::MAX), UnixSeconds(i64::MAX));
    }

    proptest! {
        #[test]
        fn the_date_of_a_day_leads_back_to_it(day in -1_000_000..4_000_000_i64, of_day in 0..DAY) {
            let first = UnixSeconds(day * DAY);
            prop_assert_eq!(UnixSeconds::of_date(first.date()), first);
            prop_assert_eq!(UnixSeconds(first.0 + of_day).date(), first.date());
        }
    }
}
