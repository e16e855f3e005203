//! Drain: what was begun is finished, what is new is not taken, and the end comes (HTTP-35).

use crate::support::client::{Client, Request};
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::server::{After, Server, write};
use crate::support::tokens::Token;
use crate::support::wire::Message;
use scopegate::clock::Clock;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

fn get(path: &str) -> Request {
    Request::get(path).token(&Token::good().mint())
}

/// Every request that was sent on an open connection is answered; the last answer asks the client to leave.
#[test]
fn a_drain_under_load_loses_no_request() {
    let mut world = World::start();
    let address = world.address();
    let served = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..6)
        .map(|_| {
            let served = Arc::clone(&served);
            let request = get("/accounts");
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                loop {
                    let answer = client.send(&request);
                    assert_eq!((answer.status(), answer.is_complete), (200, true));
                    served.fetch_add(1, Ordering::Relaxed);
                    if answer.get("connection") == Some("close") {
                        assert!(client.is_closed());
                        return;
                    }
                }
            })
        })
        .collect();
    eventually("traffic", || (served.load(Ordering::Relaxed) > 200).then_some(()));
    world.drain();
    for client in clients {
        client.join().expect("no client lost a request");
    }
    assert_eq!(world.upstream.hits(), served.load(Ordering::Relaxed));
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    assert_eq!(world.log().lines().count(), served.load(Ordering::Relaxed), "every line was written");
}

#[test]
fn a_request_in_flight_is_finished_and_readiness_says_so() {
    let go_on = Arc::new(AtomicBool::new(false));
    let signal = Arc::clone(&go_on);
    let mut world = Setup::default().before(Server::with(move |_, stream| {
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst");
        eventually("the signal", || signal.load(Ordering::SeqCst).then_some(()));
        write(stream, "-last");
        After::Keep
    }));
    let admin = world.gateway().admin();
    let mut client = world.client();
    client.write(get("/accounts").bytes());
    world.upstream.wait_for(1);
    let draining = std::thread::spawn(move || {
        world.drain();
        world
    });
    eventually("the drain", || {
        let answer = Client::connect(admin).send(&Request::get("/readyz"));
        (answer.status() == 503 && answer.text() == "draining\n").then_some(())
    });
    assert_eq!(Client::connect(admin).send(&Request::get("/livez")).status(), 200);
    go_on.store(true, Ordering::SeqCst);
    let answer = client.answer();
    assert_eq!((answer.is_complete, answer.text().as_str()), (true, "first-last"));
    let world = draining.join().unwrap();
    assert_eq!(world.log().lines().count(), 1);
}

/// HTTP-35: a body that is half sent is sent to its end, and an idle client's next request, which it may have on its way, is
/// answered.
#[test]
fn who_is_in_the_middle_of_a_body_or_between_requests_loses_nothing() {
    let mut world = World::start();
    let token = Token::good().mint();
    let mut half = world.client();
    half.write(Request::new("POST", "/payments").token(&token).field("content-length: 10").bytes());
    half.write("first");
    let mut idle = world.client();
    assert_eq!(idle.send(&get("/accounts")).status(), 200);
    let admin = world.gateway().admin();
    let draining = std::thread::spawn(move || {
        world.drain();
        world
    });
    eventually("the drain", || (Client::connect(admin).send(&Request::get("/readyz")).status() == 503).then_some(()));
    let answer = idle.send(&get("/accounts"));
    assert_eq!((answer.status(), answer.get("connection")), (200, Some("close")));
    half.write("-last");
    let answer = half.answer();
    assert_eq!((answer.status(), answer.get("connection")), (200, Some("close")));
    let world = draining.join().unwrap();
    let bodies: Vec<_> = world.upstream.requests().iter().map(Message::text).collect();
    assert_eq!(bodies.iter().filter(|body| *body == "first-last").count(), 1, "{bodies:?}");
}

#[test]
fn the_end_comes_however_long_somebody_dawdles() {
    let setup = Setup { limits: "  drain_timeout: 300ms\n".to_owned(), ..Setup::default() };
    let mut world = setup.before(Server::with(|_, stream| {
        std::io::Read::read(stream, &mut [0]).ok();
        After::Close
    }));
    let mut idle = world.client();
    let mut half = world.client();
    half.write("GET /accounts HTTP/1.1\r\n");
    let mut waiting = world.client();
    waiting.write(get("/accounts").bytes());
    world.upstream.wait_for(1);
    let start = Clock::System.instant();
    world.drain();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    for client in [&mut idle, &mut half, &mut waiting] {
        assert!(client.next().is_none());
    }
}

#[test]
fn idle_connections_are_shown_out_soon() {
    let mut world = World::start();
    let mut clients: Vec<_> = (0..5).map(|_| world.client()).collect();
    for client in &mut clients {
        assert_eq!(client.send(&get("/accounts")).status(), 200);
    }
    let start = Clock::System.instant();
    world.drain();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert!(clients.iter_mut().all(Client::is_closed));
}
