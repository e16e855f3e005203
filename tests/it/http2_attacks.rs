//! HTTP/2 by hand: floods and frames that no client sends. The attacker's connection ends, nobody else notices, and nothing
//! reaches the upstream that was not a whole request.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, Http2, PING, PRIORITY, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, block, frame, other, request,
};
use crate::support::tls::Caller;
use crate::support::tokens::Token;
use http::Method;
use scopegate::config::bounds::{HTTP2_LOCAL_RESETS_MAX, HTTP2_PENDING_RESETS_MAX};

const OPEN: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "api.bank.example"), (":path", "/open/x")];

fn world() -> World {
    Setup::default().with_tls("", &[])
}

fn with<'f>(more: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    OPEN.iter().copied().chain(more.iter().copied()).collect()
}

type Fields = Vec<(&'static str, &'static str)>;

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
            let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&OPEN));
            // A window beyond all windows, or a stream that depends on itself.
            let fault = match turn % 2 {
                0 => frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff]),
                _ => frame(PRIORITY, 0, stream, &[&stream.to_be_bytes()[..], &[1]].concat()),
            };
            [open, fault].concat()
        }),
    ];
    let mut strained = 0.0;
    for (name, flood) in floods {
        let mut frames = Frames::connect(&world);
        assert!(ends_under(&mut frames, flood), "{name}");
        let answer = beside.send(&Request::get("/accounts").token(&token));
        assert_eq!(answer.status(), 200, "beside {name}");
        strained += 1.0;
        eventually(name, || (world.metric("scopegate_connections_strained_total") >= strained).then_some(()));
    }
    eventually("the connections' end", || (world.metric("scopegate_connections ") <= 1.5).then_some(()));
}

/// What follows `turns` of `frames`, all sent at once: the answer to a ping, or the connection's end and its reason.
fn after(world: &World, turns: usize, frames_of: impl Fn(u32) -> Vec<u8>) -> (u8, u32) {
    let mut frames = Frames::connect(world);
    let all: Vec<u8> = (0..u32::try_from(turns).unwrap()).flat_map(|turn| frames_of(turn * 2 + 1)).collect();
    frames.bytes(&[all, frame(PING, 0, 0, &[0; 8])].concat());
    let end = frames.next_of(&[PING, GOAWAY]).unwrap();
    (end.kind, u32::from_be_bytes(end.payload[4..8].try_into().unwrap()))
}

/// CVE-2023-44487 and CVE-2025-8671, at the bound and one past it.
#[test]
fn resets_are_borne_in_number() {
    let world = world();
    let calm = u32::from(h2::Reason::ENHANCE_YOUR_CALM);
    let taken_back = |stream| {
        let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&OPEN));
        [open, frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    };
    assert_eq!(after(&world, HTTP2_PENDING_RESETS_MAX, taken_back), (PING, 0));
    assert_eq!(after(&world, HTTP2_PENDING_RESETS_MAX + 1, taken_back), (GOAWAY, calm));
    let refused = |stream| {
        let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&OPEN));
        [open, frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff])].concat()
    };
    assert_eq!(after(&world, HTTP2_LOCAL_RESETS_MAX, refused), (PING, 0));
    assert_eq!(after(&world, HTTP2_LOCAL_RESETS_MAX + 1, refused), (GOAWAY, calm));
}

/// CVE-2023-44487: what was taken back at once has cost nobody anything, and the connection is as good as before.
#[test]
fn a_request_that_is_taken_back_at_once_reaches_nobody() {
    let world = Setup::limits(&["idle_timeout: 300ms"]).with_tls("", &[]);
    let mut frames = Frames::connect(&world);
    let both = |stream| {
        [frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&OPEN)), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])]
    };
    frames.bytes(&(0..10).flat_map(|turn| both(turn * 2 + 1)).collect::<Vec<_>>().concat());
    frames.ask(21, &OPEN);
    let answer = frames.next_of(&[HEADERS]).unwrap();
    assert_eq!((answer.stream, answer.status(), world.upstream.hits()), (21, 200, 1));
    assert!(frames.next_of(&[GOAWAY]).is_some(), "it becomes idle, and ends");
}

/// HTTP-31 and its kin: the stream is reset, or the connection ends; no answer, and nothing upstream.
#[test]
fn malformed_heads_never_reach_the_upstream() {
    let world = world();
    let pseudo = |rows: &[(&'static str, &'static str)]| rows.to_vec();
    let rows: [(&str, Vec<(&str, &str)>); 32] = [
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
        ("a :path without its slash, CVE-2026-33186", vec![OPEN[0], OPEN[1], OPEN[2], (":path", "open/x")]),
        ("an absolute :path", vec![OPEN[0], OPEN[1], OPEN[2], (":path", "https://api.bank.example/open/x")]),
        ("a :path with a space", vec![OPEN[0], OPEN[1], OPEN[2], (":path", "/open/x y")]),
        ("a tunnel with a :path", vec![(":method", "CONNECT"), OPEN[2], OPEN[3]]),
        ("an extended tunnel", vec![(":method", "CONNECT"), (":protocol", "websocket"), OPEN[1], OPEN[2], OPEN[3]]),
        ("a length that is none", with(&[("content-length", "+5")])),
        ("two lengths", with(&[("content-length", "0"), ("content-length", "5")])),
        ("a length without data", with(&[("content-length", "5")])),
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

/// These can be answered, and are; nothing reaches the upstream.
#[test]
fn heads_with_two_readings_are_refused() {
    let world = world();
    let at = |path: &'static str| vec![OPEN[0], OPEN[1], OPEN[2], (":path", path)];
    let rows: [(&str, Fields, u16); 14] = [
        (":authority and another host", with(&[("host", "other.example")]), 400),
        (":authority and another port", with(&[("host", "api.bank.example:444")]), 400),
        ("two hosts", with(&[("host", "api.bank.example"), ("host", "api.bank.example")]), 400),
        ("somebody in :authority", vec![OPEN[0], OPEN[1], (":authority", "a@api.bank.example"), OPEN[3]], 400),
        ("neither :authority nor host", vec![OPEN[0], OPEN[1], OPEN[3]], 400),
        ("an asterisk", at("*"), 400),
        ("dots", at("/open/../accounts"), 400),
        ("encoded dots", at("/open/%2e%2e/accounts"), 400),
        ("another scheme", vec![OPEN[0], (":scheme", "http"), OPEN[2], OPEN[3]], 400),
        ("a length twice", with(&[("content-length", "0"), ("content-length", "0")]), 400),
        ("a space before a value", with(&[("x", " y")]), 400),
        ("a tab behind a value", with(&[("x", "y\t")]), 400),
        ("a value of white space", with(&[("x", " ")]), 400),
        ("a tunnel", vec![(":method", "CONNECT"), (":authority", "api.bank.example:443")], 405),
    ];
    for (name, fields, status) in &rows {
        let mut frames = Frames::connect(&world);
        frames.ask(1, fields);
        assert_eq!(frames.next_of(&[HEADERS, RST_STREAM, GOAWAY]).unwrap().status(), *status, "{name}");
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// CVE-2021-32779: `h2` cuts a fragment off before anybody sees it. What is decided on is what is forwarded all the same.
#[test]
fn a_fragment_reaches_nobody() {
    let world = world();
    for (path, status) in [("/open/x#y", 200), ("/accounts#/../open/x", 401)] {
        let mut frames = Frames::connect(&world);
        frames.ask(1, &[OPEN[0], OPEN[1], OPEN[2], (":path", path)]);
        assert_eq!(frames.next_of(&[HEADERS]).unwrap().status(), status, "{path}");
    }
    assert_eq!(world.upstream.only().target(), "/open/x");
}

/// RFC 9110 §8.6: to some an empty length is nought, and `010` is eight. Upstream, what is left would begin another request.
#[test]
fn a_length_with_two_readings_never_goes_upstream() {
    let world = world();
    let post = |length| vec![(":method", "POST"), OPEN[1], OPEN[2], OPEN[3], ("content-length", length)];
    for (length, data) in [("", &b""[..]), ("010", b"0123456789")] {
        let mut frames = Frames::connect(&world);
        frames.send(HEADERS, END_HEADERS, 1, &block(&post(length)));
        frames.send(DATA, END_STREAM, 1, data);
        assert_eq!(frames.next_of(&[HEADERS, RST_STREAM, GOAWAY]).unwrap().status(), 400, "{length:?}");
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// RFC 9113 §8.1.1: data that is not as long as it was announced. What has gone upstream has no end there.
#[test]
fn a_body_of_another_length_is_never_whole_upstream() {
    let world = world();
    let post = [(":method", "POST"), OPEN[1], OPEN[2], OPEN[3], ("content-length", "5")];
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

/// They come in Huffman code, and the connection remembers the last one: nobody is let in by the token before theirs.
#[test]
fn tokens_in_turn_are_each_taken_for_themselves() {
    let world = world();
    let mut client = Http2::connect(&world, &Caller::new(None));
    let [one, other] = ["tpp-1", "tpp-2"].map(|id| (Token::good().claim("client_id", id).mint(), id));
    let narrow = Token::good().claim("scope", "payments").mint();
    let forged = format!("{}AAAA", one.0);
    let mut ask = |token: &str| client.ask(request(Method::GET, "/accounts", Some(token), "")).unwrap().status.as_u16();
    for (token, id) in [&one, &one, &other, &one, &other] {
        assert_eq!(ask(token), 200);
        assert_eq!(world.upstream.last().one("x-auth-client-id"), *id);
        assert_eq!((ask(&narrow), ask(&forged), ask(&forged)), (403, 401, 401));
    }
}
