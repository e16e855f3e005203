//! Counts the calls of the last half hour by minute, and how many of them the gateway refused.

use super::line::Line;
use std::collections::BTreeMap;

/// The last minutes.
#[derive(Debug, Default)]
pub(super) struct Minutes(BTreeMap<u64, Count>);

/// What happened in a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sandbox::portal) struct Count {
    /// Every call.
    pub(in crate::sandbox::portal) calls: u64,
    /// Those that the gateway refused.
    pub(in crate::sandbox::portal) refused: u64,
}

impl Minutes {
    /// Counts a call. Lines from long ago, from the future and about our own probes count nowhere.
    pub(super) fn add(&mut self, line: &Line, now_ms: u64) {
        let (minute, now) = (line.time_ms / MINUTE_MS, now_ms / MINUTE_MS);
        if minute + MINUTES <= now || minute > now + 1 || line.id.starts_with(PROBE_PREFIX) {
            return;
        }
        let count = self.0.entry(minute).or_default();
        count.calls += 1;
        count.refused += u64::from(line.reason.is_some());
        while self.0.len() > MINUTES_KEPT {
            self.0.pop_first();
        }
    }

    /// One count for each of the last `MINUTES`, the running one last.
    pub(super) fn last(&self, now_ms: u64) -> Vec<Count> {
        let now = now_ms / MINUTE_MS;
        (0..MINUTES).rev().map(|ago| self.0.get(&now.saturating_sub(ago)).copied().unwrap_or_default()).collect()
    }
}

impl Count {
    /// Both together.
    pub(in crate::sandbox::portal) fn of(counts: &[Self]) -> Self {
        counts.iter().fold(Self::default(), |sum, count| Self {
            calls: sum.calls + count.calls,
            refused: sum.refused + count.refused,
        })
    }

    /// Refused calls in a thousand; none if there were no calls.
    pub(in crate::sandbox::portal) fn permille(self) -> Option<u64> {
        (self.refused * 1000).checked_div(self.calls)
    }
}

/// How far back pages look.
pub(in crate::sandbox::portal) const MINUTES: u64 = 30;
/// With room for clocks that do not agree.
const MINUTES_KEPT: usize = 33;
const MINUTE_MS: u64 = 60_000;
/// The portal's own requests begin their correlation ids so: they are refused on purpose.
pub(in crate::sandbox::portal) const PROBE_PREFIX: &str = "5ca7e9a7-e000-4000-8000-";

#[cfg(test)]
mod tests {
    use super::super::line;
    use super::*;

    const NOON_MS: u64 = 1_772_366_400_000;

    fn add(minutes: &mut Minutes, now_ms: u64, minute: u64, more: &str) {
        let text = format!(
            "{{\"time\":\"2026-03-01T{:02}:{:02}:30.000Z\",\"id\":\"00000000-0000-4000-8000-000000000000\",\"status\":200,{more}\"duration_us\":1,\"bytes\":0}}",
            11 + minute / 60,
            minute % 60
        );
        minutes.add(&line::parse(text.as_bytes()).unwrap(), now_ms);
    }

    #[test]
    fn calls_fall_into_their_minutes() {
        let mut minutes = Minutes::default();
        for minute in [31, 60, 60, 59] {
            add(&mut minutes, NOON_MS, minute, "");
        }
        add(&mut minutes, NOON_MS, 60, "\"reason\":\"scope_missing\",");
        let last = minutes.last(NOON_MS);
        assert_eq!(last.len(), 30);
        assert_eq!((last[29], last[28], last[0]), (count(3, 1), count(1, 0), count(1, 0)));
        assert_eq!(Count::of(&last), count(5, 1));
        assert_eq!((Count::of(&last).permille(), count(0, 0).permille()), (Some(200), None));
    }

    #[test]
    fn lies_about_the_time_count_nowhere_and_take_no_room() {
        let mut minutes = Minutes::default();
        for minute in [0, 29, 62, 400] {
            add(&mut minutes, NOON_MS, minute, "");
        }
        assert!(minutes.0.is_empty());
        for minute in 0..600 {
            add(&mut minutes, NOON_MS + minute * MINUTE_MS, 60 + minute, "");
        }
        assert_eq!(minutes.0.len(), MINUTES_KEPT);
    }

    fn count(calls: u64, refused: u64) -> Count {
        Count { calls, refused }
    }
}
