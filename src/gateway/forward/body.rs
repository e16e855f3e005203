//! Bodies on their way through: streamed, bounded, counted, never held. Trailers of requests are dropped.

use super::super::body::{BodyFault, ClientBody};
use super::super::http1::fields::Fields;
use super::super::http1::framing::{Chunk, Framing};
use super::connection::Connection;
use super::exchange::Exchange;
use super::http2::stream::Stream;
use super::switched::Switched;
use super::trailers;
use crate::gateway::observe::receipt::Receipt;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, SizeHint};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A request body from the client to the upstream.
pub struct RequestBody {
    client: ClientBody,
    bytes_left: u64,
    exchange: Option<Rc<Exchange>>,
    receipt: Option<Rc<Receipt>>,
}

/// A response body from the upstream to the client. Read to its end, it gives its connection back to the pool;
/// dropped before, it closes it, or the one stream of it.
pub struct ResponseBody {
    framing: Framing,
    source: Option<Source>,
}

/// What a response comes out of.
pub(super) enum Source {
    /// HTTP/1.1: a connection of its own.
    Connection(Box<Connection>),
    /// HTTP/2: a stream among others.
    Stream(Box<Stream>),
}

/// A body that broke off; the exchange or the record knows whose fault it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// A length that is declared is refused before anything is forwarded.
pub fn check_length(body: &ClientBody, bytes_max: u64) -> Result<(), Refusal> {
    if body.length().is_some_and(|length| length > bytes_max) { Err(Reason::BodyTooLarge.into()) } else { Ok(()) }
}

impl RequestBody {
    /// At most `bytes_max` of `client`; `receipt` is told of its end.
    pub(super) fn new(client: ClientBody, bytes_max: u64, receipt: Option<Rc<Receipt>>) -> Self {
        Self { client, bytes_left: bytes_max, exchange: None, receipt }
    }

    /// The exchange that this body is part of now.
    pub(super) fn join(&mut self, exchange: &Rc<Exchange>) {
        self.exchange = Some(Rc::clone(exchange));
    }

    fn fail(&self, reason: Reason) -> Broken {
        if let Some(exchange) = &self.exchange {
            exchange.fault.set(Some(reason));
        }
        Broken
    }

    fn moved(&self, bytes: usize) {
        if let Some(receipt) = self.receipt.as_ref().filter(|_| self.client.is_over()) {
            receipt.complete();
        }
        if let Some(exchange) = &self.exchange {
            exchange.client_moved(bytes);
        }
    }
}

impl RequestBody {
    /// Whether there is nothing to come.
    pub(super) fn is_over(&self) -> bool {
        self.client.is_over()
    }

    /// The declared length; `None` for a body without one.
    pub(super) fn length(&self) -> Option<u64> {
        self.client.length()
    }

    /// The next piece: `None` at the end. Trailers end a body; as fields they could alias a header that the upstream
    /// trusts, and are dropped where chunks are read.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        match self.client.poll_piece(cx) {
            Poll::Pending => {
                if let Some(exchange) = &self.exchange {
                    exchange.wait_for_client();
                }
                Poll::Pending
            }
            Poll::Ready(Ok(Some(data))) => Poll::Ready(Some(self.take(data))),
            Poll::Ready(Ok(None)) => {
                self.moved(0);
                Poll::Ready(None)
            }
            Poll::Ready(Err(BodyFault::Malformed | BodyFault::Gone)) => {
                Poll::Ready(Some(Err(self.fail(Reason::HeadMalformed))))
            }
        }
    }

    /// A piece that is there already: small ones can go on together.
    pub(super) fn arrived(&mut self) -> Option<Result<Bytes, Broken>> {
        Some(match self.client.arrived()? {
            Ok(data) => self.take(data),
            Err(BodyFault::Malformed | BodyFault::Gone) => Err(self.fail(Reason::HeadMalformed)),
        })
    }

    fn take(&mut self, data: Bytes) -> Result<Bytes, Broken> {
        self.moved(data.len());
        self.bytes_left =
            self.bytes_left.checked_sub(data.len() as u64).ok_or_else(|| self.fail(Reason::BodyTooLarge))?;
        Ok(data)
    }
}

impl ResponseBody {
    pub(super) fn new(framing: Framing, source: Source) -> Self {
        Self { framing, source: Some(source) }
    }

    /// The fields of the response, until its last piece was taken.
    pub fn fields(&self) -> Option<&Fields> {
        self.source.as_ref().map(|source| match source {
            Source::Connection(connection) => connection.fields(),
            Source::Stream(stream) => stream.fields(),
        })
    }

    /// The next piece: `None` at the end, which the framing tells and not the connection, unless it has no other.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        if self.exchange().is_some_and(Exchange::is_past_end) {
            return Poll::Ready(Some(Err(Broken)));
        }
        let connection = match &mut self.source {
            Some(Source::Connection(connection)) => connection,
            Some(Source::Stream(stream)) => return stream.poll_piece(&mut self.framing, cx),
            None => return Poll::Ready(None),
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

    /// Ready once the time of the exchange as a whole is up, for whoever waits for something else than the next piece.
    pub fn poll_end(&self, cx: &Context<'_>) -> Poll<()> {
        self.exchange().map_or(Poll::Pending, |exchange| exchange.poll_end(cx))
    }

    fn exchange(&self) -> Option<&Exchange> {
        self.source.as_ref().map(|source| match source {
            Source::Connection(connection) => connection.exchange(),
            Source::Stream(stream) => stream.exchange(),
        })
    }

    /// Whether trailers may come behind the last piece.
    pub fn keeps_trailers(&self) -> bool {
        self.framing.keeps_trailers()
    }

    /// The connection itself, behind a head that switches protocols.
    pub fn into_switched(mut self) -> Option<Switched> {
        match self.source.take() {
            Some(Source::Connection(connection)) => Some(Switched::new(connection)),
            Some(Source::Stream(_)) | None => None,
        }
    }

    fn take_trailers(&mut self) -> Option<HeaderMap> {
        trailers::passing(&self.framing.take_trailers(), self.fields()?)
    }

    fn give_back(&mut self) {
        if let Some(Source::Connection(connection)) = self.source.take() {
            connection.give_back();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = self.poll_piece(cx);
        match &polled {
            Poll::Ready(None) => {
                let trailers = self.take_trailers();
                self.give_back();
                return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
            }
            Poll::Ready(Some(Err(Broken))) => self.source = None,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Some(Source::Connection(_)) => self.framing.is_over(),
            // The stream's own end may follow the last byte; to leave before it would be to break off.
            Some(Source::Stream(stream)) => stream.is_over(),
            None => true,
        }
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
