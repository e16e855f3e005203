//! Sends an answer to the client: its head, and its body as it comes, no faster than the client takes it.

use super::super::answer::{Answer, OurFields};
use super::super::forward::body::Part;
use super::super::forward::headers;
use super::super::forward::trailers;
use super::super::observe::end::End;
use super::super::request::Request;
use super::fields::Fields;
use super::head::Persists;
use super::wire::{Gone, Wire};
use crate::clock::UnixSeconds;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version, header};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, UNIX_EPOCH};

/// What an answer has to know of its request.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    is_head: bool,
    version: Version,
    persists: Persists,
    is_readable: bool,
    /// It is the last one that we take on its connection, whatever the client says.
    is_final: bool,
}

/// How the end of an answer's body is told (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    /// There is no body.
    Nothing,
    /// By its length.
    Length(u64),
    /// In chunks.
    Chunked,
    /// By the connection's end: the client knows no chunks.
    Close,
}

/// `Date` as it stands in a head (RFC 9110 §6.6.1); a worker makes it anew now and then.
pub type DateLine = [u8; 37];

/// The line for `now`.
pub fn date_line(now: UnixSeconds) -> DateLine {
    let since = Duration::from_secs(u64::try_from(now.0).unwrap_or_default().min(DATE_MAX));
    let text = httpdate::fmt_http_date(UNIX_EPOCH + since);
    let mut line = *b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
    for (place, octet) in line.iter_mut().skip(b"date: ".len()).zip(text.as_bytes()) {
        *place = *octet;
    }
    line
}

impl Asked {
    /// Of a request that was read. Behind a `CONNECT`, which is refused, may stand the words of somebody whom its client opens
    /// tunnels for and does not trust: none of them is a request of that client (RFC 9931).
    pub fn by(request: &Request, persists: Persists) -> Self {
        Self {
            is_head: request.method == Method::HEAD,
            version: request.version,
            persists,
            is_readable: true,
            is_final: request.method == Method::CONNECT,
        }
    }

    /// The same, and we take no other on its connection.
    #[must_use]
    pub fn finally(self) -> Self {
        Self { is_final: true, ..self }
    }

    /// Whether the client itself announced that this request is its last.
    pub fn is_last(self) -> bool {
        self.is_readable && self.persists == Persists::No
    }

    /// Of bytes that are no request: what is answered is the last word.
    pub fn by_nobody() -> Self {
        let persists = Persists::No;
        Self { is_head: false, version: Version::HTTP_11, persists, is_readable: false, is_final: true }
    }
}

/// Sends `answer`. Whether another request may follow is decided before its head is written, so that the client
/// is told.
pub async fn send(wire: &Rc<Wire>, answer: &mut Answer, asked: Asked, date: &DateLine) -> Result<Persists, Gone> {
    let coding = Coding::of(answer, asked);
    // A request body that nobody took stands where the next head should be.
    let may_persist = asked.persists == Persists::Yes
        && !asked.is_final
        && coding != Coding::Close
        && !answer.fields().has(&header::CONNECTION)
        && wire.is_body_over();
    let persists = if may_persist { Persists::Yes } else { Persists::No };
    wire.queue(|out| write_head(out, answer, (asked, coding, persists), date));
    let mut sending = Sending { answer, coding, is_over: false };
    poll_fn(|cx| sending.poll(wire, cx)).await.map(|()| persists)
}

/// Adds the head of an answer behind which HTTP ends.
pub fn switch(wire: &Wire, answer: &Answer, asked: Asked, date: &DateLine) {
    wire.queue(|out| write_head(out, answer, (asked, Coding::Nothing, Persists::Yes), date));
}

/// A body on its way.
struct Sending<'a> {
    answer: &'a mut Answer,
    coding: Coding,
    is_over: bool,
}

impl Sending<'_> {
    fn poll(&mut self, wire: &Wire, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        if self.coding == Coding::Nothing && !self.is_over {
            self.is_over = true;
            self.answer.end(End::Complete);
        }
        loop {
            let mut is_waiting = false;
            while !self.is_over && !is_waiting && wire.has_room() {
                match self.answer.poll_part(cx) {
                    Poll::Ready(Some(Ok(Part::Data(data)))) => self.queue(wire, data),
                    Poll::Ready(Some(Ok(Part::Trailers(trailers)))) => self.finish(wire, Some(&trailers)),
                    Poll::Ready(None) => self.finish(wire, None),
                    // The client must not take what it has for the whole: the connection ends without the body's end.
                    Poll::Ready(Some(Err(_broken))) => {
                        if self.coding == Coding::Close {
                            wire.break_off();
                        }
                        return Poll::Ready(Err(Gone));
                    }
                    Poll::Pending => is_waiting = true,
                }
            }
            match wire.poll_flush(cx) {
                Poll::Ready(flushed) => flushed?,
                Poll::Pending => return self.answer.poll_end(cx).map(|()| Err(Gone)),
            }
            if self.is_over {
                return Poll::Ready(Ok(()));
            }
            if is_waiting {
                return wire.poll_gone(cx).map(Err);
            }
        }
    }

    fn queue(&mut self, wire: &Wire, data: Bytes) {
        match self.coding {
            Coding::Chunked if data.is_empty() => {}
            Coding::Chunked => {
                wire.queue(|out| out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes()));
                wire.queue_piece(data);
                wire.queue_piece(Bytes::from_static(b"\r\n"));
            }
            Coding::Nothing | Coding::Length(_) | Coding::Close => wire.queue_piece(data),
        }
        if self.answer.is_over() {
            self.finish(wire, None);
        }
    }

    fn finish(&mut self, wire: &Wire, trailers: Option<&HeaderMap>) {
        self.is_over = true;
        if self.coding == Coding::Chunked {
            wire.queue(|out| {
                out.extend_from_slice(b"0\r\n");
                for (name, value) in trailers.into_iter().flatten() {
                    headers::field(out, name.as_str(), value);
                }
                out.extend_from_slice(b"\r\n");
            });
        }
    }
}

impl Coding {
    fn of(answer: &Answer, asked: Asked) -> Self {
        let has_none = matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        match answer.length() {
            _ if asked.is_head || has_none => Self::Nothing,
            Some(length) => Self::Length(length),
            None if asked.version == Version::HTTP_11 => Self::Chunked,
            None => Self::Close,
        }
    }
}

fn write_head(
    out: &mut Vec<u8>,
    answer: &Answer,
    (asked, coding, persists): (Asked, Coding, Persists),
    date: &DateLine,
) {
    write_status(out, answer.status());
    let theirs = answer.their_fields();
    let mut has_date = false;
    let mut has_length = false;
    if let Some(fields) = theirs {
        let tells_length = !matches!(answer.status(), StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT);
        for line in headers::returned(fields, answer.fields()) {
            let is_length = headers::is_called(line.name, "content-length");
            has_date |= headers::is_called(line.name, "date");
            has_length |= is_length;
            if !is_length || tells_length {
                out.extend_from_slice(line.line);
            }
        }
    }
    for (name, value) in answer.fields().iter() {
        headers::field(out, name.as_str(), value);
    }
    if let Some(id) = answer.id() {
        out.extend_from_slice(id.line());
    }
    match coding {
        // To a HEAD the length is that of the body which a GET would have had.
        Coding::Nothing if asked.is_head && theirs.is_none() => {
            write_length(out, answer.length().unwrap_or_default());
        }
        Coding::Length(length) if !has_length => write_length(out, length),
        Coding::Chunked => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
            for name in theirs.filter(|_| answer.keeps_trailers()).into_iter().flat_map(trailers::announced) {
                headers::field(out, "trailer", &name.into());
            }
        }
        Coding::Nothing | Coding::Length(_) | Coding::Close => {}
    }
    if !has_date {
        out.extend_from_slice(date);
    }
    if persists == Persists::No && !answer.fields().has(&header::CONNECTION) {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes an interim answer: it has no body, and so nothing that speaks of one (RFC 9110 §8.6), and its date is nobody's
/// need (§6.6.1).
pub fn write_interim(out: &mut Vec<u8>, status: StatusCode, fields: &Fields) {
    write_status(out, status);
    let nothing = OurFields::default();
    for line in headers::returned(fields, &nothing).filter(|line| !headers::is_called(line.name, "content-length")) {
        out.extend_from_slice(line.line);
    }
    out.extend_from_slice(b"\r\n");
}

/// RFC 9112 §4: the reason phrase may be empty, the space before it may not be left out.
fn write_status(out: &mut Vec<u8>, status: StatusCode) {
    if status == StatusCode::OK {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn write_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The last second of the year 9999: later ones have no place in the format.
const DATE_MAX: u64 = 253_402_300_799;
