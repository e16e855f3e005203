//! Verifies an audit log line by line, in constant memory, however long it is: that no line was altered, left out, put in
//! or moved. What a chain alone cannot show is said in `Report`: lines cut off at the end, and one that somebody wrote anew
//! as a whole. Signatures and hashes that were kept elsewhere show these.

use super::chain::{Hash, Line, Link};
use super::key::VerifyingKey;
use crate::config::bounds::{AUDIT_LINE_BYTES_MAX, AUDIT_UNSIGNED_MAX};
use std::io::{self, BufRead, Read as _};
use std::sync::Arc;

/// What is known beside the log itself.
#[derive(Debug, Default)]
pub struct Anchors {
    /// The hash of the line before the first one.
    pub from: Option<Hash>,
    /// A hash that a line must have.
    pub reaches: Option<Hash>,
    /// The public half of what checkpoints are signed with.
    pub key: Option<VerifyingKey>,
}

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<str>,
    /// Its line, from 1.
    pub line: u64,
}

/// Where the chain breaks first, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Where.
    pub place: Place,
    /// How.
    pub how: Break,
}

/// How a chain can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The first line needs another before it, which nobody has named.
    NoBeginning,
    /// It does not follow the hash that was given.
    OtherBeginning,
    /// A line is another than was written, or was put in.
    Altered,
    /// So many lines before it are gone.
    Missing(u64),
    /// So many lines at the end of the file before it are gone.
    Truncated(u64),
    /// It stands before a line that it was written after.
    Reordered,
    /// A line of its number was there before.
    Repeated,
    /// It goes on from another line than the one before it.
    OtherChain,
    /// The last line is not whole, and the log was not written to since.
    Torn,
    /// It is not signed by the key given.
    WrongKey,
    /// From here on nothing is signed.
    Unsigned,
    /// The line that had to be there is not; it ends here.
    TooShort,
}

/// What a log says of itself that an auditor should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// So many lines could not be written.
    Gap(String),
    /// So many octets before it are the rest of a line: the process or the machine was stopped.
    Torn(String),
}

/// A log whose chain holds.
#[derive(Debug, Default)]
pub struct Report {
    /// Lines in all.
    pub lines: u64,
    /// The first line's number and time.
    pub first: Option<(u64, String)>,
    /// The last one's.
    pub last: Option<(Link, String)>,
    /// Whether the last line is that of a process that ended properly.
    pub is_ended: bool,
    /// The last line that a signature covers.
    pub signed: Option<u64>,
    /// Whether there are signatures, checked or not.
    pub has_signatures: bool,
    /// The first of them.
    pub notices: Vec<(Place, Notice)>,
    /// Those beyond.
    pub further_notices: u64,
}

/// Why there is no report.
#[derive(Debug)]
pub enum NoReport {
    /// The chain is broken.
    Broken(Broken),
    /// A file cannot be read.
    Unreadable(io::Error),
}

/// A verification under way.
#[derive(Debug)]
pub struct Verifier {
    anchors: Anchors,
    report: Report,
    before: Option<Link>,
    /// Octets that are no line, from there on.
    fragment: Option<(Place, u64, bool)>,
    /// Lines are not where they should be; whether they are elsewhere is looked for.
    suspect: Option<(u64, Broken)>,
    /// The first line that no signature covers, and how many there are.
    unsigned: Option<(Place, u64)>,
    has_reached: bool,
    place: Place,
}

impl Verifier {
    /// Nothing was looked at yet.
    pub fn new(anchors: Anchors) -> Self {
        let place = Place { file: Arc::from(""), line: 0 };
        Self {
            has_reached: anchors.reaches.is_none(),
            anchors,
            report: Report::default(),
            before: None,
            fragment: None,
            suspect: None,
            unsigned: None,
            place,
        }
    }

    /// Looks at the next file, which goes on where the one before it ends.
    pub fn file(&mut self, name: &str, mut text: impl BufRead) -> Result<(), NoReport> {
        self.place = Place { file: name.into(), line: 0 };
        let mut piece = Vec::new();
        loop {
            piece.clear();
            let most = AUDIT_LINE_BYTES_MAX as u64;
            if text.by_ref().take(most).read_until(b'\n', &mut piece).map_err(NoReport::Unreadable)? == 0 {
                return Ok(());
            }
            self.place.line += 1;
            self.piece(&piece).map_err(NoReport::Broken)?;
        }
    }

    /// What came of it.
    pub fn finish(self) -> Result<Report, NoReport> {
        let broken = |place, how| Err(NoReport::Broken(Broken { place, how }));
        if let Some((_, broken)) = self.suspect {
            return Err(NoReport::Broken(broken));
        }
        if let Some((place, _, is_ended)) = self.fragment {
            return broken(place, if is_ended { Break::Altered } else { Break::Torn });
        }
        if !self.has_reached {
            return broken(self.place, Break::TooShort);
        }
        match self.unsigned {
            Some((place, _)) if self.anchors.key.is_some() && self.report.signed.is_none() => {
                broken(place, Break::Unsigned)
            }
            Some(_) | None => Ok(self.report),
        }
    }

    fn piece(&mut self, piece: &[u8]) -> Result<(), Broken> {
        let line = piece.strip_suffix(b"\n").and_then(Line::read);
        if let Some((missing, broken)) = &self.suspect {
            let is_found = line.is_some_and(|line| line.seq == *missing);
            return if is_found { Err(Broken { how: Break::Reordered, ..broken.clone() }) } else { Ok(()) };
        }
        match (line, &mut self.fragment) {
            (Some(line), _) => self.line(&line),
            (None, Some((_, octets, is_ended))) => {
                *octets += piece.len() as u64;
                *is_ended = piece.ends_with(b"\n");
                Ok(())
            }
            (None, None) => {
                self.fragment = Some((self.place.clone(), piece.len() as u64, piece.ends_with(b"\n")));
                Ok(())
            }
        }
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), Broken> {
        let octets = line.field("bytes").unwrap_or_default();
        if let Some((place, found, _)) = self.fragment.take() {
            if line.event != "torn" || found.to_string() != octets {
                return Err(Broken { place, how: Break::Altered });
            }
            self.notice(Notice::Torn(octets.to_owned()));
        }
        if let Some(how) = self.follows(line) {
            let broken = self.broken(how);
            if matches!(how, Break::Missing(_) | Break::Truncated(_)) {
                self.suspect = Some((self.before.map_or(1, |before| before.seq + 1), broken));
                return Ok(());
            }
            return Err(broken);
        }
        self.sign(line)?;
        if line.event == "gap" {
            self.notice(Notice::Gap(line.field("lost").unwrap_or_default().to_owned()));
        }
        self.has_reached |= self.anchors.reaches == Some(line.hash);
        self.before = Some(line.link());
        let report = &mut self.report;
        report.lines += 1;
        report.first.get_or_insert_with(|| (line.seq, line.time.to_owned()));
        report.last = Some((line.link(), line.time.to_owned()));
        report.is_ended = line.event == "stop" || (report.is_ended && line.event == "checkpoint");
        Ok(())
    }

    /// Why the line does not follow the one before it.
    fn follows(&self, line: &Line<'_>) -> Option<Break> {
        let is_head = line.event == "file";
        let previous = line.field("previous").filter(|_| is_head).and_then(|text| Hash::parse(text.as_bytes()));
        let Some(before) = self.before else {
            return match (self.anchors.from, previous) {
                (Some(from), _) => (!line.follows(&from)).then_some(Break::OtherBeginning),
                (None, Some(previous)) => (!line.follows(&previous)).then_some(Break::Altered),
                (None, None) => Some(Break::NoBeginning),
            };
        };
        let gone = line.seq.saturating_sub(before.seq.saturating_add(1));
        let is_other = previous.is_some_and(|previous| previous != before.hash && line.follows(&previous));
        if line.seq <= before.seq {
            // A chain that was begun anew has numbers of its own.
            Some(if is_other { Break::OtherChain } else { Break::Repeated })
        } else if gone > 0 {
            Some(if self.place.line == 1 { Break::Truncated(gone) } else { Break::Missing(gone) })
        } else if line.follows(&before.hash) {
            None
        } else {
            Some(if is_other { Break::OtherChain } else { Break::Altered })
        }
    }

    fn sign(&mut self, line: &Line<'_>) -> Result<(), Broken> {
        let signed = line.signed().filter(|_| line.event == "checkpoint");
        self.report.has_signatures |= signed.is_some();
        let Some(key) = &self.anchors.key else { return Ok(()) };
        if line.event == "checkpoint" {
            let before = self.before.map(|before| before.hash).or(self.anchors.from).unwrap_or(Hash::START);
            if !signed.is_some_and(|(text, signature)| key.has_signed(&before, text, signature)) {
                return Err(self.broken(Break::WrongKey));
            }
            self.report.signed = Some(line.seq);
            self.unsigned = None;
            return Ok(());
        }
        let (place, count) = self.unsigned.get_or_insert_with(|| (self.place.clone(), 0));
        *count += 1;
        if *count > AUDIT_UNSIGNED_MAX {
            return Err(Broken { place: place.clone(), how: Break::Unsigned });
        }
        Ok(())
    }

    fn broken(&self, how: Break) -> Broken {
        Broken { place: self.place.clone(), how }
    }

    fn notice(&mut self, notice: Notice) {
        if self.report.notices.len() < NOTICES_MAX {
            self.report.notices.push((self.place.clone(), notice));
        } else {
            self.report.further_notices += 1;
        }
    }
}

/// Notices that are told of one by one.
const NOTICES_MAX: usize = 20;

#[cfg(test)]
mod tests;
