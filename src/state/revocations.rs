//! The deny-list: tokens that must not be accepted although nothing in them says so. By token, customer, client, consent
//! or issuer, each for all tokens or for those issued before a time.
//!
//! Names are kept as SHA-256 digests: the list answers whether somebody is on it, and tells nobody who is. Every change
//! moves the epoch, so that a verdict which was held against the list once need not be again until something changed.

use super::journal::Journal;
use crate::clock::UnixSeconds;
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Whose tokens are revoked. Every name is the issuer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'n> {
    /// One token, by its `jti`.
    Token(&'n str),
    /// A customer's, by `sub`.
    Customer(&'n str),
    /// A client's, by `client_id`.
    Client(&'n str),
    /// Those made under a consent.
    Consent(&'n str),
    /// Everybody's.
    Everybody,
}

/// What is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation<'n> {
    /// Whose tokens are meant, by its identifier.
    pub issuer: &'n str,
    /// Which of them.
    pub whose: Whose<'n>,
    /// Only those issued before; `None`: all of them, later ones too.
    pub issued_before: Option<UnixSeconds>,
    /// When it may be forgotten, because every such token has expired; `None`: after the list's own time.
    pub until: Option<UnixSeconds>,
}

/// What a token says that a revocation may name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bearer<'t> {
    /// `iss`
    pub issuer: &'t str,
    /// `jti`
    pub token_id: Option<&'t str>,
    /// `sub`, of a customer.
    pub subject: Option<&'t str>,
    /// `client_id`
    pub client_id: Option<&'t str>,
    /// The consent's id.
    pub consent: Option<&'t str>,
    /// `iat`
    pub issued: Option<UnixSeconds>,
}

/// The list. All its methods may be called from any thread.
pub struct Revocations {
    /// Counts changes, from 1.
    epoch: AtomicU64,
    list: Mutex<List>,
    entries_max: usize,
    keep: Duration,
}

struct List {
    entries: HashMap<Digest, Entry>,
    journal: Option<Journal>,
}

/// SHA-256 over issuer, kind and name.
pub(super) type Digest = [u8; 32];

/// What is remembered of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) issued_before: Option<i64>,
    pub(super) until: i64,
}

/// Why a revocation was not taken: then nothing is revoked.
#[derive(Debug)]
pub enum Refused {
    /// The list has as many entries as it may have, none of them expired.
    Full,
    /// It could not be written down.
    Unwritten(io::Error),
}

impl Revocations {
    /// A list of at most `entries_max` entries, each kept for `keep` where nothing else is said: at least as long as a
    /// token lives.
    pub fn new(entries_max: usize, keep: Duration) -> Self {
        let list = List { entries: HashMap::new(), journal: None };
        Self { epoch: AtomicU64::new(1), list: Mutex::new(list), entries_max, keep }
    }

    /// The same with a file that it survives a restart in. What stands there is read, less what has expired by `now`.
    pub fn open(path: &Path, entries_max: usize, keep: Duration, now: UnixSeconds) -> io::Result<Self> {
        let (journal, entries) = Journal::open(path, now.0)?;
        let list = List { entries, journal: Some(journal) };
        Ok(Self { epoch: AtomicU64::new(1), list: Mutex::new(list), entries_max, keep })
    }

    /// Counts changes: what was held against the list at this epoch need not be again while it lasts.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Entries, those that expired lately among them.
    pub fn len(&self) -> usize {
        self.list().entries.len()
    }

    /// Whether nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a revocation over, as of `now`. When it returns, it is written down and every worker will know it on the
    /// next request.
    pub fn revoke(&self, revocation: &Revocation<'_>, now: UnixSeconds) -> Result<(), Refused> {
        let keep = i64::try_from(self.keep.as_secs()).unwrap_or(i64::MAX);
        let until = revocation.until.map_or(now.0.saturating_add(keep), |until| until.0);
        let entry = Entry { issued_before: revocation.issued_before.map(|before| before.0), until };
        let digest = digest(revocation.issuer, revocation.whose);
        let mut list = self.list();
        if list.entries.len() >= self.entries_max && !list.entries.contains_key(&digest) {
            list.entries.retain(|_, entry| entry.until > now.0);
            if list.entries.len() >= self.entries_max {
                return Err(Refused::Full);
            }
        }
        let entry = list.entries.get(&digest).map_or(entry, |known| known.joined(entry));
        if let Some(journal) = &mut list.journal {
            journal.append(&digest, entry).map_err(Refused::Unwritten)?;
        }
        match list.entries.entry(digest) {
            Place::Occupied(mut known) => drop(known.insert(entry)),
            Place::Vacant(place) => drop(place.insert(entry)),
        }
        drop(list);
        self.epoch.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Whether `bearer`'s token is revoked as of `now`.
    pub fn has(&self, bearer: &Bearer<'_>, now: UnixSeconds) -> bool {
        let names = [
            Some(Whose::Everybody),
            bearer.token_id.map(Whose::Token),
            bearer.subject.map(Whose::Customer),
            bearer.client_id.map(Whose::Client),
            bearer.consent.map(Whose::Consent),
        ];
        let list = self.list();
        if list.entries.is_empty() {
            return false;
        }
        names.into_iter().flatten().any(|whose| {
            let entry = list.entries.get(&digest(bearer.issuer, whose));
            entry.is_some_and(|entry| entry.until > now.0 && entry.covers(bearer.issued))
        })
    }

    fn list(&self) -> MutexGuard<'_, List> {
        // What a panicking thread leaves behind is whole: each change is one insertion.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// A token that does not say when it was issued may have been issued before.
    fn covers(self, issued: Option<UnixSeconds>) -> bool {
        match (self.issued_before, issued) {
            (Some(before), Some(issued)) => issued.0 < before,
            (None, _) | (Some(_), None) => true,
        }
    }

    /// Both at once: nothing that either revokes is let go.
    pub(super) fn joined(self, other: Self) -> Self {
        let issued_before = self.issued_before.zip(other.issued_before).map(|(one, two)| one.max(two));
        Self { issued_before, until: self.until.max(other.until) }
    }
}

/// Lengths stand before names, so that no two lists of names run into the same bytes.
fn digest(issuer: &str, whose: Whose<'_>) -> Digest {
    let (kind, name) = match whose {
        Whose::Token(id) => (b"token", id),
        Whose::Customer(subject) => (b"custo", subject),
        Whose::Client(id) => (b"clien", id),
        Whose::Consent(id) => (b"conse", id),
        Whose::Everybody => (b"every", ""),
    };
    let mut context = Context::new(&SHA256);
    context.update(kind);
    for text in [issuer, name] {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").field("entries", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the list is full: raise `revocations.entries`, or revoke by client or issuer"),
            Self::Unwritten(fault) => write!(f, "the list's file cannot be written: {fault}"),
        }
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1000);
    const KEEP: Duration = Duration::from_secs(100);

    fn of(whose: Whose<'static>) -> Revocation<'static> {
        Revocation { issuer: "i", whose, issued_before: None, until: None }
    }

    fn bearer() -> Bearer<'static> {
        Bearer {
            issuer: "i",
            token_id: Some("t"),
            subject: Some("s"),
            client_id: Some("c"),
            consent: Some("o"),
            issued: Some(UnixSeconds(900)),
        }
    }

    #[test]
    fn each_kind_revokes_its_own_and_nobody_else() {
        for whose in
            [Whose::Token("t"), Whose::Customer("s"), Whose::Client("c"), Whose::Consent("o"), Whose::Everybody]
        {
            let list = Revocations::new(10, KEEP);
            assert!(!list.has(&bearer(), NOW));
            list.revoke(&of(whose), NOW).unwrap();
            assert!(list.has(&bearer(), NOW), "{whose:?}");
            assert!(!list.has(&Bearer { issuer: "other", ..bearer() }, NOW), "{whose:?}");
        }
        let list = Revocations::new(10, KEEP);
        for whose in
            [Whose::Token("s"), Whose::Customer("t"), Whose::Client("o"), Whose::Consent("c"), Whose::Token("T")]
        {
            list.revoke(&of(whose), NOW).unwrap();
            assert!(!list.has(&bearer(), NOW), "{whose:?}");
        }
    }

    #[test]
    fn issued_before_spares_later_tokens_and_none_that_hides_its_date() {
        let list = Revocations::new(10, KEEP);
        let before = |seconds| Revocation { issued_before: Some(UnixSeconds(seconds)), ..of(Whose::Client("c")) };
        list.revoke(&before(900), NOW).unwrap();
        assert!(!list.has(&bearer(), NOW));
        assert!(list.has(&Bearer { issued: None, ..bearer() }, NOW));
        list.revoke(&before(901), NOW).unwrap();
        assert!(list.has(&bearer(), NOW));
        list.revoke(&before(10), NOW).unwrap();
        assert!(list.has(&bearer(), NOW), "an earlier date takes nothing back");
        list.revoke(&of(Whose::Client("c")), NOW).unwrap();
        assert!(list.has(&Bearer { issued: Some(UnixSeconds(5000)), ..bearer() }, NOW));
    }

    #[test]
    fn entries_expire_and_make_room_and_a_full_list_says_so() {
        let list = Revocations::new(2, KEEP);
        list.revoke(&of(Whose::Token("t")), NOW).unwrap();
        list.revoke(&Revocation { until: Some(UnixSeconds(5000)), ..of(Whose::Token("u")) }, NOW).unwrap();
        let epoch = list.epoch();
        assert!(matches!(list.revoke(&of(Whose::Token("v")), NOW), Err(Refused::Full)));
        assert_eq!(list.epoch(), epoch);
        list.revoke(&of(Whose::Token("t")), NOW).unwrap();
        assert!(list.epoch() > epoch, "what is on it already needs no room");
        let later = UnixSeconds(NOW.0 + 100);
        assert!(!list.has(&bearer(), later));
        list.revoke(&of(Whose::Token("v")), later).unwrap();
        assert_eq!(list.len(), 2);
    }
}
