//! UPGRADE: `WebSocket`s and other protocols behind a switch (RFC 9110 §7.8, RFC 6455), authorised before it and for as long as
//! the token is good. What is not agreed on stays HTTP (pingora CVE-2025-4366, Traefik CVE-2026-88008).

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::server::Server;
use crate::support::switch::{
    ACCEPT, KEY, agreement, asking, handshake, live, setup, switched, to_the_end, tunnels, websocket, world,
};
use crate::support::tokens::{NOW, Token};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::Write as _;
use std::net::Shutdown;

const BLOCKS: usize = 256;
const BLOCK_BYTES: usize = 64 * 1024;

#[test]
fn bytes_go_both_ways_behind_the_switch() {
    let world = world();
    let (mut client, answer) = switched(&world, &live().numbered(1));
    assert_eq!(answer.fields.iter().filter(|(name, _)| name == "connection").count(), 1);
    let told = ["connection", "upgrade", "sec-websocket-accept"].map(|name| answer.one(name));
    assert_eq!(told, ["upgrade", "websocket", ACCEPT]);
    assert_eq!((answer.get("content-length"), answer.get("transfer-encoding")), (None, None));
    assert_eq!(tunnels(&world), "1");
    // Whatever looks like HTTP is none any more, and nothing of it is read.
    let bytes = b"a\r\n\r\nGET /plain HTTP/1.1\r\nhost: a\r\n\r\n";
    let said = to_the_end(&mut client, bytes);
    assert_eq!(said, [b"hello".as_slice(), &bytes.to_ascii_uppercase()].concat());
    let seen = world.upstream.only();
    assert_eq!(
        ["upgrade", "sec-websocket-key", "x-auth-subject"].map(|name| seen.one(name)),
        ["websocket", KEY, "customer-1"]
    );
    assert_eq!((seen.one("connection"), seen.get("authorization")), ("upgrade", None));
    let line = world.log_line(1);
    assert_eq!(
        (line["status"].as_u64(), line["bytes"].as_u64(), line.get("end")),
        (Some(101), Some(said.len() as u64), None)
    );
    eventually("the tunnel's end", || (tunnels(&world) == "0").then_some(()));
    world.metric("scopegate_requests_total{route=\"/live\",status=\"101\"}");
}

/// More than all buffers hold, in both directions at once, and neither waits for the other.
#[test]
fn a_tunnel_holds_back_who_sends_too_fast_and_loses_nothing() {
    let world = world();
    let (mut client, _) = switched(&world, &live());
    let mut sender = client.stream().try_clone().unwrap();
    let block = vec![b'x'; BLOCK_BYTES];
    let sending = std::thread::spawn(move || {
        (0..BLOCKS).for_each(|_| sender.write_all(&block).unwrap());
        sender.shutdown(Shutdown::Write).unwrap();
    });
    let said = client.rest().unwrap();
    sending.join().unwrap();
    assert_eq!(said.len(), "hello".len() + BLOCKS * BLOCK_BYTES);
    assert!(said[5..].iter().all(|b| *b == b'X'));
}

#[test]
fn another_protocol_switches_where_the_route_names_it() {
    let world = world();
    let (mut client, answer) = switched(&world, &asking("/feed", "h2c, Bank-Feed/2"));
    assert_eq!(["connection", "upgrade"].map(|name| answer.one(name)), ["upgrade", "bank-feed/2"]);
    assert_eq!(answer.get("content-length"), None, "a 101 has no body");
    assert_eq!(to_the_end(&mut client, b"ping"), b"PING");
    assert_eq!(world.upstream.only().one("upgrade"), "bank-feed/2");
}

/// The wish is no part of the request where it cannot be met, and the connection goes on.
#[test]
fn a_wish_that_is_not_allowed_is_not_passed_on() {
    let world = world();
    for request in [
        asking("/plain", "websocket"),
        asking("/feed", "h2c"),
        asking("/feed", "bank-feed/3"),
        asking("/feed", "bank-feed"),
        Request::get("/feed").field("upgrade: bank-feed/2"),
        Request::get("/feed").field("connection: upgrade"),
        Request::new("POST", "/feed").field("connection: upgrade").field("upgrade: bank-feed/2").body("pay"),
    ] {
        let mut client = world.client();
        assert_eq!(client.send(&request).status(), 426, "{request:?}");
        let seen = world.upstream.last();
        assert_eq!((seen.get("upgrade"), seen.get("connection")), (None, None), "{request:?}");
        assert_eq!(client.send(&Request::get("/plain")).status(), 426);
    }
}

#[test]
fn who_may_not_pass_may_not_switch() {
    let world = world();
    for (request, status) in [
        (handshake("/live"), 401),
        (handshake("/live").token(&Token::good().claim("exp", NOW - 100).mint()), 401),
        (handshake("/live").token(&Token::good().scope("payments").mint()), 403),
        (handshake("/elsewhere"), 404),
    ] {
        assert_eq!(world.send(&request).status(), status);
    }
    // RFC 6455 §4.2.1
    let version = |request: Request| request.field("sec-websocket-version: 13");
    let key = |key: &str| asking("/feed", "websocket").field(&format!("sec-websocket-key: {key}"));
    for request in [
        version(asking("/feed", "websocket")),
        version(key("AAAA")),
        version(key("not base64")),
        version(key(KEY).field(&format!("sec-websocket-key: {KEY}"))),
        key(KEY),
        key(KEY).field("sec-websocket-version: 8"),
        version(key(KEY)).field("sec-websocket-version: 13"),
        version(Request::new("HEAD", "/feed").field("connection: upgrade").field("upgrade: websocket")),
    ] {
        assert_eq!(world.send(&request).status(), 400, "{request:?}");
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// Bytes behind the wish are meant for somebody who has switched already. They go nowhere.
#[test]
fn what_is_sent_before_the_switch_is_no_part_of_it() {
    let world = world();
    let mut client = world.client();
    client.write([live().bytes(), b"GET /admin HTTP/1.1\r\nhost: a\r\n\r\n".to_vec()].concat());
    assert_eq!(client.next().unwrap().status(), 400);
    assert!(client.is_closed());
    assert_eq!(world.upstream.hits(), 0);
}

/// A 101 that is not the answer to this very handshake opens nothing, and one to nobody's wish neither.
#[test]
fn a_switch_that_was_not_agreed_on_is_the_upstreams_fault() {
    let fields = format!("connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {ACCEPT}\r\n");
    let other = STANDARD.encode([0; 20]);
    for (what, fields) in [
        ("nothing", String::new()),
        ("no protocol", fields.replace("upgrade: websocket\r\n", "")),
        ("another protocol", fields.replace("websocket\r", "h2c\r")),
        ("two protocols", fields.clone() + "upgrade: h2c\r\n"),
        ("no Connection", fields.replace("connection: upgrade\r\n", "")),
        ("no accept", fields.replace("sec-websocket-accept", "x-accept")),
        ("another's accept", fields.replace(ACCEPT, &other)),
        ("two accepts", fields.clone() + &format!("sec-websocket-accept: {ACCEPT}\r\n")),
    ] {
        let answer = agreement(&fields) + "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let world = setup().before(Server::answering(answer));
        assert_eq!(world.send(&live()).status(), 502, "{what}");
        assert_eq!(tunnels(&world), "0", "{what}");
    }
    let world = setup().before(Server::answering(websocket()));
    assert_eq!(world.send(&Request::get("/plain")).status(), 502, "nobody asked");
}

/// The answer is passed on and the client's connection goes on; the server's does not, which may still think of switching.
#[test]
fn an_upstream_may_decline() {
    let world = setup().before(Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno"));
    let mut client = world.client();
    for _ in 0..2 {
        assert_eq!(client.send(&live()).text(), "no");
    }
    assert_eq!(world.upstream.connections(), 2);
}
