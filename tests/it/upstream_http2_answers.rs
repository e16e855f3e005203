//! What upstreams answer by HTTP/2: whole, broken, empty, or not by HTTP/2 at all.

use crate::support::client::Request;
use crate::support::gateway::Setup;
use crate::support::http2_server::{Call, Http2, send};
use crate::support::keys;
use crate::support::secure::{Secure, Terms};
use crate::support::server::Server;
use crate::support::tls::Authority;
use crate::support::tokens::Token;
use crate::upstream_http2::{PROTOCOL, before, post};
use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Response};
use std::time::Duration;

/// HTTP-28: what breaks off looks broken, and the connection goes on.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
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
    let unanswered = [
        "reset-at-once",
        "no-error-at-once",
        "two-lengths",
        "length-of-letters",
        "two-equal-lengths",
        "many-fields",
        "large-head",
    ];
    for name in unanswered {
        let answer = ask(&format!("/accounts/{name}")).unwrap();
        assert_eq!(answer.status(), 502, "{name}");
        assert_eq!(answer.json()["detail"], "The service behind the gateway gave no valid answer", "{name}");
    }
    for name in ["reset-within", "no-error-within", "too-short", "too-long"] {
        // Where all of it comes at once, nothing of it is passed on.
        let answer = ask(&format!("/accounts/{name}"));
        assert!(
            answer.as_ref().is_none_or(|answer| !answer.is_complete || answer.status() == 502),
            "{name}: {answer:?}"
        );
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
    let plain =
        Setup { servers: format!("[\"http://{}\"]", old.address()), upstream: upstream.clone(), ..Setup::default() };
    let worlds = [("no ALPN", secure(&[])), ("ALPN", secure(&["http/1.1"])), ("in the clear", plain.start())];
    for (name, world) in &worlds {
        let answer = world.send(&post().body("x").numbered(1));
        let told = "No connection to the service behind the gateway could be agreed on";
        assert_eq!((answer.status(), answer.json()["detail"].as_str()), (502, Some(told)), "{name}");
        assert_eq!(world.log_line(1)["reason"], "upstream_handshake", "{name}");
        assert!((world.metric("scopegate_upstream_handshakes_failed_total") - 1.0).abs() < 0.5, "{name}");
    }
    let spoken: Vec<_> = old.requests().into_iter().map(|request| request.start).collect();
    // The preface (RFC 9113 §3.4), as a server of HTTP/1.1 reads it.
    assert!(spoken.iter().all(|start| start == "PRI * HTTP/2.0" || start == "SM"), "{spoken:?}");
}
