//! Reads the head of a request from a client's bytes (RFC 9112 §2 to §6), and where its body ends. Where the RFC leaves
//! it to the server to forgive, this one refuses.

use super::super::request::{Request, Target};
use super::fields::Fields;
use super::framing::{Announced, Announcement, Chunks, Framing};
use super::lines::{self, Lines};
use crate::config::bounds::CONNECTION_OPTIONS_MAX;
use crate::config::limits::TARGET_BYTES_MOST;
use bytes::{Buf, BytesMut};
use http::{Method, Version};

/// A head, taken from the buffer.
#[derive(Debug)]
pub struct RequestHead {
    /// Boxed: it changes hands often on its way, and an idle connection has room for one whole request.
    pub request: Box<Request>,
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

impl BadHead {
    /// What is wrong with a request line that is none. Longer ones than any target may be are that.
    fn of_line(line: &[u8]) -> Self {
        if line.len() > TARGET_BYTES_MOST { Self::TargetTooLong } else { Self::Malformed }
    }
}

/// What a head may hold.
#[derive(Clone, Copy, Debug)]
pub struct HeadBounds {
    /// Request line and fields together.
    pub bytes_max: usize,
    /// How many fields.
    pub fields_max: usize,
}

/// A head that is arriving.
#[derive(Debug, Default)]
pub struct Progress {
    lines: Lines,
    fields: Fields,
    /// The one empty line before the request line that RFC 9112 §2.2 asks servers to ignore.
    has_skipped: bool,
}

impl Progress {
    /// Takes a head within `bounds` from the front of `buffer`: `None` until it is complete.
    pub fn take(&mut self, buffer: &mut BytesMut, bounds: HeadBounds) -> Result<Option<RequestHead>, BadHead> {
        // What cannot become a method is not HTTP: TLS on a plain port, most often. Saying so at once helps.
        if buffer.first().is_some_and(|first| !lines::is_tchar(*first) && *first != b'\r') {
            return Err(BadHead::Malformed);
        }
        if !self.has_skipped && buffer.starts_with(b"\r\n") {
            buffer.advance(b"\r\n".len());
            *self = Self { has_skipped: true, ..Self::default() };
        }
        let Some(span) = self.lines.read(buffer, bounds, &mut self.fields)? else { return Ok(None) };
        let mut fields = std::mem::take(self).fields;
        fields.lower();
        let line = buffer.get(..span.start_line).unwrap_or_default();
        let head = request_line(line).ok_or_else(|| BadHead::of_line(line))?;
        buffer.advance(span.head);
        read(head, fields).map(Some)
    }

    /// Whether bytes of a head have arrived.
    pub fn has_begun(&self) -> bool {
        self.lines.have_begun()
    }
}

/// `method SP request-target SP HTTP-version` (RFC 9112 §3), with nothing more between them than that.
fn request_line(line: &[u8]) -> Option<(Method, Target, Version)> {
    let (rest, version) = match line.strip_suffix(b" HTTP/1.1") {
        Some(rest) => (rest, Version::HTTP_11),
        None => (line.strip_suffix(b" HTTP/1.0")?, Version::HTTP_10),
    };
    let (method, target) = rest.split_at_checked(rest.iter().position(|octet| *octet == b' ')?)?;
    Some((Method::from_bytes(method).ok()?, Target::parse(target.strip_prefix(b" ")?)?, version))
}

/// What the connection itself has to know of a head.
fn read((method, target, version): (Method, Target, Version), fields: Fields) -> Result<RequestHead, BadHead> {
    let framing = match Announced::by(&fields).reading().map_err(|_| BadHead::Malformed)? {
        Announcement::Nothing => Framing::Length(0),
        Announcement::Length(length) => Framing::Length(length),
        Announcement::Chunked if version == Version::HTTP_11 => Framing::Chunked(Chunks::default()),
        // RFC 9112 §6.1: a transfer coding in HTTP/1.0 means that its framing is faulty.
        Announcement::Chunked => return Err(BadHead::Malformed),
    };
    let closes = closes(&fields).ok_or(BadHead::TooLarge)?;
    // HTTP/1.0 could ask to persist; nobody who does has a need that a new connection does not meet.
    let persists = if closes || version == Version::HTTP_10 { Persists::No } else { Persists::Yes };
    let expects_continue = version == Version::HTTP_11 && !framing.is_over() && fields.has("expect");
    let request = Box::new(Request { method, target, version, fields });
    Ok(RequestHead { request, framing, persists, expects_continue })
}

/// Whether a `Connection` field has the option `close` (RFC 9112 §9.6). `None`: it has more options than may be, and each would
/// be compared with the name of every field.
pub fn closes(fields: &Fields) -> Option<bool> {
    let mut options = fields.members("connection");
    let is_close = |option: &[u8]| option.eq_ignore_ascii_case(b"close");
    let closes = options.by_ref().take(CONNECTION_OPTIONS_MAX).fold(false, |closes, option| closes | is_close(option));
    options.next().is_none().then_some(closes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::limits::HEADERS_MOST;
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
        assert_eq!((head.request.method.as_str(), head.request.target.as_str()), ("POST", "/a?b"));
        assert_eq!(head.request.fields.only("host"), Some(&b"a"[..]));
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

    #[test]
    fn options_of_a_connection_are_bounded() {
        let of = |lines: &[usize]| {
            let line = |count: &usize| format!("connection: {}\r\n", vec!["a"; *count].join(","));
            with(&lines.iter().map(line).collect::<String>())
        };
        let most = CONNECTION_OPTIONS_MAX;
        for lines in [&[most][..], &[most - 1, 1], &[1, most / 2, most / 2 - 1]] {
            assert!(of(lines).unwrap().is_some(), "{lines:?}");
        }
        for lines in [&[most + 1][..], &[most, 1], &[1, most / 2, most / 2]] {
            assert_eq!(of(lines).unwrap_err(), BadHead::TooLarge, "{lines:?}");
        }
        assert_eq!(with(&format!("connection: close{}\r\n", ",".repeat(most))).unwrap_err(), BadHead::TooLarge);
    }

    #[test]
    fn a_target_is_bounded_wherever_a_head_is() {
        let of = |bytes: usize| {
            let head = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(bytes - 1));
            Progress::default().take(&mut BytesMut::from(head.as_str()), HeadBounds { bytes_max: 1 << 20, ..BOUNDS })
        };
        assert!(of(TARGET_BYTES_MOST).unwrap().is_some());
        assert_eq!(of(TARGET_BYTES_MOST + 1).unwrap_err(), BadHead::TargetTooLong);
    }

    proptest! {
        /// Beginning like a head: all bytes alike would hardly ever be more than the first of one.
        #[test]
        fn no_bytes_make_it_panic(
            start in "(\r\n)?(GET )?(/|http://a|\\*)?(\\?| )?(HTTP/1\\.1\r\n)?((host|content-length|connection|te)?:?[ ,5\t]{0,3}(\r\n|\r|\n)){0,5}",
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            for bytes in [[start.as_bytes(), &bytes].concat(), [&bytes, start.as_bytes()].concat()] {
                let bounds = HeadBounds { bytes_max: 128, fields_max: 3 };
                Progress::default().take(&mut BytesMut::from(&bytes[..]), bounds).ok();
            }
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
            // Which tells no values.
            let fields = |head: &Result<Option<RequestHead>, BadHead>| {
                let head = head.as_ref().ok().and_then(Option::as_ref);
                let pairs: Option<Vec<_>> = head.map(|head| head.request.fields.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect());
                pairs.unwrap_or_default()
            };
            prop_assert_eq!(fields(&whole), fields(&pieces));
        }

        /// What we take for a request line, the tokenizer of hyper and the HTTP library take for the same; what only they take
        /// has a fragment, or an empty line before it.
        #[test]
        fn others_read_the_same_request_line(
            line in "\r?(GET|PO\\*T|g(t|)|)( |  |\t|)(/|http://a|/a#b|\\*|a:1|/\u{e7})?[/a?\u{e7}\0\\x7f ]{0,3} (HTTP/1\\.[012]|HTTP/1\\.1 |HTTP/2|http/1\\.1|)",
        ) {
            let head = format!("{line}\r\n\r\n");
            let mut theirs = httparse::Request::new(&mut []);
            let theirs = theirs.parse(head.as_bytes()).ok().filter(|_| !line.contains('#') && !line.starts_with('\r')).and_then(|_| {
                let version = if theirs.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
                let uri: http::Uri = theirs.path?.parse().ok()?;
                Some((Method::from_bytes(theirs.method?.as_bytes()).ok()?, Target::from(&uri), version))
            });
            prop_assert_eq!(request_line(line.as_bytes()), theirs);
        }
    }
}
