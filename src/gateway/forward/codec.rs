//! HTTP/1.1 towards an upstream: how a request head is written and a response read. No IO.
//!
//! It reads what the bank's own APIs send, strictly: a response whose end is not certain (RFC 9112 §6.3) is a fault,
//! never a guess. hyper's client does the same work with a task, a channel and two header maps more; measured,
//! the difference is a fifth of the whole request.

use crate::config::limits::{HEADERS_MAX, UPSTREAM_HEAD_BYTES_MAX};
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use smallvec::SmallVec;
use std::mem::MaybeUninit;
use std::ops::Range;

/// How the end of a request body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// By the `Content-Length` among the fields.
    Length,
    /// In chunks.
    Chunked,
}

/// The head of a response, and where its body ends.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) framing: Framing,
    /// Whether the connection can carry another exchange.
    pub(super) persists: Persists,
}

/// Where a response body ends.
#[derive(Debug)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked(Chunks),
    /// Where the connection does.
    Close,
}

/// Whether a connection outlives its exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persists {
    Yes,
    No,
}

/// The upstream's bytes are not a response, or not one whose end is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadResponse;

/// Appends the head of a request in origin form (RFC 9112 §3.2.1), with the fields that `fields` appends.
pub(super) fn write_head(
    out: &mut Vec<u8>,
    (method, uri): (&Method, &Uri),
    coding: Coding,
    fields: impl FnOnce(&mut Vec<u8>),
) {
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(uri.path_and_query().map_or("/", |target| target.as_str()).as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    fields(out);
    if coding == Coding::Chunked {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a piece of a request body. An empty piece would end a chunked body, so it is left out.
pub(super) fn write_data(out: &mut Vec<u8>, data: &[u8], coding: Coding) {
    match coding {
        Coding::Length => out.extend_from_slice(data),
        Coding::Chunked if data.is_empty() => {}
        Coding::Chunked => {
            out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
            out.extend_from_slice(data);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Appends the end of a request body.
pub(super) fn write_end(out: &mut Vec<u8>, coding: Coding) {
    match coding {
        Coding::Length => {}
        Coding::Chunked => out.extend_from_slice(b"0\r\n\r\n"),
    }
}

/// Takes a response head from the front of `buffer`: `None` until it is complete. `fields` is an empty map whose memory
/// is used again.
pub(super) fn read_head(
    buffer: &mut BytesMut,
    method: &Method,
    fields: &mut HeaderMap,
) -> Result<Option<Head>, BadResponse> {
    let Some(parsed) = Parsed::of(buffer)? else {
        return if buffer.len() < UPSTREAM_HEAD_BYTES_MAX { Ok(None) } else { Err(BadResponse) };
    };
    let bytes = buffer.split_to(parsed.length).freeze();
    let mut headers = std::mem::take(fields);
    headers.reserve(parsed.fields.len());
    for (name, value) in parsed.fields {
        let name = HeaderName::from_bytes(bytes.get(name).unwrap_or_default()).map_err(|_| BadResponse)?;
        let value = HeaderValue::from_maybe_shared(bytes.slice(value)).map_err(|_| BadResponse)?;
        headers.append(name, value);
    }
    let framing = framing(parsed.status, parsed.version, method, &headers)?;
    let is_over = !matches!(framing, Framing::Close) && !announces_forbidden_body(parsed.status, &headers);
    let persists = if !is_over || !persists(parsed.version, &headers) { Persists::No } else { Persists::Yes };
    Ok(Some(Head { status: parsed.status, headers, framing, persists }))
}

/// Places in the buffer, so that the values can share its memory.
struct Parsed {
    length: usize,
    status: StatusCode,
    version: Version,
    fields: SmallVec<[(Range<usize>, Range<usize>); 24]>,
}

impl Parsed {
    fn of(buffer: &[u8]) -> Result<Option<Self>, BadResponse> {
        if buffer.is_empty() {
            return Ok(None);
        }
        let mut slots = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let length = match config.parse_response_with_uninit_headers(&mut response, buffer, &mut slots) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(BadResponse),
        };
        let place = |part: &[u8]| {
            let start = part.as_ptr() as usize - buffer.as_ptr() as usize;
            start..start + part.len()
        };
        let fields = response.headers.iter().map(|field| (place(field.name.as_bytes()), place(field.value)));
        Ok(Some(Self {
            length,
            status: response.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(BadResponse)?,
            version: if response.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 },
            fields: fields.collect(),
        }))
    }
}

/// RFC 9112 §6.3, in its order. What it leaves to the reader's choice is refused.
fn framing(status: StatusCode, version: Version, method: &Method, headers: &HeaderMap) -> Result<Framing, BadResponse> {
    let has_no_body = status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let length = content_length(headers)?;
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let is_chunked = match (codings.next(), codings.next()) {
        (None, _) => false,
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") && version == Version::HTTP_11 => {
            true
        }
        (Some(_), _) => return Err(BadResponse),
    };
    match (is_chunked, length) {
        // §6.1: both at once is how responses are split.
        (true, Some(_)) => Err(BadResponse),
        _ if has_no_body || *method == Method::HEAD => Ok(Framing::Length(0)),
        (true, None) => Ok(Framing::Chunked(Chunks::default())),
        (false, Some(length)) => Ok(Framing::Length(length)),
        (false, None) => Ok(Framing::Close),
    }
}

/// One field of digits; nothing else tells a length.
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, BadResponse> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) if value.as_bytes().iter().all(u8::is_ascii_digit) => {
            value.to_str().ok().and_then(|digits| digits.parse().ok()).map(Some).ok_or(BadResponse)
        }
        (Some(_), _) => Err(BadResponse),
    }
}

/// RFC 9110 §8.6: a 204 has no body and says so. One that announces a body may send it, and the next response would
/// begin with it.
fn announces_forbidden_body(status: StatusCode, headers: &HeaderMap) -> bool {
    let has_length = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    status == StatusCode::NO_CONTENT && (has_length || headers.contains_key(header::TRANSFER_ENCODING))
}

/// RFC 9112 §9.3. HTTP/1.0 could ask to persist; we do not need it.
fn persists(version: Version, headers: &HeaderMap) -> bool {
    let options = headers.get_all(header::CONNECTION).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    version == Version::HTTP_11 && !options.into_iter().any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// Reads the chunked coding (RFC 9112 §7.1). Extensions and trailers are dropped, and bounded.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    part: Part,
    trailer_bytes: usize,
    trailers: usize,
}

/// What comes next.
#[derive(Debug, Default)]
enum Part {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailer,
    Over,
}

/// What a buffer held.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    Data(Bytes),
    /// More bytes are needed.
    Incomplete,
    /// The body has ended.
    End,
}

impl Chunks {
    /// Whether the body has ended.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.part, Part::Over)
    }

    /// Takes what can be taken from the front of `buffer`.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Result<Chunk, BadResponse> {
        loop {
            match self.part {
                Part::Size => match take_line(buffer)? {
                    Some(line) => self.part = after_size(&line)?,
                    None => return Ok(Chunk::Incomplete),
                },
                Part::Data(left) => {
                    let Some(taken) = take_at_most(buffer, left) else { return Ok(Chunk::Incomplete) };
                    let left = left - taken.len() as u64;
                    self.part = if left == 0 { Part::DataEnd } else { Part::Data(left) };
                    return Ok(Chunk::Data(taken));
                }
                Part::DataEnd => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        self.part = Part::Size;
                    }
                    Some(_) => return Err(BadResponse),
                    None => return Ok(Chunk::Incomplete),
                },
                Part::Trailer => match take_line(buffer)? {
                    Some(line) if line.is_empty() => self.part = Part::Over,
                    Some(line) => {
                        self.trailer_bytes += line.len();
                        self.trailers += 1;
                        let is_within = self.trailer_bytes <= TRAILER_BYTES_MAX && self.trailers <= HEADERS_MAX;
                        // Dropped all the same, but what is no field is another message, or nothing we know.
                        if !is_within || !is_field(&line) {
                            return Err(BadResponse);
                        }
                    }
                    None => return Ok(Chunk::Incomplete),
                },
                Part::Over => return Ok(Chunk::End),
            }
        }
    }
}

/// At most `most` bytes from the front; `None` where there is nothing.
pub(super) fn take_at_most(buffer: &mut BytesMut, most: u64) -> Option<Bytes> {
    let length = buffer.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    (length > 0).then(|| buffer.split_to(length).freeze())
}

/// `field-name ":" OWS field-value OWS`
fn is_field(line: &[u8]) -> bool {
    memchr::memchr(b':', line).and_then(|end| line.split_at_checked(end)).is_some_and(|(name, value)| {
        HeaderName::from_bytes(name).is_ok() && HeaderValue::from_bytes(value.trim_ascii()).is_ok()
    })
}

/// A line without its CRLF. A bare LF is no line end, a bare CR stands nowhere, and a line has a bound.
fn take_line(buffer: &mut BytesMut) -> Result<Option<Bytes>, BadResponse> {
    match memchr::memchr(b'\n', buffer) {
        Some(end) if end <= LINE_BYTES_MAX => {
            let line = buffer.split_to(end + 1).freeze();
            let text = line.strip_suffix(b"\r\n").filter(|text| memchr::memchr(b'\r', text).is_none());
            text.map(|text| Some(line.slice_ref(text))).ok_or(BadResponse)
        }
        None if buffer.len() <= LINE_BYTES_MAX => Ok(None),
        Some(_) | None => Err(BadResponse),
    }
}

/// `chunk-size [ chunk-ext ]`: hexadecimal digits and nothing before an extension's semicolon.
fn after_size(line: &[u8]) -> Result<Part, BadResponse> {
    let size = line.split(|b| *b == b';').next().unwrap_or_default();
    // Only SP and HTAB are white space here (RFC 9112 §7.1.1, `BWS`).
    let end = size.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |last| last + 1);
    let digits = size.get(..end).unwrap_or_default();
    let is_size = (1..=SIZE_DIGITS_MAX).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let size = std::str::from_utf8(digits).ok().filter(|_| is_size);
    match size.and_then(|size| u64::from_str_radix(size, 16).ok()) {
        Some(0) => Ok(Part::Trailer),
        Some(size) => Ok(Part::Data(size)),
        None => Err(BadResponse),
    }
}

/// A chunk-size line with its extensions, or a trailer field.
const LINE_BYTES_MAX: usize = 4096;
/// All trailers of one response.
const TRAILER_BYTES_MAX: usize = 16 * 1024;
/// 2^60 bytes; no sum of it can overflow.
const SIZE_DIGITS_MAX: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &str, method: &Method) -> Result<Option<Head>, BadResponse> {
        read_head(&mut BytesMut::from(bytes), method, &mut HeaderMap::new())
    }

    fn body(bytes: &str) -> Result<(Vec<u8>, bool), BadResponse> {
        let (mut buffer, mut chunks, mut data) = (BytesMut::from(bytes), Chunks::default(), Vec::new());
        loop {
            match chunks.next(&mut buffer)? {
                Chunk::Data(piece) => data.extend_from_slice(&piece),
                Chunk::Incomplete => return Ok((data, false)),
                Chunk::End => return Ok((data, true)),
            }
        }
    }

    #[test]
    fn a_head_is_written_as_the_client_sent_it() {
        let mut out = Vec::new();
        let target = Uri::from_static("http://a/a?q=%41+b&&=");
        write_head(&mut out, (&Method::POST, &target), Coding::Chunked, |out| {
            out.extend_from_slice(b"host: a\r\nx-b: c\r\n");
        });
        write_data(&mut out, b"", Coding::Chunked);
        write_data(&mut out, &[b'x'; 17], Coding::Chunked);
        write_end(&mut out, Coding::Chunked);
        let expected = "POST /a?q=%41+b&&= HTTP/1.1\r\nhost: a\r\nx-b: c\r\ntransfer-encoding: chunked\r\n\r\n11\r\nxxxxxxxxxxxxxxxxx\r\n0\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn the_end_of_a_body_is_where_rfc_9112_says() {
        let framing = |bytes: &str, method| read(bytes, method).unwrap().unwrap().framing;
        let length = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        assert!(matches!(framing(length, &Method::GET), Framing::Length(5)));
        assert!(matches!(framing(length, &Method::HEAD), Framing::Length(0)));
        assert!(matches!(framing("HTTP/1.1 304 x\r\ncontent-length: 5\r\n\r\n", &Method::GET), Framing::Length(0)));
        assert!(matches!(framing("HTTP/1.1 204 x\r\n\r\n", &Method::GET), Framing::Length(0)));
        assert!(matches!(
            framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", &Method::GET),
            Framing::Chunked(_)
        ));
        assert!(matches!(framing("HTTP/1.1 200 OK\r\n\r\n", &Method::GET), Framing::Close));
    }

    #[test]
    fn a_response_whose_end_is_not_certain_is_a_fault() {
        for head in [
            "content-length: 5\r\ncontent-length: 6",
            "content-length: 5\r\ncontent-length: 5",
            "content-length: 5, 5",
            "content-length: +5",
            "content-length: -1",
            "content-length: 0x5",
            "content-length:",
            "content-length: 5 5",
            "content-length: 99999999999999999999",
            "content-length: 5\r\ntransfer-encoding: chunked",
            "transfer-encoding: gzip",
            "transfer-encoding: chunked, gzip",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
            "transfer-encoding: xchunked",
            "a b: c",
            " folded: x",
            "a: b\r\n folded",
            "a: b\0c",
            ": x",
        ] {
            assert!(read(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n"), &Method::GET).is_err(), "{head:?}");
        }
        for start in ["HTTP/2 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 099 OK", "garbage", "<html>", "\0"] {
            assert!(read(&format!("{start}\r\n\r\n"), &Method::GET).is_err(), "{start:?}");
        }
        assert!(read("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &Method::GET).is_err());
    }

    #[test]
    fn a_head_is_bounded() {
        let mut buffer = BytesMut::from("HTTP/1.1 200 OK\r\nx: ");
        buffer.resize(UPSTREAM_HEAD_BYTES_MAX, b'x');
        assert!(read_head(&mut buffer, &Method::GET, &mut HeaderMap::new()).is_err());
    }

    #[test]
    fn connections_persist_unless_somebody_says_otherwise() {
        let persists = |bytes: &str| read(bytes, &Method::GET).unwrap().unwrap().persists;
        assert_eq!(persists("HTTP/1.1 204 x\r\n\r\n"), Persists::Yes);
        assert_eq!(persists("HTTP/1.1 204 x\r\nconnection: x, Close\r\n\r\n"), Persists::No);
        assert_eq!(persists("HTTP/1.0 204 x\r\nconnection: keep-alive\r\n\r\n"), Persists::No);
        assert_eq!(persists("HTTP/1.1 200 x\r\n\r\n"), Persists::No);
        assert_eq!(persists("HTTP/1.1 204 x\r\ncontent-length: 5\r\n\r\n"), Persists::No);
        assert_eq!(persists("HTTP/1.1 204 x\r\ncontent-length: 0\r\n\r\n"), Persists::Yes);
        assert_eq!(persists("HTTP/1.1 204 x\r\ntransfer-encoding: chunked\r\n\r\n"), Persists::No);
    }

    #[test]
    fn chunks_are_read_and_their_trailers_dropped() {
        assert_eq!(body("5;ext=1\r\nhello\r\n1 \r\n!\r\n0\r\nx: y\r\n\r\n").unwrap(), (b"hello!".to_vec(), true));
        assert_eq!(body("5\r\nhel").unwrap(), (b"hel".to_vec(), false));
        for bad in [
            "x\r\n",
            "\r\n",
            "5\n",
            "0x5\r\n",
            "-5\r\n",
            "5_0\r\n",
            "1\r\nab\r\n",
            "1\r\na\n\n",
            "fffffffffffffffff\r\n",
            ";\r\n",
            " 5\r\n",
            "5\x0c\r\n",
            "5\r\r\n",
            "5;a\rb\r\n",
            "0\r\nHTTP/1.1 200 OK\r\n",
            "0\r\nno field\r\n\r\n",
            "0\r\na b: c\r\n\r\n",
            "0\r\n folded: x\r\n\r\n",
        ] {
            assert!(body(bad).is_err(), "{bad:?}");
        }
        assert!(body(&format!("5;{}\r\n", "x".repeat(LINE_BYTES_MAX))).is_err());
        assert!(body(&format!("0\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX))).is_ok());
        assert!(body(&format!("0\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1))).is_err());
        assert!(body(&format!("0\r\n{}\r\n", format!("a: {}\r\n", "x".repeat(4000)).repeat(5))).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            read_head(&mut BytesMut::from(&bytes[..]), &Method::GET, &mut HeaderMap::new()).ok();
            body(&String::from_utf8_lossy(&bytes)).ok();
        }

        /// However the network cuts the bytes, the body is the same.
        #[test]
        fn chunks_do_not_depend_on_how_they_arrive(pieces in proptest::collection::vec("[a-z]{1,9}", 0..6), cut in 0_usize..80) {
            let mut wire = Vec::new();
            for piece in &pieces {
                write_data(&mut wire, piece.as_bytes(), Coding::Chunked);
            }
            write_end(&mut wire, Coding::Chunked);
            let (first, second) = wire.split_at(cut.min(wire.len()));
            let (mut buffer, mut chunks, mut data) = (BytesMut::from(first), Chunks::default(), Vec::new());
            let mut rest = Some(second);
            loop {
                match chunks.next(&mut buffer).unwrap() {
                    Chunk::Data(piece) => data.extend_from_slice(&piece),
                    Chunk::Incomplete => buffer.extend_from_slice(rest.take().unwrap()),
                    Chunk::End => break,
                }
            }
            prop_assert_eq!(data, pieces.concat().into_bytes());
            prop_assert!(buffer.is_empty());
        }
    }
}
