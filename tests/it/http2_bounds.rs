//! Every bound and every time of HTTP/2 connections, at the bound and one past it.

use crate::support::client::Request as Plain;
use crate::support::gateway::{Setup, World};
use crate::support::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, Http2, PING, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, block, frame, other, request,
};
use crate::support::server::{After, write};
use crate::support::tls::Caller;
use crate::support::tokens::Token;
use crate::support::{WAIT, eventually};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use scopegate::clock::Clock;
use scopegate::config::bounds::{HTTP2_CONNECTION_WINDOW, HTTP2_STREAM_WINDOW};
use scopegate::config::limits::HEADERS_MOST;
use std::net::TcpListener;
use std::time::Duration;

const OPEN: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "api.bank.example"), (":path", "/open/x")];
const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "https"), (":authority", "api.bank.example"), (":path", "/open/x")];

const ACK: u8 = 1;

fn world(limits: &[&str]) -> World {
    Setup::limits(limits).with_tls("", &[])
}

fn get(path: &str) -> Request<Bytes> {
    request(Method::GET, path, Some(&Token::good().mint()), "")
}

/// An upstream that answers everything but `/open/slow`.
fn with_slow(world: &World) {
    world.upstream.becomes(|message, stream| {
        if message.target() == "/open/slow" {
            std::io::Read::read(stream, &mut [0]).ok();
            return After::Close;
        }
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    });
}

/// A connection on which a request is under way and stays so.
fn busy(world: &World) -> Frames {
    let mut frames = Frames::connect(world);
    frames.ask(1, &[OPEN[0], OPEN[1], OPEN[2], (":path", "/open/slow")]);
    world.upstream.wait_for(1);
    frames
}

/// At the bound, and one past it: the stream is refused, the connection and the others are not.
#[test]
fn streams_are_bounded() {
    let world = world(&["streams: 3"]);
    let mut frames = Frames::connect(&world);
    let head = block(&POST);
    for stream in [1, 3, 5, 7] {
        frames.send(HEADERS, END_HEADERS, stream, &head);
    }
    let refused = frames.next_of(&[RST_STREAM]).unwrap();
    assert_eq!((refused.stream, refused.payload.as_slice()), (7, &[0, 0, 0, 7][..]), "REFUSED_STREAM");
    frames.send(DATA, END_STREAM, 1, b"body");
    let answer = frames.next_of(&[HEADERS]).unwrap();
    assert_eq!(answer.stream, 1, "those inside are answered");
}

/// As on HTTP/1.1: with an answer that can be talked about, and a line in the log.
#[test]
fn heads_are_bounded_in_bytes_and_in_fields() {
    let world = world(&["head: 16KiB"]);
    let mut client = Http2::connect(&world, &Caller::new(None));
    let lines = |ask: &Request<Bytes>| -> usize {
        ask.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
    };
    let padded = |bytes: usize| {
        let mut ask = get("/accounts");
        let bare = "/accounts".len() + lines(&ask) + "x-pad: \r\n".len();
        ask.headers_mut().insert("x-pad", "p".repeat(bytes - bare).parse().unwrap());
        ask
    };
    assert_eq!(client.ask(padded(16 * 1024)).unwrap().status, 200);
    let refused = client.ask(padded(16 * 1024 + 1)).unwrap();
    assert_eq!(refused.status, 431);
    assert_eq!(refused.fields["content-type"], "application/problem+json");
    let id = refused.fields["x-fapi-interaction-id"].to_str().unwrap().to_owned();
    let is_its = |line: &str| line.contains(&id) && line.contains("head_too_large");
    eventually("its line", || world.log().lines().any(is_its).then_some(()));
    let mut many = |count: usize| {
        let mut ask = get("/accounts");
        let name = |n| HeaderName::try_from(format!("x-{n}")).unwrap();
        ask.headers_mut().extend((1..count).map(|n| (name(n), HeaderValue::from_static("y"))));
        client.ask(ask).unwrap().status.as_u16()
    };
    assert_eq!((many(100), many(101)), (200, 431));
    assert_eq!(world.upstream.hits(), 2);
}

#[test]
fn fields_are_bounded_by_what_an_operator_says() {
    for most in [10, HEADERS_MOST] {
        let world = world(&[&format!("headers: {most}")]);
        let mut client = Http2::connect(&world, &Caller::new(None));
        for (count, expected) in [(most, 200), (most + 1, 431), (most * 2, 431)] {
            let mut ask = get("/accounts");
            let more =
                (1..count).map(|n| (HeaderName::try_from(format!("x-{n}")).unwrap(), HeaderValue::from_static("y")));
            ask.headers_mut().extend(more);
            assert_eq!(client.ask(ask).unwrap().status, expected, "{count} of {most}");
        }
        assert_eq!(world.upstream.hits(), 1);
    }
}

/// HTTP-36: a head that does not come to its end, between two frames and within one, whatever else is under way.
#[test]
fn a_head_has_a_time() {
    let world = world(&["head_timeout: 300ms", "idle_timeout: 1m"]);
    with_slow(&world);
    for part in [&frame(HEADERS, 0, 3, &block(&OPEN))[..], &frame(PING, 0, 0, &[0; 8])[..12], &[0]] {
        for is_busy in [false, true] {
            let mut frames = if is_busy { busy(&world) } else { Frames::connect(&world) };
            frames.bytes(part);
            let start = Clock::System.instant();
            while frames.next().is_some() {}
            assert!(start.elapsed() < WAIT / 2, "{part:?}, busy: {is_busy}");
            world.upstream.take();
        }
    }
    eventually("the count", || (world.metric("scopegate_connections_late_total") >= 3.0).then_some(()));
    // More of the same head wins it no time.
    let mut frames = Frames::connect(&world);
    frames.send(HEADERS, 0, 1, &block(&OPEN));
    let start = Clock::System.instant();
    while frames.send(CONTINUATION, 0, 1, &block(&[("x", "y")])) {
        std::thread::sleep(Duration::from_millis(200));
        assert!(start.elapsed() < WAIT / 2);
    }
}

/// Who has agreed on HTTP/2 and says nothing is not waited for longer than for a head.
#[test]
fn the_preface_has_a_time() {
    let world = world(&["head_timeout: 300ms", "idle_timeout: 1m"]);
    let mut frames = Frames::connect_silent(&world);
    let start = Clock::System.instant();
    while frames.next().is_some() {}
    assert!(start.elapsed() < WAIT / 2);
    let mut frames = Frames::connect_silent(&world);
    frames.bytes(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(frames.next_of(&[HEADERS]).is_none(), "that is another protocol");
}

/// The client is told, so that it sends no request into the void; pings win no time.
#[test]
fn an_idle_connection_is_closed_and_pings_win_it_no_time() {
    let world = world(&["idle_timeout: 400ms"]);
    let mut frames = Frames::connect(&world);
    while frames.send(PING, 0, 0, &[0; 8]) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut frames = Frames::connect(&world);
    let goaway = frames.next_of(&[GOAWAY]).expect("a word before the end");
    assert_eq!(goaway.payload[4..], [0; 4], "NO_ERROR");
    while frames.next().is_some() {}
    assert!(world.metric("scopegate_connections_late_total") < 0.5, "nobody's fault");
}

/// A client that never opens its window is given up after the stall timeout, and so is its upstream connection.
#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let world = world(&["stall_timeout: 300ms"]);
    world.upstream.becomes(|_, stream| {
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n");
        write(stream, vec![b'x'; 200_000])
    });
    let mut client = Http2::connect(&world, &Caller::new(None));
    let (runtime, send) = client.by_hand();
    let (parts, _) = get("/accounts").into_parts();
    let cut = runtime.block_on(async {
        let (answer, _) =
            send.clone().ready().await.unwrap().send_request(Request::from_parts(parts, ()), true).unwrap();
        let mut body = answer.await.unwrap().into_body();
        tokio::time::timeout(WAIT, async {
            // Takes what fits into its window and opens it for no more.
            loop {
                match body.data().await {
                    Some(Ok(_)) => {}
                    ended => break ended,
                }
            }
        })
        .await
        .expect("in time")
    });
    assert!(matches!(cut, Some(Err(_))), "{cut:?}");
    assert_eq!(client.ask(get("/accounts")).unwrap().body.len(), 200_000, "the connection goes on");
}

/// The same where the answer is short and the window was shut from the beginning.
#[test]
fn a_client_that_never_opens_its_window_is_given_up() {
    let world = world(&["stall_timeout: 300ms"]);
    let mut frames = Frames::connect(&world);
    frames.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    for stream in [1, 3, 5] {
        frames.ask(stream, &OPEN);
    }
    for _ in 0..3 {
        assert!(frames.next_of(&[RST_STREAM]).is_some());
    }
    eventually("their lines", || (world.log().matches("client_gone").count() == 3).then_some(()));
    assert_eq!(other(&world).send(&Plain::get("/open/x")).status(), 200);
}

/// A body that does not come: its request is refused, and the others go on.
#[test]
fn a_body_has_a_time() {
    let world = world(&["stall_timeout: 300ms"]);
    let mut frames = Frames::connect(&world);
    let head: Vec<_> = POST.iter().copied().chain([("content-length", "5")]).collect();
    frames.send(HEADERS, END_HEADERS, 1, &block(&head));
    frames.send(DATA, 0, 1, b"four");
    let answer = frames.next_of(&[HEADERS]).unwrap();
    assert_eq!((answer.stream, answer.status()), (1, 408));
    frames.ask(3, &OPEN);
    assert_eq!(frames.next_of(&[HEADERS]).unwrap().status(), 200);
    assert!(world.upstream.requests().iter().all(|request| request.is_complete == (request.method() == "GET")));
}

#[test]
fn a_body_is_bounded_whether_its_length_is_told_or_not() {
    let world = world(&["body: 100KiB"]);
    let mut client = Http2::connect(&world, &Caller::new(None));
    for is_told in [true, false] {
        for (bytes, expected) in [(100 * 1024, 200), (100 * 1024 + 1, 413)] {
            let mut ask = request(Method::POST, "/open/x", None, vec![b'x'; bytes]);
            if is_told {
                ask.headers_mut().insert("content-length", bytes.into());
            }
            // What follows a refusal is not waited for: its stream is reset (RFC 9113 §8.1).
            match client.ask(ask) {
                Ok(answer) => assert_eq!(answer.status, expected, "{bytes} told: {is_told}"),
                Err(reset) => assert!(reset.is_reset() && expected == 413, "{reset}"),
            }
        }
    }
    assert_eq!(world.upstream.requests().iter().filter(|request| request.is_complete).count(), 2);
}

/// What a client may send of bodies that nobody takes are its windows, of each stream and of all: they are full to the last
/// byte, and one more ends the connection (RFC 9113 §6.9.1).
#[test]
fn windows_are_the_most_that_waits() {
    // It accepts and never shakes hands: nothing of a body is taken.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let servers = format!("[\"https://{}\"]", deaf.local_addr().unwrap());
    let upstream = "    connect_timeout: 1m\n".to_owned();
    let world = Setup { servers, upstream, ..Setup::limits(&["stall_timeout: 1m"]) }.with_tls("", &[]);
    let stream_window = HTTP2_STREAM_WINDOW as usize;
    assert_eq!(HTTP2_CONNECTION_WINDOW, 4 * HTTP2_STREAM_WINDOW);
    for (name, streams, more) in [("of a stream", &[1][..], 1), ("of all", &[1, 3, 5, 7], 9)] {
        let mut frames = Frames::connect(&world);
        // A stream's is what we say once the client has agreed (RFC 9113 §6.5.3), that of all once we have added to it (§6.9).
        frames.next_of(&[SETTINGS]);
        frames.send(SETTINGS, ACK, 0, &[]);
        frames.next_of(&[WINDOW_UPDATE]);
        for stream in streams.iter().copied().chain((more == 9).then_some(more)) {
            frames.send(HEADERS, END_HEADERS, stream, &block(&POST));
        }
        for stream in streams {
            for _ in 0..stream_window / 16384 {
                frames.send(DATA, 0, *stream, &[b'x'; 16384]);
            }
        }
        frames.send(PING, 0, 0, b"full yet");
        let answer = frames.next_of(&[PING, RST_STREAM, GOAWAY]).unwrap();
        assert_eq!((answer.kind, &answer.payload[..]), (PING, &b"full yet"[..]), "{name}");
        frames.send(DATA, 0, more, b"x");
        let ended = frames.next_of(&[RST_STREAM, GOAWAY]).unwrap();
        let code = if ended.kind == GOAWAY { &ended.payload[4..8] } else { &ended.payload };
        assert_eq!(code, [0, 0, 0, 3], "FLOW_CONTROL_ERROR {name}");
    }
}
