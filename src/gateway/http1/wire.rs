//! One client connection: bytes received and not yet taken, bytes to be sent, and the body of the request at hand.
//!
//! The connection's task owns it together with the request body that it hands out; both run on that one task, so a
//! borrow never meets another.

use super::super::body::{BodyFault, ClientBody};
use super::buffers::Buffers;
use super::framing::{BadFraming, Chunk, Framing};
use super::head::{BadHead, HeadBounds, Progress, RequestHead};
use super::received::{Received, Sender};
use crate::net::client::ClientStream;
use bytes::Bytes;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// A connection's bytes in both directions.
pub struct Wire(pub(super) RefCell<State>);

pub(super) struct State {
    pub(super) stream: ClientStream,
    bounds: HeadBounds,
    pub(super) received: Received,
    progress: Progress,
    pub(super) body: Framing,
    /// The client waits for `100 Continue` before it sends the body.
    owes_continue: bool,
    out: Vec<u8>,
    /// A large piece of a body, sent after `out` without a copy.
    piece: Bytes,
    /// What follows the piece.
    after: Vec<u8>,
    written: usize,
}

/// What came instead of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHead {
    /// The client has left, in the middle of a head or before one.
    Gone,
    /// Something that is no head.
    Bad(BadHead),
}

/// The client has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl Wire {
    /// A connection on which nothing has happened. `bounds` hold for each of its heads.
    pub fn new(stream: ClientStream, bounds: HeadBounds, buffers: Buffers) -> Rc<Self> {
        Rc::new(Self(RefCell::new(State {
            stream,
            bounds,
            received: Received::new(Sender::Client, buffers),
            progress: Progress::default(),
            body: Framing::Length(0),
            owes_continue: false,
            out: Vec::new(),
            piece: Bytes::new(),
            after: Vec::new(),
            written: 0,
        })))
    }

    /// Waits for the next head. The body that belongs to it is handed out with it.
    pub async fn next(self: &Rc<Self>) -> Result<(RequestHead, ClientBody), NoHead> {
        let mut head = poll_fn(|cx| self.0.borrow_mut().poll_head(cx)).await?;
        let framing = std::mem::replace(&mut head.framing, Framing::Length(0));
        let body = match &framing {
            framing if framing.is_over() => ClientBody::Nothing,
            Framing::Length(length) => ClientBody::Http1(Rc::clone(self), Some(*length)),
            Framing::Chunked(_) | Framing::Close => ClientBody::Http1(Rc::clone(self), None),
        };
        let mut state = self.0.borrow_mut();
        state.body = framing;
        state.owes_continue = head.expects_continue;
        Ok((head, body))
    }

    /// Ready once the client has left while its request is being answered. What it sends meanwhile is kept, up to the
    /// size of a head.
    pub fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<Gone> {
        let mut state = self.0.borrow_mut();
        while state.body.is_over() && state.received.bytes.len() < state.bounds.bytes_max {
            match ready!(state.poll_receive(cx)) {
                Ok(received) if received > 0 => {}
                Ok(_) | Err(_) => return Poll::Ready(Gone),
            }
        }
        Poll::Pending
    }

    /// Whether all of the request's body was taken. Where nobody wants it any more, what has arrived of it is thrown away;
    /// where it is still on its way to the upstream, which answered early, it is left alone.
    pub fn is_body_over(self: &Rc<Self>) -> bool {
        let is_unwanted = Rc::strong_count(self) == 1;
        let mut state = self.0.borrow_mut();
        let State { body, received, .. } = &mut *state;
        while is_unwanted && matches!(body.take(&mut received.bytes), Ok(Chunk::Data(_))) {}
        body.is_over()
    }

    /// The next piece of the body at hand: `None` at its end. Asking for the first lets a client go on that waits for
    /// `100 Continue`.
    pub fn poll_body(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyFault>> {
        self.0.borrow_mut().poll_body(cx)
    }

    /// What has arrived behind the last request, whatever it is: `None` at the end. There are no requests any more.
    pub fn poll_bytes(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Gone>> {
        let mut state = self.0.borrow_mut();
        if state.received.bytes.is_empty() {
            match state.poll_receive(cx) {
                Poll::Ready(Ok(received)) if received > 0 => {}
                Poll::Ready(Ok(_)) => return Poll::Ready(Ok(None)),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Gone)),
                Poll::Pending => {
                    state.rest();
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(Some(state.received.bytes.split().freeze())))
    }

    /// Whether so little waits to be sent that more may be added.
    pub fn has_room(&self) -> bool {
        let state = self.0.borrow();
        state.piece.is_empty() && state.out.len() < OUT_BYTES_MAX
    }

    /// Adds bytes to what waits to be sent.
    pub fn queue(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.borrow_mut();
        state.owes_continue = false;
        write(state.tail());
    }

    /// Adds an answer that is not yet the answer: a client that waits for `100 Continue` goes on waiting for it.
    pub fn queue_interim(&self, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.0.borrow_mut().tail());
    }

    /// Lets leave what waits to be sent while the answer is still being made.
    pub fn poll_interim(&self, cx: &mut Context<'_>) {
        let mut state = self.0.borrow_mut();
        if !state.out.is_empty() {
            // A client that has left is found where it is listened to, and one that takes nothing by its deadline.
            drop(state.poll_send(cx));
        }
    }

    /// Adds a piece of a body: a small one is copied, so that head and body leave together.
    pub fn queue_piece(&self, piece: Bytes) {
        let mut state = self.0.borrow_mut();
        if piece.len() <= COPIED_BYTES_MAX || !state.piece.is_empty() {
            state.tail().extend_from_slice(&piece);
        } else {
            state.piece = piece;
        }
    }

    /// Ready once everything that waited was handed to the kernel.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        self.0.borrow_mut().poll_send(cx).map_err(|_| Gone)
    }
}

impl State {
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<RequestHead, NoHead>> {
        loop {
            let taken = self.progress.take(&mut self.received.bytes, self.bounds);
            if let Some(head) = taken.map_err(NoHead::Bad)? {
                return Poll::Ready(Ok(head));
            }
            if self.progress.has_begun() {
                self.stream.expect_more();
            }
            match self.poll_receive(cx) {
                Poll::Ready(Ok(received)) if received > 0 => {}
                Poll::Ready(Ok(_) | Err(_)) => return Poll::Ready(Err(NoHead::Gone)),
                Poll::Pending => {
                    self.rest();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Lets go of memory that nothing is in.
    fn rest(&mut self) {
        self.received.end();
        if self.out.is_empty() {
            self.received.buffers().give_out(std::mem::take(&mut self.out));
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyFault>> {
        if std::mem::take(&mut self.owes_continue) {
            self.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        if !self.out.is_empty() && matches!(self.poll_send(cx), Poll::Ready(Err(_))) {
            return Poll::Ready(Err(BodyFault::Gone));
        }
        loop {
            match self.body.take(&mut self.received.bytes) {
                Ok(Chunk::Data(piece)) => return Poll::Ready(Ok(Some(piece))),
                Ok(Chunk::End) => return Poll::Ready(Ok(None)),
                Ok(Chunk::Incomplete) => {}
                Err(BadFraming) => return Poll::Ready(Err(BodyFault::Malformed)),
            }
            match ready!(self.poll_receive(cx)) {
                Ok(received) if received > 0 => {}
                Ok(_) | Err(_) => return Poll::Ready(Err(BodyFault::Gone)),
            }
        }
    }

    /// Reads once; the count is 0 at the end of the stream.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        ready!(self.stream.poll_promising(cx))?;
        self.received.poll_read(&mut self.stream, cx)
    }

    /// Where what comes next has to stand.
    fn tail(&mut self) -> &mut Vec<u8> {
        if !self.piece.is_empty() {
            return &mut self.after;
        }
        if self.out.capacity() == 0 {
            self.out = self.received.buffers().take_out();
        }
        &mut self.out
    }

    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.out.len() || !self.piece.is_empty() {
            let rest = self.out.get(self.written..).unwrap_or_default();
            let stream = Pin::new(&mut self.stream);
            let written = if self.piece.is_empty() {
                ready!(stream.poll_write(cx, rest))?
            } else {
                ready!(stream.poll_write_vectored(cx, &[IoSlice::new(rest), IoSlice::new(&self.piece)]))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_piece = written.saturating_sub(rest.len());
            self.written += written - of_piece;
            drop(self.piece.split_to(of_piece));
            if self.written == self.out.len() && self.piece.is_empty() && !self.after.is_empty() {
                self.out = std::mem::take(&mut self.after);
                self.written = 0;
            }
        }
        // TLS keeps bytes of its own back: until they have left too, there is something to send.
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.out.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

/// With more than this waiting to be sent, an answer's body is not asked for more.
const OUT_BYTES_MAX: usize = 16 * 1024;
/// A piece of a body up to this size is copied behind what waits already: one write, one packet, one TLS record.
const COPIED_BYTES_MAX: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::net::activity::{Activity, Timeouts};
    use crate::net::client::Transport;
    use crate::net::deadline::Deadlines;
    use crate::net::patience::Pace;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};

    /// A connection on which a request with two pieces of a body has arrived whole, and its client.
    async fn with_request() -> (Rc<Wire>, ClientBody, TcpStream) {
        with_chunks("1\r\na\r\n1\r\nb\r\n0\r\n\r\n").await
    }

    /// The same, with this for a body.
    async fn with_chunks(chunks: &str) -> (Rc<Wire>, ClientBody, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        client.write_all([head, chunks].concat().as_bytes()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let minute = Duration::from_mins(1);
        let bounds = HeadBounds { bytes_max: 8192, fields_max: 100 };
        let pace = Pace { stall: minute, rate_min: 500 };
        let times = Timeouts { handshake: minute, head: minute, idle: minute, pace };
        let activity = Rc::new(Activity::new(times, Deadlines::new(Clock::System.instant()).deadline()));
        let wire = Wire::new(ClientStream::new(Transport::Plain(server), activity), bounds, Buffers::default());
        let (_, body) = wire.next().await.ok().unwrap();
        (wire, body, client)
    }

    #[tokio::test]
    async fn a_body_that_is_still_on_its_way_is_not_thrown_away_by_an_early_answer() {
        let (wire, mut body, _client) = with_request().await;
        assert!(!wire.is_body_over());
        let mut pieces = Vec::new();
        while let Some(piece) = poll_fn(|cx| body.poll_piece(cx)).await.unwrap() {
            pieces.extend_from_slice(&piece);
        }
        assert_eq!(pieces, b"ab");
        assert!(wire.is_body_over());
    }

    #[tokio::test]
    async fn what_is_there_is_taken_without_asking_and_the_end_is_left() {
        let (wire, mut body, _client) = with_request().await;
        let taken: Vec<_> = std::iter::from_fn(|| body.arrived()).map(|piece| piece.unwrap()).collect();
        assert_eq!(taken, ["a", "b"]);
        assert!(poll_fn(|cx| body.poll_piece(cx)).await.unwrap().is_none());
        assert!(wire.is_body_over());
    }

    #[tokio::test]
    async fn a_body_that_nobody_wants_is_skipped() {
        let (wire, body, _client) = with_request().await;
        drop(body);
        assert!(wire.is_body_over());
    }

    #[tokio::test]
    async fn behind_a_body_that_broke_nothing_is_looked_for() {
        let (wire, mut body, _client) = with_chunks("x\r\n0\r\n\r\n").await;
        assert_eq!(poll_fn(|cx| body.poll_piece(cx)).await, Err(BodyFault::Malformed));
        drop(body);
        assert!(!wire.is_body_over(), "what follows is no request");
    }
}
