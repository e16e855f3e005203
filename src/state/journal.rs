//! The deny-list's file: a line an entry, added and brought to the disk before the revocation is acknowledged.
//!
//! A line is `digest until issued_before`, the digest in hexadecimal, `-` for no date; all lines of a digest count. The last line may be torn, by a
//! machine that stopped while it was written: it was never acknowledged. Any other fault is refused, since a list that
//! is read in part lets revoked tokens in.

use super::entries::{Digest, Entry};
use crate::clock::UnixSeconds;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

pub(super) struct Journal {
    file: File,
    /// Of a file beside it, since it is replaced itself. The system lets go of it with the process.
    _lock: File,
}

impl Journal {
    /// Reads what is there, drops what has expired by `now`, and writes the rest anew: so the file is no longer than the
    /// list. A file that is not there is made. A second writer is refused: it would replace the file that the first one
    /// writes to, and what that acknowledges from then on would be nowhere.
    pub(super) fn open(path: &Path, now: UnixSeconds) -> io::Result<(Self, HashMap<Digest, Entry>)> {
        let lock = lock(path)?;
        let mut entries = HashMap::<Digest, Entry>::new();
        for (digest, entry) in read(path)?.into_iter().filter(|(_, entry)| entry.lasts(now)) {
            entries.entry(digest).and_modify(|known| *known = known.joined(entry, now)).or_insert(entry);
        }
        let compact = beside(path, ".compact");
        let mut file = File::create(&compact)?;
        let lines: String = entries.iter().map(|(digest, entry)| lines(digest, *entry)).collect();
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        fs::rename(&compact, path)?;
        // The name itself has to reach the disk too.
        File::open(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))?
            .sync_all()?;
        Ok((Self { file: OpenOptions::new().append(true).open(path)?, _lock: lock }, entries))
    }

    /// Returns when the entries are on the disk.
    pub(super) fn append(&mut self, entries: &[(Digest, Entry)]) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let lines: String = entries.iter().map(|(digest, entry)| lines(digest, *entry)).collect();
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // Half a line in the middle would make the whole file unreadable.
            self.file.set_len(length)?;
        }
        written
    }
}

fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(beside(path, ".lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "another gateway has it open"))
        }
        Err(TryLockError::Error(fault)) => Err(fault),
    }
}

/// A file that is no other list's: two of them may differ in their extensions only.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn read(path: &Path) -> io::Result<Vec<(Digest, Entry)>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    // What follows the last line's end is torn, or nothing.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _torn)| whole);
    let entries = whole.lines().enumerate().map(|(place, line)| {
        let bad = || io::Error::new(io::ErrorKind::InvalidData, format!("line {} is no revocation", place + 1));
        parse(line).ok_or_else(bad)
    });
    entries.collect()
}

fn lines(digest: &Digest, entry: Entry) -> String {
    let mut lines = String::new();
    for (issued_before, until) in entry.parts() {
        for octet in digest {
            write!(lines, "{octet:02x}").expect("writing to a String does not fail");
        }
        let before = issued_before.map_or_else(|| "-".to_owned(), |before| before.to_string());
        writeln!(lines, " {until} {before}").expect("writing to a String does not fail");
    }
    lines
}

fn parse(line: &str) -> Option<(Digest, Entry)> {
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
        journal.append(&[([1; 32], one())]).unwrap();
        journal.append(&[([2; 32], two())]).unwrap();
    }

    #[test]
    fn what_was_appended_is_there_again_until_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revocations");
        filled(&path);
        let (mut journal, entries) = Journal::open(&path, BEGIN).unwrap();
        assert_eq!(entries, HashMap::from([([1; 32], one()), ([2; 32], two())]));
        journal.append(&[([1; 32], two())]).unwrap();
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
        journal.append(&[([1; 32], one())]).unwrap();
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
}
