//! What changed, the newest first: a short memory for the person who asks why it is not as it was.

use crate::clock::UnixSeconds;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// The last changes; older ones are forgotten.
#[derive(Debug, Default)]
pub struct History(Mutex<VecDeque<Event>>);

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When, in seconds since 1970.
    pub at: i64,
    /// What kind of change.
    pub kind: Kind,
    /// What it was about, in a few words.
    pub what: String,
}

/// What can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The process began to serve.
    Started,
    /// It took over from another process.
    TookOver,
    /// A successor did not come to serve.
    TakeoverFailed,
    /// It has been told to leave.
    Draining,
    /// Another configuration is in force.
    Reloaded,
    /// One was refused, and the old one goes on.
    ReloadRefused,
    /// An issuer has keys, or has other ones than before.
    KeysChanged,
    /// An issuer's keys are gone: its tokens are answered 503.
    KeysLost,
    /// A server is left alone.
    ServerOut,
    /// It is asked again.
    ServerBack,
    /// The store that gateways share does not answer.
    StoreLost,
    /// It answers again.
    StoreBack,
    /// A worker does not move.
    WorkerStuck,
    /// It moves again.
    WorkerBack,
}

impl Kind {
    /// In a person's words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::TookOver => "Took over",
            Self::TakeoverFailed => "Takeover failed",
            Self::Draining => "Draining",
            Self::Reloaded => "Reloaded",
            Self::ReloadRefused => "Reload refused",
            Self::KeysChanged => "Keys changed",
            Self::KeysLost => "Keys lost",
            Self::ServerOut => "Server left alone",
            Self::ServerBack => "Server back",
            Self::StoreLost => "Store lost",
            Self::StoreBack => "Store back",
            Self::WorkerStuck => "Worker stuck",
            Self::WorkerBack => "Worker back",
        }
    }

    /// Whether somebody should look.
    pub fn is_bad(self) -> bool {
        match self {
            Self::TakeoverFailed
            | Self::ReloadRefused
            | Self::KeysLost
            | Self::ServerOut
            | Self::StoreLost
            | Self::WorkerStuck => true,
            Self::Started
            | Self::TookOver
            | Self::Draining
            | Self::Reloaded
            | Self::KeysChanged
            | Self::ServerBack
            | Self::StoreBack
            | Self::WorkerBack => false,
        }
    }
}

impl History {
    /// Something changed.
    pub fn note(&self, at: UnixSeconds, kind: Kind, what: &str) {
        let what = what.chars().take(WORDS_MAX).collect();
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.truncate(EVENTS_MAX - 1);
        events.push_front(Event { at: at.0, kind, what });
    }

    /// All that is remembered.
    pub fn newest_first(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// A bad night has more; its log has them all.
const EVENTS_MAX: usize = 50;
/// Characters of one event: a line or two.
const WORDS_MAX: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_none_is_long() {
        let history = History::default();
        for at in 0..=i64::try_from(EVENTS_MAX).unwrap() {
            history.note(UnixSeconds(at), Kind::Reloaded, &"ü".repeat(WORDS_MAX + 1));
        }
        let events = history.newest_first();
        assert_eq!((events.len(), events[0].at, events[EVENTS_MAX - 1].at), (EVENTS_MAX, 50, 1));
        assert_eq!(events[0].what.chars().count(), WORDS_MAX);
    }
}
