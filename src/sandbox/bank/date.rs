//! Dates as JSON carries them, computed from seconds.

use crate::clock::UnixSeconds;

/// `2026-03-01`
pub(super) fn day(at: UnixSeconds) -> String {
    let (year, month, day) = civil(at.0.div_euclid(DAY));
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-03-01T12:00:00Z`
pub(super) fn instant(at: UnixSeconds) -> String {
    let second = at.0.rem_euclid(DAY);
    format!("{}T{:02}:{:02}:{:02}Z", day(at), second / 3600, second / 60 % 60, second % 60)
}

/// The same time of day, earlier.
pub(super) fn days_before(at: UnixSeconds, days: i64) -> UnixSeconds {
    UnixSeconds(at.0 - days * DAY)
}

/// Days since 1970-01-01 to year, month, day. Years begin in March here, so that the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

const DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(instant(UnixSeconds(seconds)), text);
        }
    }
}
