//! Unpacks the token of a request before `h2` reads it. Clients send tokens in Huffman code (RFC 7541 §5.2), and as a secret
//! that enters no table, so a connection brings the same few hundred bytes with each request: here they are decoded once.
//!
//! A sender may choose the form of each string, so nothing else of a request changes. Nothing is refused here: what is not
//! understood goes on as it came, and `h2` judges it.

use super::huffman;
use super::strain::{END_HEADERS, HEADER_BYTES, HEADERS};
use crate::config::bounds::HTTP2_PACKED_BYTES_MAX;
use bytes::BytesMut;
use std::ops::Range;
use tokio::io::ReadBuf;

/// What a connection remembers to unpack by.
#[derive(Default)]
pub struct Unpacker {
    /// The last long string, with the length before it, as it came.
    packed: Vec<u8>,
    /// The same unpacked.
    plain: Vec<u8>,
    /// What there was no room for.
    rest: BytesMut,
}

/// The fields of a request in one frame, around the first long string that is packed.
struct Fields<'b> {
    header: [u8; HEADER_BYTES],
    before: &'b [u8],
    packed: &'b [u8],
    after: &'b [u8],
}

impl Unpacker {
    /// Hands over what there was no room for before. Says whether there was any.
    pub fn pass_rest(&mut self, out: &mut ReadBuf<'_>) -> bool {
        if self.rest.is_empty() {
            return false;
        }
        out.put_slice(&self.rest.split_to(self.rest.len().min(out.remaining())));
        if self.rest.is_empty() {
            // A whole frame's memory, on each connection that idles.
            self.rest = BytesMut::new();
        }
        true
    }

    /// Hands over what it can of `bytes`, and says how much that is. So many of them as `begun` says belong to a frame that
    /// has begun before; nothing, if that is not known.
    pub fn pass(&mut self, bytes: &[u8], begun: Option<usize>, out: &mut ReadBuf<'_>) -> usize {
        let begun = begun.unwrap_or(bytes.len());
        let mut taken = put(bytes, begun, out);
        if taken < begun {
            return taken;
        }
        while let Some(frame) = bytes.get(taken..).and_then(first_frame)
            && out.remaining() > 0
        {
            let is_unpacked = Fields::of(frame).is_some_and(|fields| self.unpack(&fields, out));
            let count = if is_unpacked { frame.len() } else { put(frame, frame.len(), out) };
            taken += count;
            if count < frame.len() {
                return taken;
            }
        }
        taken + put(bytes.get(taken..).unwrap_or_default(), bytes.len(), out)
    }

    /// Hands over the fields with their long string unpacked, if that can be done.
    fn unpack(&mut self, Fields { header, before, packed, after }: &Fields<'_>, out: &mut ReadBuf<'_>) -> bool {
        if self.packed != *packed && self.learn(packed).is_none() {
            return false;
        }
        let length = before.len() + self.plain.len() + after.len();
        if length > FRAME_BYTES_MAX {
            return false;
        }
        let ([.., high, middle, low], [_, _, _, kind, flags, a, b, c, d]) = (length.to_be_bytes(), *header);
        for part in [&[high, middle, low, kind, flags, a, b, c, d], *before, &self.plain, *after] {
            let count = put(part, part.len(), out);
            self.rest.extend_from_slice(part.get(count..).unwrap_or_default());
        }
        true
    }

    fn learn(&mut self, packed: &[u8]) -> Option<()> {
        self.packed.clear();
        let (_, start) = integer(packed, 0, 7)?;
        let text = huffman::decode(packed.get(start..)?)?;
        self.plain.clear();
        // RFC 7541 §5.1, with the bit before it that says that no code follows.
        let mut over = text.len().checked_sub(0x7f)?;
        self.plain.push(0x7f);
        while over >= 0x80 {
            self.plain.push(0x80 | over.to_le_bytes()[0]);
            over >>= 7;
        }
        self.plain.push(over.to_le_bytes()[0]);
        self.plain.extend_from_slice(&text);
        self.packed.extend_from_slice(packed);
        Some(())
    }
}

impl<'b> Fields<'b> {
    fn of(frame: &'b [u8]) -> Option<Self> {
        let (header, _) = frame.split_first_chunk::<HEADER_BYTES>()?;
        let [_, _, _, kind, flags, ..] = *header;
        // Nobody pads (RFC 9113 §6.2), and few have more to say than fits a frame.
        if kind != HEADERS || flags & END_HEADERS == 0 || flags & PADDED != 0 {
            return None;
        }
        let fields = HEADER_BYTES + if flags & PRIORITY == 0 { 0 } else { PRIORITY_BYTES };
        let string = first_long(frame, fields)?;
        let (start, after) = frame.split_at_checked(string.end)?;
        let (start, packed) = start.split_at_checked(string.start)?;
        Some(Self { header: *header, before: start.get(HEADER_BYTES..)?, packed, after })
    }
}

/// The frame with which the bytes begin, if all of it is there (RFC 9113 §4.1).
fn first_frame(bytes: &[u8]) -> Option<&[u8]> {
    let [high, middle, low, ..] = *bytes.first_chunk::<HEADER_BYTES>()?;
    let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    bytes.get(..HEADER_BYTES + length)
}

/// Where the first long string that is packed stands, with the length before it, among the fields that begin at `at`
/// (RFC 7541 §6).
fn first_long(block: &[u8], mut at: usize) -> Option<Range<usize>> {
    loop {
        let (prefix, is_literal) = match block.get(at)? {
            0x80.. => (7, false),
            0x40..0x80 => (6, true),
            // A new size of the table.
            0x20..0x40 => (5, false),
            ..0x20 => (4, true),
        };
        let (name, next) = integer(block, at, prefix)?;
        at = next;
        for _ in 0..if is_literal { 1 + usize::from(name == 0) } else { 0 } {
            let is_packed = block.get(at)? & 0x80 != 0;
            let (length, text) = integer(block, at, 7)?;
            let end = text.checked_add(length)?;
            if is_packed && (LONG_BYTES_MIN..=HTTP2_PACKED_BYTES_MAX).contains(&length) {
                return Some(at..end);
            }
            at = end;
        }
    }
}

/// A number of which so many bits stand in its first byte, and where what follows it begins (RFC 7541 §5.1). None that takes
/// more than three bytes: lengths here do not.
fn integer(block: &[u8], at: usize, prefix: u32) -> Option<(usize, usize)> {
    let full = (1 << prefix) - 1;
    let first = usize::from(*block.get(at)?) & full;
    if first < full {
        return Some((first, at + 1));
    }
    let low = usize::from(*block.get(at + 1)?);
    if low < 0x80 {
        return Some((full + low, at + 2));
    }
    let high = usize::from(*block.get(at + 2)?);
    (high < 0x80).then_some((full + (low & 0x7f) + (high << 7), at + 3))
}

/// Hands over at most `count` of the bytes, as many as there is room for.
fn put(bytes: &[u8], count: usize, out: &mut ReadBuf<'_>) -> usize {
    let count = count.min(bytes.len()).min(out.remaining());
    out.put_slice(bytes.get(..count).unwrap_or_default());
    count
}

/// Shorter ones cost `h2` little, and are in its table mostly.
const LONG_BYTES_MIN: usize = 128;
/// What a frame may carry where nothing else was agreed on (RFC 9113 §6.5.2).
const FRAME_BYTES_MAX: usize = 16 * 1024;
/// Before the fields stands how long the padding behind them is.
const PADDED: u8 = 0x08;
/// Before the fields stands what a stream depends on.
const PRIORITY: u8 = 0x20;
const PRIORITY_BYTES: usize = 5;

#[cfg(test)]
mod tests {
    use super::super::huffman::tests::encode;
    use super::super::strain::{CONTINUATION, DATA, END_STREAM, Strain};
    use super::*;
    use proptest::prelude::*;
    use std::future::poll_fn;
    use std::task::Poll;
    use tokio::io::AsyncWriteExt;

    /// `:method: GET`, `:scheme: https`, `:path: /`, from the static table (RFC 7541 Appendix A).
    const PSEUDO: [u8; 3] = [0x82, 0x87, 0x84];
    /// A literal that enters no table, with the name `authorization` (§6.2.3).
    const AUTHORIZATION: [u8; 2] = [0x1f, 23 - 15];
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    const GET: u8 = END_HEADERS | 1;
    const ROOM: usize = 1024 * 1024;

    fn frame(stream: u8, flags: u8, block: &[u8]) -> Vec<u8> {
        of_kind(HEADERS, stream, flags, block)
    }

    fn of_kind(kind: u8, stream: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let [.., high, middle, low] = payload.len().to_be_bytes();
        [&[high, middle, low, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    fn string(is_packed: bool, bytes: &[u8]) -> Vec<u8> {
        let mut length = match bytes.len() {
            short @ ..0x7f => vec![short],
            long @ ..0xff => vec![0x7f, long - 0x7f],
            long => vec![0x7f, (long - 0x7f) & 0x7f | 0x80, (long - 0x7f) >> 7],
        };
        length[0] |= usize::from(is_packed) << 7;
        length.into_iter().map(|byte| u8::try_from(byte).unwrap()).chain(bytes.iter().copied()).collect()
    }

    fn with_token(before: &[u8], token: &[u8], after: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let of = |string| [before, &PSEUDO, &AUTHORIZATION, string, after].concat();
        (of(&string(true, &encode(token))), of(&string(false, token)))
    }

    /// What leaves, where so many bytes have room at a time.
    fn passed(unpacker: &mut Unpacker, strain: &mut Strain, mut bytes: &[u8], room: usize) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let mut space = vec![0; room];
            let mut out = ReadBuf::new(&mut space);
            if !unpacker.pass_rest(&mut out) {
                if bytes.is_empty() {
                    return all;
                }
                let taken = unpacker.pass(bytes, strain.until_frame(), &mut out);
                strain.received(&bytes[..taken]);
                bytes = &bytes[taken..];
            }
            assert!(!out.filled().is_empty(), "to h2 that would be the end");
            all.extend_from_slice(out.filled());
        }
    }

    fn passed_at_once(bytes: &[u8]) -> Vec<u8> {
        let mut strain = Strain::new();
        strain.received(PREFACE);
        passed(&mut Unpacker::default(), &mut strain, bytes, 64 * 1024)
    }

    /// The requests that `h2` finds in it, and its verdict on the rest.
    fn understood(bytes: &[u8]) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(ROOM);
            client.write_all(bytes).await.unwrap();
            let mut found = Vec::new();
            let Ok(mut connection) = h2::server::handshake(server).await else { return found };
            // Until there is nothing more to read: at the end `h2` would forget what it has read.
            while let Poll::Ready(Some(next)) = poll_fn(|cx| Poll::Ready(connection.poll_accept(cx))).await {
                found.push(match &next {
                    Ok((request, _)) => format!("{:?}", (request.method(), request.uri(), request.headers())),
                    Err(fault) => format!("{fault:?}"),
                });
                // A fault would be said again and again.
                if next.is_err() {
                    break;
                }
            }
            found
        })
    }

    #[test]
    fn a_token_is_unpacked_each_time_and_decoded_once() {
        // The codes of `1` and `2` are of one length, so the two are as well.
        let (first, other) = (b"Bearer eyJhbGciO1".repeat(12), b"Bearer eyJhbGciO2".repeat(12));
        let (mut unpacker, mut strain) = (Unpacker::default(), Strain::new());
        strain.received(PREFACE);
        let mut all = PREFACE.to_vec();
        for (stream, token) in [&first, &first, &other, &first].into_iter().enumerate() {
            let ((packed, plain), stream) = (with_token(b"", token, b"\x90"), 2 * u8::try_from(stream).unwrap() + 1);
            let (came, leaves) = (frame(stream, GET, &packed), frame(stream, GET, &plain));
            assert_eq!(passed(&mut unpacker, &mut strain, &came, 64 * 1024), leaves);
            assert_eq!(unpacker.plain, string(false, token));
            all.extend(came);
        }
        assert_eq!(
            understood(&all).iter().filter(|request| request.contains("Bearer eyJ")).count(),
            4,
            "to h2 it is one too"
        );
    }

    #[test]
    fn what_is_not_understood_goes_on_as_it_came() {
        let (block, plain) = with_token(b"", &b"token".repeat(60), b"");
        let short = with_token(b"", &b"a".repeat(200), b"").0;
        let filled = [&PSEUDO[..], &AUTHORIZATION, &string(true, &[0xff; 200])].concat();
        let no_end = [&PSEUDO[..], &AUTHORIZATION, &[0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
        let cut = &block[..block.len() - 1];
        let cases: [(&str, u8, &[u8]); 6] = [
            ("the rest of the fields is to come", 1, &block),
            ("padding", GET | PADDED, &[&[0], &block[..]].concat()),
            ("a short string", GET, &short),
            ("codes of nothing", GET, &filled),
            ("a length of more than there can be", GET, &no_end),
            ("a string that ends behind its frame", GET, cut),
        ];
        for (name, flags, block) in cases {
            let came = frame(1, flags, block);
            assert_eq!(passed_at_once(&came), came, "{name}");
        }
        assert_eq!(passed_at_once(&frame(1, GET, &block)), frame(1, GET, &plain));
        // Exclusive, and of the most weight.
        let depends = [0x80, 0, 0, 0, 0xff];
        let priority = |block: &[u8]| frame(1, GET | PRIORITY, &[&depends, block].concat());
        assert_eq!(passed_at_once(&priority(&block)), priority(&plain), "priorities say nothing of the fields");
    }

    #[test]
    fn a_token_is_found_behind_fields_of_every_form() {
        let named = |first, is_packed| {
            let name = if is_packed { encode(b"name") } else { b"name".to_vec() };
            [vec![first], string(is_packed, &name), string(false, b"value")].concat()
        };
        let cases: [(&str, Vec<u8>); 8] = [
            ("a new size of the table", vec![0x20]),
            ("one of two bytes", vec![0x3f, 0x01]),
            ("one of three bytes", vec![0x3f, 0xe1, 0x1f]),
            ("a place in the table of two bytes", vec![0xff, 0x02]),
            ("a new name that enters the table", named(0x40, false)),
            ("a packed one that does not", named(0x00, true)),
            ("one that never may", named(0x10, false)),
            ("a known name", [vec![0x0f, 0x02], string(true, &encode(b"value"))].concat()),
        ];
        for (name, before) in cases {
            let (packed, plain) = with_token(&before, &b"token".repeat(60), b"");
            assert_eq!(passed_at_once(&frame(1, GET, &packed)), frame(1, GET, &plain), "{name}");
        }
    }

    #[test]
    fn what_looks_like_a_request_within_another_frame_is_left_as_it_is() {
        let like_one = frame(1, GET, &with_token(b"", &b"token".repeat(60), b"").0);
        let came = of_kind(DATA, 1, END_STREAM, &[&b"12345"[..], &like_one, &like_one].concat());
        for cut in 0..2 * HEADER_BYTES {
            let (mut unpacker, mut strain) = (Unpacker::default(), Strain::new());
            strain.received(PREFACE);
            let (first, rest) = came.split_at(cut);
            let leaves = [first, rest].map(|bytes| passed(&mut unpacker, &mut strain, bytes, ROOM)).concat();
            assert_eq!(leaves, came, "cut at {cut}");
        }
    }

    #[test]
    fn as_long_as_is_remembered_and_one_byte_more() {
        // Eight letters of `a` are five bytes.
        let token = |bytes: usize| b"a".repeat(bytes * 8 / 5);
        for (bytes, is_unpacked) in [(HTTP2_PACKED_BYTES_MAX, true), (HTTP2_PACKED_BYTES_MAX + 1, false)] {
            let (packed, plain) = with_token(b"", &token(bytes), b"");
            let came = frame(1, GET, &packed);
            assert_eq!(encode(&token(bytes)).len(), bytes);
            assert_eq!(passed_at_once(&came), if is_unpacked { frame(1, GET, &plain) } else { came });
        }
    }

    #[test]
    fn no_frame_grows_beyond_what_h2_takes() {
        let token = b"a".repeat(800);
        let behind = |bytes: usize| [&[0x00, 0x01, b'x'][..], &string(false, &vec![b'y'; bytes])].concat();
        let room = FRAME_BYTES_MAX - with_token(b"", &token, b"").1.len() - behind(1000).len() + 1000;
        for (bytes, is_unpacked) in [(room, true), (room + 1, false)] {
            let (packed, plain) = with_token(b"", &token, &behind(bytes));
            let came = frame(1, GET, &packed);
            assert_eq!(passed_at_once(&came), if is_unpacked { frame(1, GET, &plain) } else { came });
        }
    }

    #[test]
    fn what_there_was_no_room_for_is_not_kept_once_there_was() {
        let (packed, plain) =
            with_token(b"", &b"a".repeat(800), &[&[0x00, 0x01, b'x'][..], &string(false, &[b'y'; 15_000])].concat());
        let (came, leaves) = (frame(1, GET, &packed), frame(1, GET, &plain));
        let (mut unpacker, mut strain) = (Unpacker::default(), Strain::new());
        strain.received(PREFACE);
        let kept = allocation_counter::measure(|| {
            assert_eq!(passed(&mut unpacker, &mut strain, &came, 1000), leaves);
        });
        assert!(kept.bytes_current < 4 * 1024, "{} bytes", kept.bytes_current);
    }

    fn field() -> impl Strategy<Value = Vec<u8>> {
        // The last ones come again, and are of one length.
        let text = prop_oneof![
            3 => "[!-~]{0,20}|[A-Za-z0-9_.-]{0,400}",
            1 => prop::sample::select(vec!["0", "1", "2"]).prop_map(|letter| letter.repeat(300)),
        ];
        let value = (text, any::<bool>()).prop_map(|(text, is_packed)| {
            let known = |letter: &u8| letter.is_ascii_alphanumeric() || b"_.-".contains(letter);
            if is_packed && text.bytes().all(|letter| known(&letter)) {
                string(true, &encode(text.as_bytes()))
            } else {
                string(false, text.as_bytes())
            }
        });
        let name = prop_oneof![
            Just(AUTHORIZATION.to_vec()),
            Just(vec![0x40 | 0x3a]),
            Just(vec![0x0f, 32 - 15]),
            ("[a-z]{1,8}", any::<bool>()).prop_map(|(name, is_packed)| {
                let name = if is_packed { encode(name.as_bytes()) } else { name.into_bytes() };
                [vec![0x40], string(is_packed, &name)].concat()
            }),
        ];
        prop_oneof![
            8 => (name, value).prop_map(|(name, value)| [name, value].concat()),
            // What was put into the table last, and before that (§2.3.3).
            1 => prop::sample::select(vec![vec![0xbe], vec![0xbf]]),
            1 => any::<u8>().prop_map(|byte| vec![byte]),
        ]
    }

    /// How the fields of a request come.
    #[derive(Clone, Debug)]
    enum Shape {
        Whole(u8),
        /// The rest of them in a frame of their own.
        Continued(usize),
        /// Before data that looks like a request with a token.
        WithData,
    }

    fn frames() -> impl Strategy<Value = Vec<u8>> {
        let shape = prop_oneof![
            9 => Just(Shape::Whole(GET)),
            1 => any::<u8>().prop_map(Shape::Whole),
            2 => (0..600_usize).prop_map(Shape::Continued),
            2 => Just(Shape::WithData),
        ];
        // The table is emptied, or as large as ever (§6.3).
        let size = prop_oneof![8 => Just(&[][..]), 1 => Just(&[0x20][..]), 1 => Just(&[0x3f, 0xe1, 0x1f][..])];
        let request = (size, proptest::collection::vec(field(), 0..5), shape);
        proptest::collection::vec(request, 1..6).prop_map(|requests| {
            let of = |(index, request): (usize, (&[u8], Vec<Vec<u8>>, _))| {
                let (size, fields, shape) = request;
                let block = [size, &PSEUDO, &fields.concat()].concat();
                let stream = 2 * u8::try_from(index).unwrap() + 1;
                match shape {
                    Shape::Whole(flags) => frame(stream, flags, &block),
                    Shape::Continued(at) => {
                        let (first, rest) = block.split_at(at.min(block.len()));
                        let rest = of_kind(CONTINUATION, stream, END_HEADERS, rest);
                        [frame(stream, END_STREAM, first), rest].concat()
                    }
                    Shape::WithData => {
                        let data = frame(stream, GET, &with_token(b"", &b"0".repeat(300), b"").0);
                        let data = of_kind(DATA, stream, END_STREAM, &[&b"abc"[..], &data, &data].concat());
                        [frame(stream, END_HEADERS, &block), data].concat()
                    }
                }
            };
            requests.into_iter().enumerate().flat_map(of).collect()
        })
    }

    proptest! {
        #[test]
        fn h2_finds_the_same_requests_however_they_arrive(
            frames in frames(), cuts in proptest::collection::vec(1..2000_usize, 1..5), room in 1..5000_usize,
        ) {
            let (mut unpacker, mut strain, mut left) = (Unpacker::default(), Strain::new(), &frames[..]);
            let mut all = passed(&mut unpacker, &mut strain, PREFACE, room);
            for cut in cuts.iter().cycle() {
                let (now, later) = left.split_at(left.len().min(*cut));
                all.extend(passed(&mut unpacker, &mut strain, now, room));
                left = later;
                if left.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(understood(&all), understood(&[PREFACE, &frames].concat()));
        }
    }
}
