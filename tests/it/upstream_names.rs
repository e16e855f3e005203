//! Names of servers: looked up beside requests, every address used, and what is known is kept where a lookup fails. What a
//! resolver would say is handed to the gateway by the test, but for `localhost` and for a name that is nowhere.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::http2_server::{Call, Http2};
use crate::support::process::Process;
use crate::support::server::{Server, nobody, write};
use scopegate::clock::Clock;
use scopegate::config;
use scopegate::config::bounds::{UPSTREAM_ADDRESSES_MAX, UPSTREAM_ADDRESSES_TRIED};
use scopegate::gateway::forward::connect::{ConnectFault, Endpoint};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const OK_AND_CLOSE: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

/// A gateway whose upstream has a name that no resolver knows, with these further terms.
fn world(upstream: Server, terms: &str) -> World {
    let servers = format!("[\"http://moving.invalid:{}\"]", upstream.address().port());
    let world = Setup { servers, upstream: format!("    lookup_interval: 1h\n{terms}"), ..Setup::default() };
    world.before(upstream)
}

fn endpoint(world: &World) -> Arc<Endpoint> {
    Arc::clone(&world.gateway().shared().policy.load().endpoints[0].servers[0])
}

/// The address of this number on this machine.
fn local(number: u8) -> IpAddr {
    IpAddr::from([127, 0, 0, number])
}

fn becomes(world: &World, numbers: &[u8]) {
    endpoint(world).learn(Ok(numbers.iter().map(|number| local(*number)).collect()));
}

fn status(world: &World) -> u16 {
    world.send(&Request::get("/open/x")).status()
}

/// Another server behind the same port.
fn beside(first: &Server, number: u8, answer: &'static str) -> Server {
    Server::at(SocketAddr::new(local(number), first.address().port()), move |_, stream| write(stream, answer))
}

/// The system's own resolver. Of `::1` and `127.0.0.1` the server has one.
#[test]
fn a_name_that_the_system_knows_is_found() {
    let server = Server::answering(OK_AND_CLOSE);
    let servers = format!("[\"http://localhost:{}\"]", server.address().port());
    let world = Setup { servers, ..Setup::default() }.before(server);
    (0..10).for_each(|_| assert_eq!(status(&world), 200));
    let labels = format!("{{upstream=\"api\",server=\"localhost:{}\"", world.upstream.address().port());
    assert!(world.metric(&format!("scopegate_upstream_addresses{labels}}}")) >= 1.0);
    assert!(world.metric(&format!("scopegate_upstream_lookups_total{labels},outcome=\"good\"}}")) >= 1.0);
}

/// HTTP-34: nobody is there, as far as anybody knows; and it mends itself when a name is there at last.
#[test]
fn a_name_without_an_address_is_502_until_it_has_one() {
    let world = world(Server::answering(OK), "    eject: { failures: 1000 }\n");
    let refused = world.send(&Request::get("/open/x").numbered(1));
    assert_eq!((refused.status(), refused.get("www-authenticate")), (502, None));
    assert_eq!(world.log_line(1)["reason"], "upstream_refused");
    becomes(&world, &[1]);
    assert_eq!(status(&world), 200);
}

/// A resolver that fails takes nothing away.
#[test]
fn what_was_known_of_a_name_is_kept_when_it_is_lost() {
    let world = world(Server::answering(OK_AND_CLOSE), "");
    becomes(&world, &[1]);
    for lost in [Err(io::ErrorKind::TimedOut.into()), Ok(Vec::new()), Err(io::Error::other("SERVFAIL"))] {
        endpoint(&world).learn(lost);
        assert_eq!(status(&world), 200);
    }
    assert_eq!(world.upstream.hits(), 3);
}

#[test]
fn all_addresses_of_a_name_share_the_load() {
    let first = Server::answering(OK_AND_CLOSE);
    let second = beside(&first, 2, OK_AND_CLOSE);
    let world = world(first, "");
    becomes(&world, &[1, 2]);
    (0..20).for_each(|_| assert_eq!(status(&world), 200));
    assert_eq!((world.upstream.hits(), second.hits()), (10, 10));
}

/// Where nobody listens at an address the next is tried, up to so many.
#[test]
fn an_address_that_refuses_costs_no_request_but_where_too_many_do() {
    let world = world(Server::answering(OK_AND_CLOSE), "    eject: { failures: 1000 }\n");
    let with_dead = |dead: usize| (1..).filter(|number| *number != 1).take(dead).chain([1]).collect::<Vec<u8>>();
    becomes(&world, &with_dead(UPSTREAM_ADDRESSES_TRIED - 1));
    (0..2 * UPSTREAM_ADDRESSES_TRIED).for_each(|_| assert_eq!(status(&world), 200));
    becomes(&world, &with_dead(UPSTREAM_ADDRESSES_TRIED));
    let refused = (0..=UPSTREAM_ADDRESSES_TRIED).filter(|_| status(&world) == 502).count();
    assert_eq!(refused, 1, "each is left out in its turn");
}

#[test]
fn so_many_addresses_of_a_name_are_kept() {
    let world = world(Server::answering(OK), "");
    for (found, kept) in
        [(UPSTREAM_ADDRESSES_MAX, UPSTREAM_ADDRESSES_MAX), (UPSTREAM_ADDRESSES_MAX + 1, UPSTREAM_ADDRESSES_MAX)]
    {
        becomes(&world, &(1..=u8::try_from(found).unwrap()).collect::<Vec<_>>());
        assert_eq!(endpoint(&world).addresses().count(), kept);
    }
}

/// Idle connections to where the server is no more are let go, and one that is at work ends with its answer.
#[test]
fn a_server_that_moves_is_followed() {
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let first = Server::with(move |request, stream| {
        if request.target() == "/open/slow" {
            released.lock().unwrap().recv().unwrap();
        }
        write(stream, OK)
    });
    let second = beside(&first, 2, OK);
    let world = world(first, "");
    becomes(&world, &[1]);
    let mut slow = world.client();
    slow.write(Request::get("/open/slow").bytes());
    world.upstream.wait_for(1);
    assert_eq!((status(&world), world.upstream.connections()), (200, 2));

    becomes(&world, &[2]);
    eventually("its new place", || {
        assert_eq!(status(&world), 200);
        (second.hits() > 0).then_some(())
    });
    let before = world.upstream.hits();
    release.send(()).unwrap();
    assert_eq!(slow.answer().status(), 200);
    (0..20).for_each(|_| assert_eq!(status(&world), 200));
    assert_eq!(world.upstream.hits(), before, "no connection of the old place is used again");
    assert_eq!(second.connections(), 1);
}

/// The same of HTTP/2: requests under way on the old connection end there.
#[test]
fn a_server_of_http_2_that_moves_is_followed() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let open = Arc::clone(&gate);
    let first = Http2::with(100, move |call: Call| {
        let open = Arc::clone(&open);
        async move {
            if call.head.uri.path() == "/open/slow" {
                open.acquire().await.unwrap().forget();
            }
            call.echo().await;
        }
    });
    let second = Http2::at(SocketAddr::new(local(2), first.address().port()), 100, Call::echo);
    let servers = format!("[\"http://moving.invalid:{}\"]", first.address().port());
    let upstream = "    protocol: http2\n    lookup_interval: 1h\n".to_owned();
    let world = Setup { servers, upstream, ..Setup::default() }.start();
    becomes(&world, &[1]);
    let mut slow = world.client();
    slow.write(Request::get("/open/slow").bytes());
    assert_eq!(status(&world), 200);
    becomes(&world, &[2]);
    eventually("its new place", || {
        assert_eq!(status(&world), 200);
        (!second.seen().is_empty()).then_some(())
    });
    gate.add_permits(1);
    assert_eq!((slow.answer().status(), first.connections(), second.connections()), (200, 1, 1));
}

/// Nobody waits for a name longer than for a connection.
#[test]
fn a_lookup_that_does_not_end_is_no_reason_to_wait_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("jwks.json"), r#"{"keys": []}"#).unwrap();
    let upstream = "    connect_timeout: 300ms\n".to_owned();
    let setup = Setup { servers: "[\"http://slow.invalid\"]".to_owned(), upstream, ..Setup::default() };
    let settings = config::parse(&setup.yaml(nobody()), &folder.path().join("scopegate.yaml")).unwrap();
    let upstream = &settings.upstreams[0];
    // Nobody looks it up, so that no answer comes.
    let endpoint = Arc::new(Endpoint::new(upstream, &upstream.servers[0], None, Clock::System.instant()));
    let start = Clock::System.instant();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(endpoint.open()).map(drop), Err(ConnectFault::Refused));
    assert!((Duration::from_millis(300)..Duration::from_secs(10)).contains(&start.elapsed()));
}

/// Both ends of a connection that rests, once its server is elsewhere.
#[test]
fn a_connection_that_rests_at_the_old_place_is_closed() {
    let world = world(Server::answering(OK), "    idle_timeout: 1h\n");
    becomes(&world, &[1]);
    assert_eq!(status(&world), 200);
    let open = format!("{{upstream=\"api\",server=\"moving.invalid:{}\"}}", world.upstream.address().port());
    let open = || world.metric(&format!("scopegate_upstream_connections{open}"));
    assert!((open() - 1.0).abs() < 0.5);
    becomes(&world, &[2]);
    eventually("its end", || (open() < 0.5).then_some(()));
}

/// Said once, and not for each lookup.
#[test]
fn that_a_name_is_not_found_is_logged_once() {
    let servers = "[\"http://nowhere.invalid\"]".to_owned();
    let process = Process::start(&Setup { servers, ..Setup::default() });
    let failed = "scopegate_upstream_lookups_total{upstream=\"api\",server=\"nowhere.invalid:80\",outcome=\"failed\"}";
    eventually("three lookups", || (process.metric(failed) >= 3.0).then_some(()));
    let said = process.said();
    assert_eq!(said.matches("a server's name is not found").count(), 1, "{said}");
}
