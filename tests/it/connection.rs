//! A client's connection: what is no request is answered like one, answers stay in order, none is lost on the way out.

use crate::support::client::Request;
use crate::support::gateway::World;
use crate::support::tokens::Token;
use serde_json::Value;

/// ERR-10, FAPI-10, FAPI-11: a body, a date, a correlation id and a line in the log, also where no head could be read.
#[test]
fn what_is_no_request_is_answered_and_logged_like_one() {
    let world = World::start();
    for (bytes, status, reason) in [
        ("GET /a b HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), 400, "head_malformed"),
        ("\x16\x03\x01\x02\0\x01\0".to_owned(), 400, "head_malformed"),
        (format!("GET /a HTTP/1.1\r\nx: {}", "x".repeat(40_000)), 431, "head_too_large"),
        (format!("GET /{}", "x".repeat(40_000)), 414, "target_too_long"),
    ] {
        let mut client = world.client();
        client.write(&bytes);
        let answer = client.answer();
        assert_eq!((answer.status(), answer.one("content-type")), (status, "application/problem+json"), "{reason}");
        assert_eq!((answer.one("connection"), answer.one("date").len()), ("close", 29), "{reason}");
        let id = answer.one("x-fapi-interaction-id").to_owned();
        assert_eq!(answer.json()["instance"], format!("urn:uuid:{id}"));
        assert!(client.has_ended(), "{reason}");
        let line = crate::support::eventually("its line", || {
            world.log().lines().find(|line| line.contains(&id)).map(|line| serde_json::from_str::<Value>(line).unwrap())
        });
        assert_eq!((&line["reason"], line.get("method"), line.get("path")), (&reason.into(), None, None));
    }
    assert!((world.metric("scopegate_heads_unreadable_total") - 4.0).abs() < 0.5);
}

/// HTTP-30: pipelined answers come in order, and a bad second request does not poison the first.
#[test]
fn answers_come_in_the_order_of_their_requests() {
    let world = World::start();
    let good = |path: &str| Request::get(path).token(&Token::good().mint()).bytes();
    let mut client = world.client();
    let post = Request::new("POST", "/payments").token(&Token::good().mint()).body("hello").bytes();
    client.write([good("/accounts/1"), post, Request::get("/accounts/2").bytes(), good("/accounts/3")].concat());
    let statuses: Vec<u16> = (0..4).map(|_| client.answer().status()).collect();
    assert_eq!(statuses, [200, 200, 401, 200]);
    let seen: Vec<_> = world.upstream.requests().iter().map(|request| request.target().to_owned()).collect();
    assert_eq!(seen, ["/accounts/1", "/payments", "/accounts/3"]);
    client.write([good("/accounts/4"), b"GET  /accounts/5 HTTP/1.1\r\n\r\n".to_vec(), good("/accounts/6")].concat());
    assert_eq!((client.answer().status(), client.answer().status()), (200, 400));
    assert!(client.rest().is_some_and(|rest| rest.is_empty()), "nothing behind it is read");
    assert_eq!(world.upstream.last().target(), "/accounts/4");
}

/// RFC 9112 §9.6: an answer that ends the connection is not lost although the client is still sending.
#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let world = World::start();
    for _ in 0..5 {
        let mut client = world.client();
        let head = "POST /payments HTTP/1.1\r\nhost: a\r\ncontent-length: 500000\r\n\r\n";
        client.write(format!("{head}{}", "x".repeat(400_000)));
        let answer = client.answer();
        assert_eq!((answer.status(), answer.one("connection")), (401, "close"));
        assert!(client.has_ended());
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// What was refused before its body was looked at leaves the connection usable, if the body has arrived.
#[test]
fn a_small_body_that_nobody_wanted_is_skipped() {
    let world = World::start();
    let mut client = world.client();
    let without_token = Request::new("POST", "/payments").body("GET /accounts HTTP/1.1\r\n\r\n");
    assert_eq!(client.send(&without_token).status(), 401);
    assert_eq!(client.send(&Request::get("/accounts").token(&Token::good().mint())).status(), 200);
    assert_eq!(world.upstream.hits(), 1);
}

/// RFC 9112 §9.3: HTTP/1.0 ends with its answer, and is sent no chunks.
#[test]
fn http_1_0_gets_one_answer_a_connection() {
    let world = World::start();
    let mut client = world.client();
    let token = Token::good().mint();
    client.write(format!(
        "GET /accounts HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\nauthorization: Bearer {token}\r\n\r\n"
    ));
    let answer = client.answer();
    assert_eq!((answer.status(), answer.one("connection"), answer.get("transfer-encoding")), (200, "close", None));
    assert!(client.has_ended());
}
