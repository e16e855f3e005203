//! The audit log's file. Each write happens under a lock and behind the last line that is there, whoever wrote it: so a
//! successor and its predecessor go on with one chain, and a file that was moved away is followed by one that names its
//! last hash. Nothing is ever written over.

use super::chain::{Hash, Line, Link};
use crate::config::bounds::AUDIT_TAIL_BYTES_MAX;
use crate::gateway::observe::stamp::Stamp;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file in use, and where its chain stands.
#[derive(Debug)]
pub(super) struct AuditFile {
    path: PathBuf,
    file: File,
    /// When we looked last.
    length: u64,
    link: Link,
    /// Octets behind the last line that are no line, and whether a newline ends them.
    torn: Option<(u64, bool)>,
}

/// What the end of a file holds.
struct Tail {
    link: Option<Link>,
    torn: Option<(u64, bool)>,
}

/// Signs a line that begins so, behind a line with this hash.
pub(super) type Sign<'s> = &'s dyn Fn(&Hash, &[u8]) -> Vec<u8>;

impl AuditFile {
    /// Opens the file, or makes it. One that ends with what is no line of ours at all is refused: it is another file. A new
    /// one goes on from those beside it, which may have been moved away while nobody was there to see.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = append_to(path)?;
        let mut opened = Self { path: path.to_path_buf(), file, length: 0, link: Link::START, torn: None };
        let locked = opened.lock()?;
        let length = locked.metadata()?.len();
        let tail = tail(&locked, length)?;
        locked.unlock()?;
        if length > 0 && tail.link.is_none() {
            return Err(io::Error::new(ErrorKind::InvalidData, "its end holds no line of an audit log"));
        }
        opened.adopt(length, &tail);
        if length == 0 {
            opened.link = last_beside(path)?;
        }
        Ok(opened)
    }

    /// Appends a line for each of these fields, which a newline ends, and then one that is signed if `sign` is there.
    /// Where it fails, nothing was appended: the same can be tried again.
    pub(super) fn append(&mut self, lines: &[u8], stamp: &Stamp, sign: Option<Sign<'_>>) -> io::Result<u64> {
        let locked = self.lock()?;
        let locked = self.follow(locked)?;
        self.catch_up(&locked)?;
        let first = self.link.seq;
        let (mut link, mut out) = (self.link, Vec::with_capacity(lines.len() * 2));
        let none = |_: &Hash, _: &[u8]| Vec::new();
        if let Some((octets, is_ended)) = self.torn {
            if !is_ended {
                out.push(b'\n');
            }
            let octets = octets + u64::from(!is_ended);
            link.append(&mut out, &own(stamp, "torn", &format!(",\"bytes\":{octets}")), none);
        } else if self.length == 0 {
            let previous = format!(",\"previous\":\"{}\"", link.hash);
            link.append(&mut out, &own(stamp, "file", &previous), none);
        }
        for fields in lines.split_inclusive(|octet| *octet == b'\n') {
            link.append(&mut out, fields.strip_suffix(b"\n").unwrap_or(fields), none);
        }
        if let Some(sign) = sign {
            link.append(&mut out, &own(stamp, "checkpoint", ""), sign);
        }
        let written = (&*locked).write_all(&out);
        if let Err(fault) = written {
            // What can be undone is: a disk that is full lets go. Where it cannot, the next look finds what is torn.
            if locked.set_len(self.length).is_err() {
                self.length = u64::MAX;
            }
            return Err(fault);
        }
        self.length += out.len() as u64;
        self.link = link;
        self.torn = None;
        locked.unlock()?;
        Ok(link.seq - first)
    }

    /// Puts what was written on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The file, which nobody else writes to until it is unlocked or this handle of it is gone.
    fn lock(&self) -> io::Result<Lock> {
        for _ in 0..LOCK_TRIES {
            match self.file.try_lock() {
                Ok(()) => return Ok(Lock(self.file.try_clone()?)),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(fault)) => return Err(fault),
            }
        }
        Err(io::Error::new(ErrorKind::ResourceBusy, "another process holds it"))
    }

    /// Goes on where the path leads now, if the file was moved away. The last hash is looked up in the old one first.
    fn follow(&mut self, locked: Lock) -> io::Result<Lock> {
        let ours = locked.metadata()?;
        let is_there =
            std::fs::metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == (ours.dev(), ours.ino()));
        if is_there {
            return Ok(locked);
        }
        self.catch_up(&locked)?;
        // That its last line is not whole is told in the same file; the next line goes to the new one.
        if self.torn.is_some() {
            return Ok(locked);
        }
        let next = append_to(&self.path)?;
        // Nobody comes back to it: `sync` is of the file in use.
        if let Err(fault) = locked.sync_data() {
            tracing::warn!(%fault, "the audit log's last file may lack its end if the machine stops now");
        }
        self.file = next;
        drop(locked);
        (self.length, self.torn) = (0, None);
        self.lock()
    }

    /// Looks at the end of the file where its length is another than we left it. What others wrote goes before; what is
    /// missing stays missing, and shows.
    fn catch_up(&mut self, locked: &Lock) -> io::Result<()> {
        let length = locked.metadata()?.len();
        if length != self.length {
            if length < self.length && self.length != u64::MAX {
                tracing::warn!("the audit log's file became shorter: lines may be gone, which the next one shows");
            }
            let tail = tail(locked, length)?;
            self.adopt(length, &tail);
        }
        Ok(())
    }

    fn adopt(&mut self, length: u64, tail: &Tail) {
        self.length = length;
        self.torn = tail.torn;
        if let Some(link) = tail.link.filter(|link| link.seq > self.link.seq) {
            self.link = link;
        }
    }
}

/// The lock on a file: a handle of its own, so that it can be kept while another file is opened.
struct Lock(File);

impl Lock {
    fn unlock(self) -> io::Result<()> {
        self.0.unlock()
    }
}

impl std::ops::Deref for Lock {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Lock {
    /// A lock is the open file's and not the handle's.
    fn drop(&mut self) {
        self.0.unlock().ok();
    }
}

/// Only its owner and group may read it: it says who does what. It is read, too: to go on where it ends.
fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).read(true).mode(0o640).open(path)
}

/// The last line of a file so long, and what is behind it.
fn tail(mut file: &File, length: u64) -> io::Result<Tail> {
    let start = length.saturating_sub(AUDIT_TAIL_BYTES_MAX);
    let mut octets = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(length - start).read_to_end(&mut octets)?;
    let mut behind = 0;
    let is_ended = octets.ends_with(b"\n");
    for piece in octets.split_inclusive(|octet| *octet == b'\n').rev() {
        let line = piece.strip_suffix(b"\n").and_then(Line::read);
        if let Some(line) = line {
            let torn = (behind > 0).then_some((behind, is_ended));
            return Ok(Tail { link: Some(line.link()), torn });
        }
        behind += piece.len() as u64;
    }
    Ok(Tail { link: None, torn: (length > 0).then_some((length, is_ended)) })
}

/// The last line of all files whose names begin with that of `path`, as those have that were moved away.
fn last_beside(path: &Path) -> io::Result<Link> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let mut last = Link::START;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // One that cannot be read, or is packed, is no help; that lines are missing then shows.
        if entry.file_name().as_encoded_bytes().starts_with(name) && entry.file_type()?.is_file() {
            let tail = File::open(entry.path()).and_then(|file| tail(&file, file.metadata()?.len()));
            let found = tail.ok().and_then(|tail| tail.link).filter(|link| link.seq > last.seq);
            last = found.unwrap_or(last);
        }
    }
    Ok(last)
}

/// The fields of a line about the log itself.
pub(super) fn own(stamp: &Stamp, event: &str, further: &str) -> Vec<u8> {
    format!(",\"time\":\"{}\",\"event\":\"{event}\"{further}", stamp.as_str()).into_bytes()
}

/// Another process writes for some milliseconds.
const LOCK_PAUSE: Duration = Duration::from_millis(5);
/// So often it is tried again: a second.
const LOCK_TRIES: usize = 200;

#[cfg(test)]
mod tests {
    use super::super::verify::{Anchors, NoReport, Notice, Report, Verifier};
    use super::*;
    use crate::gateway::observe::stamp::Seconds;
    use tempfile::TempDir;

    const LINE: &[u8] = b",\"time\":\"2027-01-15T08:00:00.000Z\",\"event\":\"request\"\n";

    struct Folder(TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn open(&self) -> AuditFile {
            AuditFile::open(&self.path("log")).unwrap()
        }

        /// What is said of these files, one behind the other.
        fn report(&self, names: &[&str]) -> Report {
            let mut verifier = Verifier::new(Anchors::default());
            for name in names {
                let text = std::fs::read(self.path(name)).unwrap();
                match verifier.file(name, &*text) {
                    Ok(()) => {}
                    Err(NoReport::Broken(broken)) => panic!("{broken:?}"),
                    Err(NoReport::Unreadable(fault)) => panic!("{fault}"),
                }
            }
            verifier.finish().unwrap()
        }
    }

    fn append(file: &mut AuditFile) {
        file.append(LINE, &Seconds::default().stamp(0), None).unwrap();
    }

    #[test]
    fn a_chain_goes_on_after_a_restart() {
        let folder = Folder::new();
        append(&mut folder.open());
        append(&mut folder.open());
        assert_eq!(folder.report(&["log"]).lines, 3);
    }

    #[test]
    fn two_writers_go_on_with_one_chain() {
        let folder = Folder::new();
        let (mut one, mut other) = (folder.open(), folder.open());
        for _ in 0..5 {
            append(&mut one);
            append(&mut other);
            append(&mut other);
        }
        assert_eq!(folder.report(&["log"]).lines, 16);
        std::fs::rename(folder.path("log"), folder.path("log.1")).unwrap();
        append(&mut other);
        append(&mut one);
        assert_eq!(folder.report(&["log.1", "log"]).lines, 16 + 3);
    }

    #[test]
    fn a_file_that_was_moved_away_is_followed_by_one_that_names_its_last_hash() {
        let folder = Folder::new();
        let mut file = folder.open();
        append(&mut file);
        std::fs::rename(folder.path("log"), folder.path("log.1")).unwrap();
        append(&mut file);
        append(&mut file);
        assert_eq!(folder.report(&["log.1", "log"]).lines, 2 + 3);
        std::fs::remove_file(folder.path("log")).unwrap();
        append(&mut file);
        let mut verifier = Verifier::new(Anchors::default());
        verifier.file("log.1", &*std::fs::read(folder.path("log.1")).unwrap()).unwrap();
        verifier.file("log", &*std::fs::read(folder.path("log")).unwrap()).unwrap();
        assert!(verifier.finish().is_err(), "a file that was deleted is missing");
    }

    /// `/dev/full` says no to it, which shows that it was asked.
    #[test]
    fn a_file_that_was_moved_away_is_put_on_the_disk_before_it_is_left() {
        let folder = Folder::new();
        std::os::unix::fs::symlink("/dev/full", folder.path("log")).unwrap();
        let mut file = folder.open();
        std::fs::remove_file(folder.path("log")).unwrap();
        let said = File::create(folder.path("said")).unwrap();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(said).finish();
        tracing::subscriber::with_default(subscriber, || append(&mut file));
        let said = std::fs::read_to_string(folder.path("said")).unwrap();
        assert!(said.contains("may lack its end"), "{said:?}");
        assert_eq!(folder.report(&["log"]).lines, 2);
    }

    #[test]
    fn a_file_that_was_moved_away_while_nobody_wrote_is_followed_too() {
        let folder = Folder::new();
        append(&mut folder.open());
        std::fs::rename(folder.path("log"), folder.path("log.2")).unwrap();
        append(&mut folder.open());
        std::fs::rename(folder.path("log"), folder.path("log.1")).unwrap();
        std::fs::write(folder.path("log.0"), "another\n").unwrap();
        append(&mut folder.open());
        assert_eq!(folder.report(&["log.2", "log.1", "log"]).lines, 6);
    }

    /// `copytruncate` of logrotate: what came between the copy and the cut is missing, and shows.
    #[test]
    fn a_file_that_was_copied_and_cut_goes_on_behind_the_copy() {
        let folder = Folder::new();
        let mut file = folder.open();
        append(&mut file);
        std::fs::copy(folder.path("log"), folder.path("log.1")).unwrap();
        File::options().write(true).open(folder.path("log")).unwrap().set_len(0).unwrap();
        append(&mut file);
        assert_eq!(folder.report(&["log.1", "log"]).lines, 2 + 2);
    }

    #[test]
    fn a_torn_line_is_declared_by_the_next_one() {
        for rest in ["{\"seq\":3,\"tim", "{\"seq\":3,\n\0\0\0", "nonsense\n"] {
            let folder = Folder::new();
            append(&mut folder.open());
            let mut text = std::fs::read(folder.path("log")).unwrap();
            text.extend_from_slice(rest.as_bytes());
            std::fs::write(folder.path("log"), text).unwrap();
            append(&mut folder.open());
            let report = folder.report(&["log"]);
            let octets = rest.len() + usize::from(!rest.ends_with('\n'));
            assert_eq!(report.notices[0].1, Notice::Torn(octets.to_string()), "{rest:?}");
            assert_eq!(report.lines, 4);
        }
    }

    #[test]
    fn another_file_is_not_written_to() {
        let folder = Folder::new();
        std::fs::write(folder.path("log"), "127.0.0.1 - - GET /\n").unwrap();
        assert_eq!(AuditFile::open(&folder.path("log")).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    /// Lines that others cut off stay missing: the chain does not begin anew behind them.
    #[test]
    fn lines_cut_off_under_the_writer_are_missing() {
        let folder = Folder::new();
        let mut file = folder.open();
        append(&mut file);
        let length = std::fs::metadata(folder.path("log")).unwrap().len();
        append(&mut file);
        File::options().write(true).open(folder.path("log")).unwrap().set_len(length).unwrap();
        append(&mut file);
        let mut verifier = Verifier::new(Anchors::default());
        verifier.file("log", &*std::fs::read(folder.path("log")).unwrap()).unwrap();
        assert!(matches!(verifier.finish(), Err(NoReport::Broken(_))));
    }
}
