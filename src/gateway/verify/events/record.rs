//! What became of security events: which were seen, how many of which kind, and when the last came. It outlives a reload.

use super::{Code, NotTaken};
use crate::clock::UnixSeconds;
use crate::digest::Digest;
use crate::oauth::security_event::Kind;
use crate::state::replay::Replays;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Counters, and the memory of what was taken.
#[derive(Debug)]
pub struct Record {
    seen: Replays,
    tokens: [AtomicU64; Outcome::ALL.len()],
    events: [[AtomicU64; Fate::ALL.len()]; Kind::ALL.len()],
    /// By the issuer's name.
    last: Mutex<BTreeMap<Arc<str>, UnixSeconds>>,
}

/// What became of one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Taken.
    Taken,
    /// Taken before: acknowledged again, and nothing done.
    Repeated,
    /// Refused for its sender's fault.
    Bad(Code),
    /// The issuer's keys were not to be had.
    NoKeys,
    /// The deny-list was full, or could not be written.
    NotListed,
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Done as it demands.
    Applied,
    /// Acknowledged although it means nothing here: refused, it would only come again.
    Ignored,
    /// Refused with its token, which was genuine: its subject is nobody that tokens can be found by, or its date is wrong.
    Refused,
}

impl Record {
    pub(super) fn has_seen(&self, id: &Digest, now: UnixSeconds) -> bool {
        self.seen.has(id, now)
    }

    /// Remembers it, if there is room: a repeat that is not known does no harm.
    pub(super) fn taken(&self, (issuer, id): (&Arc<str>, &Digest), now: UnixSeconds) {
        let _first = self.seen.spend(id, now);
        self.count(Outcome::Taken);
        self.last.lock().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(issuer), now);
    }

    pub(super) fn refused<T>(&self, why: NotTaken) -> Result<T, NotTaken> {
        self.count(match &why {
            NotTaken::Bad(code, _) => Outcome::Bad(*code),
            NotTaken::NoKeys(_) => Outcome::NoKeys,
            NotTaken::List(_) => Outcome::NotListed,
        });
        Err(why)
    }

    pub(super) fn count(&self, outcome: Outcome) {
        let place = Outcome::ALL.iter().position(|one| *one == outcome);
        if let Some(counter) = place.and_then(|place| self.tokens.get(place)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn event(&self, kind: Kind, fate: Fate) {
        if let Some(counter) = self.events.get(kind.index()).and_then(|fates| fates.get(fate as usize)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a body that was no token at all.
    pub fn unreadable(&self) {
        self.count(Outcome::Bad(Code::InvalidRequest));
    }

    /// Tokens by the name of their outcome.
    pub fn tokens(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Outcome::ALL.iter().zip(&self.tokens).map(|(outcome, count)| (outcome.name(), count.load(Ordering::Relaxed)))
    }

    /// Events by the names of kind and fate.
    pub fn events(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        Kind::ALL.iter().zip(&self.events).flat_map(|(kind, fates)| {
            let of = |(fate, count): (&Fate, &AtomicU64)| (kind.name(), fate.name(), count.load(Ordering::Relaxed));
            Fate::ALL.iter().zip(fates).map(of)
        })
    }

    /// When the last token of the issuer of this name was taken.
    pub fn last(&self, issuer: &str) -> Option<UnixSeconds> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).get(issuer).copied()
    }
}

impl Default for Record {
    fn default() -> Self {
        Self {
            seen: Replays::new(SEEN_MAX, SEEN_FOR),
            tokens: std::array::from_fn(|_| AtomicU64::new(0)),
            events: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))),
            last: Mutex::default(),
        }
    }
}

impl Outcome {
    /// Every outcome.
    const ALL: [Self; 10] = [
        Self::Taken,
        Self::Repeated,
        Self::Bad(Code::InvalidRequest),
        Self::Bad(Code::InvalidKey),
        Self::Bad(Code::InvalidIssuer),
        Self::Bad(Code::InvalidAudience),
        Self::Bad(Code::AuthenticationFailed),
        Self::Bad(Code::AccessDenied),
        Self::NoKeys,
        Self::NotListed,
    ];

    /// Its name as a label: a closed set.
    fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Repeated => "repeated",
            Self::Bad(code) => code.as_str(),
            Self::NoKeys => "no_keys",
            Self::NotListed => "not_listed",
        }
    }
}

impl Fate {
    /// Every fate.
    const ALL: [Self; 3] = [Self::Applied, Self::Ignored, Self::Refused];

    /// That of an event whose token was taken.
    pub(super) fn of(kind: Kind) -> Self {
        if kind == Kind::Other { Self::Ignored } else { Self::Applied }
    }

    /// Its name as a label: a closed set.
    fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Ignored => "ignored",
            Self::Refused => "refused",
        }
    }
}

/// Tokens remembered: one a second for most of a day, in about 4 MB.
const SEEN_MAX: usize = 65_536;
/// A sender that heard nothing tries again within hours.
const SEEN_FOR: Duration = Duration::from_hours(12);
