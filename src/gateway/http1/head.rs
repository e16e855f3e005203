//! Reads the head of a request from a client's bytes (RFC 9112 §2 to §6), and where its body ends. Where the RFC leaves
//! it to the server to forgive, this one refuses.

use super::framing::{Announced, Announcement, Chunks, Framing};
use crate::config::limits::HEADERS_MOST;
use bytes::{Buf, Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header};
use std::mem::MaybeUninit;

/// A head, taken from the buffer.
#[derive(Debug)]
pub struct RequestHead {
    /// Method, target, version and fields. Boxed: they change hands often on their way, and an idle connection has room for one
    /// whole request.
    pub parts: Box<Parts>,
    /// Where the body ends: `Length(0)` where there is none.
    pub framing: Framing,
    /// Whether the client lets the connection go on.
    pub persists: Persists,
    /// Whether the client waits for a `100 Continue` (RFC 9110 §10.1.1). What expects anything else is refused later.
    pub expects_continue: bool,
}

/// Whether a connection outlives its exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persists {
    /// Another message may follow.
    Yes,
    /// It ends.
    No,
}

/// Why there is no head. What follows in the buffer is nobody's: the connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHead {
    /// It breaks HTTP, or could be read in two ways.
    Malformed,
    /// The request line alone is longer than a head may be.
    TargetTooLong,
    /// More bytes or fields than allowed.
    TooLarge,
}

/// What a head may hold.
#[derive(Clone, Copy, Debug)]
pub struct HeadBounds {
    /// Request line and fields together.
    pub bytes_max: usize,
    /// At most `HEADERS_MOST`.
    pub fields_max: usize,
}

/// How far the search for a head's end has come, so that slow senders are not read from the start again and again.
#[derive(Debug, Default)]
pub struct Progress {
    searched: usize,
    line_start: usize,
    /// The one empty line before the request line that RFC 9112 §2.2 asks servers to ignore.
    has_skipped: bool,
}

impl Progress {
    /// Takes a head within `bounds` from the front of `buffer`: `None` until it is complete.
    pub fn take(&mut self, buffer: &mut BytesMut, bounds: HeadBounds) -> Result<Option<RequestHead>, BadHead> {
        let Some(length) = self.find_end(buffer, bounds.bytes_max)? else { return Ok(None) };
        *self = Self::default();
        read(&buffer.split_to(length).freeze(), bounds.fields_max).map(Some)
    }

    /// The length of the head, once its empty line is there. Every line ends with CRLF: a bare LF is a line's end to
    /// some and not to others.
    fn find_end(&mut self, buffer: &mut BytesMut, bytes_max: usize) -> Result<Option<usize>, BadHead> {
        // What cannot become a method is not HTTP: TLS on a plain port, most often. Saying so at once helps.
        if buffer.first().is_some_and(|first| !(first.is_ascii_alphanumeric() || TOKEN_MARKS.contains(first))) {
            return Err(BadHead::Malformed);
        }
        while let Some(found) = memchr::memchr(b'\n', buffer.get(self.searched..).unwrap_or_default()) {
            let end = self.searched + found;
            let line = buffer.get(self.line_start..end).unwrap_or_default();
            let Some(line) = line.strip_suffix(b"\r") else { return Err(BadHead::Malformed) };
            match (line.is_empty(), self.line_start) {
                (true, 0) if self.has_skipped => return Err(BadHead::Malformed),
                (true, 0) => {
                    self.has_skipped = true;
                    buffer.advance(end + 1);
                    self.searched = 0;
                    continue;
                }
                (true, _) if end < bytes_max => return Ok(Some(end + 1)),
                (true, _) => return Err(BadHead::TooLarge),
                (false, _) => {}
            }
            self.searched = end + 1;
            self.line_start = end + 1;
        }
        self.searched = buffer.len();
        match buffer.len() < bytes_max {
            true => Ok(None),
            false if self.line_start == 0 => Err(BadHead::TargetTooLong),
            false => Err(BadHead::TooLarge),
        }
    }

    /// Whether bytes of a head have arrived.
    pub fn has_begun(&self) -> bool {
        self.searched > 0
    }
}

/// Reads a head that is all there.
fn read(bytes: &Bytes, fields_max: usize) -> Result<RequestHead, BadHead> {
    let mut slots = [const { MaybeUninit::uninit() }; HEADERS_MOST];
    let (slots, _) = slots.split_at_mut(fields_max.min(HEADERS_MOST));
    let mut parsed = httparse::Request::new(&mut []);
    match httparse::ParserConfig::default().parse_request_with_uninit_headers(&mut parsed, bytes, slots) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(BadHead::TooLarge),
        Ok(_) | Err(_) => return Err(BadHead::Malformed),
    }
    let version = if parsed.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    let mut parts = Box::new(Request::new(()).into_parts().0);
    parts.version = version;
    parts.method = Method::from_bytes(parsed.method.unwrap_or_default().as_bytes()).map_err(|_| BadHead::Malformed)?;
    parts.uri = target(bytes, parsed.path.unwrap_or_default())?;
    let seen = fields(bytes, parsed.headers, &mut parts.headers)?;
    let framing = match seen.body.reading().map_err(|_| BadHead::Malformed)? {
        Announcement::Nothing => Framing::Length(0),
        Announcement::Length(length) => Framing::Length(length),
        Announcement::Chunked if version == Version::HTTP_11 => Framing::Chunked(Chunks::default()),
        // RFC 9112 §6.1: a transfer coding in HTTP/1.0 means that its framing is faulty.
        Announcement::Chunked => return Err(BadHead::Malformed),
    };
    // HTTP/1.0 could ask to persist; nobody who does has a need that a new connection does not meet.
    let persists = if seen.closes || version == Version::HTTP_10 { Persists::No } else { Persists::Yes };
    let expects_continue = seen.expects_continue && version == Version::HTTP_11 && !framing.is_over();
    Ok(RequestHead { parts, framing, persists, expects_continue })
}

/// A target as the HTTP library reads it. It would cut a fragment off: what is decided on would not be what was asked.
fn target(bytes: &Bytes, text: &str) -> Result<Uri, BadHead> {
    if memchr::memchr(b'#', text.as_bytes()).is_some() {
        return Err(BadHead::Malformed);
    }
    Uri::from_maybe_shared(bytes.slice_ref(text.as_bytes())).map_err(|_| BadHead::Malformed)
}

/// What the connection itself has to know of the fields.
#[derive(Default)]
struct Seen<'h> {
    body: Announced<'h>,
    closes: bool,
    expects_continue: bool,
}

fn fields<'h>(bytes: &Bytes, parsed: &[httparse::Header<'h>], headers: &mut HeaderMap) -> Result<Seen<'h>, BadHead> {
    let mut seen = Seen::default();
    headers.reserve(parsed.len());
    for field in parsed {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| BadHead::Malformed)?;
        match name {
            header::CONTENT_LENGTH => seen.body.length(field.value),
            header::TRANSFER_ENCODING => seen.body.coding(field.value),
            header::CONNECTION => seen.closes |= names_close(field.value),
            header::EXPECT => seen.expects_continue = true,
            _ => {}
        }
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(field.value)).map_err(|_| BadHead::Malformed)?;
        headers.append(name, value);
    }
    Ok(seen)
}

/// Whether a `Connection` field has the option `close` (RFC 9112 §9.6).
pub fn names_close(value: &[u8]) -> bool {
    value.split(|b| *b == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// What a method may begin with beside letters and digits (RFC 9110 §5.6.2), and the CR of an empty line.
const TOKEN_MARKS: &[u8] = b"!#$%&'*+-.^_`|~\r";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BYTES_MAX: usize = 8192;
    const BOUNDS: HeadBounds = HeadBounds { bytes_max: BYTES_MAX, fields_max: 100 };

    fn take(bytes: &str) -> Result<Option<RequestHead>, BadHead> {
        Progress::default().take(&mut BytesMut::from(bytes), BOUNDS)
    }

    fn with(fields: &str) -> Result<Option<RequestHead>, BadHead> {
        take(&format!("POST /a?b HTTP/1.1\r\nhost: a\r\n{fields}\r\n"))
    }

    #[test]
    fn a_head_is_taken_with_its_framing_and_what_follows_stays() {
        let mut buffer = BytesMut::from("\r\nPOST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        let head = Progress::default().take(&mut buffer, BOUNDS).unwrap().unwrap();
        assert_eq!((head.parts.method.as_str(), head.parts.uri.to_string().as_str()), ("POST", "/a?b"));
        assert_eq!(head.parts.headers[header::HOST], "a");
        assert!(matches!(head.framing, Framing::Length(5)));
        assert_eq!((head.persists, head.expects_continue, &buffer[..]), (Persists::Yes, false, &b"hello"[..]));
    }

    #[test]
    fn what_the_connection_does_is_in_the_fields_and_the_version() {
        let head = |fields| with(fields).unwrap().unwrap();
        assert_eq!(head("connection: keep-alive, Close\r\n").persists, Persists::No);
        assert!(head("expect: 100-Continue\r\ncontent-length: 1\r\n").expects_continue);
        assert!(!head("expect: 100-continue\r\n").expects_continue);
        assert!(matches!(head("transfer-encoding: Chunked\r\n").framing, Framing::Chunked(_)));
        let old = take("GET /a HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").unwrap().unwrap();
        assert_eq!(old.persists, Persists::No);
    }

    #[test]
    fn a_head_with_two_readings_is_refused() {
        for fields in [
            "content-length: 1\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 1\r\n",
            "content-length: 1\r\ncontent-length: 1\r\n",
            "content-length: 1, 1\r\n",
            "content-length: +1\r\n",
            "content-length: 010\r\n",
            "content-length: 00\r\n",
            "content-length:\r\n",
            "content-length: 99999999999999999999\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: identity\r\n",
            "transfer-encoding:\r\n",
            "transfer-encoding : chunked\r\n",
            "x: y\n",
            "x: a\r\n b\r\n",
            "x\r\n",
        ] {
            assert_eq!(with(fields).unwrap_err(), BadHead::Malformed, "{fields:?}");
        }
        for bytes in [
            "GET /a HTTP/1.1\nhost: a\n\n",
            "GET /a#b HTTP/1.1\r\n\r\n",
            "GET /a HTTP/1.2\r\n\r\n",
            "GET  /a HTTP/1.1\r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "\r\n\r\nGET /a HTTP/1.1\r\n\r\n",
            "\nGET /a HTTP/1.1\r\n\r\n",
            "\x16\x03\x01",
            " GET /a HTTP/1.1\r\n\r\n",
            "POST /a HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
        ] {
            assert_eq!(take(bytes).unwrap_err(), BadHead::Malformed, "{bytes:?}");
        }
    }

    #[test]
    fn a_head_is_bounded_in_bytes_and_fields() {
        let long = |length: usize| format!("GET /a HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(length - 24));
        assert!(take(&long(BYTES_MAX)).unwrap().is_some());
        assert_eq!(take(&long(BYTES_MAX + 1)).unwrap_err(), BadHead::TooLarge);
        assert_eq!(take(&long(BYTES_MAX + 9)[..BYTES_MAX]).unwrap_err(), BadHead::TooLarge);
        assert_eq!(take(&"G".repeat(BYTES_MAX)).unwrap_err(), BadHead::TargetTooLong);
        let many = |count: usize| format!("GET /a HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(count));
        for fields_max in [1, 100, HEADERS_MOST] {
            let read = |count| {
                let bounds = HeadBounds { fields_max, ..BOUNDS };
                Progress::default().take(&mut BytesMut::from(many(count).as_str()), bounds)
            };
            assert!(read(fields_max).unwrap().is_some());
            assert_eq!(read(fields_max + 1).unwrap_err(), BadHead::TooLarge);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            Progress::default().take(&mut BytesMut::from(&bytes[..]), HeadBounds { bytes_max: 128, ..BOUNDS }).ok();
        }

        /// However the network cuts a head, it is the same head, or the same fault.
        #[test]
        fn a_head_does_not_depend_on_how_it_arrives(
            text in "(\r\n)?(GET|P0ST|x) /[a-z#]{0,9} HTTP/1\\.[01]\r\n((host|x-a|content-length): ?[a-z0-9]{0,4}\r?\n){0,4}\r\n[a-z]{0,3}",
            cut in 0_usize..90,
        ) {
            let whole = take(&text);
            let (first, second) = text.split_at(cut.min(text.len()));
            let (mut progress, mut buffer) = (Progress::default(), BytesMut::from(first));
            let early = progress.take(&mut buffer, BOUNDS);
            let pieces = if let Ok(None) = early {
                buffer.extend_from_slice(second.as_bytes());
                progress.take(&mut buffer, BOUNDS)
            } else {
                early
            };
            prop_assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
        }
    }
}
