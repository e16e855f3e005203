//! Follows a file that somebody else appends to, as any log consumer does: it may be renamed, truncated, missing,
//! half written, or full of something else. Reading is bounded; who falls too far behind goes on at the end.

use super::line::LINE_BYTES_MAX;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// Where reading stands.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    open: Option<Open>,
    /// The beginning of a line whose end is not written yet.
    partial: Vec<u8>,
    /// Everything up to the next newline belongs to a line of which the beginning was not seen or was too long.
    is_skipping: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Device and number: a renamed file keeps them, and its successor has others.
    identity: (u64, u64),
    position: u64,
}

impl Tail {
    /// Follows `path`, which need not be there yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: None, partial: Vec::new(), is_skipping: false }
    }

    /// Hands every line that was completed since the last call to `take`, without its newline. The first call begins
    /// near the end of the file.
    pub(super) fn read(&mut self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        for _ in 0..SUCCESSORS_MAX {
            let Some(open) = self.current()? else { return Ok(()) };
            self.rest(open, &mut take)?;
            if self.is_current()? {
                return Ok(());
            }
            // The old file will not grow any more, so what is half written stays so.
            self.open = None;
            self.partial.clear();
            self.is_skipping = false;
        }
        Ok(())
    }

    /// The file that is being read, or the one that now has the name; none if there is none.
    fn current(&mut self) -> io::Result<Option<Open>> {
        if let Some(open) = self.open.take() {
            return Ok(Some(open));
        }
        let metadata = match std::fs::metadata(&self.path) {
            Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        // Opening a pipe would wait for its writer.
        if !metadata.is_file() {
            return Err(ErrorKind::InvalidInput.into());
        }
        let file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        Ok(Some(Open { file, identity: (metadata.dev(), metadata.ino()), position: 0 }))
    }

    fn is_current(&self) -> io::Result<bool> {
        match (std::fs::metadata(&self.path), &self.open) {
            (Ok(metadata), Some(open)) => Ok((metadata.dev(), metadata.ino()) == open.identity),
            // Renamed, and its successor is not there yet: the gateway still writes to the old one.
            (Err(fault), _) if fault.kind() == ErrorKind::NotFound => Ok(true),
            (Err(fault), _) => Err(fault),
            (Ok(_), None) => Ok(false),
        }
    }

    /// Reads `open` to its end, and keeps it.
    fn rest(&mut self, mut open: Open, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
        let length = open.file.metadata()?.len();
        if length < open.position {
            // Truncated: what comes now is new.
            open.position = 0;
            self.partial.clear();
            self.is_skipping = false;
        }
        if length - open.position > BEHIND_BYTES_MAX {
            open.position = length - BEHIND_BYTES_MAX;
            self.partial.clear();
            self.is_skipping = true;
        }
        open.file.seek(SeekFrom::Start(open.position))?;
        let mut left = length - open.position;
        let mut buffer = vec![0; usize::try_from(left).unwrap_or(BUFFER_BYTES).clamp(1, BUFFER_BYTES)];
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(BUFFER_BYTES).min(buffer.len());
            let read = open.file.read(buffer.get_mut(..wanted).unwrap_or_default())?;
            if read == 0 {
                break;
            }
            self.split(buffer.get(..read).unwrap_or_default(), take);
            open.position += read as u64;
            left = left.saturating_sub(read as u64);
        }
        self.open = Some(open);
        Ok(())
    }

    fn split(&mut self, mut bytes: &[u8], take: &mut impl FnMut(&[u8])) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            if self.is_skipping {
                self.is_skipping = false;
            } else if self.partial.is_empty() {
                take(line);
            } else {
                self.partial.extend_from_slice(line);
                take(&self.partial);
            }
            self.partial.clear();
        }
        if self.is_skipping {
            return;
        }
        if self.partial.len() + bytes.len() > LINE_BYTES_MAX {
            self.partial.clear();
            self.is_skipping = true;
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }
}

/// What is read at most at once, and so on the first look: some twenty thousand lines.
const BEHIND_BYTES_MAX: u64 = 8 * 1024 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;
/// Files of the same name read in one go; a log that rotates faster is caught up with next time.
const SUCCESSORS_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs::OpenOptions;
    use std::io::Write as _;
    use std::path::Path;

    fn append(path: &Path, text: &[u8]) {
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text).unwrap();
    }

    fn lines(tail: &mut Tail) -> Vec<String> {
        let mut lines = Vec::new();
        tail.read(|line| lines.push(String::from_utf8_lossy(line).into_owned())).unwrap();
        lines
    }

    fn followed() -> (tempfile::TempDir, PathBuf, Tail) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        (folder, path.clone(), Tail::new(path))
    }

    #[test]
    fn a_line_is_read_once_it_is_complete_and_only_once() {
        let (_folder, path, mut tail) = followed();
        assert!(lines(&mut tail).is_empty());
        append(&path, b"one\ntw");
        assert_eq!(lines(&mut tail), ["one"]);
        assert!(lines(&mut tail).is_empty());
        append(&path, b"o\n\nthree\n");
        assert_eq!(lines(&mut tail), ["two", "", "three"]);
    }

    #[test]
    fn a_renamed_file_is_read_to_its_end_and_then_its_successor() {
        let (folder, path, mut tail) = followed();
        append(&path, b"one\n");
        assert_eq!(lines(&mut tail), ["one"]);
        std::fs::rename(&path, folder.path().join("access.log.1")).unwrap();
        append(&folder.path().join("access.log.1"), b"two\n");
        assert_eq!(lines(&mut tail), ["two"]);
        append(&folder.path().join("access.log.1"), b"three\nhalf");
        append(&path, b"four\n");
        assert_eq!(lines(&mut tail), ["three", "four"]);
    }

    #[test]
    fn a_truncated_file_is_read_from_its_beginning() {
        let (_folder, path, mut tail) = followed();
        append(&path, b"one\ntwo\nhalf");
        assert_eq!(lines(&mut tail), ["one", "two"]);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
        append(&path, b"three\n");
        assert_eq!(lines(&mut tail), ["three"]);
    }

    #[test]
    fn who_is_too_far_behind_goes_on_near_the_end() {
        let (_folder, path, mut tail) = followed();
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        let fits = usize::try_from(BEHIND_BYTES_MAX).unwrap() / line.len();
        append(&path, &line.repeat(fits));
        assert_eq!(lines(&mut tail).len(), fits);
        append(&path, &line.repeat(fits + 1));
        assert_eq!(lines(&mut tail).len(), fits - 1, "the first is not whole any more, as far as can be known");
        append(&path, b"on\n");
        assert_eq!(lines(&mut tail), ["on"]);
    }

    #[test]
    fn a_line_without_end_is_skipped_and_takes_no_memory() {
        let (_folder, path, mut tail) = followed();
        append(&path, &vec![b'x'; LINE_BYTES_MAX]);
        assert!(lines(&mut tail).is_empty() && tail.partial.len() == LINE_BYTES_MAX);
        append(&path, b"x");
        assert!(lines(&mut tail).is_empty() && tail.partial.is_empty());
        append(&path, b"xxx\nnext\n");
        assert_eq!(lines(&mut tail), ["next"]);
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Tail::new(folder.path().to_owned()).read(|_| ()).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn however_the_bytes_arrive_the_lines_are_the_same(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300),
            cuts in proptest::collection::vec(0..300usize, 0..6),
        ) {
            let (_folder, path, mut tail) = followed();
            let mut read: Vec<Vec<u8>> = Vec::new();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([text.len()]).collect();
            cuts.sort_unstable();
            let mut from = 0;
            for to in cuts {
                append(&path, &text[from..to]);
                tail.read(|line| read.push(line.to_vec())).unwrap();
                from = to;
            }
            let mut expected: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            expected.pop();
            prop_assert_eq!(read, expected);
        }
    }
}
