//! The deny-list's entries in memory: what is known of each, and which of them are not written down yet.

use super::revocations::{Refused, Whose};
use crate::clock::UnixSeconds;
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::{HashMap, HashSet};

pub(super) struct List {
    pub(super) entries: HashMap<Digest, Entry>,
    /// Those that are in force and not written down yet; never more than there are entries.
    pub(super) unwritten: HashSet<Digest>,
    /// Those that are in force and not told to other gateways yet; none where there are no others, and never more either.
    pub(super) untold: HashSet<Digest>,
    /// Before this none of the entries expires, as far as is known.
    first_end: i64,
}

/// SHA-256 over issuer, kind and name.
pub(super) type Digest = [u8; 32];

/// What is remembered of revocations: one of all tokens and one of those issued before a date. Each has its own end, since
/// neither may borrow the other's. One that is not there ended before all time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    all_until: i64,
    issued_before: i64,
    before_until: i64,
}

impl List {
    /// Nothing of these is to be written down.
    pub(super) fn new(entries: HashMap<Digest, Entry>) -> Self {
        Self { entries, unwritten: HashSet::new(), untold: HashSet::new(), first_end: i64::MIN }
    }

    /// What has expired makes room for what is new. Workers wait meanwhile: all entries are looked at once a second at most,
    /// and only where one of them may have expired.
    pub(super) fn make_room(
        &mut self,
        wanted: &[(Digest, Entry)],
        entries_max: usize,
        now: UnixSeconds,
    ) -> Result<(), Refused> {
        let fits = |list: &Self| {
            let new = wanted.iter().filter(|(digest, _)| !list.entries.contains_key(digest)).count();
            new == 0 || list.entries.len() + new <= entries_max
        };
        if !fits(self) && self.first_end <= now.0 {
            self.entries.retain(|_, entry| entry.end() > now.0);
            // What has gone is nobody's business any more; and disk and store may be away for long.
            for waiting in [&mut self.unwritten, &mut self.untold] {
                waiting.retain(|digest| self.entries.contains_key(digest));
            }
            self.first_end = self.entries.values().map(|entry| entry.end()).min().unwrap_or(i64::MAX);
        }
        if fits(self) { Ok(()) } else { Err(Refused::Full) }
    }

    /// With what is known of it.
    pub(super) fn joined(&self, digest: &Digest, entry: Entry, now: UnixSeconds) -> Entry {
        self.entries.get(digest).map_or(entry, |known| known.joined(entry, now))
    }

    /// Adds it to what is known, and says whether that changes anything.
    pub(super) fn put(&mut self, digest: Digest, entry: Entry, now: UnixSeconds) -> bool {
        let entry = self.joined(&digest, entry, now);
        self.first_end = self.first_end.min(entry.end());
        self.entries.insert(digest, entry) != Some(entry)
    }
}

impl Entry {
    /// Of one revocation.
    pub(super) fn new(issued_before: Option<i64>, until: i64) -> Self {
        NOTHING.with((issued_before, until))
    }

    /// The revocations it is of, each as `new` takes it.
    pub(super) fn parts(self) -> impl Iterator<Item = (Option<i64>, i64)> {
        let parts = [(None, self.all_until), (Some(self.issued_before), self.before_until)];
        parts.into_iter().filter(|(_, until)| *until > i64::MIN)
    }

    /// From then on it revokes nothing.
    pub(super) fn end(self) -> i64 {
        self.all_until.max(self.before_until)
    }

    /// A token that does not say when it was issued may have been issued before.
    pub(super) fn covers(self, issued: Option<UnixSeconds>, now: UnixSeconds) -> bool {
        let is_before = issued.is_none_or(|issued| issued.0 < self.issued_before);
        self.all_until > now.0 || (self.before_until > now.0 && is_before)
    }

    /// Both at once: nothing that either revokes is let go, and what has expired does not widen what has not.
    pub(super) fn joined(self, other: Self, now: UnixSeconds) -> Self {
        let parts = self.parts().chain(other.parts()).filter(|(_, until)| *until > now.0);
        parts.fold(NOTHING, Self::with)
    }

    fn with(self, part: (Option<i64>, i64)) -> Self {
        match part {
            (None, until) => Self { all_until: self.all_until.max(until), ..self },
            (Some(date), until) => {
                Self { issued_before: self.issued_before.max(date), before_until: self.before_until.max(until), ..self }
            }
        }
    }
}

/// Lengths stand before names, so that no two lists of names run into the same bytes.
pub(super) fn digest(issuer: &str, whose: Whose<'_>) -> Digest {
    let (kind, names): (_, &[&str]) = match &whose {
        Whose::Token(id) => (b"token", &[id]),
        Whose::Customer(subject) => (b"custo", &[subject]),
        Whose::Client(id) => (b"clien", &[id]),
        Whose::CustomerAt(subject, client) => (b"cusat", &[subject, client]),
        Whose::Consent(id) => (b"conse", &[id]),
        Whose::Everybody => (b"every", &[""]),
    };
    let mut context = Context::new(&SHA256);
    context.update(kind);
    for text in std::iter::once(&issuer).chain(names) {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

const NOTHING: Entry = Entry { all_until: i64::MIN, issued_before: i64::MIN, before_until: i64::MIN };
