//! The access log: one JSON object a line, a line a request. Workers fill blocks of their own and hand them over
//! whole, so that no request pays for a system call or wakes a thread. Never a token, a query or a body.

use super::metrics::Cell;
use crate::config::AccessLog;
use crate::config::bounds::{LOG_BLOCK_BYTES, LOG_BLOCKS_MAX};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// One worker's end of the log.
#[derive(Debug)]
pub struct LogBuffer {
    block: Vec<u8>,
    writer: Option<SyncSender<Message>>,
    /// Blocks that were written come back: fresh ones would cost a page fault for every twelve lines.
    spare: (SyncSender<Vec<u8>>, Receiver<Vec<u8>>),
}

/// The handle by which the writer is told what to do beside writing.
#[derive(Clone, Debug)]
pub struct LogControl(Option<SyncSender<Message>>);

/// Writes the blocks of all workers. It runs on a thread of its own, because disks wait.
#[derive(Debug)]
pub struct LogWriter {
    target: AccessLog,
    messages: Receiver<Message>,
}

#[derive(Debug)]
enum Message {
    /// To be written, and then given back.
    Block(Vec<u8>, SyncSender<Vec<u8>>),
    Reopen,
}

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandedOver {
    /// The writer has it, or there was nothing to hand over.
    Yes,
    /// The writer is too far behind: the lines are lost, and must be counted.
    Dropped,
}

/// A log to `target`: one buffer a worker, a control handle, and the writer unless there is nothing to write.
pub fn open(target: AccessLog, workers: usize) -> (Vec<LogBuffer>, LogControl, Option<LogWriter>) {
    let (sender, messages) = sync_channel(LOG_BLOCKS_MAX);
    let (sender, writer) = match target {
        AccessLog::Off => (None, None),
        AccessLog::Stdout | AccessLog::File(_) => (Some(sender), Some(LogWriter { target, messages })),
    };
    let buffer = |_| LogBuffer { block: Vec::new(), writer: sender.clone(), spare: sync_channel(SPARE_BLOCKS_MAX) };
    let buffers = (0..workers).map(buffer).collect();
    (buffers, LogControl(sender), writer)
}

impl LogBuffer {
    /// Appends a line by `write`, which ends it with a newline, and hands the block over when it is full.
    pub fn line(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> HandedOver {
        if self.writer.is_none() {
            return HandedOver::Yes;
        }
        write(&mut self.block);
        if self.block.len() < LOG_BLOCK_BYTES { HandedOver::Yes } else { self.flush() }
    }

    /// Hands over what there is.
    pub fn flush(&mut self) -> HandedOver {
        let Some(writer) = &self.writer else { return HandedOver::Yes };
        if self.block.is_empty() {
            return HandedOver::Yes;
        }
        let (back, spare) = &self.spare;
        let next = spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(LOG_BLOCK_BYTES + LINE_BYTES));
        let block = std::mem::replace(&mut self.block, next);
        match writer.try_send(Message::Block(block, back.clone())) {
            Ok(()) => HandedOver::Yes,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => HandedOver::Dropped,
        }
    }
}

impl Drop for LogBuffer {
    /// The requests that a drain cut off write their lines last.
    fn drop(&mut self) {
        self.flush();
    }
}

impl LogControl {
    /// Opens the file anew, after it was moved away.
    pub fn reopen(&self) {
        if let Some(writer) = &self.0
            && writer.try_send(Message::Reopen).is_err()
        {
            tracing::warn!("the access log is too far behind to be reopened now; send SIGHUP again");
        }
    }
}

impl LogWriter {
    /// Whether the target can be written to: asked before serving, so that a wrong path is a start-up fault.
    pub fn check(&self) -> io::Result<()> {
        Output::open(&self.target).map(drop)
    }

    /// Writes until every buffer and control handle is gone. A fault is told once and does not end it: the disk may
    /// have room again. Lines that could not be written are counted in `unwritten`.
    pub fn run(self, unwritten: &Cell) {
        let mut output = Output::open(&self.target);
        let mut is_broken = false;
        let mut is_torn = false;
        for message in self.messages {
            let is_written = match message {
                Message::Block(mut block, back) => {
                    let is_written = output.as_mut().is_ok_and(|output| output.write(&block, is_torn).is_ok());
                    if !is_written {
                        unwritten.add(memchr::memchr_iter(b'\n', &block).count() as u64);
                    }
                    is_torn = !is_written;
                    block.clear();
                    // A worker that has spares enough, or is gone, does not need it.
                    back.try_send(block).ok();
                    is_written
                }
                Message::Reopen => {
                    output = Output::open(&self.target);
                    is_torn &= output.is_err();
                    output.is_ok()
                }
            };
            if !is_written && !is_broken {
                tracing::error!(
                    "cannot write the access log: lines are being lost; check the disk and the path, then send SIGHUP"
                );
            }
            is_broken = !is_written;
        }
    }
}

enum Output {
    Stdout(io::Stdout),
    File(File),
}

impl Output {
    fn open(target: &AccessLog) -> io::Result<Self> {
        match target {
            AccessLog::File(path) => append(path).map(Self::File),
            AccessLog::Stdout | AccessLog::Off => Ok(Self::Stdout(io::stdout())),
        }
    }

    /// Behind a block that broke off on a line of its own, so that no whole line is joined to half of another.
    fn write(&mut self, block: &[u8], is_torn: bool) -> io::Result<()> {
        let start: &[u8] = if is_torn { b"\n" } else { b"" };
        match self {
            Self::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                stdout.write_all(start)?;
                stdout.write_all(block)?;
                stdout.flush()
            }
            Self::File(file) => file.write_all(start).and_then(|()| file.write_all(block)),
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Written blocks that wait for their worker.
const SPARE_BLOCKS_MAX: usize = 1;
/// Room for the line that fills a block.
const LINE_BYTES: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_reach_the_file_and_survive_its_being_moved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let (mut buffers, control, writer) = open(AccessLog::File(path.clone()), 1);
        let writer = std::thread::spawn(move || writer.unwrap().run(&Cell::default()));
        buffers[0].line(|block| block.extend_from_slice(b"one\n"));
        assert_eq!(buffers[0].flush(), HandedOver::Yes);
        let moved = folder.path().join("access.log.1");
        while std::fs::rename(&path, &moved).is_err() || std::fs::read(&moved).unwrap().is_empty() {
            if !path.exists() && moved.exists() && !std::fs::read(&moved).unwrap().is_empty() {
                break;
            }
            std::thread::yield_now();
        }
        control.reopen();
        buffers[0].line(|block| block.extend_from_slice(b"two\n"));
        buffers[0].flush();
        drop((buffers, control));
        writer.join().unwrap();
        assert_eq!(std::fs::read(&moved).unwrap(), b"one\n");
        assert_eq!(std::fs::read(&path).unwrap(), b"two\n");
    }

    #[test]
    fn a_writer_that_is_behind_loses_lines_and_says_so() {
        let (mut buffers, _control, writer) = open(AccessLog::Stdout, 1);
        let block = vec![b'x'; LOG_BLOCK_BYTES];
        for _ in 0..LOG_BLOCKS_MAX {
            assert_eq!(buffers[0].line(|lines| lines.extend_from_slice(&block)), HandedOver::Yes);
        }
        assert_eq!(buffers[0].line(|lines| lines.extend_from_slice(&block)), HandedOver::Dropped);
        drop(writer);
    }
}
