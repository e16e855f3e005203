//! Who writes down what is revoked: a file, or for a while the process that takes over from this one.

use super::entries::{Digest, Entry};
use super::exchange::{Answer, Peer};
use super::journal::{self, Journal};
use super::revocations::Revocations;
use crate::clock::UnixSeconds;
use std::io;
use std::path::Path;

/// Who writes down, and who else must know.
pub(super) struct Books {
    pub(super) keeper: Keeper,
    /// The process that we took over from, while it ends its last requests.
    pub(super) predecessor: Option<Peer>,
}

/// Who writes down.
pub(super) enum Keeper {
    /// Nobody: it is forgotten with the process.
    Nobody,
    /// A file that our predecessor has still open.
    Later,
    /// A file.
    File(Journal),
    /// The process that takes over from this one.
    Successor(Peer),
}

impl Keeper {
    /// Returns when they are where they survive whatever this keeper lets them survive.
    pub(super) fn keep(&mut self, entries: &[(Digest, Entry)], now: UnixSeconds) -> io::Result<()> {
        match self {
            Self::Nobody => Ok(()),
            Self::Later => Err(io::Error::new(io::ErrorKind::ResourceBusy, "the file is not open yet")),
            Self::File(journal) => journal.append(entries, now),
            Self::Successor(peer) => peer.tell(entries),
        }
    }
}

impl Books {
    /// Its last requests are decided by them too.
    pub(super) fn tell_predecessor(&mut self, entries: &[(Digest, Entry)]) {
        if let Some(peer) = &mut self.predecessor
            && peer.tell(entries).is_err()
        {
            // As a rule it has ended; one that hangs ends nothing any more.
            self.predecessor = None;
        }
    }
}

impl Revocations {
    /// Survives a restart in the file at `path` from now on. What stands there comes into force; what is in force and does
    /// not stand there is written down by the next `write`.
    pub fn keep_in(&self, path: &Path, now: UnixSeconds) -> io::Result<()> {
        let mut books = self.books();
        // A file that is ours already is closed first: it has one writer.
        books.keeper = Keeper::Later;
        let (journal, entries) = Journal::open(path, now)?;
        let mut list = self.list();
        list.unwritten =
            list.entries.iter().filter(|known| entries.get(known.0) != Some(known.1)).map(|it| *it.0).collect();
        for entry in entries {
            self.put(&mut list, entry, now);
        }
        books.keeper = Keeper::File(journal);
        drop(list);
        self.waiting.notify_one();
        Ok(())
    }

    /// Closes the file, for `peer` to open: it takes over, and is told what is revoked here from now on. Without a file it
    /// is told everything. Where this fails, `keep_in` or `forget_successor` undoes it.
    pub fn hand_over(&self, peer: Peer, now: UnixSeconds) -> io::Result<()> {
        // What the disk does not take now, the successor is told with the rest.
        self.write(now).ok();
        let mut books = self.books();
        let old = std::mem::replace(&mut books.keeper, Keeper::Successor(peer));
        drop(books);
        if matches!(old, Keeper::Nobody) {
            let mut list = self.list();
            list.unwritten = list.entries.keys().copied().collect();
            drop(list);
            return self.write(now);
        }
        Ok(())
    }

    /// There is no successor any more. Whether there was one: then there is no file either.
    pub fn forget_successor(&self) -> bool {
        let mut books = self.books();
        let had_one = matches!(books.keeper, Keeper::Successor(_));
        if had_one {
            books.keeper = Keeper::Nobody;
        }
        had_one
    }

    /// Whether there is a file that is not open. Then nothing can be revoked by operators.
    pub fn waits_for_file(&self) -> bool {
        matches!(self.books().keeper, Keeper::Later)
    }

    /// From now on `peer`, which we took over from, is told what is revoked here.
    pub fn follow(&self, peer: Peer) {
        self.books().predecessor = Some(peer);
    }

    /// Takes over what our predecessor revokes while it ends.
    pub fn adopt(&self, text: &str, now: UnixSeconds) -> Answer {
        let Ok(entries) = journal::parse_all(text) else { return Answer::Refused };
        let mut books = self.books();
        if matches!(books.keeper, Keeper::Later) {
            return Answer::NotYet;
        }
        let has_room = self.list().make_room(&entries, self.entries_max, now).is_ok();
        if !has_room || books.keeper.keep(&entries, now).is_err() {
            return Answer::Refused;
        }
        self.learn_entries(entries, now)
    }

    /// Brings into force what our successor revoked. It has it written down, and we end soon: so there is no bound.
    pub fn learn(&self, text: &str, now: UnixSeconds) -> Answer {
        journal::parse_all(text).map_or(Answer::Refused, |entries| self.learn_entries(entries, now))
    }

    fn learn_entries(&self, entries: Vec<(Digest, Entry)>, now: UnixSeconds) -> Answer {
        let mut list = self.list();
        for entry in entries {
            self.put(&mut list, entry, now);
        }
        Answer::Taken
    }
}
