//! How much a client keeps us busy with frames that carry no request and no data. Resets (CVE-2023-44487), settings, pings,
//! empty data (CVE-2019-9512, 9515, 9518) and windows cost the client next to nothing, so each connection has a credit of
//! them that grows again with time, with requests, and with what we send: windows are opened for that.
//!
//! It reads the headers of frames and nothing else: `h2`, which reads them whole, does not tell.

use crate::config::bounds::{HTTP2_CREDIT_MAX, HTTP2_CREDIT_PER_SECOND};

/// The credit of one connection.
#[derive(Debug)]
pub struct Strain {
    credit: i64,
    /// When credit was last given for time, in milliseconds of the worker.
    credited_ms: u64,
    place: Place,
    /// A field block has begun and its last frame has not: nothing else may come before that (RFC 9113 §4.3).
    is_block_open: bool,
}

/// Where in the stream of frames the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Within the preface (RFC 9113 §3.4): so many bytes are to come.
    Preface(usize),
    /// Within a frame's header: the bytes that were seen, and how many.
    Header([u8; HEADER_BYTES], usize),
    /// Within the payload of a frame of this kind: so many bytes are to come.
    Payload(u8, usize),
}

impl Strain {
    /// That of a connection on which nothing has happened.
    pub fn new() -> Self {
        Self { credit: HTTP2_CREDIT_MAX, credited_ms: 0, place: Place::Preface(PREFACE_BYTES), is_block_open: false }
    }

    /// Whether the client has overdrawn its credit.
    pub fn is_too_much(&self) -> bool {
        self.credit < 0
    }

    /// Whether a request's fields have begun to arrive, or a frame that is small, and are not complete. Data may take its
    /// time: the exchange that it belongs to has bounds of its own.
    pub fn is_within_head(&self) -> bool {
        self.is_block_open
            || match self.place {
                Place::Preface(_) => true,
                Place::Header(_, seen) => seen > 0,
                Place::Payload(kind, _) => kind != DATA,
            }
    }

    /// How many bytes are to come before the next frame begins; nothing within its header.
    pub fn until_frame(&self) -> Option<usize> {
        match self.place {
            Place::Preface(left) | Place::Payload(_, left) => Some(left),
            Place::Header(_, seen) => (seen == 0).then_some(0),
        }
    }

    /// Takes note of bytes that arrived, however they are cut.
    pub fn received(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = self.step(bytes);
        }
    }

    /// Takes note of bytes that were sent: the client has to open its windows for them.
    pub fn sent(&mut self, bytes: usize) {
        self.earn(i64::try_from(bytes / SENT_BYTES_PER_CREDIT).unwrap_or(HTTP2_CREDIT_MAX) + 1);
    }

    /// Takes note of the time.
    pub fn passed(&mut self, now_ms: u64) {
        let seconds = now_ms.saturating_sub(self.credited_ms) / 1000;
        if seconds > 0 {
            self.credited_ms = now_ms;
            self.earn(HTTP2_CREDIT_PER_SECOND.saturating_mul(i64::try_from(seconds).unwrap_or(HTTP2_CREDIT_MAX)));
        }
    }

    fn earn(&mut self, credit: i64) {
        self.credit = self.credit.saturating_add(credit).min(HTTP2_CREDIT_MAX);
    }

    fn step<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        match self.place {
            Place::Preface(left) => self.skip(bytes, left, Place::Preface),
            Place::Payload(kind, left) => self.skip(bytes, left, |left| Place::Payload(kind, left)),
            Place::Header(mut header, seen) => {
                let (now, rest) = bytes.split_at(bytes.len().min(HEADER_BYTES - seen));
                header.iter_mut().skip(seen).zip(now).for_each(|(slot, byte)| *slot = *byte);
                if seen + now.len() < HEADER_BYTES {
                    self.place = Place::Header(header, seen + now.len());
                } else {
                    self.begin(header);
                }
                rest
            }
        }
    }

    fn skip<'b>(&mut self, bytes: &'b [u8], left: usize, place: impl FnOnce(usize) -> Place) -> &'b [u8] {
        let (taken, rest) = bytes.split_at(bytes.len().min(left));
        self.place = if taken.len() == left { BETWEEN_FRAMES } else { place(left - taken.len()) };
        rest
    }

    /// A frame begins (RFC 9113 §4.1).
    fn begin(&mut self, [high, middle, low, kind, flags, ..]: [u8; HEADER_BYTES]) {
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        if matches!(kind, HEADERS | PUSH_PROMISE | CONTINUATION) {
            self.is_block_open = flags & END_HEADERS == 0;
        }
        self.earn(-cost(kind, flags, length));
        self.place = if length == 0 { BETWEEN_FRAMES } else { Place::Payload(kind, length) };
    }
}

impl Default for Strain {
    fn default() -> Self {
        Self::new()
    }
}

/// What a frame takes of the credit (RFC 9113 §6). Data that is some takes nothing: it has bounds of its own. A request
/// gives: some clients say its priority, and open two windows for its answer, however short that is.
fn cost(kind: u8, flags: u8, length: usize) -> i64 {
    match kind {
        DATA if length == 0 && flags & END_STREAM == 0 => 5,
        DATA => 0,
        HEADERS => -2,
        RST_STREAM | SETTINGS => 10,
        PING => 5,
        // PRIORITY, PUSH_PROMISE, GOAWAY, WINDOW_UPDATE, CONTINUATION, and what nobody knows.
        _ => 1,
    }
}

const BETWEEN_FRAMES: Place = Place::Header([0; HEADER_BYTES], 0);
const PREFACE_BYTES: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
pub(super) const HEADER_BYTES: usize = 9;
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
/// Some clients open both windows for every 4 KiB that they take: that must be paid for by what they took.
const SENT_BYTES_PER_CREDIT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![0, u8::try_from(payload >> 8).unwrap(), u8::try_from(payload & 255).unwrap(), kind, flags];
        frame.extend([0; 4]);
        frame.extend(vec![0xff; payload]);
        frame
    }

    fn after_preface() -> Strain {
        let mut strain = Strain::new();
        strain.received(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        strain
    }

    #[test]
    fn a_hundred_resets_are_borne_and_one_more_is_not() {
        let mut strain = after_preface();
        (0..100).for_each(|_| strain.received(&frame(RST_STREAM, 0, 4)));
        assert!(!strain.is_too_much());
        strain.received(&frame(RST_STREAM, 0, 4));
        assert!(strain.is_too_much());
    }

    #[test]
    fn credit_comes_back_with_time_and_with_what_was_sent_up_to_its_bound() {
        let mut strain = after_preface();
        (0..100).for_each(|_| strain.received(&frame(RST_STREAM, 0, 4)));
        strain.passed(1000);
        (0..20).for_each(|_| strain.received(&frame(RST_STREAM, 0, 4)));
        assert!(!strain.is_too_much());
        strain.sent(1024 * 9);
        strain.received(&frame(RST_STREAM, 0, 4));
        assert!(!strain.is_too_much());
        strain.passed(u64::MAX);
        assert_eq!(strain.credit, HTTP2_CREDIT_MAX);
    }

    #[test]
    fn requests_and_data_take_nothing() {
        let mut strain = after_preface();
        for _ in 0..10_000 {
            strain.received(&frame(HEADERS, 5, 100));
            strain.received(&frame(DATA, 0, 1));
            strain.received(&frame(DATA, 1, 0));
        }
        assert_eq!(strain.credit, HTTP2_CREDIT_MAX);
    }

    /// What common clients do for each answer, however short, and for each 4 KiB of a long one.
    #[test]
    fn a_client_that_opens_its_windows_often_is_borne_for_ever() {
        let mut strain = after_preface();
        for _ in 0..10_000 {
            strain.received(&frame(HEADERS, 5, 10));
            strain.received(&frame(2, 0, 5));
            strain.sent(60);
            (0..2).for_each(|_| strain.received(&frame(8, 0, 4)));
        }
        for _ in 0..10_000 {
            strain.sent(16 * 1024);
            (0..8).for_each(|_| strain.received(&frame(8, 0, 4)));
        }
        assert_eq!(strain.credit, HTTP2_CREDIT_MAX - 8);
    }

    #[test]
    fn a_head_is_told_from_the_first_byte_of_its_first_frame_to_the_last_of_its_last() {
        let mut strain = Strain::new();
        assert!(strain.is_within_head());
        let mut strain_after = after_preface();
        assert!(!strain_after.is_within_head());
        let bytes = [frame(HEADERS, 0, 9), frame(CONTINUATION, 0, 0), frame(CONTINUATION, END_HEADERS, 2)].concat();
        let (last, all_but_one) = bytes.split_last().unwrap();
        for byte in all_but_one {
            strain_after.received(&[*byte]);
            assert!(strain_after.is_within_head());
        }
        strain_after.received(&[*last]);
        assert!(!strain_after.is_within_head());
        strain_after.received(&frame(DATA, 0, 9)[..12]);
        assert!(!strain_after.is_within_head(), "data has its own time");
        strain.received(b"PRI");
        assert!(strain.is_within_head());
    }

    proptest! {
        #[test]
        fn frames_are_counted_the_same_however_they_are_cut(
            frames in prop::collection::vec((0_u8..12, any::<u8>(), 0_usize..40), 0..30),
            cuts in prop::collection::vec(1_usize..20, 1..60),
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|(kind, flags, payload)| frame(*kind, *flags, *payload)).collect();
            let (mut whole, mut cut) = (after_preface(), after_preface());
            whole.received(&bytes);
            let mut rest = &bytes[..];
            for size in cuts.iter().cycle().take(bytes.len()) {
                let (now, later) = rest.split_at((*size).min(rest.len()));
                cut.received(now);
                rest = later;
            }
            prop_assert_eq!((whole.credit, whole.is_within_head()), (cut.credit, cut.is_within_head()));
            prop_assert_eq!(whole.place, BETWEEN_FRAMES);
        }
    }
}
