//! One connection to a server of an upstream, and one exchange at a time on it.
//!
//! It has no task of its own: the request's task polls it, so that no wake-up or channel stands between the two. An
//! idle one is polled once when it is checked out, which learns of its end from the reactor without a system call.

use super::super::http1::buffers::{self, Buffers};
use super::super::http1::fields::Fields;
use super::super::http1::head::Persists;
use super::body::{Exchange, RequestBody, ResponseBody, Source};
use super::codec::{self, Coding, Head};
use super::connect;
use super::headers::{self, About};
use super::pool::Slot;
use super::transport::Transport;
use crate::gateway::authorize::permit::Permit;
use crate::gateway::interim::Interim;
use crate::gateway::read;
use crate::gateway::reason::Reason;
use bytes::BytesMut;
use http::{Method, Response, StatusCode};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncReadExt, AsyncWrite};

/// A connection that is checked out. Dropped, it is closed.
pub(super) struct Connection {
    transport: Transport,
    buffers: Buffers,
    received: BytesMut,
    /// Of the response at hand.
    fields: Fields,
    /// The last read filled its room: there is more to come.
    is_bulk: bool,
    /// It has carried an exchange before: the server may have closed it meanwhile.
    is_reused: bool,
    /// The server has closed it.
    has_ended: bool,
    sending: Sending,
    persists: Persists,
    exchange: Rc<Exchange>,
    pub(super) slot: Slot,
}

/// The half of an exchange that goes out.
#[derive(Default)]
struct Sending {
    out: Vec<u8>,
    written: usize,
    /// TLS may hold bytes back that were written.
    is_flushed: bool,
    body: Option<(RequestBody, Coding)>,
    has_failed: bool,
}

/// A request on its way out.
pub(super) struct Outgoing<'a> {
    pub(super) head: &'a read::Head,
    /// Without it nothing is written.
    pub(super) permit: &'a Permit<'a>,
    pub(super) about: &'a About<'a>,
    /// Taken when the head is on its way.
    pub(super) body: Option<RequestBody>,
}

/// Why there is no response.
pub(super) enum SendFault {
    /// Not a byte of it was written, or the server has said that it did nothing with it and it is one that may be repeated:
    /// it may be sent again.
    Unsent,
    /// It was sent on a connection that had been idle, and which ended without a byte of an answer.
    Stale,
    /// It may have been received: it must not be sent again.
    Refused(Reason),
}

impl Connection {
    /// Boxed, because it changes hands often: from the pool to the request to its response and back.
    pub(super) fn new(transport: Transport, exchange: Exchange, buffers: Buffers, slot: Slot) -> Box<Self> {
        Box::new(Self {
            transport,
            buffers,
            received: BytesMut::new(),
            fields: Fields::default(),
            is_bulk: false,
            is_reused: false,
            has_ended: false,
            sending: Sending::default(),
            persists: Persists::Yes,
            exchange: Rc::new(exchange),
            slot,
        })
    }

    /// Whether an idle connection is still open and silent.
    pub(super) fn is_usable(&mut self, cx: &mut Context<'_>) -> bool {
        self.poll_receive(cx).is_pending() && self.exchange.poll_late(cx).is_pending()
    }

    /// Whether it has been idle for too long.
    pub(super) fn is_stale(&self, cx: &Context<'_>) -> bool {
        self.exchange.poll_late(cx).is_ready()
    }

    /// Sends a request and waits for the head of its response.
    pub(super) async fn send(
        mut self: Box<Self>,
        outgoing: &mut Outgoing<'_>,
    ) -> Result<Response<ResponseBody>, SendFault> {
        self.exchange.begin();
        let coding = self.sending.begin(outgoing);
        // A head that could not even begin to leave means that the connection had ended while it was idle.
        match poll_fn(|cx| self.poll_first(cx)).await {
            Ok(Ok(())) => {}
            Ok(Err(_closed)) => return Err(SendFault::Unsent),
            Err(late) => return Err(SendFault::Refused(late)),
        }
        if let Some(mut body) = outgoing.body.take_if(|body| !body.is_over()) {
            body.join(&self.exchange);
            self.sending.body = Some((body, coding));
        }
        let method = &outgoing.head.parts.method;
        match poll_fn(|cx| self.poll_head(cx, (method, outgoing.about.interim))).await {
            Ok(mut head) => {
                self.exchange.rest();
                self.persists = head.persists;
                if outgoing.about.wants_trailers {
                    head.framing.keep_trailers();
                }
                let mut response = Response::new(ResponseBody::new(head.framing, Source::Connection(self)));
                *response.status_mut() = head.status;
                Ok(response)
            }
            Err(Reason::UpstreamInvalid) if self.is_reused && self.has_ended && self.received.is_empty() => {
                Err(SendFault::Stale)
            }
            Err(reason) => Err(SendFault::Refused(reason)),
        }
    }

    /// Writes the first bytes, or finds that the upstream takes none in time.
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<Result<io::Result<()>, Reason>> {
        match self.sending.poll_first(&mut self.transport, cx) {
            // What the peer said before it closed may be why.
            Poll::Ready(Err(closed)) => match self.poll_receive(cx) {
                Poll::Ready(Err(fault)) if connect::is_rejection(&fault) => Poll::Ready(Err(Reason::UpstreamHandshake)),
                Poll::Ready(_) | Poll::Pending => Poll::Ready(Ok(Err(closed))),
            },
            Poll::Ready(Ok(())) => Poll::Ready(Ok(Ok(()))),
            Poll::Pending => self.exchange.poll_late(cx).map(Err),
        }
    }

    /// Writes what there is to write and reads what there is to read, until there is the head of a final response.
    /// Those before it go on to the client.
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        (method, interim): (&Method, &Interim),
    ) -> Poll<Result<Head, Reason>> {
        self.poll_send(cx);
        interim.poll_leave(cx);
        loop {
            match codec::read_head(&mut self.received, method, &mut self.fields) {
                Ok(Some(head)) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                    // Nobody asked for it: `Upgrade` is not forwarded.
                    return Poll::Ready(Err(Reason::UpstreamInvalid));
                }
                Ok(Some(head)) if head.status.is_informational() => {
                    interim.relay(head.status, &self.fields).map_err(|_| Reason::UpstreamInvalid)?;
                    interim.poll_leave(cx);
                }
                Ok(Some(head)) => return Poll::Ready(Ok(head)),
                Err(_bad) => return Poll::Ready(Err(Reason::UpstreamInvalid)),
                Ok(None) => match self.poll_receive(cx) {
                    Poll::Ready(Ok(received)) if received > 0 => {}
                    Poll::Ready(Err(fault)) if connect::is_rejection(&fault) => {
                        return Poll::Ready(Err(Reason::UpstreamHandshake));
                    }
                    Poll::Ready(_) => {
                        self.has_ended = true;
                        return Poll::Ready(Err(self.exchange.fault().unwrap_or(Reason::UpstreamInvalid)));
                    }
                    Poll::Pending => return self.poll_fault(cx).map(Err),
                },
            }
        }
    }

    /// Why waiting for a response is over: the request body broke off, or time is up.
    fn poll_fault(&self, cx: &Context<'_>) -> Poll<Reason> {
        match self.exchange.fault() {
            Some(reason) => Poll::Ready(reason),
            None => self.exchange.poll_late(cx),
        }
    }

    /// Lets the request body go on. A fault shows in what is received, or not received, next.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) {
        if !self.sending.has_failed
            && let Poll::Ready(Err(_)) = self.sending.poll(&mut self.transport, cx)
        {
            self.sending.has_failed = true;
        }
    }

    /// Reads once; the count is 0 at the end of the stream.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        buffers::make_room(&mut self.received, &self.buffers, self.is_bulk);
        let room = self.received.capacity() - self.received.len();
        let read = pin!(self.transport.read_buf(&mut self.received)).poll(cx);
        if let Poll::Ready(Ok(bytes)) = read {
            self.is_bulk = bytes == room;
        }
        read
    }

    /// The fields of the response at hand.
    pub(super) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// What was received and not yet taken.
    pub(super) fn received(&mut self) -> &mut BytesMut {
        &mut self.received
    }

    /// Waits for the next bytes of a response body, but not for ever.
    pub(super) fn wait_for_more(&self, cx: &Context<'_>) -> Poll<()> {
        self.exchange.wait_for_more();
        self.exchange.poll_late(cx).map(drop)
    }

    /// Bytes of the response body arrived.
    pub(super) fn moved(&self) {
        self.exchange.rest();
    }

    /// Back to the pool, if both directions are at their end and nothing is left over: bytes after a response
    /// would be taken for the next one.
    pub(super) fn give_back(mut self: Box<Self>) {
        if self.persists == Persists::Yes && self.sending.is_over() && self.received.is_empty() {
            self.buffers.give(std::mem::take(&mut self.received));
            self.exchange.wait_idle();
            self.is_reused = true;
            Slot::give_back(self);
        }
    }
}

impl Sending {
    /// Puts the head into `out`. A declared length goes on as it is; a body without one is chunked.
    fn begin(&mut self, outgoing: &Outgoing<'_>) -> Coding {
        let parts = &outgoing.head.parts;
        let is_chunked = outgoing.body.as_ref().is_some_and(|body| !body.is_over() && body.length().is_none());
        let coding = if is_chunked { Coding::Chunked } else { Coding::Length };
        self.out.clear();
        codec::write_head(&mut self.out, (&parts.method, outgoing.about.target.as_str()), coding, |out| {
            headers::write(out, &parts.headers, outgoing.permit, outgoing.about);
            if outgoing.about.wants_trailers {
                // RFC 9110 §10.1.4: it is said of the next hop, and named as such.
                out.extend_from_slice(b"te: trailers\r\nconnection: te\r\n");
            }
        });
        coding
    }

    /// Writes the first bytes of what is in `out`.
    fn poll_first(&mut self, transport: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.written = ready!(Pin::new(transport).poll_write(cx, &self.out))?;
        self.is_flushed = false;
        self.has_failed = false;
        Poll::Ready(Ok(()))
    }

    /// Writes until everything is written: the body is asked for more only when there is nothing left to write, so
    /// that a slow upstream slows the client and not us.
    fn poll(&mut self, transport: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
                self.is_flushed = false;
                self.written += ready!(Pin::new(&mut *transport).poll_write(cx, rest))?;
            }
            if !self.is_flushed {
                ready!(Pin::new(&mut *transport).poll_flush(cx))?;
                self.is_flushed = true;
            }
            self.out.clear();
            self.written = 0;
            let Some((body, coding)) = &mut self.body else {
                return Poll::Ready(Ok(()));
            };
            match ready!(body.poll_piece(cx)) {
                Some(Ok(data)) => codec::write_data(&mut self.out, &data, *coding),
                Some(Err(broken)) => return Poll::Ready(Err(io::Error::other(broken))),
                None => {
                    codec::write_end(&mut self.out, *coding);
                    self.body = None;
                }
            }
        }
    }

    fn is_over(&self) -> bool {
        !self.has_failed && self.body.is_none() && self.is_flushed && self.written >= self.out.len()
    }
}
