//! How much a client keeps us busy with frames that carry no request and no data. Resets (CVE-2023-44487), settings, pings,
//! empty data (CVE-2019-9512, 9515, 9518) and windows cost the client next to nothing, so each connection has a credit of
//! them that grows again with time, and with what we send: windows are opened for that.

use crate::net::client::{Activity, ClientStream};
use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The credit of one connection. Clones share it.
#[derive(Clone, Debug)]
pub struct Strain(Rc<Account>);

#[derive(Debug)]
struct Account {
    credit: Cell<i64>,
    /// When credit was last given for time, in milliseconds of the worker.
    credited_ms: Cell<u64>,
    place: Cell<Place>,
}

/// Where in the stream of frames the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Within the preface (RFC 9113 §3.4): so many bytes are to come.
    Preface(usize),
    /// Within a frame's header: the bytes that were seen, and how many.
    Header([u8; HEADER_BYTES], usize),
    /// Within a frame's payload: so many bytes are to come.
    Payload(usize),
}

impl Strain {
    /// That of a connection on which nothing has happened.
    pub fn new() -> Self {
        Self(Rc::new(Account {
            credit: Cell::new(CREDIT_MAX),
            credited_ms: Cell::new(0),
            place: Cell::new(Place::Preface(PREFACE_BYTES)),
        }))
    }

    /// Whether the client has overdrawn its credit.
    pub fn is_too_much(&self) -> bool {
        self.0.credit.get() < 0
    }

    /// Takes note of bytes that arrived, however they are cut.
    pub fn received(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (place, rest) = self.step(self.0.place.get(), bytes);
            self.0.place.set(place);
            bytes = rest;
        }
    }

    /// Takes note of bytes that were sent: the client has to open its windows for them.
    pub fn sent(&self, bytes: usize) {
        self.earn(i64::try_from(bytes / SENT_BYTES_PER_CREDIT).unwrap_or(CREDIT_MAX) + 1);
    }

    /// Takes note of the time.
    pub fn passed(&self, now_ms: u64) {
        let seconds = now_ms.saturating_sub(self.0.credited_ms.get()) / 1000;
        if seconds > 0 {
            self.0.credited_ms.set(now_ms);
            self.earn(CREDIT_PER_SECOND.saturating_mul(i64::try_from(seconds).unwrap_or(CREDIT_MAX)));
        }
    }

    fn earn(&self, credit: i64) {
        self.0.credit.set(self.0.credit.get().saturating_add(credit).min(CREDIT_MAX));
    }

    fn step<'b>(&self, place: Place, bytes: &'b [u8]) -> (Place, &'b [u8]) {
        match place {
            Place::Preface(left) => skip(bytes, left, Place::Preface),
            Place::Payload(left) => skip(bytes, left, Place::Payload),
            Place::Header(mut header, seen) => {
                let taken = bytes.len().min(HEADER_BYTES - seen);
                let (now, rest) = bytes.split_at(taken);
                header.iter_mut().skip(seen).zip(now).for_each(|(slot, byte)| *slot = *byte);
                if seen + taken < HEADER_BYTES {
                    return (Place::Header(header, seen + taken), rest);
                }
                let [high, middle, low, kind, flags, ..] = header;
                let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                self.0.credit.set(self.0.credit.get().saturating_sub(cost(kind, flags, length)));
                (if length == 0 { BETWEEN_FRAMES } else { Place::Payload(length) }, rest)
            }
        }
    }
}

impl Default for Strain {
    fn default() -> Self {
        Self::new()
    }
}

fn skip(bytes: &[u8], left: usize, place: impl FnOnce(usize) -> Place) -> (Place, &[u8]) {
    let (taken, rest) = bytes.split_at(bytes.len().min(left));
    (if taken.len() == left { BETWEEN_FRAMES } else { place(left - taken.len()) }, rest)
}

/// What a frame takes of the credit (RFC 9113 §6, the types in its order). A request, and data that is some, take nothing:
/// they have bounds of their own.
fn cost(kind: u8, flags: u8, length: usize) -> i64 {
    let ends_stream = flags & 1 != 0;
    match kind {
        DATA if length == 0 && !ends_stream => 5,
        DATA | HEADERS => 0,
        RST_STREAM | SETTINGS => 10,
        PING => 5,
        // PRIORITY, PUSH_PROMISE, GOAWAY, WINDOW_UPDATE, CONTINUATION, and what nobody knows.
        _ => 1,
    }
}

/// A client's connection whose frames are counted.
pub struct Strained {
    stream: ClientStream,
    strain: Strain,
    activity: Rc<Activity>,
}

impl Strained {
    /// Counts those of `stream`; the time is that of its `activity`.
    pub fn new(stream: ClientStream, strain: Strain, activity: Rc<Activity>) -> Self {
        Self { stream, strain, activity }
    }
}

impl AsyncRead for Strained {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.strain.is_too_much() {
            // Nothing more is taken from it; whoever drives the connection sees why.
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.strain.passed(self.activity.now_ms());
        self.strain.received(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Strained {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.strain.sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        self.strain.sent(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

const BETWEEN_FRAMES: Place = Place::Header([0; HEADER_BYTES], 0);
const PREFACE_BYTES: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
const HEADER_BYTES: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
/// A hundred resets or two hundred pings at once: a page that is left resets all of its streams.
pub const CREDIT_MAX: i64 = 1000;
/// Twenty resets or forty pings a second go on for ever.
const CREDIT_PER_SECOND: i64 = 200;
/// A client opens a window at the latest when it has half of it; the smallest in use are of 64 KiB, and two are opened.
const SENT_BYTES_PER_CREDIT: usize = 4 * 1024;

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
        let strain = Strain::new();
        strain.received(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        strain
    }

    #[test]
    fn a_hundred_resets_are_borne_and_one_more_is_not() {
        let strain = after_preface();
        (0..100).for_each(|_| strain.received(&frame(RST_STREAM, 0, 4)));
        assert!(!strain.is_too_much());
        strain.received(&frame(RST_STREAM, 0, 4));
        assert!(strain.is_too_much());
    }

    #[test]
    fn credit_comes_back_with_time_and_with_what_was_sent_up_to_its_bound() {
        let strain = after_preface();
        (0..100).for_each(|_| strain.received(&frame(RST_STREAM, 0, 4)));
        strain.passed(1000);
        (0..20).for_each(|_| strain.received(&frame(RST_STREAM, 0, 4)));
        assert!(!strain.is_too_much());
        strain.sent(4096 * 9);
        strain.received(&frame(RST_STREAM, 0, 4));
        assert!(!strain.is_too_much());
        strain.passed(u64::MAX);
        assert_eq!(strain.0.credit.get(), CREDIT_MAX);
    }

    #[test]
    fn requests_and_data_take_nothing() {
        let strain = after_preface();
        for _ in 0..10_000 {
            strain.received(&frame(HEADERS, 5, 100));
            strain.received(&frame(DATA, 0, 1));
            strain.received(&frame(DATA, 1, 0));
        }
        assert_eq!(strain.0.credit.get(), CREDIT_MAX);
    }

    proptest! {
        #[test]
        fn frames_are_counted_the_same_however_they_are_cut(
            frames in prop::collection::vec((0_u8..12, any::<u8>(), 0_usize..40), 0..30),
            cuts in prop::collection::vec(1_usize..20, 1..60),
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|(kind, flags, payload)| frame(*kind, *flags, *payload)).collect();
            let (whole, cut) = (after_preface(), after_preface());
            whole.received(&bytes);
            let mut rest = &bytes[..];
            for size in cuts.iter().cycle().take(bytes.len()) {
                let (now, later) = rest.split_at((*size).min(rest.len()));
                cut.received(now);
                rest = later;
            }
            prop_assert_eq!(whole.0.credit.get(), cut.0.credit.get());
            prop_assert_eq!(whole.0.place.get(), BETWEEN_FRAMES);
        }
    }
}
