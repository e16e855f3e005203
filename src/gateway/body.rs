//! The body of a client's request, whichever protocol it comes by.

use super::http1::wire::Wire;
use bytes::Bytes;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A request body, as far as it has arrived.
pub enum ClientBody {
    /// There is none.
    Nothing,
    /// On a connection that carries one request at a time; with its length, if that was declared.
    Http1(Rc<Wire>, Option<u64>),
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
    /// Whether there is nothing to come.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Http1(wire, _) => wire.is_taken(),
        }
    }

    /// The declared length; `None` where the end comes as a surprise.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Nothing => Some(0),
            Self::Http1(_, length) => *length,
        }
    }

    /// The next piece: `None` at the end.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyFault>> {
        match self {
            Self::Nothing => Poll::Ready(Ok(None)),
            Self::Http1(wire, _) => wire.poll_body(cx),
        }
    }
}
