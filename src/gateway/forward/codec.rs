//! HTTP/1.1 towards an upstream: how a request head is written and a response read. No IO.
//!
//! It reads what the bank's own APIs send, strictly: a response whose end is not certain (RFC 9112 §6.3) is a fault,
//! never a guess. hyper's client does the same work with a task, a channel and two header maps more; measured,
//! the difference is a fifth of the whole request.

use super::super::http1::fields::Fields;
use super::super::http1::framing::{Announced, Announcement, Chunks, Framing};
use super::super::http1::head::{HeadBounds, Persists, closes};
use super::super::http1::lines::{self, Lines};
use crate::config::bounds::UPSTREAM_HEAD_BYTES_MAX;
use crate::config::limits::HEADERS_MAX;
use bytes::{Buf, BytesMut};
use http::{Method, StatusCode, Version};

/// How the end of a request body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// By the `Content-Length` among the fields.
    Length,
    /// In chunks.
    Chunked,
}

/// The head of a response but for its fields, and where its body ends.
#[derive(Debug)]
pub struct Head {
    /// Its status.
    pub status: StatusCode,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether the connection can carry another exchange.
    pub persists: Persists,
}

/// The upstream's bytes are not a response, or not one whose end is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadResponse;

/// Appends the head of a request in origin form (RFC 9112 §3.2.1), with the fields that `fields` appends.
pub fn write_head(
    out: &mut Vec<u8>,
    (method, target): (&Method, &str),
    coding: Coding,
    fields: impl FnOnce(&mut Vec<u8>),
) {
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    fields(out);
    if coding == Coding::Chunked {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a piece of a request body. An empty piece would end a chunked body, so it is left out.
pub fn write_data(out: &mut Vec<u8>, data: &[u8], coding: Coding) {
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
pub fn write_end(out: &mut Vec<u8>, coding: Coding) {
    match coding {
        Coding::Length => {}
        Coding::Chunked => out.extend_from_slice(b"0\r\n\r\n"),
    }
}

/// Takes a response head from the front of `buffer`: `None` until it is complete. Its fields go into `fields`; how far it has
/// come is in `lines`.
pub fn read_head(
    buffer: &mut BytesMut,
    method: &Method,
    (lines, fields): (&mut Lines, &mut Fields),
) -> Result<Option<Head>, BadResponse> {
    // Who speaks something else may wait for us to go on.
    let known = buffer.len().min(VERSION.len());
    if buffer.get(..known) != VERSION.get(..known) {
        return Err(BadResponse);
    }
    let Some(span) = lines.read(buffer, BOUNDS, fields).map_err(|_| BadResponse)? else { return Ok(None) };
    let status_line = buffer.get(..span.start_line).and_then(status_line).ok_or(BadResponse)?;
    buffer.advance(span.head);
    head(status_line, fields, method).map(Some)
}

/// `HTTP-version SP status-code SP [ reason-phrase ]` (RFC 9112 §4). Some servers that give no reason leave out the space before
/// it too.
fn status_line(line: &[u8]) -> Option<(StatusCode, Version)> {
    let (version, rest) = match line.strip_prefix(VERSION)? {
        [b'1', b' ', rest @ ..] => (Version::HTTP_11, rest),
        [b'0', b' ', rest @ ..] => (Version::HTTP_10, rest),
        _ => return None,
    };
    let (status, reason) = rest.split_at_checked(3)?;
    let is_reason = reason.is_empty() || (reason.starts_with(b" ") && lines::is_text(reason));
    StatusCode::from_bytes(status).ok().filter(|_| is_reason).map(|status| (status, version))
}

fn head((status, version): (StatusCode, Version), fields: &Fields, method: &Method) -> Result<Head, BadResponse> {
    let announcement = Announced::by(fields).reading().map_err(|_| BadResponse)?;
    // HTTP/1.0 could ask to persist; we do not need it. It has no transfer codings.
    let is_old = version == Version::HTTP_10;
    if is_old && announcement == Announcement::Chunked {
        return Err(BadResponse);
    }
    let framing = framing(status, method, announcement);
    let is_over = !matches!(framing, Framing::Close) && !is_forbidden_body(status, announcement);
    let closes = closes(fields).ok_or(BadResponse)?;
    let persists = if is_over && !is_old && !closes { Persists::Yes } else { Persists::No };
    Ok(Head { status, framing, persists })
}

/// RFC 9112 §6.3, in its order.
fn framing(status: StatusCode, method: &Method, announcement: Announcement) -> Framing {
    let has_no_body = status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    match announcement {
        _ if has_no_body || *method == Method::HEAD => Framing::Length(0),
        Announcement::Chunked => Framing::Chunked(Chunks::default()),
        Announcement::Length(length) => Framing::Length(length),
        Announcement::Nothing => Framing::Close,
    }
}

/// RFC 9110 §8.6: a 204 has no body and says so. One that announces a body may send it, and the next response would
/// begin with it.
fn is_forbidden_body(status: StatusCode, announcement: Announcement) -> bool {
    status == StatusCode::NO_CONTENT && !matches!(announcement, Announcement::Nothing | Announcement::Length(0))
}

/// What every response begins with, but for the last digit.
const VERSION: &[u8] = b"HTTP/1.";
const BOUNDS: HeadBounds = HeadBounds { bytes_max: UPSTREAM_HEAD_BYTES_MAX, fields_max: HEADERS_MAX };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::bounds::CONNECTION_OPTIONS_MAX;
    use crate::gateway::http1::framing::Chunk;
    use proptest::prelude::*;

    fn read(bytes: &str, method: &Method) -> Result<Option<Head>, BadResponse> {
        read_head(&mut BytesMut::from(bytes), method, (&mut Lines::default(), &mut Fields::default()))
    }

    #[test]
    fn a_head_is_written_as_the_client_sent_it() {
        let mut out = Vec::new();
        write_head(&mut out, (&Method::POST, "/a?q=%41+b&&="), Coding::Chunked, |out| {
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
            "a: b\nset-cookie: c",
            "a: b\n",
            "a: b\rc",
            ": x",
        ] {
            assert!(read(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n"), &Method::GET).is_err(), "{head:?}");
        }
        assert!(read("HTTP/1.1 200 OK\ncontent-length: 0\n\n", &Method::GET).is_err());
        for start in ["HTTP/2 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 099 OK", "garbage", "<html>", "\0"] {
            assert!(read(&format!("{start}\r\n\r\n"), &Method::GET).is_err(), "{start:?}");
        }
        assert!(read("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &Method::GET).is_err());
        let naming = |count: usize| {
            read(&format!("HTTP/1.1 200 OK\r\nconnection: {}\r\n\r\n", ",".repeat(count - 1)), &Method::GET)
        };
        assert!(naming(CONNECTION_OPTIONS_MAX).unwrap().is_some());
        assert!(naming(CONNECTION_OPTIONS_MAX + 1).is_err());
    }

    #[test]
    fn a_head_is_bounded() {
        let mut buffer = BytesMut::from("HTTP/1.1 200 OK\r\nx: ");
        buffer.resize(UPSTREAM_HEAD_BYTES_MAX, b'x');
        assert!(read_head(&mut buffer, &Method::GET, (&mut Lines::default(), &mut Fields::default())).is_err());
        // However much of it arrives at once.
        let of = |bytes: usize| format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(bytes - 24));
        assert!(read(&of(UPSTREAM_HEAD_BYTES_MAX), &Method::GET).unwrap().is_some());
        assert!(read(&of(UPSTREAM_HEAD_BYTES_MAX + 1), &Method::GET).is_err());
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
    fn what_is_no_status_line_is_a_fault() {
        let of = |line: &str| read(&format!("{line}\r\ncontent-length: 0\r\n\r\n"), &Method::GET);
        for line in ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.0 999 Why \t\u{e7}", "HTTP/1.1 100 a"] {
            assert!(of(line).unwrap().is_some(), "{line:?}");
        }
        for line in [
            "",
            "\r\nHTTP/1.1 200 OK",
            "HTTP/1.1",
            "HTTP/1.1 ",
            "HTTP/1.1  200 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 20x OK",
            "HTTP/1.1 200OK",
            "HTTP/1.1 200\tOK",
            "HTTP/1.2 200 OK",
            "http/1.1 200 OK",
            "HTTP/1.1 +20 OK",
            "HTTP/1.1\t200 OK",
            "HTTP/1.1 200 O\0K",
            "HTTP/1.1 200 \x7f",
            "HTTP/1.1 200 O\rK",
            "HTTP/1.11 200 OK",
            " HTTP/1.1 200 OK",
        ] {
            assert!(of(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn who_speaks_something_else_is_found_out_at_once() {
        for bytes in ["S", "SSH-2.0-x\r\n", "HTTP/2", "HTT\r", "\r\n", "<html>"] {
            assert!(read(bytes, &Method::GET).is_err(), "{bytes:?}");
        }
        for bytes in ["", "H", "HTTP/1.", "HTTP/1.1 200 OK\r\n"] {
            assert!(read(bytes, &Method::GET).unwrap().is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn a_head_that_comes_octet_by_octet_is_the_same() {
        let head = b"HTTP/1.1 200 OK\r\nServer: a\r\nContent-Length: 5\r\n\r\n";
        let (mut lines, mut fields) = (Lines::default(), Fields::default());
        for end in 0..head.len() {
            let buffer = &mut BytesMut::from(&head[..end]);
            assert!(read_head(buffer, &Method::GET, (&mut lines, &mut fields)).unwrap().is_none(), "{end}");
        }
        let buffer = &mut BytesMut::from(&head[..]);
        let whole = read_head(buffer, &Method::GET, (&mut lines, &mut fields)).unwrap().unwrap();
        assert!(matches!(whole.framing, Framing::Length(5)) && buffer.is_empty());
        assert_eq!(fields.iter().collect::<Vec<_>>(), [(&b"Server"[..], &b"a"[..]), (b"Content-Length", b"5")]);
        // The next one has nothing of it.
        let next = &mut BytesMut::from("HTTP/1.1 204 x\r\nA: b\r\n\r\n");
        assert!(read_head(next, &Method::GET, (&mut lines, &mut fields)).unwrap().is_some());
        assert_eq!(fields.iter().collect::<Vec<_>>(), [(&b"A"[..], &b"b"[..])]);
    }

    proptest! {
        /// What we take for a status line, the tokenizer of hyper takes for the same; what only it takes has empty lines before it.
        #[test]
        fn others_read_the_same_status_line(
            line in "(HTTP/1\\.[012]|HTTP/2|HTTP/1\\.1 |http/1\\.1)( |)([1-9][0-9]{2}|[0-9]{0,4}|20x)( |\t|)[ \ta\u{e7}\0\\x7f\r]{0,3}",
        ) {
            let head = format!("{line}\r\n\r\n");
            let mut theirs = httparse::Response::new(&mut []);
            let theirs = theirs.parse(head.as_bytes()).ok().and_then(|_| {
                let version = if theirs.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
                Some((StatusCode::from_u16(theirs.code?).ok()?, version))
            });
            prop_assert_eq!(status_line(line.as_bytes()), theirs);
        }

        /// Whatever it is, and however the network cuts it, it is the same head, or no head either way. All bytes alike would hardly
        /// ever be more than the first of one.
        #[test]
        fn a_head_does_not_depend_on_how_it_arrives(
            start in "HTTP/1\\.[01] (100|200|204|304)( OK)?\r\n",
            lines in "(((content-length|Transfer-Encoding|connection|x): ?(5|chunked|close|a ,b)?|:|\0|\u{e7}| y)(\r\n|\r\n|\r\n|\n)){0,4}\r\n",
            after in proptest::collection::vec(any::<u8>(), 0..4),
            cut in 0_usize..90,
        ) {
            let bytes = [start.as_bytes(), lines.as_bytes(), &after].concat();
            let read = |cuts: &[usize]| {
                let (mut lines, mut fields, mut buffer) = (Lines::default(), Fields::default(), BytesMut::new());
                let mut head = Ok(None);
                for end in cuts {
                    buffer.extend_from_slice(&bytes[buffer.len()..*end]);
                    head = read_head(&mut buffer, &Method::GET, (&mut lines, &mut fields));
                    if !matches!(head, Ok(None)) {
                        break;
                    }
                }
                let has_one = matches!(head, Ok(Some(_)));
                // The fields of what is none are nobody's.
                let fields = fields.iter().filter(|_| has_one).map(|(name, value)| (name.to_vec(), value.to_vec()));
                (format!("{head:?}"), fields.collect::<Vec<_>>())
            };
            let whole = read(&[bytes.len()]);
            prop_assert_eq!(&read(&[cut.min(bytes.len()), bytes.len()]), &whole);
            prop_assert_eq!(read(&(0..=bytes.len()).collect::<Vec<_>>()), whole);
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
