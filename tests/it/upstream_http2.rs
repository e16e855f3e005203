//! HTTP/2 towards upstreams: what is shared between requests, and what one request cannot do to another.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World};
use crate::support::http2_server::{Call, Http2, all, send};
use crate::support::secure::{Secure, Terms};
use crate::support::server::Server;
use crate::support::tls::Authority;
use crate::support::tokens::Token;
use crate::support::{eventually, keys};
use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Response};
use rustls::HandshakeKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

const PROTOCOL: &str = "    protocol: http2\n";

pub fn get() -> Request {
    Request::get("/accounts").token(&Token::good().mint())
}

pub fn post() -> Request {
    Request::new("POST", "/payments").token(&Token::good().claim("scope", "payments").mint())
}

/// A gateway in front of `server`, by prior knowledge.
pub fn before(server: &Http2) -> World {
    with(server, "")
}

/// The same with these further lines of the upstream.
pub fn with(server: &Http2, lines: &str) -> World {
    Setup { servers: server.servers(), upstream: format!("{PROTOCOL}{lines}"), ..Setup::default() }.start()
}

fn body(length: u32) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

/// HTTP-2, HTTP-25: the fields are those of HTTP/1.1, in the form of RFC 9113.
#[test]
fn the_upstream_gets_what_it_would_get_by_http_1() {
    let server = Http2::echo();
    let (modern, old) = (before(&server), World::start());
    let request = || {
        Request::new("GET", "/accounts?q=%41+b&&=")
            .token(&Token::good().mint())
            .host(Some("api.bank.example:8443"))
            .field("X-Thing: 1")
            .field("x-thing: 2")
            .field("cookie: a=b")
            .field("te: gzip")
            .field("keep-alive: 5")
            .field("connection: x-secret, x-auth-subject")
            .field("x-secret: s")
            .field("X-Auth-Subject: forged")
            .field("x_auth_scope: forged")
            .field("upgrade: websocket")
            .numbered(1)
    };
    let answer = modern.send(&request());
    assert_eq!((answer.status(), answer.text().as_str()), (200, "GET /accounts"));
    assert_eq!(old.send(&request()).status(), 200);
    let (new, old) = (server.seen().pop().unwrap().head, old.upstream.only());
    assert_eq!(new.uri, "http://api.bank.example:8443/accounts?q=%41+b&&=");
    assert_eq!(old.target(), "/accounts?q=%41+b&&=");
    let mut expected = old.fields.clone();
    expected.retain(|(name, _)| name != "host");
    let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| (name.to_string(), value.to_str().unwrap().into());
    let mut fields: Vec<(String, String)> = new.headers.iter().map(text).collect();
    expected.sort();
    fields.sort();
    assert_eq!(fields, expected);
    assert_eq!(all(&new.headers, "x-auth-subject"), ["customer-1"]);
    assert_eq!(all(&new.headers, "x-thing"), ["1", "2"]);
}

#[test]
fn many_requests_share_one_connection() {
    const REQUESTS: usize = 60;
    let (waiting, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (count, open) = (Arc::clone(&waiting), Arc::clone(&gate));
    let server = Http2::with(100, move |call: Call| {
        let (count, open) = (Arc::clone(&count), Arc::clone(&open));
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            drop(open.acquire().await);
            call.echo().await;
        }
    });
    let world = before(&server);
    std::thread::scope(|scope| {
        for n in 0..REQUESTS {
            let world = &world;
            scope.spawn(move || {
                let path = format!("/accounts/{n}");
                let answer = world.send(&Request::get(&path).token(&Token::good().mint()));
                assert_eq!(answer.text(), format!("GET {path}"));
            });
        }
        eventually("all requests at once", || (waiting.load(Ordering::SeqCst) == REQUESTS).then_some(()));
        gate.add_permits(REQUESTS);
    });
    assert_eq!(server.connections(), 1);
    assert_eq!(world.metric("scopegate_upstream_connects_total"), 1.0);
}

/// RFC 9113 §5.1.2: what the server says is the bound, and a connection more is opened.
#[test]
fn a_server_gets_no_more_streams_than_it_takes() {
    let gate = Arc::new(Semaphore::new(0));
    let open = Arc::clone(&gate);
    let server = Http2::with(2, move |call: Call| {
        let open = Arc::clone(&open);
        async move {
            drop(open.acquire().await);
            call.echo().await;
        }
    });
    let world = before(&server);
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| assert_eq!(world.send(&get()).status(), 200));
        }
        server.wait_for_connections(3);
        gate.add_permits(5);
    });
    assert_eq!((server.connections(), server.seen().len()), (3, 5));
}

#[test]
fn bodies_pass_both_ways_in_the_clear_and_through_tls() {
    let authority = Authority::new("banks");
    let identity = authority.issue_for("127.0.0.1");
    let server = Http2::with(100, |mut call: Call| async move {
        let body = call.read().await;
        let mut stream = call.begin(Response::builder().header("x-length", body.len()));
        send(&mut stream, body.into(), true).await;
    });
    let front = Secure::before(server.address(), &Terms { alpn: &["h2"], ..Terms::of(&identity) });
    let upstream = format!("{PROTOCOL}    tls: {{ ca_file: ca.pem }}\n");
    let files = [("ca.pem", authority.pem()), ("jwks.json", keys::set(&[keys::ec()]).to_string())];
    let secure = Setup { servers: front.servers(), upstream, ..Setup::default() }.with_files(&files);
    let sent = body(1024 * 1024);
    for world in [before(&server), secure] {
        let mut client = world.client();
        for _ in 0..3 {
            let answer = client.send(&post().body(&sent));
            assert_eq!((answer.status(), answer.one("transfer-encoding")), (200, "chunked"));
            assert!(answer.is_complete && answer.body == sent);
        }
        let chunked = post().field("transfer-encoding: chunked");
        client.write([chunked.bytes(), b"3\r\nabc\r\n0\r\nx-auth-subject: forged\r\n\r\n".to_vec()].concat());
        assert_eq!(client.answer().text(), "abc");
        let seen = server.seen().pop().unwrap();
        assert_eq!((all(&seen.head.headers, "x-auth-subject"), seen.body), (vec!["customer-1"], b"abc".to_vec()));
    }
    assert_eq!(server.connections(), 2, "one for each gateway");
    assert_eq!(front.last().alpn.as_deref(), Some(&b"h2"[..]));
    assert_eq!(server.seen()[4].head.uri.scheme_str(), Some("https"));
}

#[test]
fn a_session_of_tls_is_resumed_for_http_2_too() {
    let authority = Authority::new("banks");
    let identity = authority.issue_for("127.0.0.1");
    let server = Http2::echo();
    let front = Secure::before(server.address(), &Terms { alpn: &["h2"], ..Terms::of(&identity) });
    let upstream = format!("{PROTOCOL}    tls: {{ ca_file: ca.pem }}\n");
    let files = [("ca.pem", authority.pem()), ("jwks.json", keys::set(&[keys::ec()]).to_string())];
    let world = Setup { servers: front.servers(), upstream, ..Setup::default() }.with_files(&files);
    assert_eq!(world.send(&get()).status(), 200);
    server.leave();
    eventually("another connection", || {
        assert_eq!(world.send(&get()).status(), 200);
        (server.connections() == 2).then_some(())
    });
    assert_eq!(front.last().kind, HandshakeKind::Resumed);
}

/// The answer comes before the request has ended: it passes, and others on the connection see nothing of it.
#[test]
fn an_early_answer_passes_while_the_body_is_still_on_its_way() {
    let server = Http2::with(100, |mut call: Call| async move {
        if call.head.method == "GET" {
            return call.echo().await;
        }
        call.answer(Response::builder().status(403).header("content-length", 2), "no").await;
    });
    let world = before(&server);
    assert_eq!(world.send(&get()).status(), 200);
    for _ in 0..3 {
        let mut client = world.client();
        client.write(post().field("content-length: 100000").bytes());
        client.write([b'x'; 1000]);
        let answer = client.answer();
        assert_eq!((answer.status(), answer.text().as_str()), (403, "no"));
        assert!(answer.is_complete);
        assert!(client.has_ended(), "where the next request begins is not certain");
        assert_eq!(world.send(&get()).status(), 200);
    }
    assert_eq!(server.connections(), 1);
}

/// HTTP-28: what breaks off looks broken, and the connection goes on.
#[test]
fn a_broken_answer_looks_broken_to_its_client_and_to_nobody_else() {
    let server = Http2::with(100, |mut call: Call| async move {
        let length = |length: u32| Response::builder().header("content-length", length);
        match call.head.uri.path() {
            "/accounts/reset-at-once" => call.reset(Reason::INTERNAL_ERROR),
            "/accounts/no-error-at-once" => call.reset(Reason::NO_ERROR),
            "/accounts/reset-within" => {
                let mut stream = call.begin(Response::builder());
                send(&mut stream, Bytes::from_static(b"half"), false).await;
                // What was handed over leaves first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                stream.send_reset(Reason::INTERNAL_ERROR);
            }
            "/accounts/no-error-within" => {
                let mut stream = call.begin(Response::builder());
                send(&mut stream, Bytes::from_static(b"half"), false).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
                stream.send_reset(Reason::NO_ERROR);
            }
            "/accounts/too-short" => {
                let mut stream = call.begin(length(10));
                send(&mut stream, Bytes::from_static(b"half"), true).await;
            }
            "/accounts/too-long" => {
                let mut stream = call.begin(length(3));
                send(&mut stream, Bytes::from_static(b"half"), true).await;
            }
            "/accounts/two-lengths" => {
                call.answer(length(4).header("content-length", 5), "half").await;
            }
            "/accounts/length-of-letters" => {
                call.answer(Response::builder().header("content-length", "four"), "half").await;
            }
            "/accounts/two-equal-lengths" => call.answer(length(4).header("content-length", 4), "half").await,
            "/accounts/many-fields" => {
                let head = (0..101).fold(Response::builder(), |head, n| head.header(format!("x-{n}"), "y"));
                call.answer(head, "half").await;
            }
            "/accounts/large-head" => {
                call.answer(Response::builder().header("x", "y".repeat(70 * 1024)), "half").await;
            }
            _ => call.echo().await,
        }
    });
    let world = before(&server);
    let ask = |path: &str| {
        let mut client = world.client();
        client.write(Request::get(path).token(&Token::good().mint()).bytes());
        client.next()
    };
    let unanswered =
        ["reset-at-once", "no-error-at-once", "two-lengths", "length-of-letters", "two-equal-lengths", "many-fields", "large-head"];
    for name in unanswered {
        let answer = ask(&format!("/accounts/{name}")).unwrap();
        assert_eq!(answer.status(), 502, "{name}");
        assert_eq!(answer.json()["detail"], "The service behind the gateway gave no valid answer", "{name}");
    }
    for name in ["reset-within", "no-error-within", "too-short", "too-long"] {
        // Where all of it comes at once, nothing of it is passed on.
        let answer = ask(&format!("/accounts/{name}"));
        assert!(answer.as_ref().is_none_or(|answer| !answer.is_complete || answer.status() == 502), "{name}: {answer:?}");
    }
    assert_eq!(ask("/accounts/1").unwrap().text(), "GET /accounts/1");
    assert_eq!(server.connections(), 1);
}

/// HTTP-18, HTTP-29.
#[test]
fn answers_without_a_body_and_with_trailers_end_where_they_should() {
    let server = Http2::with(100, |mut call: Call| async move {
        let status = call.head.uri.path().rsplit('/').next().unwrap().parse().unwrap_or(200);
        match (call.head.method.as_str(), status) {
            (_, 204) => call.answer(Response::builder().status(204), "").await,
            (_, 304) => call.answer(Response::builder().status(304).header("content-length", 5), "").await,
            ("HEAD", _) => call.answer(Response::builder().header("content-length", 5), "").await,
            (_, 205) => call.answer(Response::builder().status(205).header("content-length", 0), "").await,
            (_, 206) => call.answer(Response::builder().status(206), "").await,
            _ => {
                let mut stream = call.begin(Response::builder().header("trailer", "x-auth-subject"));
                send(&mut stream, Bytes::from_static(b"hello"), false).await;
                let mut trailers = HeaderMap::new();
                trailers.insert("x-auth-subject", "forged".parse().unwrap());
                stream.send_trailers(trailers).unwrap();
            }
        }
    });
    let world = before(&server);
    let mut client = world.client();
    let mut ask = |method: &str, path: &str| client.send(&Request::new(method, path).token(&Token::good().mint()));
    let answer = ask("GET", "/accounts/200");
    assert_eq!((answer.text().as_str(), answer.is_complete), ("hello", true));
    assert!(!String::from_utf8_lossy(&answer.raw).contains("x-auth-subject"));
    assert_eq!(ask("HEAD", "/accounts").get("content-length"), Some("5"));
    assert_eq!(ask("GET", "/accounts/204").get("content-length"), None);
    assert_eq!(ask("GET", "/accounts/304").status(), 304);
    assert_eq!(ask("GET", "/accounts/205").get("content-length"), Some("0"));
    assert_eq!(ask("GET", "/accounts/206").get("content-length"), Some("0"));
    assert_eq!(ask("GET", "/accounts").text(), "hello", "and all on one connection");
    assert_eq!(server.connections(), 1);
}

/// Who speaks only HTTP/1.1 is told apart before a request is sent.
#[test]
fn an_upstream_that_does_not_speak_http_2_gets_nothing() {
    let authority = Authority::new("banks");
    let identity = authority.issue_for("127.0.0.1");
    let old = Server::answering("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let files = || [("ca.pem", authority.pem()), ("jwks.json", keys::set(&[keys::ec()]).to_string())];
    let upstream = format!("{PROTOCOL}    connect_timeout: 5s\n");
    let secure = |alpn| {
        let front = Secure::before(old.address(), &Terms { alpn, ..Terms::of(&identity) });
        let upstream = format!("{upstream}    tls: {{ ca_file: ca.pem }}\n");
        Setup { servers: front.servers(), upstream, ..Setup::default() }.with_files(&files())
    };
    let plain = Setup { servers: format!("[\"http://{}\"]", old.address()), upstream: upstream.clone(), ..Setup::default() };
    let worlds = [("no ALPN", secure(&[])), ("ALPN", secure(&["http/1.1"])), ("in the clear", plain.start())];
    for (name, world) in &worlds {
        let answer = world.send(&post().body("x").numbered(1));
        let told = "No connection to the service behind the gateway could be agreed on";
        assert_eq!((answer.status(), answer.json()["detail"].as_str()), (502, Some(told)), "{name}");
        assert_eq!(world.log_line(1)["reason"], "upstream_handshake", "{name}");
        assert_eq!(world.metric("scopegate_upstream_handshakes_failed_total"), 1.0, "{name}");
    }
    let spoken: Vec<_> = old.requests().into_iter().map(|request| request.start).collect();
    assert!(spoken.iter().all(|start| start == "PRI * HTTP/2.0"), "{spoken:?}");
}
