//! Who may come in: few long connections are spread over the workers, no network takes all places, and want of file
//! descriptors passes.

use crate::support::client::{Client, Request};
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::process::Process;
use crate::support::tls::Caller;
use crate::support::tokens::Token;

fn loads(world: &World, workers: usize) -> Vec<f64> {
    (0..workers).map(|worker| world.metric(&format!("scopegate_worker_connections{{worker=\"{worker}\"}}"))).collect()
}

/// The kernel picks a listener by a hash of addresses, so that 8 of 10 may be one worker's.
#[test]
fn few_long_connections_are_spread_over_the_workers() {
    let world = Setup { server: "  workers: 4\n".to_owned(), ..Setup::default() }.start();
    let request = Request::get("/accounts").token(&Token::good().mint());
    let mut clients: Vec<_> = (0..40).map(|_| world.client()).collect();
    for client in &mut clients {
        assert_eq!(client.send(&request).status(), 200);
    }
    let spread = loads(&world, 4);
    assert!((spread.iter().sum::<f64>() - 40.0).abs() < 0.5, "{spread:?}");
    assert!(spread.iter().all(|load| *load <= 15.0), "{spread:?}");
    drop(clients);
    eventually("their end", || (loads(&world, 4).iter().sum::<f64>() < 0.5).then_some(()));
    assert!((world.metric("scopegate_connections_accepted_total") - 40.0).abs() < 0.5);
}

/// The bound is a network's, of which loopback through TLS is one; a proxy of ours speaks for many.
#[test]
fn connections_of_one_network_are_bounded_and_come_back() {
    let limits = Setup::limits(&["connections: 10", "connections_per_network: 2"]);
    let world = limits.with_tls("", &[]);
    let caller = Caller::new(None);
    let get = Request::get("/open/a");
    let mut held = [caller.connect(&world), caller.connect(&world)];
    for client in &mut held {
        assert_eq!(client.send(&get).status(), 200);
    }
    assert!(caller.is_turned_away(&world), "one past the bound");
    let refused =
        |world: &World, cause| world.metric(&format!("scopegate_connections_refused_total{{cause=\"{cause}\"}}"));
    assert!((refused(&world, "network") - 1.0).abs() < 0.5 && refused(&world, "total") < 0.5);
    let [first, mut second] = held;
    drop(first);
    eventually("room", || (!caller.is_turned_away(&world)).then_some(()));
    assert_eq!(second.send(&get).status(), 200, "those inside notice nothing");

    let hops = "  workers: 1\n  trusted_hops: [127.0.0.0/8]\n".to_owned();
    let world = Setup { server: hops, ..Setup::limits(&["connections_per_network: 1"]) }.with_tls("", &[]);
    let mut many: Vec<_> = (0..5).map(|_| caller.connect(&world)).collect();
    assert!(many.iter_mut().all(|client| client.send(&get).status() == 200));
}

/// Out of file descriptors nobody new comes in, those inside go on, and it passes as soon as somebody leaves.
#[test]
fn file_descriptors_that_are_used_up_are_waited_for() {
    let limits = "  connections: 1000\n".to_owned();
    let process = Process::with_descriptors(&Setup { limits, ..Setup::default() }, 100);
    assert!(process.said().contains("needed=3024 allowed=100"), "{}", process.said());
    let get = Request::get("/open/a");
    let mut inside = Client::connect(process.address);
    assert_eq!(inside.send(&get).status(), 200);
    // The kernel greets them all; who is beyond the last descriptor waits in its queue.
    let mut many: Vec<_> = (0..150).map(|_| Client::connect(process.address)).collect();
    eventually("want of descriptors", || process.said().contains("connections cannot be accepted").then_some(()));
    for _ in 0..20 {
        assert_eq!(inside.send(&get).status(), 200);
    }
    let mut last = many.pop().unwrap();
    drop(many);
    assert_eq!(last.send(&get).status(), 200, "whoever waited is served");
    eventually("the end of it", || {
        assert_eq!(Client::connect(process.address).send(&get).status(), 200);
        process.said().contains("connections are accepted again").then_some(())
    });
    let failures = process.metric("scopegate_accept_failures_total");
    assert!((1.0..200.0).contains(&failures), "it does not spin: {failures}");
    assert_eq!(process.said().matches("connections cannot be accepted").count(), 1, "{}", process.said());
}
