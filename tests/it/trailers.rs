//! The ends of answers: trailers for those who take them (RFC 9110 §6.5), bodies that must not be there, bodies that break.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World};
use crate::support::http2::{Http2, request};
use crate::support::server::{After, Server, then_close, write};
use crate::support::tls::Caller;
use crate::support::tokens::Token;
use crate::support::wire::Message;
use http::{HeaderMap, Method};
use scopegate::config::bounds::TRAILER_BYTES_MAX;
use scopegate::config::limits::HEADERS_MAX;

const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n";

fn get() -> Request {
    Request::get("/accounts").token(&Token::good().mint())
}

fn taking(te: &str) -> Request {
    get().field(&format!("te: {te}")).field("connection: te")
}

/// What stands behind the last chunk.
fn trailers(answer: &Message) -> String {
    let raw = String::from_utf8_lossy(&answer.raw).into_owned();
    raw.rsplit_once("\r\n0\r\n").unwrap_or_else(|| panic!("no last chunk in {raw:?}")).1.to_owned()
}

fn answering(announced: &str, trailers: &str) -> World {
    Setup::default().before(Server::answering(format!("{HEAD}{announced}\r\n2\r\nok\r\n0\r\n{trailers}\r\n")))
}

#[test]
fn a_client_that_takes_trailers_gets_them() {
    let world = answering("Trailer: X-Sum, content-length\r\n", "X-Sum: 1\r\nserver-timing: a;dur=1\r\nx-sum: 2\r\n");
    let mut client = world.client();
    for te in ["trailers", "Trailers", "gzip;q=0.5 , trailers", "deflate\r\nte: trailers"] {
        let answer = client.send(&taking(te));
        assert_eq!((answer.status(), answer.text().as_str(), answer.is_complete), (200, "ok", true), "{te}");
        assert_eq!((answer.one("trailer"), answer.one("transfer-encoding")), ("x-sum", "chunked"), "{te}");
        assert_eq!(trailers(&answer), "x-sum: 1\r\nx-sum: 2\r\nserver-timing: a;dur=1\r\n\r\n", "{te}");
        let seen = world.upstream.last();
        assert_eq!((seen.one("te"), seen.one("connection")), ("trailers", "te"), "the upstream is told so");
    }
    assert_eq!(world.upstream.connections(), 1, "what follows them is the next answer");
}

#[test]
fn nobody_else_does() {
    let world = answering("trailer: x-sum\r\n", "x-sum: 1\r\n");
    for request in [get(), taking("gzip"), taking("trailers;q=0"), taking("xtrailers"), taking("\"trailers\"")] {
        let answer = world.send(&request);
        assert_eq!((answer.text().as_str(), answer.all("trailer").len()), ("ok", 0));
        assert_eq!(trailers(&answer), "\r\n");
        let seen = world.upstream.last();
        assert_eq!((seen.all("te").len(), seen.all("connection").len()), (0, 0));
    }
    // HTTP/1.0 knows neither chunks nor trailers.
    let mut client = world.client();
    client.write(String::from_utf8(taking("trailers").bytes()).unwrap().replace("HTTP/1.1", "HTTP/1.0"));
    let answer = client.answer();
    assert_eq!((answer.text().as_str(), answer.all("trailer").len()), ("ok", 0));
    assert!(world.upstream.last().all("te").is_empty());
}

/// HTTP/2 has them without chunks; there too they are for those who say so.
#[test]
fn a_stream_gets_them_too() {
    let answer =
        format!("{HEAD}trailer: x-sum, content-length\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\nset-cookie: a=b\r\n\r\n");
    let world = Setup::default().with_tls("", &[]);
    world.upstream.becomes(move |_, stream| write(stream, &answer));
    let mut client = Http2::connect(&world, &Caller::new(None));
    for te in [None, Some("trailers")] {
        let mut get = request(Method::GET, "/accounts", Some(&Token::good().mint()), "");
        if let Some(te) = te {
            get.headers_mut().insert("te", te.parse().unwrap());
        }
        let answer = client.ask(get).unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"ok"[..]));
        let pairs =
            |fields: HeaderMap| fields.iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())).collect::<Vec<_>>();
        assert_eq!(answer.fields.get("trailer").map(|names| names.to_str().unwrap()), te.map(|_| "x-sum"));
        assert_eq!(answer.trailers.map(pairs), te.map(|_| vec!["x-sum: 1".to_owned()]));
    }
}

/// A client may read a trailer as if it stood in the head, so it says nothing that a head decides.
#[test]
fn what_a_head_decides_comes_in_no_trailer() {
    let decided = [
        "content-length: 99",
        "Transfer-Encoding: chunked",
        "host: evil",
        "authorization: Bearer canary",
        "www-authenticate: Basic",
        "set-cookie: a=canary",
        "x-auth-subject: canary",
        "x_auth_subject: canary",
        "x-fapi-interaction-id: canary",
        "client-cert: :AAAA:",
        "content-type: text/html",
        "content-encoding: gzip",
        "cache-control: public",
        "access-control-allow-origin: *",
        "location: //evil",
        "dpop-nonce: canary",
        "x-hop: canary",
    ];
    let lines: String = decided.iter().flat_map(|line| [line, "\r\n"]).collect();
    let names: Vec<&str> = decided.iter().filter_map(|line| line.split(':').next()).collect();
    let announced = format!("connection: x-hop\r\ntrailer: {}\r\n", names.join(", "));
    let world = answering(&announced, &format!("{lines}etag: \"a\"\r\n"));
    let answer = world.send(&taking("trailers"));
    assert_eq!((answer.status(), trailers(&answer).as_str()), (200, "etag: \"a\"\r\n\r\n"));
    assert!(answer.all("trailer").is_empty(), "what will not come is not announced");
    assert!(!String::from_utf8_lossy(&answer.raw).contains("canary"));
    // Of such alone nothing is left, and the body ends as one without.
    let world = answering(&announced, &lines);
    assert_eq!(trailers(&world.send(&taking("trailers"))), "\r\n");
}

/// At the bounds, and one past them: then the answer breaks where the client sees it.
#[test]
fn trailers_are_bounded() {
    let world = World::start();
    let line = |bytes: usize| format!("a: {}\r\n", "x".repeat(bytes - "a: ".len()));
    let large = TRAILER_BYTES_MAX / 8;
    for (name, trailers_, is_whole) in [
        ("as many as may be", line(9).repeat(HEADERS_MAX), true),
        ("one more", line(9).repeat(HEADERS_MAX + 1), false),
        ("as large as may be", line(large).repeat(8), true),
        ("one octet more", line(large).repeat(7) + &line(large + 1), false),
        ("no field", "HTTP/1.1 200 OK\r\n".to_owned(), false),
        ("folded", "a: b\r\n c\r\n".to_owned(), false),
        ("a bare LF", "a: b\n".to_owned(), false),
    ] {
        for request in [taking("trailers"), get()] {
            let bytes = format!("{HEAD}\r\n2\r\nok\r\n0\r\n{trailers_}\r\n");
            world.upstream.becomes(then_close(bytes));
            let mut client = world.client();
            client.write(request.bytes());
            let answer = client.next();
            assert_eq!(answer.is_some_and(|answer| answer.is_complete), is_whole, "{name}");
            assert!(is_whole || client.is_closed(), "{name}");
        }
    }
}

/// HTTP-28: an answer that breaks within its trailers is no whole answer.
#[test]
fn an_answer_without_its_end_is_not_ended_by_us() {
    let world = World::start();
    for end in ["", "0\r\n", "0\r\nx-sum: 1\r\n", "0\r\nx-sum"] {
        for request in [taking("trailers"), get()] {
            world.upstream.becomes(then_close(format!("{HEAD}trailer: x-sum\r\n\r\n2\r\nok\r\n{end}")));
            let mut client = world.client();
            client.write(request.bytes());
            assert!(client.next().is_none_or(|answer| !answer.is_complete), "{end:?}");
            assert!(client.is_closed(), "{end:?}");
        }
    }
}

/// HTTP-18: a trailer of a request is nothing, whoever sends it and whatever it is called.
#[test]
fn trailers_of_requests_end_here() {
    let world = World::start();
    let post = Request::new("POST", "/payments").token(&Token::good().mint());
    let post = post.field("transfer-encoding: chunked").field("te: trailers").field("trailer: x-sum").bytes();
    let mut client = world.client();
    for line in [
        "x-sum: canary",
        "Authorization: Bearer canary",
        "X-Auth-Scope: canary",
        "content-length: 7",
        "x-fapi-interaction-id: canary",
    ] {
        client.write([&post[..], format!("2\r\nok\r\n0\r\n{line}\r\n\r\n").as_bytes()].concat());
        assert_eq!(client.answer().status(), 200, "{line}");
        let seen = world.upstream.last();
        assert!(seen.raw.ends_with(b"2\r\nok\r\n0\r\n\r\n") && seen.all("trailer").is_empty(), "{line}");
    }
}

/// HTTP-29: what must not have a body has none for the client, whatever the upstream sends, and the next answer is its own.
#[test]
fn a_body_where_there_is_none_spoils_no_answer() {
    let evil = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let length = evil.len();
    let world = World::start();
    let token = Token::good().mint();
    for (name, method, head, status, told) in [
        ("HEAD", "HEAD", format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{evil}"), 200, Some(length)),
        ("HEAD, chunked", "HEAD", format!("{HEAD}\r\n2\r\nok\r\n0\r\n\r\n"), 200, None),
        ("HEAD until the end", "HEAD", format!("HTTP/1.1 200 OK\r\n\r\n{evil}"), 200, None),
        ("204", "GET", format!("HTTP/1.1 204 x\r\ncontent-length: {length}\r\n\r\n{evil}"), 204, None),
        (
            "204, chunked",
            "GET",
            "HTTP/1.1 204 x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_owned(),
            204,
            None,
        ),
        ("304", "GET", format!("HTTP/1.1 304 x\r\ncontent-length: {length}\r\n\r\n{evil}"), 304, Some(length)),
        (
            "103",
            "GET",
            format!("HTTP/1.1 103 x\r\ncontent-length: {length}\r\n\r\nHTTP/1.1 204 x\r\n\r\n{evil}"),
            204,
            None,
        ),
    ] {
        world.upstream.becomes(move |_, stream| write(stream, &head));
        let mut client = world.client();
        let answer = client.send(&Request::new(method, "/accounts").token(&token));
        assert_eq!(
            (answer.status(), answer.get("content-length")),
            (status, told.map(|n| n.to_string()).as_deref()),
            "{name}"
        );
        assert_eq!((answer.body.len(), answer.all("transfer-encoding").len()), (0, 0), "{name}");
        world.upstream.becomes(|request, stream| {
            write(
                stream,
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", request.start.len(), request.start),
            )
        });
        for n in 0..3 {
            let path = format!("/accounts/{n}");
            let answer = client.send(&Request::get(&path).token(&token));
            assert_eq!(answer.text(), format!("GET {path} HTTP/1.1"), "{name}");
        }
    }
}

/// RFC 9112 §6.3: until the end of the connection, by HTTP/1.0 or without a length. To our client it is chunked, so that it
/// can tell a whole answer from a broken one.
#[test]
fn an_answer_until_the_end_of_the_connection_gets_an_end() {
    let world = World::start();
    for head in [
        "HTTP/1.0 200 OK\r\n",
        "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n",
    ] {
        world.upstream.becomes(then_close(format!("{head}\r\nhello")));
        let mut client = world.client();
        for _ in 0..2 {
            let answer = client.send(&get());
            assert_eq!((answer.status(), answer.text().as_str(), answer.is_complete), (200, "hello", true), "{head}");
            assert_eq!((answer.one("transfer-encoding"), answer.all("connection").len()), ("chunked", 0), "{head}");
        }
    }
    // An HTTP/1.0 answer with a length is that long, and its connection is not used again.
    let before = world.upstream.connections();
    world.upstream.becomes(|_, stream| {
        write(stream, "HTTP/1.0 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nhello")
    });
    let mut client = world.client();
    assert_eq!((client.send(&get()).text().as_str(), client.send(&get()).one("content-length")), ("hello", "5"));
    assert_eq!(world.upstream.connections(), before + 2);
}

/// HTTP-28: two ends, or an end that is none. No client's fault, and no body gets through.
#[test]
fn an_answer_whose_end_is_in_doubt_is_502() {
    let world = World::start();
    for fields in [
        "content-length: 2\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 2",
        "content-length: 2\r\ncontent-length: 2",
        "content-length: 2, 2",
        "content-length: +2",
        "content-length:",
        "content-length: 0x2",
        "content-length: 18446744073709551616",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: identity",
        "transfer-encoding: chunked, identity",
    ] {
        for method in ["GET", "HEAD"] {
            world.upstream.becomes(then_close(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n2\r\nok\r\n0\r\n\r\n")));
            let answer = world.send(&Request::new(method, "/accounts").token(&Token::good().mint()));
            assert_eq!(answer.status(), 502, "{method} {fields}");
            assert!(!answer.text().contains("ok"), "{method} {fields}");
        }
    }
    let old = Server::with(|_, stream| {
        write(stream, "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        After::Close
    });
    assert_eq!(Setup::default().before(old).send(&get()).status(), 502, "HTTP/1.0 has no codings");
}
