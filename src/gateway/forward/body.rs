//! Bodies on their way through: streamed, bounded, counted, never held. Trailers are dropped on both ways.

use super::codec::{self, Chunk, Framing};
use super::connection::Connection;
use crate::gateway::refusal::{Reason, Refusal};
use crate::net::deadline::Deadline;
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// A request body from the client to the upstream.
pub struct RequestBody {
    incoming: Incoming,
    bytes_left: u64,
    exchange: Option<Rc<Exchange>>,
}

/// A response body from the upstream to the client. Read to its end, it gives its connection back to the pool;
/// dropped before, it closes it.
pub struct ResponseBody {
    framing: Framing,
    connection: Option<Box<Connection>>,
}

/// What both directions of one exchange know of each other.
pub struct Exchange {
    deadline: Deadline,
    waiting_for: Cell<Party>,
    fault: Cell<Option<Reason>>,
    timeouts: Timeouts,
}

/// The bounds on waiting within an exchange.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the head of the response, once the request is complete.
    pub response: Duration,
    /// For the next bytes of the response body.
    pub idle: Duration,
    /// For the next bytes of the request body.
    pub stall: Duration,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Party {
    Client,
    Upstream,
    Nobody,
}

/// A body that broke off; the exchange or the record knows whose fault it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// A length that is declared is refused before anything is forwarded.
pub fn check_length(body: &Incoming, bytes_max: u64) -> Result<(), Refusal> {
    if body.size_hint().lower() > bytes_max { Err(Reason::BodyTooLarge.into()) } else { Ok(()) }
}

impl Exchange {
    pub(super) fn new(deadline: Deadline, timeouts: Timeouts) -> Self {
        Self { deadline, waiting_for: Cell::new(Party::Upstream), fault: Cell::new(None), timeouts }
    }

    /// A request goes out: the upstream's time begins.
    pub(super) fn begin(&self) {
        self.fault.set(None);
        self.waiting_for.set(Party::Upstream);
        self.deadline.set(self.timeouts.response);
    }

    /// Nothing is waited for.
    pub(super) fn rest(&self) {
        self.waiting_for.set(Party::Nobody);
        self.deadline.clear();
    }

    /// The connection goes into the pool for its idle time.
    pub(super) fn wait_idle(&self) {
        self.waiting_for.set(Party::Upstream);
        self.deadline.set(self.timeouts.idle);
    }

    /// The upstream may be silent for its idle time within a body. Asking again while it is silent gives it no more
    /// time: the deadline itself makes the task ask.
    pub(super) fn wait_for_more(&self) {
        if self.waiting_for.get() == Party::Nobody {
            self.wait_idle();
        }
    }

    /// Ready, with whose fault it is, once a party was waited for too long.
    pub(super) fn poll_late(&self, cx: &Context<'_>) -> Poll<Reason> {
        self.deadline.poll(cx).map(|()| match self.waiting_for.get() {
            Party::Client => Reason::BodyLate,
            Party::Upstream | Party::Nobody => Reason::UpstreamLate,
        })
    }

    /// Why the request body ended early, if it did.
    pub(super) fn fault(&self) -> Option<Reason> {
        self.fault.get()
    }

    /// The client has sent something, or all of it: it is for the upstream to go on.
    fn client_moved(&self) {
        self.waiting_for.set(Party::Upstream);
        self.deadline.set(self.timeouts.response);
    }

    /// The client owes us the next bytes. As above, asking again gives it no more time.
    fn wait_for_client(&self) {
        if self.waiting_for.replace(Party::Client) != Party::Client {
            self.deadline.set(self.timeouts.stall);
        }
    }
}

impl RequestBody {
    /// At most `bytes_max` of `incoming`.
    pub(super) fn new(incoming: Incoming, bytes_max: u64) -> Self {
        Self { incoming, bytes_left: bytes_max, exchange: None }
    }

    /// The exchange that this body is part of now.
    pub(super) fn join(&mut self, exchange: &Rc<Exchange>) {
        self.exchange = Some(Rc::clone(exchange));
    }

    fn fail(&self, reason: Reason) {
        if let Some(exchange) = &self.exchange {
            exchange.fault.set(Some(reason));
        }
    }

    fn moved(&self) {
        if let Some(exchange) = &self.exchange {
            exchange.client_moved();
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Pending => {
                if let Some(exchange) = &self.exchange {
                    exchange.wait_for_client();
                }
                Poll::Pending
            }
            Poll::Ready(Some(Ok(frame))) => {
                self.moved();
                let Ok(data) = frame.into_data() else {
                    // Trailers end a body; as fields they could alias a header that the upstream trusts.
                    return Poll::Ready(None);
                };
                match self.bytes_left.checked_sub(data.len() as u64) {
                    Some(left) => self.bytes_left = left,
                    None => {
                        self.fail(Reason::BodyTooLarge);
                        return Poll::Ready(Some(Err(Broken)));
                    }
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Some(Err(_))) => {
                self.fail(Reason::HeadMalformed);
                Poll::Ready(Some(Err(Broken)))
            }
            Poll::Ready(None) => {
                self.moved();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl ResponseBody {
    pub(super) fn new(framing: Framing, connection: Box<Connection>) -> Self {
        Self { framing, connection: Some(connection) }
    }

    /// The next piece: `None` at the end, which the framing tells and not the connection, unless it has no other.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(None);
        };
        connection.poll_send(cx);
        loop {
            match self.framing.take(connection.received()) {
                Ok(Chunk::Data(piece)) => {
                    connection.moved();
                    return Poll::Ready(Some(Ok(piece)));
                }
                Ok(Chunk::End) => return Poll::Ready(None),
                Err(_bad) => return Poll::Ready(Some(Err(Broken))),
                Ok(Chunk::Incomplete) => {}
            }
            match connection.poll_receive(cx) {
                Poll::Ready(Ok(received)) if received > 0 => {}
                Poll::Ready(Ok(_)) if matches!(self.framing, Framing::Close) => return Poll::Ready(None),
                // The connection ended within the body: the client must not take it for a whole one.
                Poll::Ready(Ok(_) | Err(_)) => return Poll::Ready(Some(Err(Broken))),
                Poll::Pending => return connection.wait_for_more(cx).map(|()| Some(Err(Broken))),
            }
        }
    }

    fn give_back(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.give_back();
        }
    }
}

impl Framing {
    /// Takes what belongs to the body from the front of `received`.
    fn take(&mut self, received: &mut BytesMut) -> Result<Chunk, codec::BadResponse> {
        match self {
            Self::Length(0) => Ok(Chunk::End),
            Self::Length(left) => Ok(match codec::take_at_most(received, *left) {
                Some(piece) => {
                    *left -= piece.len() as u64;
                    Chunk::Data(piece)
                }
                None => Chunk::Incomplete,
            }),
            Self::Chunked(chunks) => chunks.next(received),
            Self::Close => Ok(codec::take_at_most(received, u64::MAX).map_or(Chunk::Incomplete, Chunk::Data)),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.is_over(),
            Self::Close => false,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = self.poll_piece(cx);
        match &polled {
            Poll::Ready(None) => self.give_back(),
            Poll::Ready(Some(Err(Broken))) => self.connection = None,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.framing.is_over() || self.connection.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.framing {
            Framing::Length(left) => SizeHint::with_exact(left),
            Framing::Chunked(_) | Framing::Close => SizeHint::default(),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // A body of known length is not polled past its last byte.
        if self.framing.is_over() {
            self.give_back();
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body broke off")
    }
}

impl std::error::Error for Broken {}
