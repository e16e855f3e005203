//! Access logs as one stream of events: rotated files in any order, those of several gateways side by side. Each is read once and
//! in pieces; a file is opened when its time has come, and a pipe once.

use super::bounds::LINE_BYTES_MAX;
use super::line::{self, Event, Known};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Some logs, and what was met in them.
pub(super) struct Sources {
    logs: Vec<Log>,
    /// The next line of each, by its time; then its place in `logs`.
    next: BinaryHeap<Reverse<(u64, usize)>>,
    counts: Counts,
}

/// Lines, as they were understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) lines: u64,
    /// No lines of an access log of ours.
    pub(super) malformed: u64,
    /// Where the first of them is.
    pub(super) first_malformed: Option<String>,
    /// Requests for no service.
    pub(super) unpublished: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.malformed += other.malformed;
        self.first_malformed = self.first_malformed.take().or(other.first_malformed);
        self.unpublished += other.unpublished;
    }
}

struct Log {
    path: PathBuf,
    reader: Option<BufReader<File>>,
    /// It can be read once.
    is_pipe: bool,
    line: u64,
    /// Read, and not handed out yet.
    ahead: Option<Event>,
}

impl Sources {
    /// Logs that can be opened, each at its beginning. One that is named twice is read once.
    pub(super) fn open(paths: &[PathBuf], known: Option<&Known>) -> Result<Self, String> {
        let mut sources = Self { logs: Vec::new(), next: BinaryHeap::new(), counts: Counts::default() };
        let mut seen = HashSet::new();
        for path in paths {
            let mut log = Log::at(path);
            let file = log.open()?;
            if !seen.insert(file) {
                continue;
            }
            // Where its first line stands in time.
            let mut met = Counts::default();
            let first = log.next(known, &mut met)?;
            let time_ms = first.as_ref().map_or(0, |event| event.time_ms);
            if log.is_pipe {
                log.ahead = first;
                sources.counts.add(met);
            } else {
                // There may be more files than descriptors: its lines are counted when they are read for good.
                log = Log::at(path);
            }
            sources.next.push(Reverse((time_ms, sources.logs.len())));
            sources.logs.push(log);
        }
        Ok(sources)
    }

    /// The next event of all.
    pub(super) fn next(&mut self, known: Option<&Known>) -> Result<Option<Event>, String> {
        while let Some(Reverse((_, place))) = self.next.pop() {
            let Some(log) = self.logs.get_mut(place) else { continue };
            let ready = match log.ahead.take() {
                Some(event) => Some(event),
                None => log.next(known, &mut self.counts)?,
            };
            log.ahead = log.next(known, &mut self.counts)?;
            if let Some(ahead) = &log.ahead {
                self.next.push(Reverse((ahead.time_ms, place)));
            }
            if let Some(event) = ready {
                self.counts.unpublished += u64::from(event.service.is_none());
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// What was met so far.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl Log {
    fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), reader: None, is_pipe: false, line: 0, ahead: None }
    }

    /// Opens it, and says which file it is.
    fn open(&mut self) -> Result<(u64, u64), String> {
        let name = self.path.display();
        let fault = |fault: io::Error| format!("cannot read {name}: {fault}");
        let is_standard_input = self.path == Path::new("-");
        let file = if is_standard_input {
            io::stdin().as_fd().try_clone_to_owned().map(File::from)
        } else {
            File::open(&self.path)
        };
        let file = file.map_err(fault)?;
        let found = file.metadata().map_err(fault)?;
        self.is_pipe = is_standard_input || !found.is_file();
        let reader = self.reader.insert(BufReader::with_capacity(BUFFER_BYTES, file));
        let begin = reader.fill_buf().map_err(fault)?;
        match COMPRESSED.iter().find(|(magic, _)| begin.starts_with(magic)) {
            Some((_, program)) => Err(format!("{name} is compressed; uncompress it: {program} {name} > {name}.log")),
            None => Ok((found.dev(), found.ino())),
        }
    }

    /// Its next event; `None` at its end, where it is closed.
    fn next(&mut self, known: Option<&Known>, counts: &mut Counts) -> Result<Option<Event>, String> {
        let mut bytes = Vec::new();
        // Closed at its end, and not to be read again.
        if self.reader.is_none() && self.line == 0 {
            self.open()?;
        }
        loop {
            let Some(reader) = &mut self.reader else { return Ok(None) };
            bytes.clear();
            let read = next_line(reader, &mut bytes)
                .map_err(|fault| format!("cannot read {}: {fault}", self.path.display()))?;
            self.line += 1;
            let event = match read {
                Line::End => {
                    self.reader = None;
                    return Ok(None);
                }
                Line::Whole => line::read(&bytes, known),
                Line::TooLong => None,
            };
            counts.lines += 1;
            match event {
                Some(event) => return Ok(Some(event)),
                None => {
                    counts.malformed += 1;
                    counts.first_malformed.get_or_insert_with(|| format!("{}:{}", self.path.display(), self.line));
                }
            }
        }
    }
}

enum Line {
    Whole,
    TooLong,
    End,
}

/// Reads a line without holding more of it than it may have.
fn next_line(reader: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<Line> {
    if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', bytes)? == 0 {
        return Ok(Line::End);
    }
    if bytes.last() == Some(&b'\n') || (bytes.len() as u64) < LINE_BYTES_MAX {
        return Ok(Line::Whole);
    }
    loop {
        bytes.clear();
        if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', bytes)? == 0 || bytes.last() == Some(&b'\n') {
            return Ok(Line::TooLong);
        }
    }
}

/// Fewer system calls than lines by far.
const BUFFER_BYTES: usize = 256 * 1024;
/// How files begin that a log becomes by compression, and what undoes it.
const COMPRESSED: [(&[u8], &str); 4] =
    [(b"\x1f\x8b", "zcat"), (b"\x28\xb5\x2f\xfd", "zstdcat"), (b"\xfd7zXZ\0", "xzcat"), (b"BZh", "bzcat")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_up_to_its_bound_and_not_one_byte_further() {
        let most = usize::try_from(LINE_BYTES_MAX).unwrap();
        for (length, whole) in [(1, true), (most - 1, true), (most, false), (most * 3, false)] {
            let text = [vec![b'x'; length], b"\nrest".to_vec()].concat();
            let mut reader = BufReader::new(text.as_slice());
            let mut bytes = Vec::new();
            let read = next_line(&mut reader, &mut bytes).unwrap();
            assert_eq!(matches!(read, Line::Whole), whole, "{length}");
            bytes.clear();
            assert!(matches!(next_line(&mut reader, &mut bytes).unwrap(), Line::Whole));
            assert_eq!(bytes, b"rest", "{length}");
            assert!(matches!(next_line(&mut reader, &mut bytes).unwrap(), Line::End));
        }
    }
}
