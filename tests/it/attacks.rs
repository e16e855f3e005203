//! One row per known attack, as raw bytes against the listener: its id, the bytes, the answer. None of them reaches the
//! upstream, and where the end of a message is in doubt the connection ends with the answer.

use crate::support::client::Client;
use crate::support::gateway::World;
use crate::support::tokens::Token;
use Ends::{Closed, Open};

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// Nothing more is read from it.
    Closed,
    /// It may go on: the framing was certain.
    Open,
}

/// Sends each row, with `TOKEN` replaced by a good token, on a connection of its own. Behind it goes a request that
/// would be forwarded if its bytes were read as one.
fn run(world: &World, rows: &[(&str, &str, u16, Ends)]) {
    let token = Token::good().mint();
    let smuggled = format!("GET /accounts/smuggled HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n");
    let mut wrong = Vec::new();
    for (id, bytes, status, ends) in rows {
        let mut client = world.client();
        client.write(bytes.replace("TOKEN", &format!("Bearer {token}")));
        if *ends == Closed {
            client.write(&smuggled);
        }
        let answered = client.next().map_or(0, |answer| answer.status());
        let closed = if client.has_ended() { Closed } else { Open };
        if (answered, closed, world.upstream.hits()) != (*status, *ends, 0) {
            let seen: Vec<_> = world
                .upstream
                .take()
                .iter()
                .map(|request| String::from_utf8_lossy(&request.raw).into_owned())
                .collect();
            wrong.push(format!("{id}: answered {answered}, {closed:?}, upstream saw {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Whatever happened there, others are served.
    assert_eq!(world.get("/accounts", &Token::good()).status(), 200);
    assert_eq!(world.upstream.only().target(), "/accounts");
}

/// RFC 9112 §6: the length of a body has one reading, or the request is refused and the connection ends.
#[test]
fn no_request_hides_in_another() {
    let head = "POST /payments HTTP/1.1\r\nhost: a\r\nauthorization: TOKEN\r\n";
    let row = |fields: &str| format!("{head}{fields}\r\n\r\n");
    let body = |fields: &str, body: &str| format!("{head}{fields}\r\n\r\n{body}");
    let chunked = |chunks: &str| body("transfer-encoding: chunked", chunks);
    let texts = [
        ("HTTP-7 TE and CL", body("content-length: 5\r\ntransfer-encoding: chunked", "0\r\n\r\n")),
        ("HTTP-7 CL and TE, pingora#945", body("transfer-encoding: chunked\r\ncontent-length: 5", "0\r\n\r\n")),
        ("HTTP-7 TE and a broken CL", body("content-length: x\r\ntransfer-encoding: chunked", "0\r\n\r\n")),
        ("HTTP-10 two CL", body("content-length: 5\r\ncontent-length: 6", "hello")),
        ("HTTP-10 list of CL", body("content-length: 5, 6", "hello")),
        ("HTTP-10 CL with plus", body("content-length: +5", "hello")),
        ("HTTP-10 CL negative", body("content-length: -5", "hello")),
        ("HTTP-10 CL hexadecimal", body("content-length: 0x5", "hello")),
        ("HTTP-10 CL with underscore", body("content-length: 5_0", "hello")),
        ("HTTP-10 CL with tail", body("content-length: 5a", "hello")),
        ("CVE-2023-40225 CL empty", row("content-length:")),
        ("HTTP-10 CL of 21 digits", row("content-length: 184467440737095516160")),
        ("CVE-2026-2835 TE chunked, identity", chunked_by("chunked, identity")),
        ("HTTP-8 TE gzip, chunked", chunked_by("gzip, chunked")),
        ("HTTP-8 TE identity", chunked_by("identity")),
        ("HTTP-8 TE xchunked", chunked_by("xchunked")),
        ("HTTP-8 TE chunked;q=1", chunked_by("chunked;q=1")),
        ("HTTP-8 TE ,chunked", chunked_by(",chunked")),
        ("HTTP-8 TE chunked, chunked", chunked_by("chunked, chunked")),
        ("HTTP-8 TE in quotes", chunked_by("\"chunked\"")),
        ("CVE-2026-2835 TE chunked with vertical tab", chunked_by("chunked\x0b")),
        ("HTTP-8 two TE", body("transfer-encoding: chunked\r\ntransfer-encoding: chunked", "0\r\n\r\n")),
        ("HTTP-8 two TE, one identity", body("transfer-encoding: identity\r\ntransfer-encoding: chunked", "0\r\n\r\n")),
        ("HTTP-9 TE empty", chunked_by("")),
        ("HTTP-11 space before the colon", body("transfer-encoding : chunked", "0\r\n\r\n")),
        ("HTTP-11 tab before the colon", body("content-length\t: 5", "hello")),
        ("HTTP-12 obs-fold of TE", body("transfer-encoding:\r\n chunked", "0\r\n\r\n")),
        ("HTTP-12 obs-fold", row("x-a: b\r\n c")),
        ("HTTP-12 fold before the first field", format!("POST /payments HTTP/1.1\r\n host: a\r\n{}", "\r\n")),
        ("HTTP-9 TE in HTTP/1.0", chunked("0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0")),
    ];
    let rows: Vec<_> = texts.iter().map(|(id, text)| (*id, text.as_str(), 400, Closed)).collect();
    run(&World::start(), &rows);
}

fn chunked_by(coding: &str) -> String {
    format!(
        "POST /payments HTTP/1.1\r\nhost: a\r\nauthorization: TOKEN\r\ntransfer-encoding: {coding}\r\n\r\n0\r\n\r\n"
    )
}

/// RFC 9112 §2.2, §5: a head that needs guessing.
#[test]
fn no_head_is_guessed_at() {
    let get = |fields: &str| format!("GET /accounts HTTP/1.1\r\nhost: a\r\nauthorization: TOKEN\r\n{fields}\r\n\r\n");
    let line = |line: &str| format!("{line}\r\nhost: a\r\nauthorization: TOKEN\r\n\r\n");
    let texts = [
        ("CVE-2023-25725 empty field name", get(": x"), 400),
        ("HTTP-13 NUL in a value", get("x-a: b\0c"), 400),
        ("HTTP-13 NUL in a name", get("x-\0a: b"), 400),
        ("HTTP-13 CR in a value", get("x-a: b\rc"), 400),
        ("HTTP-13 bell in a value", get("x-a: \x07"), 400),
        ("HTTP-13 DEL in a value", get("x-a: \x7f"), 400),
        ("a field without colon", get("x-a"), 400),
        ("a name in parentheses", get("x(a): b"), 400),
        ("a name in UTF-8", get("x-\u{15f}: b"), 400),
        ("a name with a space", get("x a: b"), 400),
        (
            "HTTP-13 white space before the first field",
            line("GET /accounts HTTP/1.1").replace("\r\nhost", "\r\n host"),
            400,
        ),
        ("HTTP-14 no host", "GET /accounts HTTP/1.1\r\nauthorization: TOKEN\r\n\r\n".to_owned(), 400),
        ("HTTP-14 two hosts", get("host: b"), 400),
        ("HTTP-14 the same host twice", get("Host: a"), 400),
        ("HTTP-14 host is a list", get("").replace("host: a", "host: a, b"), 400),
        ("HTTP-14 host with user", get("").replace("host: a", "host: u@a"), 400),
        ("HTTP-14 host with path", get("").replace("host: a", "host: a/b"), 400),
        ("HTTP-14 host empty", get("").replace("host: a", "host:"), 400),
        ("HTTP-14 host with a wild port", get("").replace("host: a", "host: a:80x"), 400),
        ("HTTP-15 absolute form for another host", line("GET http://b/accounts HTTP/1.1"), 400),
        ("HTTP-15 absolute form with user", line("GET http://u@a/accounts HTTP/1.1"), 400),
        ("HTTP-15 absolute form with another port", line("GET http://a:81/accounts HTTP/1.1"), 400),
        ("no version", "GET /accounts\r\nhost: a\r\n\r\n".to_owned(), 400),
        ("HTTP/1.2", line("GET /accounts HTTP/1.2"), 400),
        ("HTTP/0.9", line("GET /accounts HTTP/0.9"), 400),
        ("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400),
        ("RFC 9112 §2.2 bare LF", get("").replace("\r\n", "\n"), 400),
        ("one bare LF", get("x-a: b").replace("b\r\n", "b\n"), 400),
        ("a fragment in the target", line("GET /accounts#/../admin HTTP/1.1"), 400),
        ("two empty lines before the request", format!("\r\n\r\n{}", get("")), 400),
        ("http in small letters", line("GET /accounts http/1.1"), 400),
        ("space in the target", line("GET /acc ounts HTTP/1.1"), 400),
        ("tab for a space", line("GET\t/accounts HTTP/1.1"), 400),
        ("two spaces", line("GET  /accounts HTTP/1.1"), 400),
        ("control in the target", line("GET /acc\x01ounts HTTP/1.1"), 400),
        ("method in brackets", line("[GET] /accounts HTTP/1.1"), 400),
        ("grpc-go CVE-2026-33186 target without slash", line("GET accounts HTTP/1.1"), 400),
        ("TLS hello on the plain port", "\x16\x03\x01\x02\0\x01\0\x01\x7c\x03\x03\r\n\r\n".to_owned(), 400),
        ("HTTP-19 an unknown expectation", get("expect: a-pony"), 417),
        ("CVE-2026-47774 10,000 cookies", get(&"cookie: a=b\r\n".repeat(10_000)[..129_998]), 431),
        ("64 KiB in one field", get(&format!("x-a: {}", "a".repeat(65_536))), 431),
        ("20,000 options of the connection", get(&format!("connection: {}", ",".repeat(20_000))), 431),
        ("101 fields", get(&format!("{}x-last: 1", "x-a: b\r\n".repeat(98))), 431),
    ];
    let rows: Vec<_> = texts.iter().map(|(id, text, status)| (*id, text.as_str(), *status, Closed)).collect();
    run(&World::start(), &rows);
}

/// Methods that would make something else of the connection.
#[test]
fn no_tunnel_is_opened() {
    let line = |line: &str, fields: &str| format!("{line} HTTP/1.1\r\nhost: a\r\n{fields}authorization: TOKEN\r\n\r\n");
    let texts = [
        ("HTTP-6 TRACE", line("TRACE /accounts", ""), 405, Open),
        ("HTTP-6 TRACE on an open route", line("TRACE /open/a", ""), 405, Open),
        // RFC 9931: what stands behind it may be somebody else's, who thinks that there is a tunnel.
        ("HTTP-6 CONNECT", line("CONNECT a", ""), 405, Closed),
        ("HTTP-6 CONNECT elsewhere", line("CONNECT b:443", ""), 405, Closed),
        ("HTTP-6 CONNECT with a path", line("CONNECT /accounts", ""), 405, Closed),
        ("an unknown method", line("FROBNICATE /accounts", ""), 405, Open),
        ("a method in small letters", line("get /accounts", ""), 405, Open),
        ("OPTIONS *", line("OPTIONS *", ""), 400, Open),
        ("OPTIONS without a route of its own", line("OPTIONS /accounts", ""), 405, Open),
    ];
    let rows: Vec<_> = texts.iter().map(|(id, text, status, ends)| (*id, text.as_str(), *status, *ends)).collect();
    run(&World::start(), &rows);
}

/// Traefik CVE-2026-88008 and pingora CVE-2025-4366: an upgrade is not passed on, nor is anything behind it.
#[test]
fn an_upgrade_is_forwarded_as_the_plain_request_that_it_is() {
    let world = World::start();
    let token = Token::good().mint();
    for upgrade in ["h2c", "websocket", "TLS/1.0", "h2c, websocket"] {
        let before = world.upstream.hits();
        let mut client = world.client();
        client.write(format!(
            "GET /accounts HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\nupgrade: {upgrade}\r\n\
             connection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n"
        ));
        assert_eq!(client.answer().status(), 200, "{upgrade}");
        let seen = world.upstream.last();
        for name in ["upgrade", "connection", "http2-settings"] {
            assert!(seen.all(name).is_empty(), "{name}: {:?}", seen.fields);
        }
        // What follows is a request like any other: without a token it is refused.
        client.write("GET /accounts HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!((client.answer().status(), world.upstream.hits()), (401, before + 1));
    }
}

/// HTTP-17: a body whose chunks do not add up. Its head was good, so it may have begun to go upstream, but it never
/// arrives there as a complete request, and nothing behind it is read.
#[test]
fn a_broken_chunk_ends_the_request_and_the_connection() {
    let token = Token::good().mint();
    let extended = format!("1;{}\r\nx\r\n", "x".repeat(4000)).repeat(5) + "0\r\n\r\n";
    for (id, chunks) in [
        ("CVE-2023-39326 long extensions", &*extended),
        ("size overflow", "fffffffffffffffff\r\nx"),
        ("size just past 64 bits", "10000000000000000\r\nx"),
        ("0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        ("underscore", "5_\r\nhello\r\n0\r\n\r\n"),
        ("plus", "+5\r\nhello\r\n0\r\n\r\n"),
        ("minus", "-5\r\nhello\r\n0\r\n\r\n"),
        ("empty", "\r\nhello\r\n0\r\n\r\n"),
        ("no CRLF after the data", "5\r\nhelloXX0\r\n\r\n"),
        ("LF alone after the data", "5\r\nhello\n0\r\n\r\n"),
        ("LF alone after the size", "5\nhello\r\n0\r\n\r\n"),
        ("CR alone in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
        ("LF alone in an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        ("letters", "hello\r\n"),
        // What stands behind these would end a body.
        ("letters, and an end", "hello\r\n0\r\n\r\n"),
        ("empty, and an end", "\r\n0\r\n\r\n"),
        ("LF alone after the size, and an end", "5\n0\r\n\r\n"),
        ("a trailer that is no field, and an end", "0\r\nhello\r\n\r\n"),
    ] {
        let world = World::start();
        let mut client: Client = world.client();
        client.write(format!(
            "POST /payments HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
        ));
        client.write(format!("GET /accounts/smuggled HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n"));
        let answer = client.next().unwrap_or_else(|| panic!("{id}: closed without an answer"));
        assert_eq!(answer.status(), 400, "{id}: {}", answer.text());
        assert!(client.rest().is_some_and(|rest| rest.is_empty()), "{id}: the connection went on");
        assert!(world.upstream.requests().iter().all(|request| !request.is_complete), "{id}: it went through");
    }
}
