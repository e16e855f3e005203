//! Seals and writes the audit log's lines, on a thread of its own. What cannot be written is kept and tried again, and
//! what was lost meanwhile is said in the log itself.

use super::super::stamp::{Seconds, Stamp};
use super::file::{self, AuditFile};
use super::key::SigningKey;
use super::{Inbox, Message, State};
use crate::clock::Clock;
use crate::config::audit_log::AuditLog;
use crate::config::bounds::{AUDIT_UNSIGNED_MAX, AUDIT_WRITE_BYTES_MAX};
use crate::config::secret::Secret;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The one writer of this process.
#[derive(Debug)]
pub struct Writer {
    file: AuditFile,
    key: Option<SigningKey>,
    sync_interval: Duration,
    messages: Receiver<Message>,
    state: Arc<State>,
    clock: Clock,
    /// Lines that are to be written next.
    pending: Vec<u8>,
    /// Since when something is written and not on the disk.
    unsynced: Option<Instant>,
    /// Lines since the last checkpoint.
    unsigned: u64,
}

/// Whether there will be more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coming {
    More,
    Nothing,
}

impl Writer {
    pub(super) fn open(settings: &AuditLog, (messages, state): Inbox, clock: Clock) -> io::Result<Self> {
        let unusable = || io::Error::new(ErrorKind::InvalidInput, "its key cannot sign");
        let key = settings.key.as_ref().map(|key| SigningKey::read(Secret::expose(key)).ok_or_else(unusable));
        Ok(Self {
            file: AuditFile::open(&settings.path)?,
            key: key.transpose()?,
            sync_interval: settings.sync,
            messages,
            state,
            clock,
            pending: Vec::new(),
            unsynced: None,
            unsigned: 0,
        })
    }

    /// Writes until it is told that nothing comes any more. A fault is told once and does not end it: the disk may have
    /// room again.
    pub fn run(mut self) {
        while self.receive() == Coming::More {
            if !self.write() && self.state.is_ending.load(Ordering::Acquire) {
                break;
            }
        }
        self.write_rest();
        self.sync();
        let lines = self.unwritten();
        if lines > 0 {
            tracing::error!(lines, "the last lines of the audit log could not be written and are lost");
        }
    }

    /// Writes what is left, if the disk takes any of it within that time.
    fn write_rest(&mut self) {
        let mut end = self.clock.instant() + LAST_TRIES;
        while self.clock.instant() < end {
            let is_all = self.take_rest();
            if !self.write() {
                std::thread::sleep(RETRY_INTERVAL);
            } else if is_all {
                return;
            } else {
                end = self.clock.instant() + LAST_TRIES;
            }
        }
    }

    /// Takes as much as is written at once of what was handed over. Whether that is all.
    fn take_rest(&mut self) -> bool {
        while self.pending.len() < AUDIT_WRITE_BYTES_MAX {
            match self.messages.try_recv() {
                Ok(Message::Lines(lines)) => self.pending.extend_from_slice(&lines),
                Ok(Message::End) | Err(_) => return true,
            }
        }
        false
    }

    /// Lines that nothing becomes of any more, and those that were lost before and that the log does not say so of.
    fn unwritten(&self) -> u64 {
        let lines = |octets: &[u8]| memchr::memchr_iter(b'\n', octets).count() as u64;
        let queued = self.messages.try_iter().map(|message| match message {
            Message::Lines(waiting) => lines(&waiting),
            Message::End => 0,
        });
        lines(&self.pending) + queued.sum::<u64>() + self.state.undeclared.load(Ordering::Relaxed)
    }

    /// Takes what was handed over, or waits for it, for as long as there is something to do without.
    fn receive(&mut self) -> Coming {
        let is_failing = self.state.is_failing.load(Ordering::Relaxed);
        if is_failing || self.pending.len() >= AUDIT_WRITE_BYTES_MAX {
            std::thread::sleep(RETRY_INTERVAL);
        }
        let mut wait = if is_failing { Duration::ZERO } else { self.patience() };
        while self.pending.len() < AUDIT_WRITE_BYTES_MAX {
            match self.messages.recv_timeout(wait) {
                Ok(Message::Lines(lines)) if self.pending.is_empty() => self.pending = lines,
                Ok(Message::Lines(lines)) => self.pending.extend_from_slice(&lines),
                Err(RecvTimeoutError::Timeout) => break,
                Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => return Coming::Nothing,
            }
            // What else is there already goes with it.
            wait = Duration::ZERO;
        }
        Coming::More
    }

    fn patience(&self) -> Duration {
        let left = |since: Instant| self.sync_interval.saturating_sub(self.clock.instant().duration_since(since));
        self.unsynced.map_or(IDLE_INTERVAL, left)
    }

    /// Whether nothing is left to be written.
    fn write(&mut self) -> bool {
        self.sync_if_due();
        let lost = self.state.undeclared.load(Ordering::Relaxed);
        if self.pending.is_empty() && lost == 0 {
            return true;
        }
        let stamp = self.stamp();
        let mut lines = std::mem::take(&mut self.pending);
        let count = lines.len();
        if lost > 0 {
            lines.extend_from_slice(&file::own(&stamp, "gap", &format!(",\"lost\":{lost}")));
            lines.push(b'\n');
        }
        let written = self.file.append(&lines, &stamp, None);
        lines.truncate(count);
        match written {
            Ok(written) => {
                self.state.written.fetch_add(written, Ordering::Relaxed);
                self.unsigned += written;
                self.state.undeclared.fetch_sub(lost, Ordering::Relaxed);
                self.state.waiting.fetch_sub(count, Ordering::Relaxed);
                self.unsynced.get_or_insert(self.clock.instant());
                self.succeeded();
                self.sync_if_due();
                true
            }
            Err(fault) => {
                self.pending = lines;
                self.failed("written", &fault);
                false
            }
        }
    }

    fn sync_if_due(&mut self) {
        let is_late = |since| self.clock.instant().duration_since(since) >= self.sync_interval;
        if self.unsynced.is_some_and(is_late) || (self.key.is_some() && self.unsigned > AUDIT_UNSIGNED_MAX / 2) {
            self.sync();
        }
    }

    /// A checkpoint is the last line of what is put on the disk.
    fn sync(&mut self) {
        if self.unsynced.is_none() {
            return;
        }
        let stamp = self.stamp();
        let signed = match &self.key {
            Some(key) => self.file.append(b"", &stamp, Some(&|before, line| key.sign(before, line))),
            None => Ok(0),
        };
        match signed.and_then(|signed| self.file.sync().map(|()| signed)) {
            Ok(signed) => {
                self.state.written.fetch_add(signed, Ordering::Relaxed);
                (self.unsynced, self.unsigned) = (None, 0);
                self.succeeded();
            }
            Err(fault) => {
                // Not before its time again: a disk does not mend within less.
                self.unsynced = Some(self.clock.instant());
                self.failed("put on the disk", &fault);
            }
        }
    }

    fn failed(&self, what: &str, fault: &io::Error) {
        if !self.state.is_failing.swap(true, Ordering::Relaxed) {
            tracing::error!(%fault, "the audit log cannot be {what}: mend the disk or the path; it is tried again");
        }
    }

    fn succeeded(&self) {
        if self.pending.is_empty() && self.state.is_failing.swap(false, Ordering::Relaxed) {
            tracing::info!("the audit log can be written again");
        }
    }

    fn stamp(&self) -> Stamp {
        Seconds::default().stamp(self.clock.now_ms())
    }
}

/// Between two tries while nothing can be written.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
/// Nothing has to happen then.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);
/// How long the end of the process waits for a disk.
const LAST_TRIES: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::super::{Audit, Buffer};
    use super::*;
    use crate::config::audit_log::{Subject, WhenFull};
    use crate::config::bounds::AUDIT_QUEUE_BYTES_MAX;
    use std::path::Path;

    fn on(path: &Path, when_full: WhenFull) -> Audit {
        let (path, sync) = (path.to_path_buf(), Duration::from_secs(1));
        let settings = AuditLog { path, when_full, sync, key: None, subject: Subject::Off };
        Audit::open(&settings, Clock::System).unwrap()
    }

    fn hand_over(buffer: &mut Buffer, bytes: usize) {
        buffer.line(true, |lines| lines.resize(lines.len() + bytes, b'x'));
        buffer.flush();
    }

    /// However much waits: the process would not end, and after a takeover two would be there.
    #[test]
    fn a_disk_that_stays_full_does_not_keep_the_process() {
        let audit = on(Path::new("/dev/full"), WhenFull::Refuse);
        let writer = audit.take_writer().unwrap();
        let thread = std::thread::spawn(|| writer.run());
        let mut buffer = audit.buffer();
        for _ in 0..3 {
            hand_over(&mut buffer, AUDIT_WRITE_BYTES_MAX);
        }
        // Until it has as much as it writes at once, and reads no further.
        std::thread::sleep(RETRY_INTERVAL * 5);
        audit.end();
        let tries = (LAST_TRIES * 2).as_millis() / RETRY_INTERVAL.as_millis();
        let is_over = (0..tries).any(|_| {
            std::thread::sleep(RETRY_INTERVAL);
            thread.is_finished()
        });
        assert!(is_over);
    }
    /// Else anonymous requests would fill the memory: they are refused before anybody looks whether they can be told of.
    #[test]
    fn lines_of_requests_that_were_refused_are_lost_where_there_is_no_room_and_the_log_says_so() {
        for (when_full, kept) in [(WhenFull::Refuse, 2), (WhenFull::Drop, 0)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            let audit = on(&path, when_full);
            let (writer, mut buffer) = (audit.take_writer().unwrap(), audit.buffer());
            let line = |event: &str| file::own(&writer.stamp(), event, "\n");
            audit.state.waiting.store(AUDIT_QUEUE_BYTES_MAX, Ordering::Relaxed);
            for _ in 0..2 {
                buffer.line(false, |lines| lines.extend_from_slice(&line("refused")));
                buffer.line(true, |lines| lines.extend_from_slice(&line("permitted")));
            }
            audit.state.waiting.store(AUDIT_QUEUE_BYTES_MAX - 1, Ordering::Relaxed);
            buffer.line(false, |lines| lines.extend_from_slice(&line("refused")));
            buffer.flush();
            audit.end();
            writer.run();
            let text = std::fs::read_to_string(path).unwrap();
            let count = |what: &str| text.matches(what).count();
            assert_eq!((count("\"permitted\""), count("\"refused\"")), (kept, 1), "{text}");
            assert_eq!(count(&format!("\"event\":\"gap\",\"lost\":{}", 4 - kept)), 1, "{text}");
        }
    }
}
