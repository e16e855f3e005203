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
use http::{HeaderMap, StatusCode};
use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// A request body from the client to the upstream.
pub struct RequestBody {
    client: ClientBody,
    bytes_left: u64,
    exchange: Option<Rc<Exchange>>,
    receipt: Option<Rc<Receipt>>,
}

/// A response body from the upstream to the client. Read to its end, it gives its connection back to the pool;
/// dropped before, it closes it, or the one stream of it.
pub struct ResponseBody(Option<Source>);

/// An upstream's response, its body still to come.
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// What follows its head.
    pub body: ResponseBody,
}

/// A part of a body.
pub enum Part {
    /// Bytes of it.
    Data(Bytes),
    /// What stands behind its last byte.
    Trailers(Box<HeaderMap>),
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

impl ResponseBody {
    pub(super) fn new(source: Source) -> Self {
        Self(Some(source))
    }

    /// The fields of the response, until its last piece was taken.
    pub fn fields(&self) -> Option<&Fields> {
        self.0.as_ref().map(|source| match source {
            Source::Connection(connection) => connection.fields(),
            Source::Stream(stream) => stream.fields(),
        })
    }

    /// How long it is, or what is left of it; `None` where its end comes as a surprise.
    pub fn length(&self) -> Option<u64> {
        match self.framing()? {
            Framing::Length(left) => Some(*left),
            Framing::Chunked(_) | Framing::Close => None,
        }
    }

    /// Whether trailers may come behind the last piece.
    pub fn keeps_trailers(&self) -> bool {
        self.framing().is_some_and(Framing::keeps_trailers)
    }

    /// The next part: `None` at the end.
    pub fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, Broken>>> {
        match ready!(self.poll_piece(cx)) {
            Some(Ok(piece)) => Poll::Ready(Some(Ok(Part::Data(piece)))),
            Some(Err(Broken)) => {
                self.0 = None;
                Poll::Ready(Some(Err(Broken)))
            }
            None => {
                let trailers = self.take_trailers();
                self.give_back();
                Poll::Ready(trailers.map(|trailers| Ok(Part::Trailers(Box::new(trailers)))))
            }
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        if self.exchange().is_some_and(Exchange::is_past_end) {
            return Poll::Ready(Some(Err(Broken)));
        }
        match &mut self.0 {
            Some(Source::Connection(connection)) => connection.poll_piece(cx),
            Some(Source::Stream(stream)) => stream.poll_piece(cx),
            None => Poll::Ready(None),
        }
    }

    /// Whether nothing more comes.
    pub fn is_over(&self) -> bool {
        match &self.0 {
            Some(Source::Connection(connection)) => connection.framing().is_over(),
            // The stream's own end may follow the last byte; to leave before it would be to break off.
            Some(Source::Stream(stream)) => stream.is_over(),
            None => true,
        }
    }

    /// Ready once the time of the exchange as a whole is up, for whoever waits for something else than the next piece.
    pub fn poll_end(&self, cx: &Context<'_>) -> Poll<()> {
        self.exchange().map_or(Poll::Pending, |exchange| exchange.poll_end(cx))
    }

    /// The connection itself, behind a head that switches protocols.
    pub fn into_switched(mut self) -> Option<Switched> {
        match self.0.take() {
            Some(Source::Connection(connection)) => Some(Switched::new(connection)),
            Some(Source::Stream(_)) | None => None,
        }
    }

    fn exchange(&self) -> Option<&Exchange> {
        self.0.as_ref().map(|source| match source {
            Source::Connection(connection) => connection.exchange(),
            Source::Stream(stream) => stream.exchange(),
        })
    }

    fn framing(&self) -> Option<&Framing> {
        self.0.as_ref().map(|source| match source {
            Source::Connection(connection) => connection.framing(),
            Source::Stream(stream) => stream.framing(),
        })
    }

    fn take_trailers(&mut self) -> Option<HeaderMap> {
        // HTTP/2 of an upstream has none that are kept.
        let Some(Source::Connection(connection)) = &mut self.0 else { return None };
        let lines = connection.take_trailers();
        trailers::passing(&lines, connection.fields())
    }

    fn give_back(&mut self) {
        if let Some(Source::Connection(connection)) = self.0.take() {
            connection.give_back();
        }
    }
}

impl Connection {
    /// The next piece of the body of the response at hand: `None` at its end, which the framing tells and not the connection,
    /// unless it has no other.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        self.poll_send(cx);
        loop {
            match self.take_chunk() {
                Ok(Chunk::Data(piece)) => {
                    self.moved();
                    return Poll::Ready(Some(Ok(piece)));
                }
                Ok(Chunk::End) => return Poll::Ready(None),
                Err(_bad) => return Poll::Ready(Some(Err(Broken))),
                Ok(Chunk::Incomplete) => {}
            }
            match self.poll_receive(cx) {
                Poll::Ready(Ok(received)) if received > 0 => {}
                Poll::Ready(Ok(_)) if matches!(self.framing(), Framing::Close) => return Poll::Ready(None),
                // The connection ended within the body: the client must not take it for a whole one.
                Poll::Ready(Ok(_) | Err(_)) => return Poll::Ready(Some(Err(Broken))),
                Poll::Pending => return self.wait_for_more(cx).map(|()| Some(Err(Broken))),
            }
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // A body of known length is not polled past its last byte.
        if self.framing().is_some_and(Framing::is_over) {
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
