//! The keys of assertions: one signs; the next one is published before it does, so that upstreams with a copy of the set
//! know it by then; those of before stay published until nothing that they signed is good any more.

use crate::clock::UnixSeconds;
use crate::config::assertion::KeySource;
use crate::config::bounds::{ASSERTION_KEYS_AGE, ASSERTION_LIFETIME_MAX};
use crate::oauth::signer::{PrivateKey, Signer};
use arc_swap::{ArcSwap, Guard};
use serde_json::{Value, json};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The keys of one gateway. They outlive the policies that use them.
pub struct Keys {
    current: ArcSwap<Current>,
    ring: Mutex<Ring>,
}

/// The key that signs.
pub(super) struct Current {
    signer: Arc<Signer>,
    /// Differs from that of every key before.
    pub(super) number: u64,
}

struct Ring {
    source: KeySource,
    current: Key,
    /// Since when `current` signs.
    since: UnixSeconds,
    /// It signs from then on.
    next: Option<(Key, UnixSeconds)>,
    /// Public halves, and until when they are published.
    retired: Vec<(Value, UnixSeconds)>,
}

struct Key {
    signer: Arc<Signer>,
    /// The public half as it is published; equal for equal keys.
    public: Value,
}

/// A change that is possible and was not made yet, so that it can be made together with others or not at all.
pub struct Change {
    source: KeySource,
    key: Option<Key>,
}

/// The keys cannot be as the configuration asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadKey {
    /// It cannot sign.
    Unusable,
    /// Another key was published under its id.
    TakenId,
}

impl Keys {
    /// How long a copy of the set may be used.
    pub const AGE: Duration = ASSERTION_KEYS_AGE;

    /// With a first key, which signs at once: nobody has a copy of the set yet.
    pub fn new(source: &KeySource, now: UnixSeconds) -> Result<Self, BadKey> {
        let current = Key::from(source)?;
        let first = Current { signer: Arc::clone(&current.signer), number: 0 };
        let ring = Ring { source: source.clone(), current, since: now, next: None, retired: Vec::new() };
        Ok(Self { current: ArcSwap::from_pointee(first), ring: Mutex::new(ring) })
    }

    /// What it takes to have keys from `source`.
    pub fn prepare(&self, source: &KeySource) -> Result<Change, BadKey> {
        let ring = self.ring();
        let is_at_hand = match (&ring.source, source) {
            (KeySource::Made { algorithm: old, .. }, KeySource::Made { algorithm: new, .. }) => old == new,
            (KeySource::Made { .. } | KeySource::File { .. }, _) => false,
        };
        let key = if is_at_hand { None } else { Some(Key::from(source)?) };
        let is_taken = |key: &Key| {
            let is_same_id = |known: &&Value| known.get("kid") == key.public.get("kid");
            ring.published().into_iter().filter(is_same_id).any(|known| *known != key.public)
        };
        if key.as_ref().is_some_and(is_taken) {
            return Err(BadKey::TakenId);
        }
        Ok(Change { source: source.clone(), key })
    }

    /// Makes the change. A new key is published now and signs later.
    pub fn take_over(&self, change: Change, now: UnixSeconds) {
        let mut ring = self.ring();
        ring.source = change.source;
        if let Some(key) = change.key {
            let is_next = ring.next.as_ref().is_some_and(|(next, _)| next.public == key.public);
            if key.public == ring.current.public {
                ring.next = None;
            } else if !is_next {
                ring.next = Some((key, now.later(Self::AGE)));
            }
        }
    }

    /// Does what is due: the next key is made, or begins to sign; an old one is forgotten. Call it now and then.
    pub fn tend(&self, now: UnixSeconds) -> Result<(), BadKey> {
        let mut ring = self.ring();
        ring.retired.retain(|(_, until)| now < *until);
        // A clock that was set back must not put off a turn by as much.
        ring.since = ring.since.min(now);
        if let Some((_, from)) = &mut ring.next {
            *from = now.later(Self::AGE).min(*from);
        }
        if let Some((next, _)) = ring.next.take_if(|(_, from)| *from <= now) {
            let number = self.current.load().number + 1;
            self.current.store(Arc::new(Current { signer: Arc::clone(&next.signer), number }));
            let old = std::mem::replace(&mut ring.current, next);
            ring.retired.push((old.public, now.later(RETIRED)));
            ring.since = now;
        }
        if let KeySource::Made { rotate, .. } = &ring.source
            && ring.next.is_none()
            && ring.since.later(rotate.saturating_sub(Self::AGE)) <= now
        {
            ring.next = Some((Key::from(&ring.source)?, now.later(Self::AGE)));
        }
        Ok(())
    }

    /// The JWK set (RFC 7517 §5) of all keys whose signatures are, or will soon be, about.
    pub fn set(&self) -> String {
        json!({"keys": self.ring().published()}).to_string()
    }

    /// Publishes those of `set` too, which a process before this one signed with, until nothing of it is good any more. One
    /// under an id of ours is not taken: verifiers refuse a set with two of one id.
    pub fn publish(&self, set: &str, now: UnixSeconds) {
        let Ok(Value::Object(mut set)) = serde_json::from_str(set) else { return };
        let Some(Value::Array(keys)) = set.remove("keys") else { return };
        let mut ring = self.ring();
        for key in keys {
            if !ring.published().iter().any(|known| known.get("kid") == key.get("kid")) {
                ring.retired.push((key, now.later(RETIRED)));
            }
        }
    }

    pub(super) fn current(&self) -> Guard<Arc<Current>> {
        self.current.load()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    pub(super) fn sign(&self, claims: &str) -> Option<String> {
        self.signer.sign(claims)
    }
}

impl Ring {
    /// The one that signs first. An old key that comes back stands there once: verifiers refuse a set with two of one id.
    fn published(&self) -> Vec<&Value> {
        let next = self.next.iter().map(|(next, _)| &next.public);
        let retired = self.retired.iter().map(|(public, _)| public);
        let mut published = vec![&self.current.public];
        for public in next.chain(retired) {
            if !published.contains(&public) {
                published.push(public);
            }
        }
        published
    }
}

impl Key {
    fn from(source: &KeySource) -> Result<Self, BadKey> {
        let (key, id) = match source {
            KeySource::Made { algorithm, .. } => (PrivateKey::generate(*algorithm), None),
            KeySource::File { algorithm, key, key_id } => {
                (PrivateKey::read(key.expose(), *algorithm), key_id.as_deref())
            }
        };
        let key = key.ok_or(BadKey::Unusable)?;
        let (public, id) = key.public(id).ok_or(BadKey::Unusable)?;
        Ok(Self { signer: Arc::new(Signer::new(key, TYPE, Some(&id))), public })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unusable => "the key cannot be used",
            Self::TakenId => "another key was published under this `key_id`, and upstreams may have a copy of it",
        })
    }
}

impl std::error::Error for BadKey {}

/// In the header, so that no assertion is ever taken for an access token or the other way round (RFC 8725 §3.11).
const TYPE: &str = "scopegate-assertion+jwt";
/// Twice the life of what it signed last, and the age of a copy of the set.
const RETIRED: Duration = ASSERTION_LIFETIME_MAX.saturating_mul(2).saturating_add(Keys::AGE);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::algorithm::Algorithm;

    #[test]
    fn a_clock_that_is_set_back_puts_no_turn_off() {
        let source = KeySource::Made { algorithm: Algorithm::Es256, rotate: Duration::from_mins(10) };
        let keys = Keys::new(&source, UnixSeconds(1_000_000)).unwrap();
        let number_at = |now| {
            keys.tend(UnixSeconds(now)).unwrap();
            keys.current().number
        };
        assert_eq!((number_at(1_000_299), keys.ring().published().len()), (0, 1));
        assert_eq!((number_at(0), keys.ring().published().len()), (0, 1));
        assert_eq!((number_at(300), keys.ring().published().len()), (0, 2));
        assert_eq!((number_at(100), number_at(399), number_at(400)), (0, 0, 1));
        assert_eq!(keys.ring().published().len(), 2, "the old one stays");
    }
}
