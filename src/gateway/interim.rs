//! Answers before the answer (RFC 9110 §15.2): an upstream's 1xx go on to the client as they come, and the exchange goes
//! on behind them. `100` is among them, as the RFC asks, unless the client waits for one: that one it gets from us, when all
//! checks have passed, and of a second one some libraries take their body to be wanted twice. `101` is none: it ends HTTP.
//!
//! They win the upstream no time, and they are no promise: what follows one may be any answer, and is often our own.

use super::http1::answer;
use super::http1::fields::Fields;
use super::http1::head::RequestHead;
use super::http1::wire::Wire;
use super::http2::exchange::{self, Responder};
use crate::config::bounds::{INTERIM_BYTES_MAX, INTERIMS_MAX};
use http::{StatusCode, Version};
use std::cell::Cell;
use std::rc::Rc;
use std::task::Context;

/// Where the interim answers of one exchange go, and how many more of them.
pub struct Interim {
    hearer: Hearer,
    /// The client's `Expect: 100-continue` is answered by us.
    has_expectation: bool,
    answers_left: Cell<usize>,
    bytes_left: Cell<usize>,
}

/// Who hears them.
enum Hearer {
    /// Nobody: HTTP/1.0 knows none (RFC 9110 §15.2).
    Nobody,
    /// A client, on its connection.
    Http1(Rc<Wire>),
    /// A client, on a stream.
    Http2(Rc<Responder>),
}

/// An upstream that has more to say before its answer than any that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl Interim {
    /// For the client of `wire` that sent `head`.
    pub fn http1(wire: &Rc<Wire>, head: &RequestHead) -> Self {
        let is_new = head.request.version == Version::HTTP_11;
        let hearer = if is_new { Hearer::Http1(Rc::clone(wire)) } else { Hearer::Nobody };
        Self::to(hearer, head.expects_continue)
    }

    /// For the client that sent these fields on a stream.
    pub fn http2(responder: &Rc<Responder>, fields: &Fields) -> Self {
        Self::to(Hearer::Http2(Rc::clone(responder)), fields.has("expect"))
    }

    fn to(hearer: Hearer, has_expectation: bool) -> Self {
        Self {
            hearer,
            has_expectation,
            answers_left: Cell::new(INTERIMS_MAX),
            bytes_left: Cell::new(INTERIM_BYTES_MAX),
        }
    }

    /// Whether the client has sent nothing behind its request.
    pub(super) fn is_client_quiet(&self) -> bool {
        match &self.hearer {
            Hearer::Http1(wire) => wire.is_quiet(),
            Hearer::Nobody | Hearer::Http2(_) => true,
        }
    }

    /// Passes one on. Where nobody hears it, it counts all the same.
    pub(super) fn relay(&self, status: StatusCode, fields: &Fields) -> Result<(), TooMany> {
        let answers = self.answers_left.get().checked_sub(1).ok_or(TooMany)?;
        let bytes = self.bytes_left.get().checked_sub(fields.bytes()).ok_or(TooMany)?;
        self.answers_left.set(answers);
        self.bytes_left.set(bytes);
        match &self.hearer {
            _ if self.has_expectation && status == StatusCode::CONTINUE => {}
            Hearer::Nobody => {}
            Hearer::Http1(wire) => wire.queue_interim(|out| answer::write_interim(out, status, fields)),
            Hearer::Http2(responder) => exchange::inform(responder, status, fields),
        }
        Ok(())
    }

    /// Lets what was passed on leave. Whether the client is still there is seen elsewhere.
    pub(super) fn poll_leave(&self, cx: &mut Context<'_>) {
        match &self.hearer {
            // A stream's frames are sent by its connection.
            Hearer::Nobody | Hearer::Http2(_) => {}
            Hearer::Http1(wire) => wire.poll_interim(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Fields {
        let (name, value) = line.split_once(": ").unwrap();
        let mut fields = Fields::default();
        fields.push(name, value.as_bytes());
        fields
    }

    #[test]
    fn they_are_bounded_in_number_and_in_bytes() {
        let interim = Interim::to(Hearer::Nobody, false);
        for _ in 0..INTERIMS_MAX {
            assert_eq!(interim.relay(StatusCode::PROCESSING, &Fields::default()), Ok(()));
        }
        assert_eq!(interim.relay(StatusCode::PROCESSING, &Fields::default()), Err(TooMany));
        let interim = Interim::to(Hearer::Nobody, false);
        let overhead = "link: \r\n".len();
        let all = of(&format!("link: {}", "x".repeat(INTERIM_BYTES_MAX - overhead)));
        assert_eq!(interim.relay(StatusCode::EARLY_HINTS, &all), Ok(()));
        assert_eq!(interim.relay(StatusCode::EARLY_HINTS, &of("a: b")), Err(TooMany));
    }
}
