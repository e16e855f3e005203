//! A third party's connection: its transport, what it is doing, and how long it may take to do it.

use super::deadline::Deadline;
use smallvec::SmallVec;
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Bytes to and from a client, in the clear or through TLS.
pub enum Transport {
    /// Plain TCP: loopback, or behind a terminator.
    Plain(TcpStream),
    /// TLS by us.
    Tls(Box<TlsStream<TcpStream>>),
}

/// A transport that keeps the connection's `Activity` up to date.
pub struct ClientStream {
    transport: Transport,
    activity: Rc<Activity>,
}

/// What a connection is doing. Shared by its stream, its task and the answers on it.
pub struct Activity {
    phase: Cell<Phase>,
    is_stalled: Cell<bool>,
    timeouts: Timeouts,
    deadline: Deadline,
}

/// The bounds on a client's slowness.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the first byte of a head to its last.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// While it does not take what we send.
    pub stall: Duration,
}

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Between requests.
    Idle,
    /// A head has begun and is not complete.
    Head,
    /// A request is being answered.
    Busy,
}

impl Activity {
    /// A connection that was just accepted: its first head must come as soon as any.
    pub fn new(timeouts: Timeouts, deadline: Deadline) -> Self {
        deadline.set(timeouts.head);
        Self { phase: Cell::new(Phase::Head), is_stalled: Cell::new(false), timeouts, deadline }
    }

    /// A head is complete and its request is being answered: the time is now the answer's.
    pub fn begin(&self) {
        self.phase.set(Phase::Busy);
        self.deadline.clear();
    }

    /// The answer has ended.
    pub fn end(&self) {
        self.phase.set(Phase::Idle);
        self.deadline.set(self.timeouts.idle);
    }

    /// Gives an idle connection `linger` instead of its idle time, because we are about to leave.
    pub fn hurry(&self, linger: Duration) {
        if self.phase.get() == Phase::Idle {
            self.deadline.set(linger);
        }
    }

    /// Where the connection is.
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Ready once the client has been too slow for its phase.
    pub fn poll_late(&self, cx: &Context<'_>) -> Poll<()> {
        self.deadline.poll(cx)
    }

    fn received(&self) {
        if self.phase.get() == Phase::Idle {
            self.phase.set(Phase::Head);
            self.deadline.set(self.timeouts.head);
        }
    }

    fn stalled(&self) {
        if !self.is_stalled.replace(true) {
            self.deadline.set(self.timeouts.stall);
        }
    }

    fn moved(&self) {
        if self.is_stalled.replace(false) {
            match self.phase.get() {
                Phase::Idle => self.deadline.set(self.timeouts.idle),
                Phase::Head => self.deadline.set(self.timeouts.head),
                Phase::Busy => self.deadline.clear(),
            }
        }
    }

    fn watch_write<T>(&self, outcome: Poll<T>) -> Poll<T> {
        match &outcome {
            Poll::Ready(_) => self.moved(),
            Poll::Pending => self.stalled(),
        }
        outcome
    }
}

/// Copies the slices together on the stack, if they are small.
fn gather(slices: &[IoSlice<'_>]) -> Option<SmallVec<[u8; SMALL_BYTES]>> {
    let total: usize = slices.iter().map(|slice| slice.len()).sum();
    (total <= SMALL_BYTES).then(|| {
        let mut piece = SmallVec::new();
        for slice in slices {
            piece.extend_from_slice(slice);
        }
        piece
    })
}

/// A head and the body of an ordinary API answer.
const SMALL_BYTES: usize = 4096;

impl ClientStream {
    /// Watches `transport`.
    pub fn new(transport: Transport, activity: Rc<Activity>) -> Self {
        Self { transport, activity }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Transport::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        };
        ready!(outcome)?;
        if buffer.filled().len() > before {
            self.activity.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Transport::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        };
        self.activity.watch_write(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A small answer in one piece costs the kernel less than in two, and TLS one record instead of two.
        if let Some(piece) = gather(slices) {
            return self.poll_write(cx, &piece);
        }
        let outcome = match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Transport::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
        };
        self.activity.watch_write(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(tcp) => tcp.is_write_vectored(),
            Transport::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_flush(cx),
        };
        self.activity.watch_write(outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
