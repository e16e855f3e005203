//! The deny-list: tokens that must not be accepted although nothing in them says so. By token, customer, client, consent
//! or issuer, each for all tokens or for those issued before a time.
//!
//! Names are kept as SHA-256 digests: the list answers whether somebody is on it, and tells nobody who is. Every change
//! moves the epoch, so that a verdict which was held against the list once need not be again until something changed.

use super::entries::{Digest, Entry, List, digest};
use super::journal;
use super::keeper::{Books, Keeper};
use super::sharing::Sharing;
use crate::clock::UnixSeconds;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Whose tokens are revoked. Every name is the issuer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'n> {
    /// One token, by its `jti`.
    Token(&'n str),
    /// A customer's, or a client's own, by `sub`.
    Customer(&'n str),
    /// A client's, by `client_id`.
    Client(&'n str),
    /// A customer's, by `sub`, that one client holds.
    CustomerAt(&'n str, &'n str),
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
    /// `sub`
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
    /// Locked for moments: workers wait for it.
    list: Mutex<List>,
    /// Locked while the disk is waited for, and always before the list. No worker locks it.
    books: Mutex<Books>,
    pub(super) waiting: Notify,
    pub(super) sharing: Sharing,
    pub(super) entries_max: usize,
    keep: Duration,
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
        Self::with(Keeper::Nobody, entries_max, keep)
    }

    /// The same with a file that it survives a restart in. What stands there is read, less what has expired by `now`.
    pub fn open(path: &Path, entries_max: usize, keep: Duration, now: UnixSeconds) -> io::Result<Self> {
        let list = Self::new(entries_max, keep);
        list.keep_in(path, now)?;
        Ok(list)
    }

    /// What stands in a file, as of `now`, whoever writes to it: to be looked at, and to take nothing.
    pub fn as_written(path: &Path, entries_max: usize, keep: Duration, now: UnixSeconds) -> io::Result<Self> {
        let list = Self::new(entries_max, keep);
        list.list().entries = journal::read(path, now)?;
        Ok(list)
    }

    /// The same with a file that another process has still open: until `keep_in` nothing is taken over.
    pub fn before_file(entries_max: usize, keep: Duration) -> Self {
        Self::with(Keeper::Later, entries_max, keep)
    }

    fn with(keeper: Keeper, entries_max: usize, keep: Duration) -> Self {
        Self {
            epoch: AtomicU64::new(1),
            list: Mutex::new(List::new(HashMap::new())),
            books: Mutex::new(Books { keeper, predecessor: None }),
            waiting: Notify::new(),
            sharing: Sharing::default(),
            entries_max,
            keep,
        }
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

    /// How long an entry lasts where nothing else is said.
    pub fn keep(&self) -> Duration {
        self.keep
    }

    /// Takes revocations over as of `now`, all or none. When it returns, they are written down and every worker will know
    /// them on the next request. It waits for the disk: nothing for a worker.
    pub fn revoke(&self, revocations: &[Revocation<'_>], now: UnixSeconds) -> Result<(), Refused> {
        let mut books = self.books();
        let mut entries: Vec<_> = revocations.iter().map(|revocation| self.entry(revocation, now)).collect();
        let mut list = self.list();
        list.make_room(&entries, self.entries_max, now)?;
        for (digest, entry) in &mut entries {
            *entry = list.joined(digest, *entry, now);
        }
        drop(list);
        books.keeper.keep(&entries, now).map_err(Refused::Unwritten)?;
        let mut list = self.list();
        for entry in &entries {
            self.put(&mut list, *entry, now);
        }
        drop(list);
        books.tell_predecessor(&entries);
        Ok(())
    }

    /// The same of one revocation for a worker, which must not wait for the disk: when it returns, it is in force, and
    /// whoever waits for `unwritten` will `write` it down.
    pub fn revoke_at_once(&self, revocation: &Revocation<'_>, now: UnixSeconds) -> Result<(), Refused> {
        let (digest, entry) = self.entry(revocation, now);
        let mut list = self.list();
        list.make_room(&[(digest, entry)], self.entries_max, now)?;
        if self.put(&mut list, (digest, entry), now) {
            list.unwritten.insert(digest);
        }
        drop(list);
        self.waiting.notify_one();
        Ok(())
    }

    /// Until something is in force that is not written down.
    pub async fn unwritten(&self) {
        while self.list().unwritten.is_empty() {
            self.waiting.notified().await;
        }
    }

    /// Writes down what is in force and was not written yet. Where it fails, it is in force all the same and still waits.
    pub fn write(&self, now: UnixSeconds) -> io::Result<()> {
        let mut books = self.books();
        let mut list = self.list();
        // Taken first: what a worker adds meanwhile waits for the next time.
        let waiting = std::mem::take(&mut list.unwritten);
        let entries: Vec<_> = waiting.iter().filter_map(|digest| Some((*digest, *list.entries.get(digest)?))).collect();
        drop(list);
        if entries.is_empty() {
            return Ok(());
        }
        books.keeper.keep(&entries, now).inspect_err(|_| self.list().unwritten.extend(waiting))?;
        books.tell_predecessor(&entries);
        Ok(())
    }

    /// Whether `bearer`'s token is revoked as of `now`.
    pub fn has(&self, bearer: &Bearer<'_>, now: UnixSeconds) -> bool {
        let names = [
            Some(Whose::Everybody),
            bearer.token_id.map(Whose::Token),
            bearer.subject.map(Whose::Customer),
            bearer.client_id.map(Whose::Client),
            bearer.subject.zip(bearer.client_id).map(|(subject, client)| Whose::CustomerAt(subject, client)),
            bearer.consent.map(Whose::Consent),
        ];
        if self.is_empty() {
            return false;
        }
        // Made before the list is locked: other workers wait for it.
        let digests = names.map(|whose| whose.map(|whose| digest(bearer.issuer, whose)));
        let list = self.list();
        let mut entries = digests.iter().flatten().filter_map(|digest| list.entries.get(digest));
        entries.any(|entry| entry.covers(bearer.issued, now))
    }

    /// The same of what other gateways have told: it is to be written down, and they need not be told.
    pub(super) fn put_told(&self, list: &mut List, (digest, entry): (Digest, Entry), now: UnixSeconds) {
        if list.put(digest, entry, now) {
            self.epoch.fetch_add(1, Ordering::Release);
            list.unwritten.insert(digest);
        }
    }

    /// Whether it changes anything: else no verdict need be held against the list again. The epoch moves while the list is
    /// locked, so that whoever finds nothing to change knows that it has moved.
    pub(super) fn put(&self, list: &mut List, (digest, entry): (Digest, Entry), now: UnixSeconds) -> bool {
        let is_changed = list.put(digest, entry, now);
        if is_changed {
            self.epoch.fetch_add(1, Ordering::Release);
            self.sharing.tell(list, digest);
        }
        is_changed
    }

    fn entry(&self, revocation: &Revocation<'_>, now: UnixSeconds) -> (Digest, Entry) {
        let until = revocation.until.unwrap_or_else(|| now.later(self.keep));
        let entry = Entry::new(revocation.issued_before.map(|before| before.0), until.0);
        (digest(revocation.issuer, revocation.whose), entry)
    }

    pub(super) fn list(&self) -> MutexGuard<'_, List> {
        // What a panicking thread leaves behind is whole: each change is one insertion.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        // The journal itself takes back what it wrote in part.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

    fn revoke(list: &Revocations, revocation: &Revocation<'_>, now: UnixSeconds) -> Result<(), Refused> {
        list.revoke(std::slice::from_ref(revocation), now)
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

    /// What is revoked until then is not revoked for longer because something else is: the holders of new tokens would be
    /// turned away whom nobody meant.
    #[test]
    fn a_revocation_of_all_tokens_ends_at_its_own_time() {
        let all = Revocation { until: Some(UnixSeconds(1010)), ..of(Whose::Customer("s")) };
        let before = |date, until| Revocation {
            issued_before: Some(UnixSeconds(date)),
            until: Some(UnixSeconds(until)),
            ..of(Whose::Customer("s"))
        };
        let issued = |at| Bearer { issued: Some(UnixSeconds(at)), ..bearer() };
        let at_once = |list: &Revocations, one: &Revocation<'_>, now: UnixSeconds| list.revoke_at_once(one, now);
        for (name, add) in [("operator", revoke as fn(&_, &_, _) -> _), ("worker", at_once)] {
            for second in [NOW.0, 1009, 1010] {
                for swapped in [false, true] {
                    let list = Revocations::new(10, KEEP);
                    let (first, then) = if swapped { (before(950, 1100), all) } else { (all, before(950, 1100)) };
                    add(&list, &first, NOW).unwrap();
                    add(&list, &then, UnixSeconds(second)).unwrap();
                    let case = format!("{name}, second at {second}, swapped: {swapped}");
                    assert_eq!(list.has(&issued(1005), UnixSeconds(second)), second < 1010, "{case}");
                    assert!(!list.has(&issued(1005), UnixSeconds(1010)), "{case}: issued later");
                    assert!(list.has(&issued(949), UnixSeconds(1099)), "{case}: issued before");
                    assert!(!list.has(&issued(949), UnixSeconds(1100)), "{case}: at the end of both");
                }
            }
            let list = Revocations::new(10, KEEP);
            add(&list, &before(980, 1010), NOW).unwrap();
            add(&list, &before(950, 1100), UnixSeconds(1010)).unwrap();
            assert!(!list.has(&issued(960), UnixSeconds(1010)), "{name}: the first one has ended");
            assert!(list.has(&issued(949), UnixSeconds(1010)), "{name}");
        }
    }

    #[test]
    fn each_kind_revokes_its_own_and_nobody_else() {
        for whose in [
            Whose::Token("t"),
            Whose::Customer("s"),
            Whose::Client("c"),
            Whose::CustomerAt("s", "c"),
            Whose::Consent("o"),
            Whose::Everybody,
        ] {
            let list = Revocations::new(10, KEEP);
            assert!(!list.has(&bearer(), NOW));
            revoke(&list, &of(whose), NOW).unwrap();
            assert!(list.has(&bearer(), NOW), "{whose:?}");
            assert!(!list.has(&Bearer { issuer: "other", ..bearer() }, NOW), "{whose:?}");
        }
        let list = Revocations::new(10, KEEP);
        for whose in [
            Whose::Token("s"),
            Whose::Customer("t"),
            Whose::Client("o"),
            Whose::Consent("c"),
            Whose::Token("T"),
            Whose::CustomerAt("s", "d"),
            Whose::CustomerAt("sc", ""),
        ] {
            revoke(&list, &of(whose), NOW).unwrap();
            assert!(!list.has(&bearer(), NOW), "{whose:?}");
        }
    }

    #[test]
    fn issued_before_spares_later_tokens_and_none_that_hides_its_date() {
        let list = Revocations::new(10, KEEP);
        let before = |seconds| Revocation { issued_before: Some(UnixSeconds(seconds)), ..of(Whose::Client("c")) };
        revoke(&list, &before(900), NOW).unwrap();
        assert!(!list.has(&bearer(), NOW));
        assert!(list.has(&Bearer { issued: None, ..bearer() }, NOW));
        revoke(&list, &before(901), NOW).unwrap();
        assert!(list.has(&bearer(), NOW));
        revoke(&list, &before(10), NOW).unwrap();
        assert!(list.has(&bearer(), NOW), "an earlier date takes nothing back");
        revoke(&list, &of(Whose::Client("c")), NOW).unwrap();
        assert!(list.has(&Bearer { issued: Some(UnixSeconds(5000)), ..bearer() }, NOW));
    }

    #[test]
    fn entries_expire_and_make_room_and_a_full_list_says_so() {
        let list = Revocations::new(2, KEEP);
        revoke(&list, &of(Whose::Token("t")), NOW).unwrap();
        revoke(&list, &Revocation { until: Some(UnixSeconds(5000)), ..of(Whose::Token("u")) }, NOW).unwrap();
        let epoch = list.epoch();
        assert!(matches!(revoke(&list, &of(Whose::Token("v")), NOW), Err(Refused::Full)));
        assert_eq!(list.epoch(), epoch);
        revoke(&list, &of(Whose::Token("t")), NOW).unwrap();
        list.revoke_at_once(&of(Whose::Token("t")), NOW).unwrap();
        assert_eq!(list.epoch(), epoch, "what is on it already needs no room and changes nothing");
        revoke(&list, &Revocation { issued_before: Some(NOW), ..of(Whose::Token("t")) }, NOW).unwrap();
        assert!(list.epoch() > epoch);
        let later = UnixSeconds(NOW.0 + 100);
        assert!(!list.has(&bearer(), later));
        revoke(&list, &of(Whose::Token("v")), later).unwrap();
        assert_eq!(list.len(), 2);
    }

    /// While store and disk are away, what waits for them is no more than what is in force.
    #[test]
    fn what_has_expired_waits_for_nobody() {
        let list = Revocations::new(2, KEEP);
        list.share();
        for (id, after) in ["a", "b", "c", "d", "e", "f"].into_iter().zip((0..).step_by(100)) {
            list.revoke_at_once(&of(Whose::Token(id)), UnixSeconds(NOW.0 + after)).unwrap();
            let mut list = list.list();
            list.unwritten = list.untold.clone();
        }
        let list = list.list();
        assert_eq!((list.entries.len(), list.untold.len(), list.unwritten.len()), (2, 2, 2));
    }

    /// A full list is not searched in vain, and yet no entry that has expired is missed.
    #[test]
    fn an_entry_that_was_made_to_last_longer_makes_room_at_its_new_end() {
        let list = Revocations::new(2, KEEP);
        let until = |id, until| Revocation { until: Some(UnixSeconds(until)), ..of(Whose::Token(id)) };
        let is_full = |now| matches!(revoke(&list, &until("v", 9000), UnixSeconds(now)), Err(Refused::Full));
        revoke(&list, &until("t", 1100), NOW).unwrap();
        revoke(&list, &until("u", 1200), NOW).unwrap();
        assert!(is_full(NOW.0) && is_full(1099));
        revoke(&list, &until("t", 1300), UnixSeconds(1099)).unwrap();
        assert!(is_full(1100) && is_full(1100) && is_full(1199));
        assert!(!is_full(1200));
        assert!(list.has(&bearer(), UnixSeconds(1299)) && list.len() == 2);
        revoke(&list, &until("w", 9000), UnixSeconds(1300)).unwrap();
        assert!(!list.has(&bearer(), UnixSeconds(1300)) && list.len() == 2);
    }

    #[test]
    fn several_are_taken_all_or_none() {
        let list = Revocations::new(2, KEEP);
        let names = [Whose::Token("t"), Whose::Token("u"), Whose::Token("v")].map(of);
        assert!(matches!(list.revoke(&names, NOW), Err(Refused::Full)));
        assert!(list.is_empty());
        list.revoke(&names[..2], NOW).unwrap();
        list.revoke(&names[..2], NOW).unwrap();
        assert!(list.has(&bearer(), NOW) && list.len() == 2);
    }

    #[test]
    fn what_a_worker_revokes_is_in_force_before_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revocations");
        let list = Revocations::open(&path, 10, KEEP, NOW).unwrap();
        let epoch = list.epoch();
        list.revoke_at_once(&of(Whose::Token("t")), NOW).unwrap();
        assert!(list.has(&bearer(), NOW) && list.epoch() > epoch);
        assert!(std::fs::read(&path).unwrap().is_empty());
        list.write(NOW).unwrap();
        list.write(NOW).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
        drop(list);
        assert!(Revocations::open(&path, 10, KEEP, NOW).unwrap().has(&bearer(), NOW));
        let short = Revocations::new(1, KEEP);
        short.revoke_at_once(&of(Whose::Token("t")), NOW).unwrap();
        assert!(matches!(short.revoke_at_once(&of(Whose::Token("u")), NOW), Err(Refused::Full)));
        short.write(NOW).unwrap();
    }
}
