//! Browsers (WHATWG Fetch, CORS protocol; ERR-8, FAPI-14): off by default, on for the origins that a route names.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, route};
use crate::support::proofs::{Proof, bound, dpop, setup};
use crate::support::server::Server;
use crate::support::tokens::Token;

const APP: &str = "https://app.example";

fn world() -> World {
    let cors = "scopes: [accounts]\ncors: { origins: [https://app.example, http://localhost:3000], max_age: 5m }";
    Setup::routes(&[
        route("/accounts", "GET, PUT", cors),
        route("/closed", "GET", "scopes: [accounts]"),
        route("/own", "OPTIONS, GET", cors),
    ])
    .start()
}

fn preflight(path: &str, origin: &str, method: &str) -> Request {
    Request::new("OPTIONS", path)
        .field(&format!("origin: {origin}"))
        .field(&format!("access-control-request-method: {method}"))
}

#[test]
fn a_preflight_is_answered_without_a_token_and_reaches_nobody() {
    let world = world();
    for path in ["/accounts", "/own"] {
        let asks = preflight(path, APP, "GET").field("access-control-request-headers: authorization, dpop");
        let answer = world.send(&asks.numbered(1));
        assert_eq!((answer.status(), answer.text().as_str()), (204, ""), "{path}");
        assert_eq!(answer.one("access-control-allow-origin"), APP);
        assert_eq!(answer.one("access-control-allow-headers"), "authorization, dpop");
        assert_eq!(answer.one("access-control-max-age"), "300");
        assert!(answer.one("vary").starts_with("Origin"));
        assert_eq!(answer.get("access-control-allow-credentials"), None);
        assert_eq!(answer.get("content-length"), None);
        assert!(answer.get("x-fapi-interaction-id").is_some());
    }
    let answer = world.send(&preflight("/accounts", "http://localhost:3000", "PUT"));
    assert_eq!((answer.status(), answer.one("access-control-allow-methods")), (204, "GET, PUT"));
    assert_eq!(answer.get("access-control-allow-headers"), None);
    assert_eq!(world.upstream.hits(), 0);
    assert_eq!(world.log_line(1)["status"], 204);
}

#[test]
fn nobody_else_is_told_that_there_is_anything_to_call() {
    let world = world();
    let allowed = |request: &Request| {
        let answer = world.send(request);
        (answer.status(), answer.get("access-control-allow-origin").map(str::to_owned))
    };
    for (name, request, status) in [
        ("another origin", preflight("/accounts", "https://app.example.evil", "GET"), 405),
        ("another scheme", preflight("/accounts", "http://app.example", "GET"), 405),
        ("another case", preflight("/accounts", "https://APP.example", "GET"), 405),
        ("null", preflight("/accounts", "null", "GET"), 405),
        ("another method", preflight("/accounts", APP, "DELETE"), 405),
        ("a method in another case", preflight("/accounts", APP, "get"), 405),
        ("two origins", preflight("/accounts", APP, "GET").field(&format!("origin: {APP}")), 405),
        ("no method asked for", Request::new("OPTIONS", "/accounts").field(&format!("origin: {APP}")), 405),
        ("a route without cors", preflight("/closed", APP, "GET"), 405),
        ("no route", preflight("/nowhere", APP, "GET"), 404),
        ("two readings", preflight("/accounts/%2e", APP, "GET"), 400),
        ("a token in the query", preflight("/accounts?access_token=x", APP, "GET"), 400),
        ("the route's own OPTIONS", Request::new("OPTIONS", "/own"), 401),
        ("a request from elsewhere", Request::get("/accounts").field("origin: https://else.example"), 401),
        ("a request without an origin", Request::get("/accounts"), 401),
    ] {
        assert_eq!(allowed(&request), (status, None), "{name}");
    }
    let long = "a".repeat(1025);
    for names in ["a\"b", "a;b", long.as_str()] {
        let asks = preflight("/accounts", APP, "GET").field(&format!("access-control-request-headers: {names}"));
        assert_eq!(world.send(&asks).get("access-control-allow-headers"), None, "{names}");
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// ERR-8: what a client must read to go on is exposed, on refusals too.
#[test]
fn an_allowed_page_may_read_answers_and_challenges() {
    let upstream = Server::answering(
        "HTTP/1.1 200 OK\r\nvary: Accept\r\naccess-control-allow-origin: *\r\n\
         access-control-allow-credentials: true\r\ncontent-length: 2\r\n\r\n{}",
    );
    let cors = "scopes: [accounts]\ncors: { origins: [https://app.example] }";
    let world = Setup::routes(&[route("/accounts", "GET", cors)]).before(upstream);
    let get = |token: &Token| Request::get("/accounts").token(&token.mint()).field(&format!("origin: {APP}"));
    for (request, status) in [
        (get(&Token::good()), 200),
        (get(&Token::good().scope("x")), 403),
        (Request::get("/accounts").field(&format!("origin: {APP}")), 401),
    ] {
        let answer = world.send(&request);
        assert_eq!(answer.status(), status);
        assert_eq!(answer.one("access-control-allow-origin"), APP, "{status}");
        let exposed = answer.one("access-control-expose-headers");
        for name in ["WWW-Authenticate", "DPoP-Nonce", "Retry-After", "x-fapi-interaction-id"] {
            assert!(exposed.contains(name), "{name}");
        }
        assert!(answer.all("vary").contains(&"Origin"), "{status}");
        assert_eq!(answer.get("access-control-allow-credentials"), None, "{status}");
        if status == 200 {
            assert!(answer.all("vary").contains(&"Accept"));
        }
    }
}

/// RFC 9449 §8.2 in a browser: the nonce can be read.
#[test]
fn a_page_can_read_its_nonce() {
    let mut setup = setup("{ nonce: required }");
    setup.routes = route("/accounts", "GET", "scopes: [accounts]\ncors: { origins: [https://app.example] }");
    let world = setup.start();
    let (key, token) = bound();
    let answer = world.send(&dpop(&token, &Proof::good(&key, &token).mint()).field(&format!("origin: {APP}")));
    assert_eq!((answer.status(), answer.one("access-control-allow-origin")), (401, APP));
    assert!(answer.get("dpop-nonce").is_some() && answer.one("access-control-expose-headers").contains("DPoP-Nonce"));
}
