//! Access logs as one stream of events: rotated files in any order, those of several gateways side by side. Each is read once and
//! in pieces; a file is opened when its time has come.

use super::bounds::LINE_BYTES_MAX;
use super::line::{self, Event, Known};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
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

struct Log {
    path: PathBuf,
    reader: Option<BufReader<File>>,
    line: u64,
    /// Read, and not handed out yet.
    ahead: Option<Event>,
}

impl Sources {
    /// Logs that can be opened, each at its beginning.
    pub(super) fn open(paths: &[PathBuf]) -> Result<Self, String> {
        let mut sources = Self { logs: Vec::new(), next: BinaryHeap::new(), counts: Counts::default() };
        for (place, path) in paths.iter().enumerate() {
            // Where its first line stands in time; counted when it is read for good.
            let mut log = Log::at(path);
            let first = log.next(None, &mut Counts::default())?;
            sources.logs.push(Log::at(path));
            sources.next.push(Reverse((first.map_or(0, |event| event.time_ms), place)));
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
        Self { path: path.to_owned(), reader: None, line: 0, ahead: None }
    }

    /// Its next event; `None` at its end, where it is closed.
    fn next(&mut self, known: Option<&Known>, counts: &mut Counts) -> Result<Option<Event>, String> {
        let fault = |path: &Path, fault: io::Error| format!("cannot read {}: {fault}", path.display());
        let mut bytes = Vec::new();
        loop {
            let reader = match &mut self.reader {
                Some(reader) => reader,
                // Closed at its end, and not to be read again.
                None if self.line > 0 => return Ok(None),
                None => {
                    let file = File::open(&self.path).map_err(|error| fault(&self.path, error))?;
                    self.reader.insert(BufReader::with_capacity(BUFFER_BYTES, file))
                }
            };
            bytes.clear();
            let read = next_line(reader, &mut bytes).map_err(|error| fault(&self.path, error))?;
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
