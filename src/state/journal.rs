//! The deny-list's file: a line an entry, added and brought to the disk before the revocation is acknowledged.
//!
//! A line is `digest until issued_before`, the digest in hexadecimal, `-` for no date; all lines of a digest count. The last line may be torn, by a
//! machine that stopped while it was written: it was never acknowledged. Any other fault is refused, since a list that
//! is read in part lets revoked tokens in.

use super::entries::{Digest, Entry};
use super::lock;
use crate::clock::UnixSeconds;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Of what is whole, in octets.
    length: u64,
    lines: usize,
    /// Lines that there were when it was written anew the last time.
    lines_kept: usize,
    /// Whether something may follow what is whole.
    is_torn: bool,
    /// Whether the file's name is on the disk.
    is_named: bool,
    /// Of a file beside it, since it is replaced itself. The system lets go of it with the process.
    _lock: File,
}

impl Journal {
    /// Reads what is there, drops what has expired by `now`, and writes the rest anew: so the file is no longer than the
    /// list. A file that is not there is made. A second writer is refused: it would replace the file that the first one
    /// writes to, and what that acknowledges from then on would be nowhere.
    pub(super) fn open(path: &Path, now: UnixSeconds) -> io::Result<(Self, HashMap<Digest, Entry>)> {
        let lock = only(path)?;
        let entries = read(path, now)?;
        let text = text(&entries);
        let mut journal = Self {
            path: path.to_owned(),
            file: replace(path, &text)?,
            length: text.len() as u64,
            lines: text.lines().count(),
            lines_kept: text.lines().count(),
            is_torn: false,
            is_named: false,
            _lock: lock,
        };
        journal.mend()?;
        Ok((journal, entries))
    }

    /// Returns when the entries are on the disk.
    pub(super) fn append(&mut self, entries: &[(Digest, Entry)], now: UnixSeconds) -> io::Result<()> {
        self.mend()?;
        let text = text(entries.iter().map(|(digest, entry)| (digest, entry)));
        self.is_torn = true;
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // Half a line in the middle would make the whole file unreadable. If it cannot be taken back now, it is before
            // anything else is written.
            self.mend().ok();
            return written;
        }
        self.is_torn = false;
        self.length += text.len() as u64;
        self.lines += text.lines().count();
        if self.lines > 2 * self.lines_kept.max(LINES_MIN)
            && let Err(fault) = self.compact(now)
        {
            tracing::warn!(%fault, "the file of revocations could not be made shorter; it goes on growing");
            self.lines_kept = self.lines;
        }
        Ok(())
    }

    /// Makes good what the call before could not.
    fn mend(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.length)?;
            self.is_torn = false;
        }
        if !self.is_named {
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
            self.is_named = true;
        }
        Ok(())
    }

    /// Writes it anew without what has expired or is said twice. What was acknowledged is on the disk before and after.
    fn compact(&mut self, now: UnixSeconds) -> io::Result<()> {
        let text = text(&read(&self.path, now)?);
        self.file = replace(&self.path, &text)?;
        self.length = text.len() as u64;
        self.lines = text.lines().count();
        self.lines_kept = self.lines;
        self.is_named = false;
        self.mend()
    }
}

/// Puts a file with this text in the place of that at `path`. It is to be appended to; its name is not on the disk yet.
fn replace(path: &Path, text: &str) -> io::Result<File> {
    let compact = beside(path, ".compact");
    drop(File::create(&compact)?);
    let mut file = OpenOptions::new().append(true).open(&compact)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&compact, path)?;
    Ok(file)
}

/// Held by the one writer.
fn only(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(beside(path, ".lock"))?;
    lock::take(file, "another gateway has it open")
}

/// A file that is no other list's: two of them may differ in their extensions only.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What is there, less what has expired by `now`.
pub(super) fn read(path: &Path, now: UnixSeconds) -> io::Result<HashMap<Digest, Entry>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => String::new(),
        Err(fault) => return Err(fault),
    };
    // What follows the last line's end is torn, or nothing.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _torn)| whole);
    let mut entries = HashMap::<Digest, Entry>::new();
    for (digest, entry) in parse_all(whole)? {
        if entry.end() > now.0 {
            entries.entry(digest).and_modify(|known| *known = known.joined(entry, now)).or_insert(entry);
        }
    }
    Ok(entries)
}

/// The journal's lines of these entries.
pub(super) fn text<'e>(entries: impl IntoIterator<Item = (&'e Digest, &'e Entry)>) -> String {
    let mut text = String::new();
    for (digest, entry) in entries {
        for (issued_before, until) in entry.parts() {
            for octet in digest {
                write!(text, "{octet:02x}").expect("writing to a String does not fail");
            }
            let before = issued_before.map_or_else(|| "-".to_owned(), |before| before.to_string());
            writeln!(text, " {until} {before}").expect("writing to a String does not fail");
        }
    }
    text
}

/// What `text` made, an entry for each line.
pub(super) fn parse_all(text: &str) -> io::Result<Vec<(Digest, Entry)>> {
    let bad = |place| io::Error::new(io::ErrorKind::InvalidData, format!("line {} is no revocation", place + 1));
    text.lines().enumerate().map(|(place, line)| parse(line).ok_or_else(|| bad(place))).collect()
}

pub(super) fn parse(line: &str) -> Option<(Digest, Entry)> {
    let mut words = line.split(' ');
    let (digest, until, before) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || digest.len() != 64 || !digest.is_ascii() {
        return None;
    }
    let mut octets = [0; 32];
    for (place, octet) in octets.iter_mut().enumerate() {
        *octet = u8::from_str_radix(digest.get(place * 2..place * 2 + 2)?, 16).ok()?;
    }
    let issued_before = if before == "-" { None } else { Some(before.parse().ok()?) };
    Some((octets, Entry::new(issued_before, until.parse().ok()?)))
}

/// A file of fewer lines is not worth the trouble: it has 100 KiB.
const LINES_MIN: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: UnixSeconds = UnixSeconds(0);

    fn one() -> Entry {
        Entry::new(Some(5), 100)
    }

    fn two() -> Entry {
        Entry::new(None, 200)
    }

    fn filled(path: &Path) {
        let (mut journal, entries) = Journal::open(path, BEGIN).unwrap();
        assert!(entries.is_empty());
        journal.append(&[([1; 32], one())], BEGIN).unwrap();
        journal.append(&[([2; 32], two())], BEGIN).unwrap();
    }

    #[test]
    fn what_was_appended_is_there_again_until_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revocations");
        filled(&path);
        let (mut journal, entries) = Journal::open(&path, BEGIN).unwrap();
        assert_eq!(entries, HashMap::from([([1; 32], one()), ([2; 32], two())]));
        journal.append(&[([1; 32], two())], BEGIN).unwrap();
        drop(journal);
        let (_, entries) = Journal::open(&path, BEGIN).unwrap();
        assert_eq!(entries[&[1; 32]], one().joined(two(), BEGIN), "each with its own end");
        let (_, entries) = Journal::open(&path, UnixSeconds(100)).unwrap();
        assert_eq!(entries[&[1; 32]], two());
        let (_, entries) = Journal::open(&path, UnixSeconds(200)).unwrap();
        assert!(entries.is_empty());
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    /// A second gateway that fails to start, or one that still drains, must not take the file from under the first.
    #[test]
    fn a_file_has_one_writer_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revocations");
        let (mut journal, _) = Journal::open(&path, BEGIN).unwrap();
        assert_eq!(Journal::open(&path, BEGIN).err().unwrap().kind(), io::ErrorKind::ResourceBusy);
        journal.append(&[([1; 32], one())], BEGIN).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&path, BEGIN).unwrap().1, HashMap::from([([1; 32], one())]));
    }

    #[test]
    fn a_torn_last_line_was_never_acknowledged_and_any_other_fault_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revocations");
        filled(&path);
        let good = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{good}{}", &good[..40])).unwrap();
        assert_eq!(Journal::open(&path, BEGIN).unwrap().1.len(), 2);
        for bad in [
            format!("{}\n{good}", &good[..40]),
            format!("{good}\n{good}"),
            good.replace(" 100 ", " x "),
            good.replacen('0', "g", 1),
            good.replacen(" 5", " 5 5", 1),
        ] {
            fs::write(&path, bad).unwrap();
            let fault = Journal::open(&path, BEGIN).err().unwrap();
            assert!(
                fault.to_string().starts_with("line ") && fault.to_string().ends_with(" is no revocation"),
                "{fault}"
            );
        }
    }

    /// A disk that takes half a line and then not even takes it back: the half must be gone before the next line.
    #[test]
    fn what_could_not_be_taken_back_is_taken_back_before_anything_else_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revocations");
        let (mut journal, _) = Journal::open(&path, BEGIN).unwrap();
        journal.append(&[([1; 32], one())], BEGIN).unwrap();
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let mut good = std::mem::replace(&mut journal.file, full);
        for _ in 0..2 {
            journal.append(&[([2; 32], two())], BEGIN).unwrap_err();
        }
        good.write_all(&text([(&[2; 32], &two())]).as_bytes()[..40]).unwrap();
        journal.file = good;
        journal.append(&[([3; 32], two())], BEGIN).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&path, BEGIN).unwrap().1, HashMap::from([([1; 32], one()), ([3; 32], two())]));
    }

    /// A gateway that runs for a year must not end with a file that no disk can hold.
    #[test]
    fn a_file_that_has_grown_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revocations");
        let lines = || fs::read_to_string(&path).unwrap().lines().count();
        let (mut journal, _) = Journal::open(&path, BEGIN).unwrap();
        let expired = vec![([1; 32], one()); LINES_MIN];
        journal.append(&expired, BEGIN).unwrap();
        journal.append(&vec![([2; 32], two()); LINES_MIN], BEGIN).unwrap();
        assert_eq!(lines(), 2 * LINES_MIN, "at the bound");
        journal.append(&[([3; 32], two())], UnixSeconds(100)).unwrap();
        assert_eq!(lines(), 2, "one past it");
        journal.append(&[([4; 32], two())], UnixSeconds(100)).unwrap();
        assert_eq!(lines(), 3, "what comes then is in the new file");
        assert_eq!(Journal::open(&path, BEGIN).err().unwrap().kind(), io::ErrorKind::ResourceBusy);
        drop(journal);
        let entries = Journal::open(&path, UnixSeconds(100)).unwrap().1;
        assert_eq!(entries, HashMap::from([([2; 32], two()), ([3; 32], two()), ([4; 32], two())]));
    }

    #[test]
    fn a_file_that_cannot_be_written_anew_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revocations");
        let (mut journal, _) = Journal::open(&path, BEGIN).unwrap();
        fs::create_dir(beside(&path, ".compact")).unwrap();
        journal.append(&vec![([1; 32], one()); 2 * LINES_MIN + 1], BEGIN).unwrap();
        journal.append(&[([2; 32], two())], BEGIN).unwrap();
        drop(journal);
        fs::remove_dir(beside(&path, ".compact")).unwrap();
        assert_eq!(Journal::open(&path, BEGIN).unwrap().1.len(), 2);
    }
}
