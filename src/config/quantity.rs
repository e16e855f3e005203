//! Durations and sizes, which never stand without a unit: `10s`, `64KiB`.

use super::fault::Problem;
use std::ops::RangeInclusive;
use std::time::Duration;

/// `500ms`, `10s`, `5m`, `2h`: a whole number and one unit.
pub(super) fn duration(text: &str) -> Result<Duration, Problem> {
    let seconds = |count: u64, each: u64| count.checked_mul(each).map(Duration::from_secs);
    let parsed = split(text).and_then(|(count, unit)| match unit {
        "ms" => Some(Duration::from_millis(count)),
        "s" => seconds(count, 1),
        "m" => seconds(count, 60),
        "h" => seconds(count, 60 * 60),
        _ => None,
    });
    parsed
        .ok_or_else(|| Problem::new("is not a duration").hint("write a whole number and a unit: 500ms, 10s, 5m or 2h"))
}

/// `512B`, `64KiB`, `1MiB`, `1GiB`, `10kB`, `10MB`: a whole number and one unit. In bytes.
pub(super) fn size(text: &str) -> Result<u64, Problem> {
    let parsed = split(text).and_then(|(count, unit)| {
        let each = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return None,
        };
        count.checked_mul(each)
    });
    parsed
        .ok_or_else(|| Problem::new("is not a size").hint("write a whole number and a unit: 512B, 64KiB, 1MiB or 10MB"))
}

/// A duration as an operator would write it.
pub(super) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (duration.subsec_millis(), seconds % 60, (seconds / 60) % 60) {
        (0, 0, 0) if seconds > 0 => format!("{}h", seconds / 3600),
        (0, 0, _) if seconds > 0 => format!("{}m", seconds / 60),
        (0, _, _) => format!("{seconds}s"),
        _ => format!("{}ms", duration.as_millis()),
    }
}

/// A size as an operator would write it.
pub(super) fn show_size(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes > 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    format!("{bytes}B")
}

/// Digits, an optional space, and the rest. Neither sign nor fraction: `1.5h` is `90m`.
fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at_checked(digits)?;
    Some((count.parse().ok()?, unit.strip_prefix(' ').unwrap_or(unit)))
}

/// `duration`, if it lies between the bounds, both included.
pub(super) fn within(duration: Duration, least: Duration, most: Duration) -> Result<Duration, Problem> {
    if (least..=most).contains(&duration) {
        return Ok(duration);
    }
    let (least, most) = (show_duration(least), show_duration(most));
    Err(Problem::new(format!("is out of bounds: from {least} to {most}")))
}

/// The size in `text`, if it lies within the bounds.
pub(super) fn sized(text: &str, bounds: &RangeInclusive<u64>) -> Result<u64, Problem> {
    let size = size(text)?;
    if bounds.contains(&size) {
        return Ok(size);
    }
    let (least, most) = (show_size(*bounds.start()), show_size(*bounds.end()));
    Err(Problem::new(format!("is out of bounds: from {least} to {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_need_a_unit() {
        for (text, expected) in [
            ("0s", Duration::ZERO),
            ("500ms", Duration::from_millis(500)),
            ("10s", Duration::from_secs(10)),
            ("10 s", Duration::from_secs(10)),
            ("5m", Duration::from_mins(5)),
            ("2h", Duration::from_hours(2)),
        ] {
            assert_eq!(duration(text), Ok(expected), "{text:?}");
        }
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "+1s",
            "1.5h",
            "1d",
            "1M",
            "1S",
            "5 minutes",
            "99999999999999999999s",
            "18446744073709551615h",
            "1s ",
        ] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_need_a_unit() {
        for (text, expected) in [
            ("0B", 0),
            ("512B", 512),
            ("64KiB", 65_536),
            ("1MiB", 1_048_576),
            ("1 GiB", 1_073_741_824),
            ("10kB", 10_000),
            ("10MB", 10_000_000),
        ] {
            assert_eq!(size(text), Ok(expected), "{text:?}");
        }
        for text in [
            "",
            "5",
            "64K",
            "64k",
            "64kib",
            "1Mib",
            "-1B",
            "1.5MiB",
            "0x10B",
            "99999999999999999999B",
            "18446744073709551615KiB",
        ] {
            assert!(size(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(millis in 0_u64..10_000_000_000, bytes: u64) {
            let time = Duration::from_millis(millis);
            prop_assert_eq!(duration(&show_duration(time)), Ok(time));
            prop_assert_eq!(size(&show_size(bytes)), Ok(bytes));
        }
    }
}
