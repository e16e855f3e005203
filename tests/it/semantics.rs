//! What the words of HTTP mean on the way through: expectations, methods that are for proxies, requests that come back
//! (RFC 9110 §7.6, §9.3, §10.1.1).

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, route};
use crate::support::server::{Server, nobody, write};
use crate::support::tokens::Token;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn get() -> Request {
    Request::get("/accounts").token(&Token::good().mint())
}

fn post() -> Request {
    Request::new("POST", "/payments").token(&Token::good().mint())
}

fn expecting(request: Request) -> Request {
    request.field("expect: 100-continue")
}

/// HTTP-19: what is refused is refused before a body is asked for, and the connection does not take it for a request.
#[test]
fn a_body_is_not_asked_for_where_the_head_is_refused() {
    let world = World::start();
    let dead = Setup::default().at(Server::echo(), nobody());
    let bad = || Request::new("POST", "/payments").token("x");
    let rows: [(&str, &World, Request, u16); 9] = [
        ("bad token", &world, bad().field("content-length: 9"), 401),
        ("bad token, chunked", &world, bad().field("transfer-encoding: chunked"), 401),
        ("no token", &world, Request::new("POST", "/payments").field("content-length: 9"), 401),
        ("no route", &world, Request::new("POST", "/nowhere").field("content-length: 9"), 404),
        ("another method", &world, Request::new("PUT", "/payments").field("content-length: 9"), 405),
        ("too large", &world, post().field("content-length: 1048577"), 413),
        ("looped", &world, post().field("content-length: 9").field("via: 1.1 scopegate"), 508),
        ("nobody behind", &dead, post().field("content-length: 9"), 502),
        ("nobody behind, chunked", &dead, post().field("transfer-encoding: chunked"), 502),
    ];
    for (name, world, request, status) in rows {
        let mut client = world.client();
        client.write(expecting(request).bytes());
        let answer = client.next().unwrap();
        assert_eq!((answer.status(), answer.one("connection")), (status, "close"), "{name}: no 100 before it");
        assert!(client.has_ended(), "{name}");
    }
    assert_eq!(world.upstream.hits() + dead.upstream.hits(), 0);
    // A client that does not wait has its body skipped, and goes on.
    let mut client = world.client();
    client.write(expecting(bad().body("GET / HTTP")).bytes());
    assert_eq!((client.next().unwrap().status(), client.send(&get()).status()), (401, 200));
}

/// HTTP-19: who is let through is told to go on, once, by us: `Expect` ends here. Relayed, the upstream would be asked while
/// the client's time to wait runs; and it may still answer before it has read anything.
#[test]
fn a_client_that_may_go_on_is_told_so_once() {
    let world = World::start();
    world
        .upstream
        .becomes(|_, stream| write(stream, format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\n\r\n{OK}")));
    for (name, request, body) in [
        ("length", expecting(post()).field("content-length: 3"), "abc"),
        ("chunks", expecting(post()).field("transfer-encoding: chunked"), "3\r\nabc\r\n0\r\n\r\n"),
        ("any case", post().field("expect: 100-Continue").field("content-length: 3"), "abc"),
        ("twice", expecting(expecting(post())).field("content-length: 3"), "abc"),
    ] {
        let mut client = world.client();
        client.write(request.bytes());
        assert_eq!(client.next().unwrap().raw, b"HTTP/1.1 100 Continue\r\n\r\n", "{name}");
        client.write(body);
        let rest: Vec<u16> = (0..2).map(|_| client.next().unwrap().status()).collect();
        assert_eq!(rest, [103, 200], "{name}: the upstream's own 100 is not a second one");
        let seen = world.upstream.last();
        assert_eq!((seen.text().as_str(), seen.all("expect").len()), ("abc", 0), "{name}");
        assert_eq!(client.send(&get()).status(), 200, "{name}");
    }
    // Without a body there is nothing to wait for.
    world.upstream.becomes(|_, stream| write(stream, OK));
    for request in [expecting(get()), expecting(post().body(""))] {
        let mut client = world.client();
        client.write(request.bytes());
        assert_eq!(client.next().unwrap().status(), 200);
        assert!(world.upstream.last().all("expect").is_empty());
    }
}

/// HTTP-19, RFC 9110 §10.1.1: HTTP/1.0 has no expectations; an unknown one cannot be met.
#[test]
fn expectations_are_known_or_refused() {
    let world = World::start();
    for expect in ["100-continue", "a-pony"] {
        let mut client = world.client();
        let request = post().field(&format!("expect: {expect}")).body("abc").bytes();
        client.write(String::from_utf8(request).unwrap().replace("HTTP/1.1", "HTTP/1.0"));
        assert_eq!(client.next().unwrap().status(), 200, "{expect}");
        let seen = world.upstream.last();
        assert_eq!((seen.text().as_str(), seen.all("expect").len()), ("abc", 0), "{expect}");
    }
    let before = world.upstream.hits();
    for fields in [
        "expect: a-pony",
        "expect:",
        "expect: 100-continue, a-pony",
        "expect: 100-continue\r\nexpect: a-pony",
        "expect: a-pony\r\nexpect: 100-continue",
    ] {
        let mut client = world.client();
        client.write(post().field(fields).field("content-length: 3").bytes());
        let answer = client.next().unwrap();
        assert_eq!((answer.status(), answer.one("connection")), (417, "close"), "{fields}");
        assert!(client.has_ended(), "{fields}");
    }
    assert_eq!(world.upstream.hits(), before);
}

/// HTTP-6: no resource has these, so it does not matter whether there is one.
#[test]
fn methods_that_are_for_proxies_are_no_resources() {
    let world = World::start();
    let token = Token::good().mint();
    for (method, target, allow) in [
        ("TRACE", "/accounts", "GET, HEAD"),
        ("TRACE", "/open/a", "GET, HEAD, POST"),
        ("TRACE", "/nowhere", ""),
        ("TRACE", "/", ""),
        ("CONNECT", "/accounts", ""),
        ("CONNECT", "/nowhere", ""),
        ("CONNECT", "api.bank.example", ""),
    ] {
        for forwards in ["0", "1"] {
            let request = Request::new(method, target).token(&token).field(&format!("max-forwards: {forwards}"));
            let answer = world.send(&request);
            assert_eq!((answer.status(), answer.one("allow")), (405, allow), "{method} {target}");
        }
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// HTTP-5, RFC 9110 §7.6.2.
#[test]
fn an_options_request_goes_as_far_as_it_may() {
    let world = Setup::routes(&[
        route("/accounts", "GET, HEAD, OPTIONS", "scopes: [accounts]"),
        route("/open", "OPTIONS", "access: open"),
        route("/plain", "GET", "scopes: [accounts]"),
    ])
    .start();
    let options = |path: &str, count: &str| Request::new("OPTIONS", path).field(&format!("max-forwards: {count}"));
    let mut client = world.client();
    for (path, allow) in [("/accounts", "GET, HEAD, OPTIONS"), ("/open", "OPTIONS"), ("/plain", "GET")] {
        let answer = client.send(&options(path, "0"));
        assert_eq!((answer.status(), answer.one("allow"), answer.body.len()), (204, allow, 0), "{path}");
        assert_eq!(answer.one("x-fapi-interaction-id").len(), 36);
    }
    assert_eq!(client.send(&options("/nowhere", "0")).status(), 404);
    assert_eq!(world.upstream.hits(), 0, "it ends here");
    for (count, left) in [("1", "0"), ("10", "9"), ("99999999999999999999", "4294967294")] {
        assert_eq!(client.send(&options("/open", count)).status(), 200);
        assert_eq!(world.upstream.last().one("max-forwards"), left);
    }
    let before = world.upstream.hits();
    assert_eq!(client.send(&options("/accounts", "1")).status(), 401, "what goes on needs a token as ever");
    for bad in ["", "-1", "+1", "1.0", "x", "1, 0", "1\r\nmax-forwards: 1"] {
        assert_eq!(world.send(&options("/open", bad)).status(), 400, "{bad}");
    }
    assert_eq!(world.upstream.hits(), before);
    // With other methods it means nothing, and passes.
    for count in ["0", "x"] {
        assert_eq!(world.send(&get().field(&format!("max-forwards: {count}"))).status(), 200);
        assert_eq!(world.upstream.last().one("max-forwards"), count);
    }
}

/// HTTP-3, HTTP-4: what has our name in it has been here.
#[test]
fn a_request_that_comes_back_is_not_sent_round_again() {
    let world = World::start();
    for (n, field) in [
        "via: 1.1 scopegate",
        "via: 1.0 fred, 1.1 ScopeGate (what, ever)",
        "via: 1.1 fred\r\nvia: HTTP/1.1 scopegate:8080",
        "via: 1.1 a (, 1.1 scopegate",
        "via: 2 fred,\t2\tscopegate",
        "cdn-loop: scopegate",
        "cdn-loop: foo.example; a=\"b\", scopegate; v=1",
    ]
    .into_iter()
    .enumerate()
    {
        for request in [get(), Request::get("/accounts"), Request::get("/open/a")] {
            let answer = world.send(&request.field(field).numbered(n));
            assert_eq!(answer.status(), 508, "{field}");
            assert_eq!(answer.json()["detail"], "The request came back to the gateway that forwarded it", "{field}");
        }
        assert_eq!(world.log_line(n)["reason"], "request_looped", "{field}");
    }
    assert_eq!(world.upstream.hits(), 0);
    for (field, via) in [
        ("via: 1.1 fred", "1.1 fred, 1.1 scopegate"),
        ("via: 1.1 scopegate2, 1.1 my.scopegate", "1.1 scopegate2, 1.1 my.scopegate, 1.1 scopegate"),
        ("via: 1.1 fred (behind, 1.1 scopegate)", "1.1 fred (behind, 1.1 scopegate), 1.1 scopegate"),
        ("cdn-loop: fred; by=\"a, scopegate\"", "1.1 scopegate"),
        // Who takes our name out of his own copy takes out his own.
        ("via: 1.1 fred\r\nconnection: via", "1.1 scopegate"),
    ] {
        assert_eq!(world.send(&get().field(field)).status(), 200, "{field}");
        assert_eq!(world.upstream.last().all("via").join(", "), via, "{field}");
    }
    assert!(world.upstream.requests().iter().any(|seen| seen.get("cdn-loop") == Some("fred; by=\"a, scopegate\"")));
}

/// Two gateways in a row are no loop if their names differ.
#[test]
fn two_gateways_stand_in_a_row_under_two_names() {
    let named = |name: &str| Setup { server: format!("  workers: 1\n  pseudonym: {name}\n"), ..Setup::default() };
    let inner = named("inner").start();
    let outer = named("outer").at(Server::echo(), inner.address());
    assert_eq!(outer.send(&Request::get("/open/a")).text(), "GET /open/a HTTP/1.1");
    assert_eq!(inner.upstream.only().all("via").join(", "), "1.1 outer, 1.1 inner");
    let same = named("inner").at(Server::echo(), inner.address());
    assert_eq!(same.send(&Request::get("/open/a")).status(), 508);
    assert_eq!(inner.upstream.hits(), 1);
}

/// HTTP-15: in absolute form the target says which host, and what goes on is in origin form.
#[test]
fn a_target_in_absolute_form_goes_on_in_origin_form() {
    let world = World::start();
    for target in ["http://api.bank.example/accounts?a=b", "https://API.bank.example/accounts?a=b"] {
        let answer = world.send(&Request::get(target).token(&Token::good().mint()));
        assert_eq!((answer.status(), answer.text().as_str()), (200, "GET /accounts?a=b HTTP/1.1"), "{target}");
        assert_eq!(world.upstream.last().one("host"), "api.bank.example");
    }
    let other = Request::get("http://other.example/accounts").token(&Token::good().mint());
    assert_eq!((world.send(&other).status(), world.upstream.hits()), (400, 2));
}
