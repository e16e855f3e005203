//! The bytes of an HTTP/2 connection, below its frames. What `h2` writes is gathered until there is nothing more to say, so
//! that many short answers leave in one TLS record and one system call; what it reads is counted, timed, and unpacked.
//!
//! `h2` flushes after each piece of data that it does not copy. A flush means nothing here: whoever drives the connection
//! says when to send, which is when `h2` has come to rest.

use super::super::http1::buffers::Buffers;
use super::strain::Strain;
use super::unpack::Unpacker;
use crate::net::activity::Activity;
use crate::net::client::ClientStream;
use crate::net::deadline::Deadline;
use bytes::{Buf, BytesMut};
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

/// A connection's bytes in both directions. `h2` has one clone and whoever drives it another, both on one task.
#[derive(Clone)]
pub struct Wire(Rc<RefCell<State>>);

struct State {
    stream: ClientStream,
    activity: Rc<Activity>,
    strain: Strain,
    unpacker: Unpacker,
    head: HeadTime,
    buffers: Buffers,
    /// What waits to be sent.
    out: BytesMut,
    /// TLS may keep some of what was sent back.
    owes_flush: bool,
}

/// How long a head may take. It has a time of its own beside the connection's phase: other requests may be under way.
struct HeadTime {
    deadline: Deadline,
    timeout: Duration,
    is_running: bool,
}

impl Wire {
    /// A connection on which nothing has happened. `head` is not armed yet, and gets `timeout`.
    pub fn new(
        stream: ClientStream,
        activity: Rc<Activity>,
        (head, timeout): (Deadline, Duration),
        buffers: Buffers,
    ) -> Self {
        Self(Rc::new(RefCell::new(State {
            stream,
            activity,
            strain: Strain::new(),
            unpacker: Unpacker::default(),
            head: HeadTime { deadline: head, timeout, is_running: false },
            buffers,
            out: BytesMut::new(),
            owes_flush: false,
        })))
    }

    /// Whether the client keeps us busy with nothing. Then no more is read from it.
    pub fn is_strained(&self) -> bool {
        self.0.borrow().strain.is_too_much()
    }

    /// Ready once a head has taken too long.
    pub fn poll_late(&self, cx: &Context<'_>) -> Poll<()> {
        self.0.borrow().head.deadline.poll(cx)
    }

    /// Ready once everything that waited was handed to the kernel.
    pub fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_send(cx)
    }
}

impl State {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent(written);
            self.out.advance(written);
        }
        if self.owes_flush {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.owes_flush = false;
            self.buffers.give(std::mem::take(&mut self.out));
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what fits, or, where it is long and nothing waits before it, hands it on as it is.
    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        if self.out.len() + length > OUT_BYTES_MAX {
            ready!(self.poll_send(cx))?;
        }
        if length > COPIED_BYTES_MAX && self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
            self.sent(written);
            return Poll::Ready(Ok(written));
        }
        if self.out.capacity() == 0 {
            self.out = self.buffers.take();
        }
        for slice in slices {
            self.out.extend_from_slice(slice);
        }
        Poll::Ready(Ok(length))
    }

    fn sent(&mut self, bytes: usize) {
        self.strain.sent(bytes);
        self.owes_flush = true;
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.strain.is_too_much() {
            // Whoever drives the connection looks, and ends it.
            return Poll::Pending;
        }
        if self.unpacker.pass_rest(buffer) {
            return Poll::Ready(Ok(()));
        }
        let bytes = ready!(Pin::new(&mut self.stream).poll_fill_buf(cx))?;
        let taken = self.unpacker.pass(bytes, self.strain.until_frame(), buffer);
        self.strain.passed(self.activity.now_ms());
        self.strain.received(bytes.get(..taken).unwrap_or_default());
        Pin::new(&mut self.stream).consume(taken);
        self.head.run(self.strain.is_within_head());
        Poll::Ready(Ok(()))
    }
}

impl HeadTime {
    /// More bytes of the same head win it no time.
    fn run(&mut self, is_within: bool) {
        match (self.is_running, is_within) {
            (false, true) => self.deadline.set(self.timeout),
            (true, false) => self.deadline.clear(),
            (true, true) | (false, false) => {}
        }
        self.is_running = is_within;
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        ready!(state.poll_send(cx))?;
        Pin::new(&mut state.stream).poll_shutdown(cx)
    }
}

/// What is gathered at most: the largest TLS record.
const OUT_BYTES_MAX: usize = 16 * 1024;
/// What is longer than this is not copied, if nothing stands before it.
const COPIED_BYTES_MAX: usize = 8 * 1024;
