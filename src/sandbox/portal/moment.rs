//! Times in words: what a reader wants to know, and the exact time behind it.

use crate::clock::UnixSeconds;
use crate::sandbox::bank::date;

/// A time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// `2 minutes ago`
    pub(super) words: String,
    /// `2026-03-01T12:00:05Z`
    pub(super) exact: String,
}

impl Moment {
    /// A time that is over.
    pub(super) fn past(at: UnixSeconds, now: UnixSeconds) -> Self {
        let passed = now.0.saturating_sub(at.0);
        let words = if passed < 60 { "just now".to_owned() } else { format!("{} ago", roughly(passed)) };
        Self { words, exact: date::print(at) }
    }
}

/// A span to the second, as long as seconds matter: the script of the pages counts on in the same words.
pub(super) fn span(seconds: i64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let pair = |(first, unit): (i64, &str), (second, smaller): (i64, &str)| match second {
        0 => count(first, unit),
        _ => format!("{} {}", count(first, unit), count(second, smaller)),
    };
    match (hours, minutes) {
        (0, 0) => count(rest, "second"),
        (0, _) => pair((minutes, "minute"), (rest, "second")),
        _ => pair((hours, "hour"), (minutes, "minute")),
    }
}

fn roughly(seconds: i64) -> String {
    match seconds {
        ..3_600 => count(seconds / 60, "minute"),
        3_600..86_400 => count(seconds / 3_600, "hour"),
        _ => count(seconds / 86_400, "day"),
    }
}

fn count(number: i64, unit: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_told_roughly() {
        for (seconds, words) in [
            (-5, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (3_599, "59 minutes ago"),
            (7_300, "2 hours ago"),
            (86_400, "1 day ago"),
            (864_000, "10 days ago"),
        ] {
            assert_eq!(Moment::past(UnixSeconds(1_000_000), UnixSeconds(1_000_000 + seconds)).words, words);
        }
    }

    #[test]
    fn spans_are_told_to_the_second() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (60, "1 minute"),
            (252, "4 minutes 12 seconds"),
            (3_600, "1 hour"),
            (3_661, "1 hour 1 minute"),
        ] {
            assert_eq!(span(seconds), words);
        }
    }
}
