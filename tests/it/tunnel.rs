//! TUNNEL: how long what is behind a switch of protocols lasts: as long as both sides, the token and the bounds let it.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::{Setup, World, route};
use crate::support::server::{After, Server};
use crate::support::switch::{
    asking, handshake, live, setup, shouting, switched, to_the_end, tunnels, websocket, world,
};
use crate::support::tokens::{ISSUER, Token};
use scopegate::clock::Clock;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn revoke(world: &World, token_id: &str) {
    let body = json!({"issuer": ISSUER, "token_id": token_id}).to_string();
    let request = Request::new("POST", "/revoke").field("content-type: application/json").body(body);
    assert_eq!(world.ask_admin(&request).status(), 204);
}

#[test]
fn a_tunnel_ends_with_what_let_the_client_in() {
    let world = world();
    let (mut revoked, _) = switched(&world, &live().numbered(1));
    let (mut expired, _) =
        switched(&world, &handshake("/live").token(&Token::good().claim("jti", "other").mint()).numbered(2));
    // Without a token there is nothing that could end.
    let (mut open, _) = switched(&world, &asking("/feed", "bank-feed/2"));
    revoke(&world, "token-1");
    assert_eq!(revoked.rest().as_deref(), Some(b"hello".as_slice()));
    assert_eq!(world.log_line(1)["end"], "token_ended");
    assert_eq!(tunnels(&world), "2");
    world.clock.advance(Duration::from_hours(2));
    assert_eq!(expired.rest().as_deref(), Some(b"hello".as_slice()));
    assert_eq!(world.log_line(2)["end"], "token_ended");
    assert_eq!(to_the_end(&mut open, b"on"), b"ON");
}

/// Where two tokens let a client in, the end of either is the tunnel's.
#[test]
fn a_tunnel_of_two_tokens_ends_with_the_first_that_does() {
    let terms = "scopes: [accounts]\ncustomer_token: { header: X-Access-Token, client_scopes: [gateway] }\nupgrade: [websocket]";
    let setup = Setup { routes: route("/live", "GET", terms), ..setup() };
    let world = setup.before(Server::with(shouting));
    let clients =
        Token::good().scope("gateway").claim("jti", "clients").claim("sub", "tpp-1").claim("gty", "client_credentials");
    let customers = format!("x-access-token: {}", Token::good().mint());
    let (mut client, _) = switched(&world, &handshake("/live").token(&clients.mint()).field(&customers).numbered(1));
    revoke(&world, "clients");
    assert_eq!(client.rest().as_deref(), Some(b"hello".as_slice()));
    assert_eq!(world.log_line(1)["end"], "token_ended");
}

/// `limits.tunnel_idle_timeout` and `limits.tunnel_lifetime`: within them it goes on.
#[test]
fn a_tunnel_ends_when_nothing_moves_and_when_it_has_lasted_long_enough() {
    for (limit, end) in [("tunnel_idle_timeout", "idle"), ("tunnel_lifetime", "too_long")] {
        let setup = Setup { limits: format!("  {limit}: 3s\n"), ..setup() };
        let world = setup.before(Server::with(shouting));
        let (mut client, _) = switched(&world, &live().numbered(1));
        let begun = Clock::System.instant();
        for _ in 0..4 {
            std::thread::sleep(Duration::from_millis(500));
            client.write("a");
        }
        assert_eq!(client.rest().as_deref(), Some(b"helloAAAA".as_slice()));
        let lasted = begun.elapsed().as_secs_f64();
        let least = if end == "idle" { 4.9 } else { 2.9 };
        assert!((least..least + 10.0).contains(&lasted), "{limit}: {lasted}");
        assert_eq!(world.log_line(1)["end"], end);
    }
}

#[test]
fn tunnels_are_bounded_in_number() {
    let world = Setup { limits: "  tunnels: 2\n".to_owned(), ..setup() }.before(Server::with(shouting));
    let mut clients = [switched(&world, &live()).0, switched(&world, &live()).0];
    let refused = world.send(&live().numbered(1));
    assert_eq!((refused.status(), refused.get("retry-after")), (503, Some("5")));
    assert_eq!(world.log_line(1)["reason"], "tunnels_full");
    assert_eq!(world.send(&Request::get("/plain")).status(), 426, "what does not switch is not concerned");
    to_the_end(&mut clients[0], b"");
    let again = || {
        let mut client = world.client();
        client.write(live().bytes());
        (client.next()?.status() == 101).then_some(())
    };
    eventually("a place", again);
}

/// The server's last words arrive before the end; what the client sends into nothing does not cut them off.
#[test]
fn the_servers_end_is_the_tunnels() {
    let world = setup().before(Server::with(|_, stream| {
        stream.write_all((websocket() + "bye").as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        while let Ok(1..) = stream.read(&mut [0; 64]) {}
        After::Close
    }));
    let (mut client, _) = switched(&world, &live().numbered(1));
    client.write("into nothing");
    assert_eq!(client.rest().as_deref(), Some(b"bye".as_slice()));
    assert_eq!(world.log_line(1).get("end"), None);
}

/// A server that does not end its direction after the client has ended its own is not waited for for ever; a client that
/// vanishes is noticed.
#[test]
fn a_client_that_leaves_ends_the_tunnel() {
    let ended = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&ended);
    let world = setup().before(Server::with(move |_, stream| {
        stream.write_all(websocket().as_bytes()).unwrap();
        let mut block = [0; 1024];
        while let Ok(1..) = stream.read(&mut block) {}
        seen.fetch_add(1, Ordering::SeqCst);
        // Says nothing, and keeps the connection until the other side ends it.
        std::thread::sleep(Duration::from_secs(30));
        After::Close
    }));
    let (mut client, _) = switched(&world, &live().numbered(1));
    client.stream().shutdown(Shutdown::Write).unwrap();
    eventually("the server's knowledge", || (ended.load(Ordering::SeqCst) == 1).then_some(()));
    assert!(client.is_closed());
    assert_eq!(world.log_line(1)["end"], "client_gone");
}

/// Nothing is promised to a tunnel beyond the drain's time, and until then it goes on.
#[test]
fn a_drain_lets_a_tunnel_go_on_for_its_time() {
    let mut world = world();
    let (mut client, _) = switched(&world, &live());
    let draining = std::thread::spawn(move || world.drain());
    client.write("a");
    assert_eq!(client.rest().as_deref(), Some(b"helloA".as_slice()));
    draining.join().unwrap();
}
