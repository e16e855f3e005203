//! HTTP/2 towards upstreams: what is shared between requests, and what one request cannot do to another.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World};
use crate::support::http2_server::{Call, Http2, all, send};
use crate::support::secure::{Secure, Terms};
use crate::support::tls::Authority;
use crate::support::tokens::Token;
use crate::support::{eventually, keys};
use http::Response;
use rustls::HandshakeKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

pub const PROTOCOL: &str = "    protocol: http2\n";

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
    let text =
        |(name, value): (&http::HeaderName, &http::HeaderValue)| (name.to_string(), value.to_str().unwrap().into());
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
    assert!((world.metric("scopegate_upstream_connects_total") - 1.0).abs() < 0.5);
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
