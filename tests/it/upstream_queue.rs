//! Connections to an upstream are bounded, and requests that find them all in use wait: in order, so many, for so long.

use crate::support::client::{Client, Request};
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::http2_server::{Call, Http2};
use crate::support::server::{After, Server, write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Lets so many answers go.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<usize>, Condvar)>);

impl Gate {
    fn open(&self, answers: usize) {
        *self.0.0.lock().unwrap() += answers;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let mut left = self.0.1.wait_while(self.0.0.lock().unwrap(), |left| *left == 0).unwrap();
        *left -= 1;
    }
}

/// A gateway with these terms for an upstream that answers as the gate lets it, and then does this with the connection.
fn world(terms: &str, workers: usize, after: After) -> (World, Gate) {
    let gate = Gate::default();
    let held = gate.clone();
    let server = Server::with(move |_, stream| {
        held.pass();
        let close = if after == After::Close { "connection: close\r\n" } else { "" };
        write(stream, format!("HTTP/1.1 200 OK\r\n{close}content-length: 2\r\n\r\nok"));
        after
    });
    let setup = Setup { upstream: terms.to_owned(), server: format!("  workers: {workers}\n"), ..Setup::default() };
    (setup.before(server), gate)
}

/// A request on its way, once it waits for the upstream or for a connection to it.
fn begin(world: &World, number: usize) -> Client {
    let mut client = world.client();
    let before = world.upstream.hits() + pending(world);
    client.write(Request::get(&format!("/open/{number}")).numbered(number).bytes());
    eventually("the request", || (world.upstream.hits() + pending(world) > before).then_some(()));
    client
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn pending(world: &World) -> usize {
    world.metric("scopegate_upstream_pending{upstream=\"api\"}") as usize
}

fn turned_away(world: &World, cause: &str) -> f64 {
    world.metric(&format!("scopegate_upstream_pending_refused_total{{cause=\"{cause}\"}}"))
}

fn targets(world: &World) -> Vec<String> {
    world.upstream.requests().iter().map(|request| request.target().to_owned()).collect()
}

#[test]
fn a_server_has_so_many_connections_and_who_comes_later_waits_in_order() {
    let (world, gate) = world("    connections: 2\n    pending_timeout: 20s\n", 1, After::Keep);
    let mut clients: Vec<_> = (0..6).map(|number| begin(&world, number)).collect();
    assert_eq!((world.upstream.hits(), pending(&world)), (2, 4), "two at the bound, the rest past it");
    for _ in 0..4 {
        let hits = world.upstream.hits();
        gate.open(1);
        world.upstream.wait_for(hits + 1);
    }
    gate.open(2);
    assert!(clients.iter_mut().all(|client| client.answer().status() == 200));
    assert_eq!(targets(&world), (0..6).map(|number| format!("/open/{number}")).collect::<Vec<_>>());
    assert_eq!((world.upstream.connections(), pending(&world)), (2, 0), "they were handed on");
    let open = format!("scopegate_upstream_connections{{upstream=\"api\",server=\"{}\"}}", world.upstream.address());
    assert!((world.metric(&open) - 2.0).abs() < 0.5);
}

/// A connection that ends makes room too.
#[test]
fn who_waits_gets_the_place_of_a_connection_that_ended() {
    let (world, gate) = world("    connections: 1\n    pending_timeout: 20s\n", 1, After::Close);
    let mut clients: Vec<_> = (0..5).map(|number| begin(&world, number)).collect();
    gate.open(5);
    assert!(clients.iter_mut().all(|client| client.answer().status() == 200));
    assert_eq!(targets(&world), (0..5).map(|number| format!("/open/{number}")).collect::<Vec<_>>());
    assert_eq!(world.upstream.connections(), 5);
}

/// HTTP-34: our fault, so 503 and never 401, and no server is left alone for it.
#[test]
fn so_many_requests_wait_and_one_more_is_503() {
    let (world, gate) = world(
        "    connections: 1\n    pending: 2\n    pending_timeout: 20s\n    eject: { failures: 1 }\n",
        1,
        After::Keep,
    );
    let mut clients: Vec<_> = (0..3).map(|number| begin(&world, number)).collect();
    assert_eq!(pending(&world), 2, "at the bound");
    let refused = world.send(&Request::get("/open/9").numbered(9));
    assert_eq!((refused.status(), refused.get("retry-after"), refused.get("www-authenticate")), (503, Some("1"), None));
    assert_eq!(world.log_line(9)["reason"], "upstream_busy");
    assert!((turned_away(&world, "full") - 1.0).abs() < 0.5 && turned_away(&world, "late") < 0.5);
    gate.open(4);
    assert!(clients.iter_mut().all(|client| client.answer().status() == 200));
    assert_eq!(world.send(&Request::get("/open/10")).status(), 200);
    assert!(world.metric("scopegate_upstream_ejections_total") < 0.5);
}

#[test]
fn with_no_line_one_past_the_bound_is_503_at_once() {
    let (world, gate) = world("    connections: 1\n    pending: 0\n", 1, After::Keep);
    let mut first = begin(&world, 0);
    assert_eq!(world.send(&Request::get("/open/1")).status(), 503);
    gate.open(1);
    assert_eq!(first.answer().status(), 200);
}

#[test]
fn a_request_waits_for_so_long_and_then_is_503() {
    let (world, gate) = world("    connections: 1\n    pending_timeout: 300ms\n", 1, After::Keep);
    let mut first = begin(&world, 0);
    let start = world.clock.instant();
    assert_eq!(world.send(&Request::get("/open/1").numbered(1)).status(), 503);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(world.log_line(1)["reason"], "upstream_busy");
    assert!((turned_away(&world, "late") - 1.0).abs() < 0.5 && turned_away(&world, "full") < 0.5);
    gate.open(2);
    assert_eq!((first.answer().status(), world.send(&Request::get("/open/2")).status()), (200, 200));
    assert_eq!(world.upstream.hits(), 2);
}

#[test]
fn a_client_that_leaves_gives_up_its_place() {
    let (world, gate) = world("    connections: 1\n    pending: 2\n    pending_timeout: 20s\n", 1, After::Keep);
    let mut first = begin(&world, 0);
    let gone = begin(&world, 1);
    let mut stays = begin(&world, 2);
    drop(gone);
    eventually("its place", || (pending(&world) == 1).then_some(()));
    let mut last = begin(&world, 3);
    gate.open(3);
    assert!([&mut first, &mut stays, &mut last].into_iter().all(|client| client.answer().status() == 200));
    assert_eq!(targets(&world), ["/open/0", "/open/2", "/open/3"]);
}

/// The bound is that of all workers, and nobody starves for which worker he came to.
#[test]
fn workers_share_the_bound() {
    let (world, gate) = world("    connections: 2\n    pending_timeout: 20s\n", 4, After::Keep);
    let mut clients: Vec<_> = (0..24).map(|number| begin(&world, number)).collect();
    assert_eq!((world.upstream.hits(), pending(&world)), (2, 22));
    gate.open(24);
    assert!(clients.iter_mut().all(|client| client.answer().status() == 200));
    assert_eq!(pending(&world), 0);
}

/// An idle connection of a worker that nobody asks is no reason to turn anybody away on another.
#[test]
fn a_worker_lets_go_of_an_idle_connection_that_another_waits_for() {
    let (world, gate) = world("    connections: 1\n    pending_timeout: 20s\n", 2, After::Keep);
    gate.open(100);
    let mut clients = [world.client(), world.client()];
    for _ in 0..3 {
        for client in &mut clients {
            assert_eq!(client.send(&Request::get("/open/x")).status(), 200);
        }
    }
    assert_eq!((world.upstream.hits(), world.upstream.connections()), (6, 6), "each time it changed hands");
}

/// Requests to HTTP/2 servers wait for a place on a connection.
#[test]
fn streams_are_waited_for_too() {
    let gate = Arc::new(Semaphore::new(0));
    let (open, begun) = (Arc::clone(&gate), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&begun);
    let count = || begun.lock().unwrap().len();
    let server = Http2::with(1, move |call: Call| {
        let open = Arc::clone(&open);
        seen.lock().unwrap().push(call.head.uri.path().to_owned());
        async move {
            open.acquire().await.unwrap().forget();
            call.echo().await;
        }
    });
    let terms = "    protocol: http2\n    connections: 2\n    pending: 3\n    pending_timeout: 20s\n";
    let setup = Setup { servers: server.servers(), upstream: terms.to_owned(), ..Setup::default() };
    let world = setup.start();
    let mut clients = Vec::new();
    for number in 0..5 {
        let mut client = world.client();
        client.write(Request::get(&format!("/open/{number}")).bytes());
        eventually("it", || (count() + pending(&world) == number + 1).then_some(()));
        clients.push(client);
    }
    assert_eq!((count(), server.connections()), (2, 2));
    assert_eq!(world.send(&Request::get("/open/9")).status(), 503, "one past both bounds");
    // Who leaves its stream takes its place with it, and makes room.
    drop(clients.remove(0));
    eventually("the next", || (count() == 3).then_some(()));
    gate.add_permits(5);
    assert!(clients.iter_mut().all(|client| client.answer().status() == 200));
    assert_eq!(begun.lock().unwrap()[..3], ["/open/0", "/open/1", "/open/2"]);
    assert_eq!((count(), server.connections(), pending(&world)), (5, 2, 0));
}

/// Between the bound of a server and the next try nobody is asked twice: what waits is sent once.
#[test]
fn a_payment_that_waited_is_sent_once() {
    let (world, gate) = world("    connections: 1\n    pending_timeout: 20s\n", 1, After::Close);
    let mut first = begin(&world, 0);
    let mut payment = world.client();
    payment.write(Request::new("POST", "/open/pay").body("{}").bytes());
    eventually("the payment", || (pending(&world) == 1).then_some(()));
    gate.open(2);
    assert_eq!((first.answer().status(), payment.answer().status()), (200, 200));
    assert_eq!(targets(&world), ["/open/0", "/open/pay"]);
    assert_eq!(world.upstream.last().body, b"{}");
}
