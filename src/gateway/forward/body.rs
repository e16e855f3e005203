//! Bodies on their way through: streamed, bounded, counted, never held. Trailers are dropped on both ways.

use super::pool::Connection;
use crate::gateway::refusal::{Reason, Refusal};
use crate::net::deadline::Deadline;
use bytes::Bytes;
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
    incoming: Incoming,
    connection: Option<Connection>,
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

/// A body that broke off.
#[derive(Debug)]
pub struct Broken(Option<hyper::Error>);

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
        if !self.incoming.is_end_stream() {
            self.exchange = Some(Rc::clone(exchange));
        }
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
                        return Poll::Ready(Some(Err(Broken(None))));
                    }
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Some(Err(fault))) => {
                self.fail(Reason::HeadMalformed);
                Poll::Ready(Some(Err(Broken(Some(fault)))))
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
    pub(super) fn new(incoming: Incoming, connection: Connection) -> Self {
        Self { incoming, connection: Some(connection) }
    }

    fn give_back(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.give_back();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        let Some(connection) = &mut this.connection else {
            return Poll::Ready(None);
        };
        // The body asks the connection for more by being polled, so the connection's turn comes after it as well.
        connection.drive(cx);
        let mut polled = Pin::new(&mut this.incoming).poll_frame(cx);
        if polled.is_pending() {
            connection.drive(cx);
            polled = Pin::new(&mut this.incoming).poll_frame(cx);
        }
        match polled {
            Poll::Pending => connection.wait_for_more(cx).map(|()| Some(Err(Broken(None)))),
            Poll::Ready(Some(Ok(frame))) => {
                connection.exchange().rest();
                match frame.into_data() {
                    Ok(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
                    Err(_trailers) => {
                        this.give_back();
                        Poll::Ready(None)
                    }
                }
            }
            Poll::Ready(Some(Err(fault))) => {
                this.connection = None;
                Poll::Ready(Some(Err(Broken(Some(fault)))))
            }
            Poll::Ready(None) => {
                this.give_back();
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

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // A body of known length is not polled past its last byte.
        if self.incoming.is_end_stream() {
            self.give_back();
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(fault) => write!(f, "the body broke off: {fault}"),
            None => f.write_str("the body was cut off"),
        }
    }
}

impl std::error::Error for Broken {}
