//! The body of a client's request, whichever protocol it comes by.

use super::http1::fields::{self, Fields};
use super::http1::wire::Wire;
use super::http2::exchange::Responder;
use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, StatusCode};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// A request body, as far as it has arrived.
pub enum ClientBody {
    /// There is none.
    Nothing,
    /// On a connection that carries one request at a time; with its length, if that was declared.
    Http1(Rc<Wire>, Option<u64>),
    /// One of several streams of a connection.
    Http2(StreamBody),
}

/// The body of a request that is an HTTP/2 stream.
pub struct StreamBody {
    stream: RecvStream,
    length: Option<u64>,
    /// The client waits for `100 Continue` before it sends the body.
    owes_continue: Option<Rc<Responder>>,
}

/// Why a request body has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// Its framing is broken.
    Malformed,
    /// The client has left.
    Gone,
}

impl ClientBody {
    /// That of an HTTP/2 stream. Its length was checked to be one, and its data will be checked against it (RFC 9113 §8.1.1).
    pub fn http2(stream: RecvStream, fields: &Fields, client: &Rc<Responder>) -> Self {
        if stream.is_end_stream() {
            return Self::Nothing;
        }
        let length = fields.all("content-length").next().and_then(|length| fields::text(length)?.parse().ok());
        let waits = fields.all("expect").next().is_some_and(|what| what.eq_ignore_ascii_case(b"100-continue"));
        Self::Http2(StreamBody { stream, length, owes_continue: waits.then(|| Rc::clone(client)) })
    }

    /// Whether there is nothing to come.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Http1(wire, _) => wire.is_taken(),
            Self::Http2(body) => body.stream.is_end_stream(),
        }
    }

    /// The declared length; `None` where the end comes as a surprise.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Nothing => Some(0),
            Self::Http1(_, length) => *length,
            Self::Http2(body) => body.length,
        }
    }

    /// The next piece: `None` at the end. Asking for the first lets a client go on that waits for `100 Continue`.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyFault>> {
        match self {
            Self::Nothing => Poll::Ready(Ok(None)),
            Self::Http1(wire, _) => wire.poll_body(cx),
            Self::Http2(body) => body.poll_piece(cx),
        }
    }

    /// A piece that is there already, of a body that may come in small ones.
    pub fn arrived(&mut self) -> Option<Result<Bytes, BodyFault>> {
        match self {
            Self::Http1(wire, None) => wire.arrived(),
            Self::Nothing | Self::Http1(_, Some(_)) | Self::Http2(_) => None,
        }
    }
}

impl StreamBody {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyFault>> {
        if let Some(client) = self.owes_continue.take() {
            client.interim(StatusCode::CONTINUE, HeaderMap::new());
        }
        Poll::Ready(match ready!(self.stream.poll_data(cx)) {
            Some(Ok(piece)) => {
                // Taken from us, so that the client may send as much again. It fails only for a stream that is over.
                self.stream.flow_control().release_capacity(piece.len()).ok();
                Ok(Some(piece))
            }
            // Trailers are left where they are: as fields they could alias one that the upstream trusts.
            None => Ok(None),
            Some(Err(fault)) if fault.is_reset() || fault.is_io() => Err(BodyFault::Gone),
            Some(Err(_)) => Err(BodyFault::Malformed),
        })
    }
}
