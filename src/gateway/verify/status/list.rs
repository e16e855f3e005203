//! How long a list that was fetched may be used, and when it should be fetched anew (draft-ietf-oauth-status-list §8.3,
//! §13.7). HTTP has no say in it: its caching headers are not signed.

use crate::clock::UnixSeconds;
use crate::config::bounds::STATUS_LIST_REFRESH_MIN;
use crate::gateway::verify::token::is_early;
use crate::oauth::status_list::{StatusList, Statuses};
use std::sync::Arc;
use std::time::Duration;

/// What is known of a list now.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The last good one.
    pub(super) list: Option<Arc<Kept>>,
    /// When it was asked for, also when it may not be used any more.
    pub(super) fetched: Option<UnixSeconds>,
    /// Whether the last fetch failed.
    pub(super) is_failing: bool,
}

/// A list that was good when it was fetched.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) statuses: Statuses,
    /// The issuer's keys by which it was verified: without them it is worth nothing.
    pub(super) key_generation: u64,
    pub(super) issued: UnixSeconds,
    /// When it was asked for: what it says is at least as old.
    pub(super) fetched: UnixSeconds,
    /// When it should be replaced.
    pub(super) due: UnixSeconds,
    /// When it may not be used any more.
    pub(super) dies: UnixSeconds,
}

/// How long lists are good, by the issuer's settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) refresh: Duration,
    pub(super) stale_max: Duration,
    pub(super) leeway: Duration,
}

/// Why a list that can be read is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadDates {
    /// Its `iat` lies ahead.
    Early,
    /// Its `exp` has passed.
    Expired,
    /// Its `iat` is before that of the list we have by the same keys: what was revoked would be good again.
    Older,
}

impl Kept {
    /// Takes a list that was asked for at `fetched`, in place of `before`.
    pub(super) fn take(
        list: StatusList,
        before: Option<&Self>,
        (key_generation, fetched): (u64, UnixSeconds),
        terms: Terms,
    ) -> Result<Self, BadDates> {
        let expires = list.expires.map_or(FOREVER, |date| date.later(terms.leeway));
        if is_early(list.issued, fetched, terms.leeway) {
            return Err(BadDates::Early);
        }
        if expires <= fetched {
            return Err(BadDates::Expired);
        }
        let is_like = |before: &&Self| before.key_generation == key_generation;
        if before.filter(is_like).is_some_and(|before| list.issued < before.issued) {
            return Err(BadDates::Older);
        }
        // A list may ask to be fetched sooner than the operator does, though not all the time, and not later.
        let ttl = list.ttl.unwrap_or(Duration::MAX).max(STATUS_LIST_REFRESH_MIN).min(terms.refresh);
        let soonest = fetched.later(STATUS_LIST_REFRESH_MIN);
        Ok(Self {
            statuses: list.statuses,
            key_generation,
            issued: list.issued,
            fetched,
            due: fetched.later(ttl).min(list.expires.unwrap_or(FOREVER)).max(soonest),
            dies: fetched.later(terms.stale_max).min(expires),
        })
    }

    /// Whether it can know of a token that was `issued` then: a list that has grown since says nothing of the new ones.
    pub(super) fn covers(&self, index: u64, issued: Option<UnixSeconds>) -> bool {
        self.statuses.get(index).is_some() || issued.is_none_or(|issued| issued <= self.fetched)
    }

    /// Whether it may be used. Of one that was fetched later than now nobody knows how old it is: the clock was set back.
    pub(super) fn is_alive(&self, now: UnixSeconds) -> bool {
        (self.fetched.a_moment_before()..self.dies).contains(&now)
    }

    /// How long after it came its successor is fetched, so that no request waits for it.
    pub(super) fn refresh(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.due.0 - self.fetched.0).unwrap_or(0)) * 3 / 4
    }
}

impl std::fmt::Display for BadDates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Early => "its `iat` lies ahead",
            Self::Expired => "its `exp` has passed",
            Self::Older => "it is older than the one before",
        })
    }
}

const FOREVER: UnixSeconds = UnixSeconds(i64::MAX);

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms =
        Terms { refresh: Duration::from_mins(5), stale_max: Duration::from_hours(1), leeway: Duration::from_secs(5) };
    const NOW: i64 = 1_000_000;

    fn list(more: &str) -> StatusList {
        let text = format!(r#"{{"sub":"u",{more},"status_list":{{"bits":1,"lst":"eNrbuRgAAhcBXQ"}}}}"#);
        StatusList::parse(&text, 2).unwrap()
    }

    fn take(more: &str) -> Result<Kept, BadDates> {
        Kept::take(list(more), None, (0, UnixSeconds(NOW)), TERMS)
    }

    /// SL-4: the list says when, within bounds.
    #[test]
    fn a_list_is_due_when_it_says_so_within_bounds() {
        for (more, due, dies) in [
            (r#""iat":1"#, 300, 3600),
            (r#""iat":1,"ttl":60"#, 60, 3600),
            (r#""iat":1,"ttl":299"#, 299, 3600),
            (r#""iat":1,"ttl":301"#, 300, 3600),
            (r#""iat":1,"ttl":1e99"#, 300, 3600),
            (r#""iat":1,"ttl":1"#, 1, 3600),
            (r#""iat":1,"ttl":0"#, 1, 3600),
            (r#""iat":1,"exp":1000100"#, 100, 105),
            (r#""iat":1,"exp":1000100,"ttl":60"#, 60, 105),
            (r#""iat":1,"exp":1000000"#, 1, 5),
            (r#""iat":1,"exp":253402300799"#, 300, 3600),
        ] {
            let kept = take(more).unwrap();
            assert_eq!((kept.due.0 - NOW, kept.dies.0 - NOW), (due, dies), "{more}");
            assert!(kept.refresh() < Duration::from_secs(due.unsigned_abs()), "{more}");
        }
    }

    #[test]
    fn a_list_is_used_from_when_it_came_until_it_dies() {
        let kept = take(r#""iat":1"#).unwrap();
        // A request may have begun in the second before; a clock that shows less was set back.
        for (at, is_alive) in [(-3600, false), (-2, false), (-1, true), (0, true), (3599, true), (3600, false)] {
            assert_eq!(kept.is_alive(UnixSeconds(NOW + at)), is_alive, "{at}");
        }
    }

    /// SL-2.
    #[test]
    fn a_list_of_another_time_is_refused() {
        for (more, fault) in [
            (r#""iat":1000011"#, Some(BadDates::Early)),
            (r#""iat":1000010"#, None),
            (r#""iat":1,"exp":999995"#, Some(BadDates::Expired)),
            (r#""iat":1,"exp":999996"#, None),
        ] {
            assert_eq!(take(more).err(), fault, "{more}");
        }
        let before = take(r#""iat":500"#).unwrap();
        for (more, fault) in [(r#""iat":499"#, Some(BadDates::Older)), (r#""iat":500"#, None), (r#""iat":501"#, None)] {
            let next = Kept::take(list(more), Some(&before), (0, UnixSeconds(NOW)), TERMS);
            assert_eq!(next.err(), fault, "{more}");
        }
    }

    /// SL-3: an index beyond the end is refused, unless the token is younger than the list.
    #[test]
    fn a_list_knows_nothing_of_tokens_that_came_after_it() {
        let kept = take(r#""iat":1"#).unwrap();
        for (index, issued, covered) in
            [(15, Some(NOW + 1), true), (16, Some(NOW + 1), false), (16, Some(NOW), true), (16, None, true)]
        {
            assert_eq!(kept.covers(index, issued.map(UnixSeconds)), covered, "{index} {issued:?}");
        }
    }
}
