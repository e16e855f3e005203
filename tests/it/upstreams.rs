//! Which server is asked: weights, health, ejection, the breaker, and what is sent again.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::server::{After, Server, always, nobody, then_close, write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn get() -> Request {
    Request::get("/open/x")
}

/// A gateway whose upstream has these further servers, and these further terms.
fn world(others: &[(SocketAddr, u32)], terms: &str) -> World {
    let first = Server::answering(OK);
    let mut servers = vec![format!("\"http://{}\"", first.address())];
    servers.extend(
        others.iter().map(|(address, weight)| format!("{{ address: \"http://{address}\", weight: {weight} }}")),
    );
    let servers = format!("[{}]", servers.join(", "));
    Setup { servers, upstream: terms.to_owned(), ..Setup::default() }.before(first)
}

#[test]
fn servers_get_their_share() {
    let heavy = Server::answering(OK);
    let world = world(&[(heavy.address(), 3)], "");
    // A connection each, so that nobody is ever busy when the next is chosen.
    (0..400).for_each(|_| assert_eq!(world.send(&get()).status(), 200));
    let (light, heavy) = (world.upstream.hits(), heavy.hits());
    assert_eq!(light + heavy, 400);
    assert!((240..=360).contains(&heavy), "{light} and {heavy}");
}

/// A server that is not there costs no request, and after some it is not even tried.
#[test]
fn a_server_that_is_gone_is_left_alone() {
    let world = world(&[(nobody(), 1)], "    eject: { failures: 3, pause: 1m }\n");
    (0..50).for_each(|_| assert_eq!(world.send(&get()).status(), 200));
    assert_eq!(world.upstream.hits(), 50);
    assert!((world.metric("scopegate_upstream_ejections_total") - 1.0).abs() < 0.5);
    assert!((world.metric("scopegate_upstream_connect_failures_total") - 3.0).abs() < 0.5);
}

/// HTTP-34: while nobody is there requests are refused at once, and one of them finds out when that changes.
#[test]
fn a_lone_server_that_is_gone_is_a_circuit_that_opens_and_closes() {
    let address = nobody();
    let setup = Setup {
        upstream: "    eject: { failures: 3, pause: 200ms, slow_start: 1ms }\n".to_owned(),
        ..Setup::default()
    };
    let world = setup.at(Server::answering(OK), address);
    let statuses: Vec<u16> = (0..3).map(|_| world.send(&get()).status()).collect();
    assert_eq!(statuses, [502, 502, 502]);
    let refused = world.send(&get());
    assert_eq!((refused.status(), refused.get("retry-after").is_some()), (503, true));
    let listener = std::net::TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(20) {
            let mut reader = crate::support::wire::Reader::new(stream.unwrap());
            while reader.request().is_some() {
                write(reader.stream(), OK);
            }
        }
    });
    eventually("the circuit's end", || (world.send(&get()).status() == 200).then_some(()));
    (0..10).for_each(|_| assert_eq!(world.send(&get()).status(), 200));
}

/// Answers that a server gives for what is behind it count; never more than half of the servers go for that.
#[test]
fn a_server_that_fails_requests_is_left_alone_while_another_is_there() {
    let bad = Server::answering("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    let world = world(&[(bad.address(), 1)], "    eject: { failures: 5, pause: 1m }\n");
    let failed = (0..200).filter(|_| world.send(&get()).status() == 503).count();
    assert_eq!(failed, 5);
    world.upstream.becomes(always("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"));
    (0..20).for_each(|_| assert_eq!(world.send(&get()).status(), 503, "the last one is asked on"));
    assert_eq!((bad.hits(), world.upstream.hits()), (5, 215));
}

#[test]
fn a_health_check_takes_a_server_out_and_in_again() {
    let sick = Server::with(|message, stream| {
        let status = if message.target() == "/healthz" { "500 Sick" } else { "200 OK" };
        write(stream, format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"))
    });
    let terms = "    health: { path: /healthz, interval: 50ms, timeout: 1s, healthy: 2, unhealthy: 2 }\n";
    let world = world(&[(sick.address(), 1)], terms);
    let label = format!("scopegate_upstream_server_up{{upstream=\"api\",server=\"{}\"}}", sick.address());
    eventually("its end", || (world.metric(&label) < 0.5).then_some(()));
    let asked = |server: &Server| server.requests().iter().filter(|request| request.target() == "/open/x").count();
    (0..20).for_each(|_| assert_eq!(world.send(&get()).status(), 200));
    assert_eq!((asked(&sick), asked(&world.upstream)), (0, 20));
    let check = sick.requests().into_iter().find(|request| request.target() == "/healthz").unwrap();
    assert!(check.get("authorization").is_none() && check.get("x-auth-client-id").is_none());
    sick.becomes(always(OK));
    eventually("its return", || (world.metric(&label) > 0.5).then_some(()));
}

/// HTTP-21: an idle connection that the server has closed meanwhile. What may be repeated is, once.
#[test]
fn a_stale_connection_costs_a_get_nothing_and_a_payment_is_not_sent_twice() {
    // The first request on each connection is answered, the second is read and the connection closed.
    let rounds = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&rounds);
    let server = Server::with(move |_, stream| {
        if counted.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) { write(stream, OK) } else { After::Close }
    });
    let world = Setup::default().before(server);
    let mut client = world.client();
    assert_eq!(client.send(&get()).status(), 200);
    assert_eq!(client.send(&get()).status(), 200, "sent again on a new connection");
    assert_eq!(world.upstream.hits(), 3);
    assert!((world.metric("scopegate_upstream_retries_total") - 1.0).abs() < 0.5);

    let post = Request::new("POST", "/open/x").body("{}");
    assert_eq!(client.send(&post).status(), 502);
    assert_eq!(world.upstream.hits(), 4, "once");
}

/// A server that never answers the second request on a connection gets every fifth request again, not all of them.
#[test]
fn retries_have_a_budget() {
    let world = World::start();
    world.upstream.becomes(always(OK));
    let mut client = world.client();
    // With an answer first, so that each connection is one that was idle.
    let mut failed = 0;
    for _ in 0..60 {
        world.upstream.becomes(always(OK));
        assert_eq!(client.send(&get()).status(), 200);
        world.upstream.becomes(then_close(""));
        failed += usize::from(client.send(&get()).status() == 502);
    }
    assert!(failed >= 30, "{failed}");
    assert!(world.metric("scopegate_upstream_retries_refused_total") >= 1.0);
}
