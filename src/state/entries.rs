//! The deny-list's entries in memory: what is known of each, and which of them are not written down yet.

use super::revocations::{Refused, Whose};
use crate::clock::UnixSeconds;
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::{HashMap, HashSet};

#[derive(Default)]
pub(super) struct List {
    pub(super) entries: HashMap<Digest, Entry>,
    /// Those that are in force and not written down yet; never more than there are entries.
    pub(super) unwritten: HashSet<Digest>,
}

/// SHA-256 over issuer, kind and name.
pub(super) type Digest = [u8; 32];

/// What is remembered of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) issued_before: Option<i64>,
    pub(super) until: i64,
}

impl List {
    /// What has expired makes room for what is new.
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
        if !fits(self) {
            self.entries.retain(|_, entry| entry.until > now.0);
        }
        if fits(self) { Ok(()) } else { Err(Refused::Full) }
    }

    pub(super) fn joined(&self, digest: &Digest, entry: Entry) -> Entry {
        self.entries.get(digest).map_or(entry, |known| known.joined(entry))
    }

    /// Adds it to what is known.
    pub(super) fn put(&mut self, digest: Digest, entry: Entry) {
        let entry = self.joined(&digest, entry);
        self.entries.insert(digest, entry);
    }
}

impl Entry {
    /// A token that does not say when it was issued may have been issued before.
    pub(super) fn covers(self, issued: Option<UnixSeconds>) -> bool {
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
