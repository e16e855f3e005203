//! Traces: what upstreams are told of a request's place in one, which requests leave spans, and that a collector which is
//! away costs nobody anything. What spans hold is read by the official classes in `e2e/traces`.

use crate::support::client::{Request, id};
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::server::{After, Server, nobody, write};
use crate::support::tokens::Token;
use crate::support::wire::Message;
use scopegate::clock::Clock;
use std::net::SocketAddr;
use std::time::Duration;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn to(collector: SocketAddr, lines: &str) -> Setup {
    Setup { further: format!("tracing:\n  otlp: \"http://{collector}/v1/traces\"\n{lines}"), ..Setup::default() }
}

fn good() -> Request {
    Request::get("/accounts").token(&Token::good().mint())
}

fn parent(sampled: u8) -> String {
    format!("traceparent: 00-{TRACE}-{SPAN}-0{sampled}")
}

/// What the upstream is told: trace, parent and flags.
fn told(request: &Message) -> (String, String, String) {
    let [version, trace, span, flags] = request.one("traceparent").split('-').collect::<Vec<_>>()[..] else {
        panic!("{:?}", request.fields)
    };
    assert_eq!((version, trace.len(), span.len()), ("00", 32, 16));
    (trace.to_owned(), span.to_owned(), flags.to_owned())
}

/// A collector that takes everything.
fn collector() -> Server {
    Server::answering("HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
}

#[test]
fn without_tracing_its_fields_pass_as_any_others_do() {
    let world = World::start();
    world.send(&good().field("traceparent: whatever").field("tracestate: a=b"));
    let request = world.upstream.only();
    assert_eq!((request.one("traceparent"), request.one("tracestate")), ("whatever", "a=b"));
    world.upstream.take();
    world.send(&good());
    assert_eq!(world.upstream.only().get("traceparent"), None);
}

/// W3C Trace Context §3.2, §4.3: a parent of another form is none, and its state goes with it.
#[test]
fn the_upstream_is_told_its_own_place_in_the_trace() {
    let collector = collector();
    let world = to(collector.address(), "  sample: 0\n").start();
    world.send(&good().field(&parent(1)).field("tracestate: a=b").field("tracestate: c=d"));
    let (trace, span, flags) = told(&world.upstream.only());
    assert_eq!((trace.as_str(), flags.as_str()), (TRACE, "00"), "nobody who is trusted asked for it to be sampled");
    assert_ne!(span, SPAN);
    assert_eq!(world.upstream.take()[0].all("tracestate"), ["a=b", "c=d"]);
    for bad in [
        format!("traceparent: 00-{TRACE}-{SPAN}-1"),
        format!("traceparent: 00-{}-{SPAN}-01", TRACE.to_uppercase()),
        format!("traceparent: 00-{}-{SPAN}-01", "0".repeat(32)),
        format!("traceparent: ff-{TRACE}-{SPAN}-01"),
        format!("{}\r\n{}", parent(1), parent(1)),
        "x: y".to_owned(),
    ] {
        world.send(&good().field(&bad).field("tracestate: a=b"));
        let request = world.upstream.take().remove(0);
        assert_ne!(told(&request).0, TRACE, "{bad}");
        assert_eq!(request.get("tracestate"), None, "{bad}");
    }
    world.send(&good().field(&parent(1)).field(&format!("tracestate: a={}", "b".repeat(511))));
    assert_eq!(world.upstream.take()[0].get("tracestate"), None, "513 bytes");
}

#[test]
fn who_decides_about_sampling_is_the_operators_to_say() {
    let collector = collector();
    let hops = "  workers: 1\n  trusted_hops: [127.0.0.1]\n";
    for (name, server, lines, flags, expected) in [
        ("one of a client", "  workers: 1\n", "  sample: 0\n", 1, "00"),
        ("one of a client, all sampled", "  workers: 1\n", "  sample: 1\n", 0, "01"),
        ("one of a hop", hops, "  sample: 0\n", 1, "01"),
        ("one of a hop that is not", hops, "  sample: 1\n", 0, "00"),
        ("one of a hop, not believed", hops, "  sample: 0\n  trust_parent: never\n", 1, "00"),
        ("one of a client, believed", "  workers: 1\n", "  sample: 0\n  trust_parent: always\n", 1, "01"),
    ] {
        let world = Setup { server: server.to_owned(), ..to(collector.address(), lines) }.start();
        world.send(&good().field(&parent(flags)));
        let (trace, _, flags) = told(&world.upstream.only());
        assert_eq!((trace.as_str(), flags.as_str()), (TRACE, expected), "{name}");
    }
}

#[test]
fn a_part_of_the_requests_is_sampled() {
    let collector = collector();
    let world = to(collector.address(), "  sample: 0.3\n").start();
    let mut client = world.client();
    for _ in 0..400 {
        client.send(&good());
    }
    let sampled = world.upstream.requests().iter().filter(|request| told(request).2 == "01").count();
    // Six standard deviations: it fails once in hundreds of millions of runs.
    assert!((65..=175).contains(&sampled), "{sampled} of 400");
}

#[test]
fn spans_are_delivered_with_what_proves_us_and_the_logs_name_the_trace() {
    let collector = collector();
    let headers = "  sample: 1\n  headers: [{ name: api-key, value: { file: jwks.json } }]\n";
    let setup = to(collector.address(), headers);
    let further = setup.further.clone() + "audit_log: { path: audit.log }\n";
    let mut world = Setup { further, ..setup }
        .with_files(&[("jwks.json", { crate::support::keys::set(&[crate::support::keys::ec()]).to_string() })]);
    world.send(&good().field(&parent(0)).numbered(1));
    assert_eq!(world.log_line(1)["trace_id"], TRACE);
    collector.wait_for(1);
    let delivery = collector.requests().remove(0);
    assert_eq!((delivery.method(), delivery.target()), ("POST", "/v1/traces"));
    assert_eq!(delivery.one("content-type"), "application/x-protobuf");
    assert!(delivery.one("api-key").starts_with('{'));
    let body = String::from_utf8_lossy(&delivery.body).into_owned();
    for part in ["GET /accounts", "http.route", "tpp-1", &id(1), "server.address", "service.name"] {
        assert!(body.contains(part), "{part} is not in {body:?}");
    }
    eventually("the count", || (world.metric("scopegate_trace_spans_exported_total ") >= 2.0).then_some(()));
    world.drain();
    assert!(std::fs::read_to_string(world.path("audit.log")).unwrap().contains(&format!("\"trace_id\":\"{TRACE}\"")));
}

#[test]
fn the_last_spans_are_delivered_at_the_end() {
    let collector = collector();
    let mut world = to(collector.address(), "  sample: 1\n").start();
    for _ in 0..100 {
        world.send(&good());
    }
    world.drain();
    let spans: usize = collector
        .requests()
        .iter()
        .map(|request| request.body.windows(13).filter(|window| *window == b"GET /accounts").count())
        .sum();
    assert_eq!(spans, 100);
}

/// A collector that is away, silent, or says no costs spans, which are counted, and no request a moment.
#[test]
fn a_collector_that_does_not_work_costs_spans_and_nothing_else() {
    let silent = Server::with(|_, _| {
        std::thread::sleep(Duration::from_secs(30));
        After::Close
    });
    let refusing = Server::with(|_, stream| write(stream, "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"));
    for (name, address) in [("away", nobody()), ("silent", silent.address()), ("refusing", refusing.address())] {
        let mut world = to(address, "  sample: 1\n  timeout: 200ms\n").start();
        let start = Clock::System.instant();
        let mut client = world.client();
        for _ in 0..200 {
            assert_eq!(client.send(&good()).status(), 200, "{name}");
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{name}: {:?}", start.elapsed());
        if name == "refusing" {
            eventually("lost spans", || {
                (world.metric("scopegate_trace_spans_dropped_total{cause=\"collector\"}") >= 400.0).then_some(())
            });
        }
        let start = Clock::System.instant();
        world.drain();
        assert!(start.elapsed() < Duration::from_secs(8), "{name}: {:?}", start.elapsed());
    }
}

/// OTLP, retryable response codes: what the collector could not take now it is brought again.
#[test]
fn a_collector_that_says_later_is_asked_again() {
    let collector = Server::answering("HTTP/1.1 503 No\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n");
    let world = to(collector.address(), "  sample: 1\n").start();
    world.send(&good());
    collector.wait_for(2);
    collector.becomes(|_, stream| write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    eventually("the delivery", || (world.metric("scopegate_trace_spans_exported_total ") >= 2.0).then_some(()));
    let bodies: Vec<_> = collector.requests().into_iter().map(|request| request.body).collect();
    assert!(bodies.windows(2).all(|two| two[0] == two[1]), "the same each time");
}

/// A reload begins, moves and ends it.
#[test]
fn a_reload_takes_it_up_and_gives_it_up() {
    let (one, other) = (collector(), collector());
    let world = World::start();
    world.reload(&to(one.address(), "  sample: 1\n")).unwrap();
    world.send(&good());
    one.wait_for(1);
    world.reload(&to(other.address(), "  sample: 1\n")).unwrap();
    world.send(&good());
    other.wait_for(1);
    world.reload(&Setup::default()).unwrap();
    world.upstream.take();
    world.send(&good());
    assert_eq!(world.upstream.only().get("traceparent"), None);
    assert!(!world.admin("/metrics").text().contains("scopegate_trace_"));
}
