//! Where a body ends (RFC 9112 §6), for requests and responses alike. A body whose end is not certain is a fault,
//! never a guess.

use super::fields::Fields;
use crate::config::bounds::{EXTENSION_BYTES_MAX, TRAILER_BYTES_MAX};
use crate::config::limits::HEADERS_MAX;
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderName, HeaderValue};

/// Where a body ends.
#[derive(Debug)]
pub enum Framing {
    /// After so many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked(Chunks),
    /// Where the connection does; a response only.
    Close,
}

/// The bytes are no body of this framing, or announce one in more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFraming;

/// What a buffer held.
#[derive(Debug, PartialEq, Eq)]
pub enum Chunk {
    /// A piece of the body.
    Data(Bytes),
    /// More bytes are needed.
    Incomplete,
    /// The body has ended.
    End,
}

/// The fields that say where a body ends (RFC 9112 §6.3).
#[derive(Debug, Default)]
pub struct Announced<'h> {
    length: Option<&'h [u8]>,
    coding: Option<&'h [u8]>,
    is_repeated: bool,
}

/// How a head announces its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// Not at all.
    Nothing,
    /// By `Content-Length`.
    Length(u64),
    /// By `Transfer-Encoding: chunked`.
    Chunked,
}

impl<'h> Announced<'h> {
    /// What these fields announce.
    pub fn by(fields: &'h Fields) -> Self {
        let mut announced = Self::default();
        fields.all("content-length").for_each(|value| announced.length(value));
        fields.all("transfer-encoding").for_each(|value| announced.coding(value));
        announced
    }

    /// A `Content-Length` field.
    pub fn length(&mut self, value: &'h [u8]) {
        self.is_repeated |= self.length.replace(value).is_some();
    }

    /// A `Transfer-Encoding` field.
    fn coding(&mut self, value: &'h [u8]) {
        self.is_repeated |= self.coding.replace(value).is_some();
    }

    /// What they say together. Two of a kind, both kinds at once, another coding than `chunked` and anything but digits
    /// are how requests are smuggled and responses split (§6.1, §6.3): refused.
    pub fn reading(&self) -> Result<Announcement, BadFraming> {
        match (self.length, self.coding) {
            _ if self.is_repeated => Err(BadFraming),
            (None, None) => Ok(Announcement::Nothing),
            (Some(digits), None) => length(digits).map(Announcement::Length),
            (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Announcement::Chunked),
            (_, Some(_)) => Err(BadFraming),
        }
    }
}

/// Digits. The grammar allows zeros before them (RFC 9110 §8.6), but to some `010` is eight.
fn length(digits: &[u8]) -> Result<u64, BadFraming> {
    let is_octal = digits.len() > 1 && digits.starts_with(b"0");
    let text = std::str::from_utf8(digits).ok().filter(|text| !is_octal && text.bytes().all(|b| b.is_ascii_digit()));
    text.and_then(|text| text.parse().ok()).ok_or(BadFraming)
}

impl Framing {
    /// Takes what belongs to the body from the front of `received`.
    pub fn take(&mut self, received: &mut BytesMut) -> Result<Chunk, BadFraming> {
        match self {
            Self::Length(0) => Ok(Chunk::End),
            Self::Length(left) => Ok(match take_at_most(received, *left) {
                Some(piece) => {
                    *left -= piece.len() as u64;
                    Chunk::Data(piece)
                }
                None => Chunk::Incomplete,
            }),
            Self::Chunked(chunks) => chunks.next(received),
            Self::Close => Ok(take_at_most(received, u64::MAX).map_or(Chunk::Incomplete, Chunk::Data)),
        }
    }

    /// Whether the body is known to have ended.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.is_over(),
            Self::Close => false,
        }
    }

    /// From now on trailers are kept until somebody takes them.
    pub fn keep_trailers(&mut self) {
        match self {
            Self::Chunked(chunks) => chunks.kept = Some(Vec::new()),
            Self::Length(_) | Self::Close => {}
        }
    }

    /// Whether trailers are kept.
    pub fn keeps_trailers(&self) -> bool {
        match self {
            Self::Chunked(chunks) => chunks.kept.is_some(),
            Self::Length(_) | Self::Close => false,
        }
    }

    /// The trailers that were kept, line by line without their ends.
    pub fn take_trailers(&mut self) -> Vec<Bytes> {
        match self {
            Self::Chunked(chunks) => chunks.kept.take().unwrap_or_default(),
            Self::Length(_) | Self::Close => Vec::new(),
        }
    }
}

/// Reads the chunked coding (RFC 9112 §7.1). Extensions are dropped, and trailers where nobody wants them; all are bounded.
#[derive(Debug, Default)]
pub struct Chunks {
    part: Part,
    /// What extensions have taken beyond what came with them.
    extension_bytes: u64,
    trailer_bytes: usize,
    trailers: usize,
    /// The trailers' lines, if they are wanted.
    kept: Option<Vec<Bytes>>,
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
    /// Nothing that could be told: whatever follows is no part of a body, and no line of it is looked at.
    Broken,
}

impl Chunks {
    /// Whether the body has ended.
    pub fn is_over(&self) -> bool {
        matches!(self.part, Part::Over)
    }

    /// Takes what can be taken from the front of `buffer`. What is broken once stays so: to go on behind a line that was no size
    /// would be to guess where the body ends.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Chunk, BadFraming> {
        let taken = self.read(buffer);
        if taken.is_err() {
            self.part = Part::Broken;
        }
        taken
    }

    fn read(&mut self, buffer: &mut BytesMut) -> Result<Chunk, BadFraming> {
        loop {
            match self.part {
                Part::Size => match take_line(buffer)? {
                    Some(line) => self.part = self.begin(&line)?,
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
                    Some(_) => return Err(BadFraming),
                    None => return Ok(Chunk::Incomplete),
                },
                Part::Trailer => match take_line(buffer)? {
                    Some(line) if line.is_empty() => self.part = Part::Over,
                    Some(line) => {
                        self.trailer_bytes += line.len();
                        self.trailers += 1;
                        let is_within = self.trailer_bytes <= TRAILER_BYTES_MAX && self.trailers <= HEADERS_MAX;
                        // Even where they are dropped: what is no field is another message, or nothing we know.
                        if !is_within || !is_field(&line) {
                            return Err(BadFraming);
                        }
                        if let Some(kept) = &mut self.kept {
                            kept.push(line);
                        }
                    }
                    None => return Ok(Chunk::Incomplete),
                },
                Part::Over => return Ok(Chunk::End),
                Part::Broken => return Err(BadFraming),
            }
        }
    }

    /// What follows the line that begins a chunk. RFC 9112 §7.1.1: the length of all extensions together is bounded, or a body
    /// of few bytes would go on for ever (CVE-2023-39326). Whoever sends as much data with them has a use for them.
    fn begin(&mut self, line: &[u8]) -> Result<Part, BadFraming> {
        let (size, extension) = size(line)?;
        self.extension_bytes = self.extension_bytes.saturating_add(extension).saturating_sub(size);
        match size {
            _ if self.extension_bytes > EXTENSION_BYTES_MAX => Err(BadFraming),
            0 => Ok(Part::Trailer),
            size => Ok(Part::Data(size)),
        }
    }
}

/// At most `most` bytes from the front; `None` where there is nothing.
fn take_at_most(buffer: &mut BytesMut, most: u64) -> Option<Bytes> {
    let length = buffer.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    (length > 0).then(|| buffer.split_to(length).freeze())
}

/// `field-name ":" OWS field-value OWS`
fn is_field(line: &[u8]) -> bool {
    memchr::memchr(b':', line)
        .and_then(|end| line.split_at_checked(end))
        .is_some_and(|(name, value)| HeaderName::from_bytes(name).is_ok() && HeaderValue::from_bytes(value).is_ok())
}

/// A line without its CRLF. A bare LF is no line end, a bare CR stands nowhere, and a line has a bound.
fn take_line(buffer: &mut BytesMut) -> Result<Option<Bytes>, BadFraming> {
    match memchr::memchr(b'\n', buffer) {
        Some(end) if end <= LINE_BYTES_MAX => {
            let line = buffer.split_to(end + 1).freeze();
            let text = line.strip_suffix(b"\r\n").filter(|text| memchr::memchr(b'\r', text).is_none());
            text.map(|text| Some(line.slice_ref(text))).ok_or(BadFraming)
        }
        None if buffer.len() <= LINE_BYTES_MAX => Ok(None),
        Some(_) | None => Err(BadFraming),
    }
}

/// `chunk-size [ chunk-ext ]`: hexadecimal digits and nothing before an extension's semicolon. No extension holds a
/// control character; whoever sends one hopes that somebody takes it for a line's end. Gives the size, and how long the rest is.
fn size(line: &[u8]) -> Result<(u64, u64), BadFraming> {
    if line.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
        return Err(BadFraming);
    }
    let size = line.split(|b| *b == b';').next().unwrap_or_default();
    // Only SP and HTAB are white space here (RFC 9112 §7.1.1, `BWS`).
    let end = size.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |last| last + 1);
    let digits = size.get(..end).unwrap_or_default();
    let is_size = (1..=SIZE_DIGITS_MAX).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let size = std::str::from_utf8(digits).ok().filter(|_| is_size);
    let size = size.and_then(|size| u64::from_str_radix(size, 16).ok()).ok_or(BadFraming)?;
    Ok((size, (line.len() - digits.len()) as u64))
}

/// A chunk-size line with its extensions, or a trailer field.
const LINE_BYTES_MAX: usize = 4096;
/// 2^60 bytes; no sum of it can overflow.
const SIZE_DIGITS_MAX: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body(bytes: &str) -> Result<(Vec<u8>, bool), BadFraming> {
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
    fn trailers_are_kept_for_those_who_want_them() {
        let bytes = "1\r\na\r\n0\r\nx: y\r\nz:\r\n\r\nnext";
        for wanted in [true, false] {
            let (mut buffer, mut framing) = (BytesMut::from(bytes), Framing::Chunked(Chunks::default()));
            if wanted {
                framing.keep_trailers();
            }
            assert_eq!(framing.keeps_trailers(), wanted);
            while framing.take(&mut buffer).unwrap() != Chunk::End {}
            let expected: &[&str] = if wanted { &["x: y", "z:"] } else { &[] };
            assert_eq!(framing.take_trailers(), expected);
            assert_eq!((framing.take_trailers().len(), &buffer[..]), (0, &b"next"[..]));
        }
        let mut length = Framing::Length(1);
        length.keep_trailers();
        assert!(!length.keeps_trailers());
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
            "5;a\0b\r\n",
            "5;a=\x01\r\n",
            "0\r\nHTTP/1.1 200 OK\r\n",
            "0\r\nno field\r\n\r\n",
            "0\r\na b: c\r\n\r\n",
            "0\r\n folded: x\r\n\r\n",
            "0\r\na: b\x0c\r\n\r\n",
            "0\r\na:\x0cb\r\n\r\n",
        ] {
            assert!(body(bad).is_err(), "{bad:?}");
        }
        assert!(body(&format!("5;{}\r\n", "x".repeat(LINE_BYTES_MAX))).is_err());
        assert!(body(&format!("0\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX))).is_ok());
        assert!(body(&format!("0\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1))).is_err());
        assert!(body(&format!("0\r\n{}\r\n", format!("a: {}\r\n", "x".repeat(4000)).repeat(5))).is_err());
    }

    #[test]
    fn what_is_broken_stays_so() {
        for bad in ["x\r\n", "5\n", "\r\n", "1\r\nab", "0\r\nno field\r\n", "0\r\na: b\n"] {
            // Each of these ends a body, if it is looked at.
            for after in ["0\r\n\r\n", "\r\n", "\r\n0\r\n\r\n"] {
                let mut buffer = BytesMut::from(format!("{bad}{after}").as_str());
                let mut framing = Framing::Chunked(Chunks::default());
                while let Ok(Chunk::Data(_)) = framing.take(&mut buffer) {}
                for _ in 0..3 {
                    assert_eq!(framing.take(&mut buffer), Err(BadFraming), "{bad:?} {after:?}");
                    assert!(!framing.is_over(), "{bad:?} {after:?}");
                }
            }
        }
    }

    #[test]
    fn extensions_are_bounded_together() {
        let most = usize::try_from(EXTENSION_BYTES_MAX).unwrap();
        let chunk =
            |bytes: usize, size: usize| format!("{size:x};{}\r\n{}\r\n", "x".repeat(bytes - 1), "d".repeat(size));
        let end = "0\r\n\r\n";
        // Each takes a byte more than it brings.
        assert!(body(&(chunk(2, 1).repeat(most) + end)).unwrap().1);
        assert!(body(&(chunk(2, 1).repeat(most + 1) + end)).is_err());
        assert!(body(&(chunk(2049, 1).repeat(most / 2048) + end)).unwrap().1);
        assert!(body(&(chunk(2049, 1).repeat(most / 2048) + "0;\r\n\r\n")).is_err(), "of the last chunk too");
        assert!(body(&(chunk(2048, 2048).repeat(most / 256) + end)).unwrap().1, "what brings as much goes on");
        assert!(
            body(&(chunk(1, 1 << 20) + &chunk(2049, 1).repeat(most / 2048) + "0;\r\n\r\n")).is_err(),
            "but saves nothing"
        );
    }

    proptest! {
        /// Whatever they are, and however the network cuts them, chunks are the same data, the same end, or the same fault.
        #[test]
        fn chunks_do_not_depend_on_how_they_arrive(
            bytes in "(1\r\na\r\n|2;x=y \r\nab\r\n|0\r\n|\r\n|a: b\r\n|1\r\nab\r\n|1\r\na\n|x|;|\n|\0){0,8}",
            cut in 0_usize..80,
        ) {
            let read = |cuts: &[usize]| {
                let (mut buffer, mut chunks, mut data, mut sent) = (BytesMut::new(), Chunks::default(), Vec::new(), 0);
                let mut end = Ok(Chunk::Incomplete);
                for cut in cuts {
                    buffer.extend_from_slice(&bytes.as_bytes()[sent..*cut]);
                    sent = *cut;
                    end = loop {
                        match chunks.next(&mut buffer) {
                            Ok(Chunk::Data(piece)) => data.extend_from_slice(&piece),
                            end => break end,
                        }
                    };
                }
                // Behind a fault nothing is left to read.
                let left = buffer.to_vec();
                (data, chunks.is_over(), left.len() * usize::from(end.is_ok()), end)
            };
            let whole = read(&[bytes.len()]);
            prop_assert_eq!(&read(&[cut.min(bytes.len()), bytes.len()]), &whole);
            prop_assert_eq!(read(&(0..=bytes.len()).collect::<Vec<_>>()), whole);
        }
    }
}
