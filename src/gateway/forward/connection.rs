//! One connection to a server of an upstream, and one exchange at a time on it.
//!
//! It has no task of its own: the request's task polls it, so that no wake-up or channel stands between the two. An
//! idle one is polled once when it is checked out, which learns of its end from the reactor without a system call.

use super::super::http1::buffers::Buffers;
use super::super::http1::fields::Fields;
use super::super::http1::framing::{BadFraming, Chunk, Framing};
use super::super::http1::head::Persists;
use super::super::http1::lines::Lines;
use super::super::http1::received::{Received, Sender};
use super::body::{Response, ResponseBody, Source};
use super::codec::{self, Head};
use super::connect;
use super::exchange::Exchange;
use super::headers::About;
use super::sending::{Outgoing, Sending};
use super::server::Slot;
use super::transport::Transport;
use crate::gateway::reason::Reason;
use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A connection that is checked out. Dropped, it is closed.
pub(super) struct Connection {
    transport: Transport,
    received: Received,
    /// Of the response at hand: how far its head has come, its fields, and where its body ends.
    lines: Lines,
    fields: Fields,
    framing: Framing,
    /// It has carried an exchange before: the server may have closed it meanwhile.
    is_reused: bool,
    /// The server has closed it.
    has_ended: bool,
    sending: Sending,
    persists: Persists,
    exchange: Rc<Exchange>,
    pub(super) peer: Peer,
    pub(super) slot: Slot,
}

/// Whom a connection leads to.
#[derive(Clone, Copy)]
pub(super) struct Peer {
    /// One of its server's addresses, as of the version.
    pub(super) address: SocketAddr,
    /// Of what is known of these.
    pub(super) version: u64,
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
    pub(super) fn new(
        (transport, peer): (Transport, Peer),
        exchange: Exchange,
        buffers: Buffers,
        slot: Slot,
    ) -> Box<Self> {
        Box::new(Self {
            transport,
            received: Received::new(Sender::Upstream, buffers),
            lines: Lines::default(),
            fields: Fields::default(),
            framing: Framing::Length(0),
            is_reused: false,
            has_ended: false,
            sending: Sending::default(),
            persists: Persists::Yes,
            exchange: Rc::new(exchange),
            peer,
            slot,
        })
    }

    /// Whether an idle connection is still open and silent.
    pub(super) fn is_usable(&mut self, cx: &mut Context<'_>) -> bool {
        (self.transport.is_silent() || self.poll_receive(cx).is_pending()) && !self.is_stale()
    }

    /// Whether it has been idle for too long.
    pub(super) fn is_stale(&self) -> bool {
        self.exchange.is_late()
    }

    /// Sends a request and waits for the head of its response.
    pub(super) async fn send(mut self: Box<Self>, outgoing: &mut Outgoing<'_>) -> Result<Response, SendFault> {
        self.exchange.begin(outgoing.end);
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
        let method = outgoing.head.method();
        match poll_fn(|cx| self.poll_head(cx, (method, outgoing.about))).await {
            Ok(head) => {
                self.exchange.rest();
                // A server that was asked to switch and did not may still think of it.
                self.persists = if outgoing.about.upgrade.is_none() { head.persists } else { Persists::No };
                self.framing = head.framing;
                if outgoing.about.wants_trailers {
                    self.framing.keep_trailers();
                }
                Ok(Response { status: head.status, body: ResponseBody::new(Source::Connection(self)) })
            }
            Err(Reason::UpstreamInvalid) if self.is_reused && self.has_ended && self.received.bytes.is_empty() => {
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
        (method, about): (&Method, &About<'_>),
    ) -> Poll<Result<Head, Reason>> {
        self.poll_send(cx);
        about.interim.poll_leave(cx);
        loop {
            match codec::read_head(&mut self.received.bytes, method, (&mut self.lines, &mut self.fields)) {
                Ok(Some(head)) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                    // It ends HTTP, and so must be what was asked for.
                    let is_agreed = about.upgrade.is_some_and(|upgrade| upgrade.is_agreed(&self.fields));
                    return Poll::Ready(if is_agreed { Ok(head) } else { Err(Reason::UpstreamInvalid) });
                }
                Ok(Some(head)) if head.status.is_informational() => {
                    about.interim.relay(head.status, &self.fields).map_err(|_| Reason::UpstreamInvalid)?;
                    about.interim.poll_leave(cx);
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
        if self.transport.poll_promising(cx)?.is_pending() {
            self.received.pause();
            return Poll::Pending;
        }
        self.received.poll_read(&mut self.transport, cx)
    }

    /// The fields of the response at hand.
    pub(super) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Where the body of the response at hand ends.
    pub(super) fn framing(&self) -> &Framing {
        &self.framing
    }

    /// What was received of that body.
    pub(super) fn take_chunk(&mut self) -> Result<Chunk, BadFraming> {
        self.framing.take(&mut self.received.bytes)
    }

    /// The trailers behind that body, if they were wanted.
    pub(super) fn take_trailers(&mut self) -> Vec<Bytes> {
        self.framing.take_trailers()
    }

    /// What was received and not yet taken.
    pub(super) fn received(&mut self) -> &mut BytesMut {
        &mut self.received.bytes
    }

    /// What bounds the exchange at hand.
    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
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

    /// The half that goes out.
    pub(super) fn sending(&mut self) -> &mut Sending {
        &mut self.sending
    }

    /// Ready once what goes out was handed to the kernel.
    pub(super) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sending.poll(&mut self.transport, cx)
    }

    /// Its bytes in both directions.
    pub(super) fn transport(&mut self) -> &mut Transport {
        &mut self.transport
    }

    /// Lets go of the memory to read into, while there is nothing to read.
    pub(super) fn rest(&mut self) {
        self.received.rest();
    }

    /// Back to the pool, if both directions are at their end and nothing is left over: bytes after a response
    /// would be taken for the next one.
    pub(super) fn give_back(mut self: Box<Self>) {
        if self.persists == Persists::Yes && self.sending.is_over() && self.received.bytes.is_empty() {
            self.received.end();
            self.sending.rest();
            self.exchange.wait_idle();
            self.is_reused = true;
            Slot::give_back(self);
        }
    }
}
