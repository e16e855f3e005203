//! HTTP/2 from clients (RFC 9113): each stream takes the same path as a request of HTTP/1.1.

use crate::support::client::{Client, Request as Plain};
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::http2::{DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, Http2, block, request};
use crate::support::server::{After, write};
use crate::support::tls::{Caller, Identity};
use crate::support::tokens::Token;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request};
use std::time::Duration;

fn world() -> World {
    Setup::default().with_tls("", &[])
}

fn get(path: &str) -> Request<Bytes> {
    request(Method::GET, path, Some(&Token::good().mint()), "")
}

#[test]
fn a_stream_is_a_request_like_any_other() {
    let world = world();
    let mut client = Http2::connect(&world, &Caller::new(None));
    let answer = client.ask(get("/accounts?x=1")).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.fields.contains_key("x-fapi-interaction-id") && answer.fields.contains_key("date"));
    for name in ["connection", "transfer-encoding", "keep-alive"] {
        assert!(!answer.fields.contains_key(name), "{name}");
    }
    let seen = world.upstream.only();
    assert_eq!(seen.start, "GET /accounts?x=1 HTTP/1.1");
    assert_eq!((seen.one("host"), seen.one("via")), ("api.bank.example", "2.0 scopegate"));
    assert_eq!(seen.one("x-auth-client-id"), "tpp-1");
    assert!(seen.get("authorization").is_none());
    let id = answer.fields["x-fapi-interaction-id"].to_str().unwrap().to_owned();
    let is_its = |line: &str| line.contains(&id) && line.contains("\"protocol\":\"HTTP/2\"");
    eventually("its line", || world.log().lines().any(is_its).then_some(()));
}

#[test]
fn refusals_are_the_same_and_reach_nobody() {
    let world = world();
    let mut client = Http2::connect(&world, &Caller::new(None));
    let rows = [
        ("no token", request(Method::GET, "/accounts", None, ""), 401),
        (
            "another scope",
            request(Method::POST, "/payments", Some(&Token::good().claim("scope", "accounts").mint()), "{}"),
            403,
        ),
        ("no route", get("/nothing"), 404),
        ("another method", request(Method::PATCH, "/accounts", None, ""), 405),
        ("a path with two readings", get("/accounts/../payments"), 400),
        ("a token in the query", request(Method::GET, "/accounts?access_token=x", None, ""), 400),
        ("a tunnel", request(Method::CONNECT, "", None, ""), 405),
    ];
    for (name, mut request, status) in rows {
        if request.method() == Method::CONNECT {
            *request.uri_mut() = "api.bank.example:443".parse().unwrap();
        }
        let answer = client.ask(request).unwrap();
        assert_eq!(answer.status.as_u16(), status, "{name}");
        assert!(answer.fields.contains_key("www-authenticate") || !matches!(status, 401 | 403), "{name}");
    }
    assert_eq!(world.upstream.hits(), 0);
    assert_eq!(client.ask(get("/accounts")).unwrap().status, 200, "the connection goes on");
}

#[test]
fn many_requests_at_a_time_each_get_their_own_answer() {
    let world = world();
    let mut client = Http2::connect(&world, &Caller::new(None));
    let answers = client.ask_all((0..100).map(|n| get(&format!("/accounts/{n}"))).collect());
    for (n, answer) in answers.into_iter().enumerate() {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200);
        assert!(String::from_utf8(answer.body).unwrap().contains(&format!("/accounts/{n} ")), "{n}");
    }
    assert_eq!(world.upstream.hits(), 100);
}

#[test]
fn bodies_pass_byte_for_byte_both_ways() {
    let setup = Setup { limits: "  body: 4MiB\n".to_owned(), ..Setup::default() };
    let world = setup.with_tls("", &[]);
    world.upstream.becomes(|message, stream| {
        write(stream, format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", message.body.len()));
        write(stream, &message.body)
    });
    let mut client = Http2::connect(&world, &Caller::new(None));
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    let answer = client.ask(request(Method::POST, "/open/x", None, body.clone())).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.body == body, "{} bytes", answer.body.len());
}

/// HTTP-29
#[test]
fn answers_without_a_body_have_none() {
    let world = world();
    world.upstream.becomes(|message, stream| {
        let status = if message.target().ends_with("204") { "204 No Content" } else { "200 OK\r\ncontent-length: 5" };
        write(stream, format!("HTTP/1.1 {status}\r\n\r\n"))
    });
    let mut client = Http2::connect(&world, &Caller::new(None));
    let head = client.ask(request(Method::HEAD, "/accounts", Some(&Token::good().mint()), "")).unwrap();
    assert_eq!((head.status.as_u16(), head.fields["content-length"].to_str().unwrap(), head.body.len()), (200, "5", 0));
    let nothing = client.ask(get("/accounts/204")).unwrap();
    assert_eq!((nothing.status.as_u16(), nothing.fields.get("content-length"), nothing.body.len()), (204, None, 0));
}

/// HTTP-28: a body that breaks off is never a whole one.
#[test]
fn an_answer_that_breaks_off_resets_its_stream_only() {
    let world = world();
    world.upstream.becomes(|message, stream| {
        if message.target() == "/accounts/cut" {
            write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
            return After::Close;
        }
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    });
    let mut client = Http2::connect(&world, &Caller::new(None));
    let cut = client.ask(get("/accounts/cut")).unwrap_err();
    assert!(cut.is_reset() || cut.is_go_away(), "{cut}");
    assert_eq!(client.ask(get("/accounts/whole")).unwrap().body, b"ok");
}

/// A client that takes its request back: what was done for it is given up, and its upstream connection with it.
#[test]
fn a_request_that_is_taken_back_is_given_up() {
    let world = world();
    world.upstream.becomes(|message, stream| {
        if message.target() == "/accounts/slow" {
            // Until the gateway hangs up.
            let mut byte = [0];
            let _gone = std::io::Read::read(stream, &mut byte);
            return After::Close;
        }
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    });
    let mut client = Http2::connect(&world, &Caller::new(None));
    let (runtime, send) = client.by_hand();
    let (parts, _) = get("/accounts/slow").into_parts();
    let (answer, mut stream) = runtime
        .block_on(async { send.clone().ready().await.unwrap().send_request(Request::from_parts(parts, ()), true) })
        .unwrap();
    world.upstream.wait_for(1);
    stream.send_reset(h2::Reason::CANCEL);
    drop(answer);
    eventually("its line", || world.log().contains("client_gone").then_some(()));
    assert_eq!(client.ask(get("/accounts")).unwrap().status, 200);
}

/// HTTP-35: whoever leaves says so, and what is on its way is answered.
#[test]
fn a_drain_says_goodbye_and_answers_what_is_under_way() {
    let mut world = world();
    world.upstream.becomes(|_, stream| {
        std::thread::sleep(Duration::from_millis(500));
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    });
    let mut client = Http2::connect(&world, &Caller::new(None));
    let (runtime, send) = client.by_hand();
    let (parts, _) = get("/accounts").into_parts();
    let (answer, _) = runtime
        .block_on(async { send.clone().ready().await.unwrap().send_request(Request::from_parts(parts, ()), true) })
        .unwrap();
    let answer = runtime.spawn(answer);
    world.upstream.wait_for(1);
    world.drain();
    assert_eq!(runtime.block_on(answer).unwrap().unwrap().status(), 200);
    assert!(runtime.block_on(async { send.clone().ready().await.is_err() }), "no further requests");
}

/// A connection on which nothing is under way is told too, at once, and ended soon.
#[test]
fn an_idle_connection_is_told_of_a_drain() {
    let mut world = world();
    let mut frames = Frames::connect(&world);
    frames.ask(1, &[(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/open/x")]);
    frames.next_of(&[DATA]).unwrap();
    let drained = std::thread::spawn(move || world.drain());
    let goaway = frames.next_of(&[GOAWAY]).unwrap();
    assert_eq!(goaway.payload, [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0], "every request that is on its way is still taken");
    frames.ask(3, &[(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/open/y")]);
    assert_eq!(frames.next_of(&[HEADERS]).unwrap().stream, 3);
    while frames.next().is_some() {}
    drained.join().unwrap();
}

/// RFC 9113 §8.2.3: cookies may come in crumbs, and are one field to an upstream.
#[test]
fn crumbs_of_a_cookie_are_joined() {
    let world = world();
    let mut ask = get("/accounts");
    for crumb in ["a=1", "b=2", "c=3"] {
        ask.headers_mut().append("cookie", HeaderValue::from_static(crumb));
    }
    assert_eq!(Http2::connect(&world, &Caller::new(None)).ask(ask).unwrap().status, 200);
    assert_eq!(world.upstream.only().one("cookie"), "a=1; b=2; c=3");
}

/// HTTP-25, HTTP-18: what an upstream trusts is said by us alone, whether a client says it in fields or in trailers.
#[test]
fn nobody_else_says_who_the_client_is() {
    let world = world();
    let mut client = Http2::connect(&world, &Caller::new(None));
    let (runtime, send) = client.by_hand();
    let (mut parts, _) = request(Method::POST, "/payments", Some(&Token::good().mint()), "").into_parts();
    let fields =
        ["x-auth-subject", "x_auth_subject", "x-auth-client-id", "forwarded", "client-cert", "x-forwarded-for"];
    for name in fields {
        parts.headers.insert(name, HeaderValue::from_static("mallory"));
    }
    let trailers: HeaderMap = parts.headers.clone();
    let status = runtime.block_on(async {
        let mut send = send.clone().ready().await.unwrap();
        let (answer, mut body) = send.send_request(Request::from_parts(parts, ()), false).unwrap();
        body.send_data("{}".into(), false).unwrap();
        body.send_trailers(trailers).unwrap();
        answer.await.unwrap().status()
    });
    assert_eq!(status, 200);
    let seen = world.upstream.only();
    assert_eq!((seen.is_complete, seen.body.as_slice()), (true, &b"{}"[..]));
    assert!(!String::from_utf8_lossy(&seen.raw).contains("mallory"), "{seen:?}");
}

/// HTTP-19: who waits for `100 Continue` gets it when its token is good, and not when it is not.
#[test]
fn a_client_may_ask_whether_its_body_is_wanted() {
    let world = world();
    let head = |token: &str| {
        let authorization = format!("Bearer {token}");
        block(&[
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "api.bank.example"),
            (":path", "/payments"),
            ("content-length", "4"),
            ("expect", "100-continue"),
            ("authorization", &authorization),
        ])
    };
    let mut frames = Frames::connect(&world);
    frames.send(HEADERS, END_HEADERS, 1, &head("bad"));
    let refused = frames.next_of(&[HEADERS]).unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(world.upstream.hits(), 0);
    frames.send(HEADERS, END_HEADERS, 3, &head(&Token::good().mint()));
    assert_eq!(frames.next_of(&[HEADERS]).unwrap().status(), 100);
    frames.send(DATA, END_STREAM, 3, b"body");
    let answer = frames.next_of(&[HEADERS]).unwrap();
    assert_eq!((answer.stream, answer.status()), (3, 200));
    assert_eq!(world.upstream.only().body, b"body");
}

/// MTLS-5: a token is good with the certificate of its own connection, whatever else goes on there and beside it.
#[test]
fn a_bound_token_is_bound_to_its_connection() {
    let world = Setup::default().with_tls(", client_certificate: optional", &[]);
    let (mine, other) = (Identity::self_signed(|_| {}), Identity::self_signed(|_| {}));
    let with = |identity: &Identity| request(Method::GET, "/accounts", Some(&identity.token().mint()), "");
    let mut connections = [&mine, &other].map(|one| Http2::connect(&world, &Caller::new(Some(one))));
    for (place, client) in connections.iter_mut().enumerate() {
        let answers = client.ask_all((0..20).flat_map(|_| [with(&mine), with(&other)]).collect());
        for (n, answer) in answers.into_iter().enumerate() {
            let expected = if n % 2 == place { 200 } else { 401 };
            assert_eq!(answer.unwrap().status, expected, "{place} {n}");
        }
    }
}

/// RFC 9113 §3: where TLS has not agreed on it, it is not spoken: neither by prior knowledge nor by an upgrade.
#[test]
fn it_is_not_spoken_in_the_clear() {
    let world = World::start();
    let mut client = world.client();
    client.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(client.answer().status(), 400);
    let upgrade = ["connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABk"];
    let upgrade = upgrade.into_iter().fold(Plain::get("/open/x"), Plain::field);
    assert_eq!(Client::connect(world.address()).send(&upgrade).status(), 200, "an offer that we do not take up");
    let seen = world.upstream.only();
    assert_eq!((seen.get("upgrade"), seen.get("http2-settings"), seen.get("connection")), (None, None, None));
    // Over TLS, who offers nothing speaks HTTP/1.1.
    let world = self::world();
    let mut client = Caller::new(None).connect(&world);
    client.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(client.answer().status(), 400);
}
