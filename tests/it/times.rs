//! Every time that a client may take, just within it and past it. What it may take for a body byte by byte is in `pace`.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::http2::{CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, HEADERS, SETTINGS, block};
use crate::support::server::{After, Server, write};
use crate::support::tls::Caller;
use crate::support::tokens::Token;
use crate::support::wire::Message;
use rustls::StreamOwned as TlsStream;
use std::net::TcpStream;
use std::time::Duration;

const OPEN: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "api.bank.example"), (":path", "/open/x")];

fn get() -> Request {
    Request::get("/accounts").token(&Token::good().mint())
}

/// Where a client takes its time, and the status of the answer that it gets nonetheless.
type Dawdler = (&'static str, fn(&World) -> u16);

fn dawdle() {
    std::thread::sleep(Duration::from_millis(1200));
}

fn post(told: &str) -> Vec<u8> {
    Request::new("POST", "/open/x").field(told).bytes()
}

fn large(_: &Message, stream: &mut TcpStream) -> After {
    write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 8000000\r\n\r\n");
    write(stream, vec![b'x'; 8_000_000])
}

/// Sends one half of it, and the other in its own time.
fn halved(world: &World, bytes: &[u8]) -> u16 {
    let mut client = world.client();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    client.write(first);
    dawdle();
    client.write(second);
    client.answer().status()
}

fn in_time(world: &World, rows: &[Dawdler]) {
    std::thread::scope(|scope| {
        for (name, row) in rows {
            scope.spawn(move || assert_eq!(row(world), 200, "{name}"));
        }
    });
    assert!(world.metric("scopegate_connections_late_total") < 0.5);
}

const TIMES: [&str; 4] = ["handshake_timeout: 2s", "head_timeout: 2s", "idle_timeout: 2s", "stall_timeout: 2s"];

#[test]
fn who_is_just_in_time_is_answered() {
    let rows: [Dawdler; 6] = [
        ("before a head", |world| {
            let mut client = world.client();
            dawdle();
            client.send(&get()).status()
        }),
        ("within a head", |world| halved(world, &get().bytes())),
        ("between two requests", |world| {
            let mut client = world.client();
            assert_eq!(client.send(&get()).status(), 200);
            dawdle();
            client.send(&get()).status()
        }),
        ("within a body", |world| halved(world, &[post("content-length: 9000"), vec![b'x'; 9000]].concat())),
        ("within chunks", |world| {
            let chunk = format!("2000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x2000));
            halved(world, &[post("transfer-encoding: chunked"), chunk.into_bytes()].concat())
        }),
        ("within an answer", |world| {
            let mut client = world.client();
            client.write(Request::get("/open/large").bytes());
            dawdle();
            let answer = client.answer();
            assert_eq!(answer.body.len(), 8_000_000);
            answer.status()
        }),
    ];
    let upstream = Server::with(|request, stream| match request.target() {
        "/open/large" => large(request, stream),
        _ => write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    });
    in_time(&Setup::limits(&TIMES).before(upstream), &rows);
}

#[test]
fn who_is_just_in_time_is_answered_over_tls_and_http_2() {
    let rows: [Dawdler; 6] = [
        ("before the handshake", |world| {
            let mut client = Caller::new(None).connect(world);
            dawdle();
            client.send(&get()).status()
        }),
        ("within it, and before the first head", |world| {
            let mut client = Caller::new(None).connect(world);
            let TlsStream { conn, sock } = client.stream();
            conn.write_tls(sock).unwrap();
            dawdle();
            conn.complete_io(sock).unwrap();
            dawdle();
            client.send(&get()).status()
        }),
        ("before the preface", |world| {
            let mut frames = Frames::connect_silent(world);
            frames.bytes(b"PRI");
            dawdle();
            frames.bytes(b" * HTTP/2.0\r\n\r\nSM\r\n\r\n");
            frames.send(SETTINGS, 0, 0, &[]);
            frames.ask(1, &OPEN);
            frames.next_of(&[HEADERS]).unwrap().status()
        }),
        ("within a head of HTTP/2", |world| {
            let mut frames = Frames::connect(world);
            frames.send(HEADERS, END_STREAM, 1, &block(&OPEN));
            dawdle();
            frames.send(CONTINUATION, END_HEADERS, 1, &block(&[("x", "y")]));
            frames.next_of(&[HEADERS]).unwrap().status()
        }),
        ("between two requests of HTTP/2", |world| {
            let mut frames = Frames::connect(world);
            frames.ask(1, &OPEN);
            assert!(frames.next_of(&[HEADERS]).is_some());
            dawdle();
            frames.ask(3, &OPEN);
            // It is named by its place in a table that nobody keeps here.
            frames.next_of(&[HEADERS]).map_or(0, |_| 200)
        }),
        ("within a body of HTTP/2", |world| {
            let mut frames = Frames::connect(world);
            let post = [(":method", "POST"), OPEN[1], OPEN[2], OPEN[3]];
            frames.send(HEADERS, END_HEADERS, 1, &block(&post));
            frames.send(DATA, 0, 1, b"half");
            dawdle();
            frames.send(DATA, END_STREAM, 1, b"half");
            frames.next_of(&[HEADERS]).unwrap().status()
        }),
    ];
    in_time(&Setup::limits(&TIMES).with_tls("", &[]), &rows);
}

/// It has a time of its own, which the first head does not share.
#[test]
fn a_slow_handshake_is_closed() {
    let world = Setup::limits(&["handshake_timeout: 300ms", "head_timeout: 1m"]).with_tls("", &[]);
    let mut hello = Vec::new();
    Caller::new(None).connect(&world).stream().conn.write_tls(&mut hello).unwrap();
    for (name, part) in [("nothing", &[][..]), ("a byte", &hello[..1]), ("half a hello", &hello[..80]), ("all", &hello)]
    {
        let mut client = world.client();
        client.write(part);
        assert!(client.rest().is_some(), "{name}");
    }
    // A byte every now and then wins it no time.
    let mut client = world.client();
    let dripped = hello.iter().take_while(|byte| {
        std::thread::sleep(Duration::from_millis(50));
        client.write([**byte])
    });
    assert!(dripped.count() < 40);
    eventually("the count", || (world.metric("scopegate_connections_late_total") >= 5.0).then_some(()));

    let world = Setup::limits(&["handshake_timeout: 1m", "head_timeout: 300ms"]).with_tls("", &[]);
    let mut client = Caller::new(None).connect(&world);
    let TlsStream { conn, sock } = client.stream();
    conn.complete_io(sock).unwrap();
    assert!(client.is_closed(), "the head's time begins with the handshake's end");
    let plain = Setup::limits(&["handshake_timeout: 1m", "head_timeout: 300ms"]).start();
    assert!(plain.client().is_closed(), "and at once where there is none");
}

/// HTTP-36: who dawdles over a head is closed, and others notice nothing.
#[test]
fn a_slow_head_is_closed() {
    let world = Setup::limits(&["head_timeout: 300ms", "idle_timeout: 60s"]).start();
    let mut silent = world.client();
    let mut half = world.client();
    half.write("GET /accounts HTTP/1.1\r\nhost: a\r\n");
    let mut second = world.client();
    assert_eq!(second.send(&get()).status(), 200);
    second.write("GET /acc");
    let mut idle = world.client();
    assert_eq!(idle.send(&get()).status(), 200);
    for (name, client) in [("silent", &mut silent), ("half a head", &mut half), ("half a second head", &mut second)] {
        assert!(client.is_closed(), "{name}");
    }
    eventually("the count", || (world.metric("scopegate_connections_late_total") >= 3.0).then_some(()));
    assert_eq!(idle.send(&get()).status(), 200, "one that is between requests has its idle time");
}

/// One byte every now and then does not buy a head more time.
#[test]
fn a_dripping_head_is_closed_too() {
    let world = Setup::limits(&["head_timeout: 500ms"]).start();
    let mut client = world.client();
    client.write("GET /accounts HTTP/1.1\r\nhost: a\r\n");
    eventually("the end of patience", || {
        (!client.write("x") || world.metric("scopegate_connections_late_total") >= 1.0).then_some(())
    });
    assert_eq!(world.upstream.hits(), 0);
}

#[test]
fn an_idle_connection_is_closed() {
    let world = Setup::limits(&["idle_timeout: 300ms"]).start();
    let mut client = world.client();
    assert_eq!(client.send(&get()).status(), 200);
    assert!(client.is_closed());
    assert!(world.metric("scopegate_connections_late_total") < 1.0, "that is nobody's fault");
}

/// Slow bodies: 408 when the client stops, and the upstream never sees a whole request.
#[test]
fn a_body_that_stops_is_408() {
    let world = Setup::limits(&["stall_timeout: 300ms"]).start();
    let token = Token::good().mint();
    for framing in ["content-length: 10", "transfer-encoding: chunked"] {
        let request = Request::new("POST", "/payments").token(&token).field(framing);
        let mut client = world.client();
        client.write(request.bytes());
        client.write("3\r\n");
        let answer = client.next().unwrap_or_else(|| panic!("{framing}: closed without an answer"));
        assert_eq!(answer.status(), 408, "{framing}: {}", answer.text());
        assert!(client.is_closed(), "{framing}");
    }
    assert!(world.upstream.requests().iter().all(|request| !request.is_complete));
}

/// A client that does not read does not hold an upstream's answer for ever.
#[test]
fn a_client_that_does_not_read_is_closed() {
    let upstream = Server::with(|_, stream| {
        let block = vec![b'x'; 1024 * 1024];
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 268435456\r\n\r\n");
        for _ in 0..256 {
            if write(stream, &block) == After::Close {
                return After::Close;
            }
        }
        After::Keep
    });
    let world = Setup::limits(&["stall_timeout: 300ms"]).before(upstream);
    let mut client = world.client();
    client.write(get().numbered(1).bytes());
    assert_eq!(world.log_line(1)["end"], "client_gone");
    eventually("the end", || (world.metric("scopegate_connections ") < 1.0).then_some(()));
}

/// As in the table of refusals: the answer of an upstream that is late is 504 at the bound.
#[test]
fn one_connection_in_time_and_one_late() {
    let upstream = Server::with(|request, stream| {
        if request.target().ends_with("late") {
            std::io::Read::read(stream, &mut [0]).ok();
            return After::Close;
        }
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    });
    let setup = Setup { upstream: "    response_timeout: 400ms\n".to_owned(), ..Setup::default() };
    let world = setup.before(upstream);
    let token = Token::good().mint();
    let mut client = world.client();
    for (path, expected) in [("/accounts/a", 200), ("/accounts/late", 504), ("/accounts/b", 200)] {
        assert_eq!(client.send(&Request::get(path).token(&token)).status(), expected, "{path}");
    }
}
