//! HTTP/2 by hand: floods and frames that no client sends. The attacker's connection ends, nobody else notices, and nothing
//! reaches the upstream that was not a whole request.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, block, frame, other,
};
use crate::support::tokens::Token;

const OPEN: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "api.bank.example"), (":path", "/open/x")];

fn world() -> World {
    Setup::default().with_tls("", &[])
}

fn with<'f>(more: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    OPEN.iter().copied().chain(more.iter().copied()).collect()
}

/// Sends `bytes` over and over: whether the connection ends before a bound that no client comes near.
fn ends_under(frames: &mut Frames, mut bytes: impl FnMut(u32) -> Vec<u8>) -> bool {
    (0..FLOOD_MAX).any(|turn| !frames.bytes(&bytes(turn)))
}

/// Its name, and what is sent in each turn.
type Flood = (&'static str, fn(u32) -> Vec<u8>);

const FLOOD_MAX: u32 = 100_000;

#[test]
fn every_flood_ends_its_own_connection_only() {
    let world = world();
    let mut beside = other(&world);
    let token = Token::good().mint();
    let floods: [Flood; 9] = [
        ("rapid reset, CVE-2023-44487", |turn| {
            let stream = turn * 2 + 1;
            let mut both = frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&OPEN));
            both.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
            both
        }),
        ("settings, CVE-2019-9515", |_| frame(SETTINGS, 0, 0, &[])),
        ("pings, CVE-2019-9512", |_| frame(PING, 0, 0, &[0; 8])),
        ("windows of one byte", |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("priorities, CVE-2019-9513", |turn| frame(PRIORITY, 0, turn * 2 + 1, &[0, 0, 0, 0, 1])),
        ("frames of an unknown kind", |_| frame(0xfb, 0, 0, &[])),
        ("empty data, CVE-2019-9518", |turn| {
            let mut head = vec![];
            if turn == 0 {
                let post = [(":method", "POST"), (":scheme", "https"), (":authority", "a"), (":path", "/open/x")];
                head = frame(HEADERS, END_HEADERS, 1, &block(&post));
            }
            head.extend(frame(DATA, 0, 1, &[]));
            head
        }),
        ("a head without an end, RUSTSEC-2024-0332", |turn| {
            if turn == 0 {
                frame(HEADERS, 0, 1, &block(&OPEN))
            } else {
                frame(CONTINUATION, 0, 1, &block(&[("x", "y")]))
            }
        }),
        ("resets that we are made to send, CVE-2025-8671", |turn| {
            let stream = turn * 2 + 1;
            let mut both = frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&OPEN));
            both.extend(frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0, 0]));
            both
        }),
    ];
    for (name, flood) in floods {
        let mut frames = Frames::connect(&world);
        assert!(ends_under(&mut frames, flood), "{name}");
        let answer = beside.send(&Request::get("/accounts").token(&token));
        assert_eq!(answer.status(), 200, "beside {name}");
    }
    eventually("the connections' end", || (world.metric("scopegate_connections ") <= 1.5).then_some(()));
    assert!(world.metric("scopegate_connections_strained_total") >= 5.0);
}

/// HTTP-31 and its kin: the stream is reset, or the connection ends; no answer, and nothing upstream.
#[test]
fn malformed_heads_never_reach_the_upstream() {
    let world = world();
    let pseudo = |rows: &[(&'static str, &'static str)]| rows.to_vec();
    let rows: [(&str, Vec<(&str, &str)>); 24] = [
        ("no :method", pseudo(&OPEN[1..])),
        ("no :path", pseudo(&OPEN[..3])),
        ("no :scheme", vec![OPEN[0], OPEN[2], OPEN[3]]),
        ("two :path", with(&[(":path", "/open/y")])),
        ("two :method", with(&[(":method", "POST")])),
        ("two :authority", with(&[(":authority", "other")])),
        (":status", with(&[(":status", "200")])),
        ("an unknown pseudo-field", with(&[(":x", "y")])),
        (":protocol", with(&[(":protocol", "websocket")])),
        ("a pseudo-field after a field", vec![OPEN[0], OPEN[1], ("x", "y"), OPEN[2], OPEN[3]]),
        ("an empty :path", vec![OPEN[0], OPEN[1], OPEN[2], (":path", "")]),
        ("upper case", with(&[("X-Upper", "y")])),
        ("an empty name", with(&[("", "y")])),
        ("a space in a name", with(&[("x y", "z")])),
        ("a colon in a name", with(&[("x:y", "z")])),
        ("connection", with(&[("connection", "close")])),
        ("keep-alive", with(&[("keep-alive", "5")])),
        ("proxy-connection", with(&[("proxy-connection", "close")])),
        ("transfer-encoding", with(&[("transfer-encoding", "chunked")])),
        ("upgrade", with(&[("upgrade", "h2c")])),
        ("te: gzip", with(&[("te", "gzip")])),
        ("CR LF in a value", with(&[("x", "y\r\nx-auth-subject: z")])),
        ("LF in a value", with(&[("x", "y\nz")])),
        ("NUL in a value", with(&[("x", "y\0z")])),
    ];
    for (name, fields) in &rows {
        let mut frames = Frames::connect(&world);
        frames.ask(1, fields);
        let end = frames.next_of(&[HEADERS, RST_STREAM, GOAWAY]);
        assert!(end.as_ref().is_none_or(|frame| frame.kind != HEADERS), "{name}: {end:?}");
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// These can be answered, and are: 400, and nothing upstream.
#[test]
fn heads_with_two_readings_are_refused() {
    let world = world();
    let rows: [(&str, Vec<(&str, &str)>); 6] = [
        (":authority and another host", with(&[("host", "other.example")])),
        ("two hosts", with(&[("host", "api.bank.example"), ("host", "api.bank.example")])),
        ("a path without its slash, CVE-2026-33186", vec![OPEN[0], OPEN[1], OPEN[2], (":path", "open/x")]),
        ("an asterisk", vec![OPEN[0], OPEN[1], OPEN[2], (":path", "*")]),
        ("dots", vec![OPEN[0], OPEN[1], OPEN[2], (":path", "/open/../accounts")]),
        ("neither :authority nor host", vec![OPEN[0], OPEN[1], OPEN[3]]),
    ];
    for (name, fields) in &rows {
        let mut frames = Frames::connect(&world);
        frames.ask(1, fields);
        // Some are refused before they are a request: then the stream is reset.
        let end = frames.next_of(&[HEADERS, RST_STREAM, GOAWAY]).map(|frame| frame.kind);
        assert!(matches!(end, Some(HEADERS | RST_STREAM | GOAWAY)), "{name}: {end:?}");
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// RFC 9113 §8.1.1: data that is not as long as it was announced. What has gone upstream has no end there.
#[test]
fn a_body_of_another_length_is_never_whole_upstream() {
    let world = world();
    let post = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "api.bank.example"),
        (":path", "/open/x"),
        ("content-length", "5"),
    ];
    for (name, data) in [("shorter", &b"four"[..]), ("longer", b"sixsix")] {
        let mut frames = Frames::connect(&world);
        frames.send(HEADERS, END_HEADERS, 1, &block(&post));
        frames.send(DATA, END_STREAM, 1, data);
        let end = frames.next_of(&[RST_STREAM, GOAWAY]);
        assert!(end.is_some(), "{name}");
    }
    assert!(world.upstream.requests().iter().all(|request| !request.is_complete), "{:?}", world.upstream.requests());
}

/// A head larger than `limits.head`, in one block and by reference to what was said before (HPACK bomb).
#[test]
fn large_heads_are_refused() {
    let world = world();
    let long = "y".repeat(60_000);
    let mut frames = Frames::connect(&world);
    let fields = block(&with(&[("x", &long)]));
    let (first, rest) = fields.split_at(16_000);
    frames.send(HEADERS, END_STREAM, 1, first);
    for (place, piece) in rest.chunks(16_000).enumerate() {
        let flags = if (place + 1) * 16_000 >= rest.len() { END_HEADERS } else { 0 };
        frames.send(CONTINUATION, flags, 1, piece);
    }
    assert!(frames.next_of(&[HEADERS, RST_STREAM, GOAWAY]).is_some());

    let mut bomb = block(&OPEN);
    // A literal that goes into the table (RFC 7541 §6.2.1), then 20,000 references to it.
    bomb.extend([0x40, 1, b'x', 127, 0x80 | 0x21, 0x1e]);
    bomb.extend(vec![b'y'; 127 + 0x21 + 0x1e * 128]);
    bomb.extend(vec![0xbe; 10_000]);
    let mut frames = Frames::connect(&world);
    frames.send(HEADERS, END_HEADERS | END_STREAM, 1, &bomb);
    assert!(frames.next_of(&[HEADERS, RST_STREAM, GOAWAY]).is_some());
    assert_eq!(world.upstream.hits(), 0);
    assert_eq!(other(&world).send(&Request::get("/open/x")).status(), 200);
}
