//! The audit log: one JSON object a line for each decision about a token, each revocation, each change of the gateway
//! itself, every line sealed to the one before it. Never a token, a secret, a query or a body.
//!
//! Workers fill blocks of their own and hand them over a few times a second; one thread seals and writes them. A line
//! is made when its request ends, so what is in flight when the process is killed has none; what is told here has to be
//! written, or new requests are not let in (`when_full: refuse`). Lines of requests that were refused are lost where there is
//! no room for them, and the log says how many.

pub mod chain;
mod file;
pub mod key;
mod request;
pub mod verify;
pub mod writer;

use super::line;
use super::stamp::Seconds;
use crate::clock::Clock;
use crate::config::audit_log::{AuditLog, Subject, WhenFull};
use crate::config::bounds::{AUDIT_QUEUE_BYTES_MAX, LOG_BLOCK_BYTES};
use crate::config::secret::Secret;
use crate::gateway::Shared;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use aws_lc_rs::hmac;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use writer::Writer;

/// The log as everybody knows it who has something to tell.
#[derive(Debug)]
pub struct Audit {
    sender: Sender<Message>,
    state: Arc<State>,
    when_full: WhenFull,
    subject: SubjectForm,
    writer: Mutex<Option<Writer>>,
}

/// One worker's end of it.
#[derive(Debug)]
pub struct Buffer {
    block: Vec<u8>,
    sender: Sender<Message>,
    state: Arc<State>,
    when_full: WhenFull,
}

/// How the log fares, as metrics tell it.
#[derive(Debug, Default)]
pub struct State {
    /// Lines in the file.
    pub written: AtomicU64,
    /// Lines that there was no room for, and requests that were refused for want of room.
    pub lost: AtomicU64,
    /// Bytes that wait for the writer.
    pub waiting: AtomicUsize,
    /// Whether the last write failed.
    pub is_failing: AtomicBool,
    /// Of `lost`, what the log itself does not say yet.
    undeclared: AtomicU64,
    /// `End` is there or about to be, behind what waits.
    is_ending: AtomicBool,
}

#[derive(Debug)]
enum Message {
    /// Fields of lines, each ended by a newline.
    Lines(Vec<u8>),
    /// Nothing comes any more.
    End,
}

/// How a customer is named.
#[derive(Debug)]
enum SubjectForm {
    Off,
    Clear,
    Digest(Box<hmac::Key>),
}

impl Audit {
    /// Opens the log, so that a wrong path is a start-up fault. The writer is to be taken and run.
    pub fn open(settings: &AuditLog, clock: Clock) -> io::Result<Self> {
        let (sender, messages) = channel();
        let state = Arc::<State>::default();
        let writer = Writer::open(settings, (messages, Arc::clone(&state)), clock)?;
        let subject = match &settings.subject {
            Subject::Off => SubjectForm::Off,
            Subject::Clear => SubjectForm::Clear,
            Subject::Digest(key) => {
                SubjectForm::Digest(Box::new(hmac::Key::new(hmac::HMAC_SHA256, Secret::expose(key))))
            }
        };
        Ok(Self { sender, state, when_full: settings.when_full, subject, writer: Mutex::new(Some(writer)) })
    }

    /// The writer, once.
    pub fn take_writer(&self) -> Option<Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A worker's end.
    pub fn buffer(&self) -> Buffer {
        let (sender, state) = (self.sender.clone(), Arc::clone(&self.state));
        Buffer { block: Vec::new(), sender, state, when_full: self.when_full }
    }

    /// How it fares.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether a request may be let in, whose line must be written: not while nothing can be.
    pub fn has_room(&self) -> bool {
        self.when_full == WhenFull::Drop || self.state.has_room()
    }

    /// Writes what is there, and ends the writer.
    pub fn end(&self) {
        // One that cannot write does not read on as far as that.
        self.state.is_ending.store(true, Ordering::Release);
        // A writer that is gone has written all that it could.
        self.sender.send(Message::End).ok();
    }
}

impl Shared {
    /// Tells the audit log, if there is one, of something else than a request. Texts are escaped.
    pub fn audit(&self, event: &str, fields: &[(&str, &str)]) {
        let Some(audit) = &self.audit else { return };
        let stamp = Seconds::default().stamp(self.clock.now_ms());
        let mut lines = file::own(&stamp, event, "");
        for (name, value) in fields {
            line::named(&mut lines, name, value.as_bytes());
        }
        lines.push(b'\n');
        audit.state.hand_over(&audit.sender, lines);
    }

    /// What a customer is called in it, if anything.
    pub fn audit_subject(&self, issuer: &str, subject: &str) -> Option<String> {
        self.audit.as_ref()?.subject.of(issuer, subject)
    }
}

impl SubjectForm {
    /// A digest is of issuer and subject, keyed: without the key nobody can try names out. 128 bits of it do.
    fn of(&self, issuer: &str, subject: &str) -> Option<String> {
        match self {
            Self::Off => None,
            Self::Clear => Some(subject.to_owned()),
            Self::Digest(key) => {
                let mut context = hmac::Context::with_key(key);
                context.update(&(issuer.len() as u64).to_be_bytes());
                context.update(issuer.as_bytes());
                context.update(subject.as_bytes());
                let digest = context.sign();
                Some(digest.as_ref().iter().take(DIGEST_BYTES).flat_map(|octet| hexadecimal(*octet)).collect())
            }
        }
    }
}

impl Buffer {
    /// Appends a line by `write`, which ends it with a newline. That of a request which was not let in may be lost: nobody
    /// looks for room before a stranger is refused, and strangers can be many.
    pub fn line(&mut self, is_let_in: bool, write: impl FnOnce(&mut Vec<u8>)) {
        if (!is_let_in || self.when_full == WhenFull::Drop) && !self.state.has_queue_room() {
            return self.state.lose();
        }
        write(&mut self.block);
        if self.block.len() >= LOG_BLOCK_BYTES {
            self.flush();
        }
    }

    /// Counts a request that was refused because its line could not have been written.
    pub fn refused(&self) {
        self.state.lose();
    }

    /// Hands over what there is.
    pub fn flush(&mut self) {
        if !self.block.is_empty() {
            self.state.hand_over(&self.sender, std::mem::take(&mut self.block));
        }
    }
}

impl Drop for Buffer {
    /// The requests that a drain cut off tell of themselves last.
    fn drop(&mut self) {
        self.flush();
    }
}

impl State {
    fn has_room(&self) -> bool {
        !self.is_failing.load(Ordering::Relaxed) && self.has_queue_room()
    }

    fn has_queue_room(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < AUDIT_QUEUE_BYTES_MAX
    }

    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        self.undeclared.fetch_add(1, Ordering::Relaxed);
    }

    fn hand_over(&self, sender: &Sender<Message>, lines: Vec<u8>) {
        self.waiting.fetch_add(lines.len(), Ordering::Relaxed);
        if sender.send(Message::Lines(lines)).is_err() {
            // The writer is gone by a fault of ours: nothing will be written any more.
            self.is_failing.store(true, Ordering::Relaxed);
            self.lose();
        }
    }
}

/// Of the refusal: the disk is looked at every second.
pub(in crate::gateway) fn unavailable() -> Refusal {
    Refusal::unavailable(Reason::AuditUnavailable, 1)
}

fn hexadecimal(octet: u8) -> [char; 2] {
    [octet >> 4, octet & 15].map(|nibble| char::from_digit(u32::from(nibble), 16).unwrap_or_default())
}

/// What the writer works with.
type Inbox = (Receiver<Message>, Arc<State>);

/// Of a subject's digest.
const DIGEST_BYTES: usize = 16;
