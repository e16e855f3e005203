//! What a bank must publish of its services: requests by service and by whose fault, how long they took, in metrics and log.

use crate::support::client::{Request, id};
use crate::support::eventually;
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::server::{After, Server, always, nobody, ok, write};
use crate::support::tokens::{ISSUER, Token};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

fn setup() -> Setup {
    Setup::routes(&[
        route("/accounts", "GET", "scopes: [accounts]\nservice: ais"),
        route("/payments", "POST", "scopes: [payments]\nservice: pis"),
        route("/funds", "POST", "access: open\nservice: funds"),
        route("/open", "GET", "access: open"),
    ])
}

fn counted(world: &World, service: &str, fault: &str) -> u64 {
    let line = format!("scopegate_service_requests_total{{fault=\"{fault}\",service=\"{service}\"}}");
    format!("{:.0}", world.metric(&line)).parse().unwrap()
}

/// KPI-7: what counts as an error of the bank, and what does not.
#[test]
fn errors_are_told_apart_by_whose_fault_they_are() {
    let world = setup().before(Server::answering(ok("text/plain", "x")));
    world.get("/accounts", &Token::good());
    world.get("/accounts", &Token::good().claim("exp", 1));
    world.send(&Request::get("/accounts"));
    for (status, times) in [("404 Not Found", 1), ("429 Too Many Requests", 2), ("503 Service Unavailable", 3)] {
        world.upstream.becomes(always(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")));
        (0..times).for_each(|_| drop(world.send(&Request::get("/open"))));
        (0..times).for_each(|_| drop(world.get("/accounts", &Token::good())));
    }
    let counts =
        |service| ["none", "client", "gateway", "upstream", "issuer"].map(|fault| counted(&world, service, fault));
    assert_eq!(counts("ais"), [1, 5, 0, 3, 0]);
    assert_eq!(counts("none"), [0, 3, 0, 3, 0]);
    assert_eq!((counts("pis"), counts("funds")), ([0; 5], [0; 5]));
    assert!((world.metric("scopegate_service_response_seconds_count{service=\"ais\"}") - 9.0).abs() < 0.5);
    assert!((world.metric("scopegate_upstream_response_seconds_count{upstream=\"api\"}") - 13.0).abs() < 0.5);
    assert!((world.metric("scopegate_route_service{route=\"/funds\",service=\"funds\"}") - 1.0).abs() < 0.5);
}

/// KPI-7: an upstream and an issuer that are away are the bank's fault.
#[test]
fn what_stands_behind_the_gateway_is_the_banks_own() {
    let away = nobody();
    let world = Setup { issuers: issuer("bank", ISSUER, &format!("{{ uri: \"http://{away}/\" }}")), ..setup() }.start();
    assert_eq!(world.get("/accounts", &Token::good()).status(), 503);
    assert_eq!(counted(&world, "ais", "issuer"), 1);
    let world = setup().at(Server::echo(), away);
    assert_eq!(world.send(&Request::new("POST", "/funds").body("x")).status(), 502);
    assert_eq!(counted(&world, "funds", "upstream"), 1);
}

/// A client that leaves before it was answered says nothing about the bank, though its record says 500.
#[test]
fn who_leaves_before_the_answer_is_no_error_of_the_bank() {
    let world = setup().before(Server::with(|_, _: &mut TcpStream| {
        sleep(Duration::from_millis(300));
        After::Close
    }));
    let mut client = world.client();
    client.write(Request::get("/open").bytes());
    world.upstream.wait_for(1);
    drop(client);
    eventually("its record", || (counted(&world, "none", "client") == 1).then_some(()));
}

/// KPI-4, KPI-5, KPI-6: a client that takes its time to send is not time that the bank took.
#[test]
fn the_time_until_a_request_is_there_is_told_apart_from_the_time_until_it_is_answered() {
    let world = setup().before(Server::with(|_, stream| {
        sleep(PAUSE);
        write(stream, ok("text/plain", "done"))
    }));
    let mut client = world.client();
    let payment = Request::new("POST", "/payments").token(&Token::good().scope("payments").mint());
    let bytes = payment.numbered(1).field("content-length: 4").bytes();
    client.write(bytes);
    client.write("ab");
    sleep(PAUSE * 3);
    client.write("cd");
    assert_eq!(client.answer_to("POST").status(), 200);
    let line = world.log_line(1);
    let us = |name: &str| line[name].as_u64().unwrap_or_else(|| panic!("{name} in {line}"));
    let (received, first, whole, pause) = (us("received_us"), us("first_us"), us("duration_us"), as_us(PAUSE));
    assert_eq!(line["service"], "pis");
    // From the head on, which is there a little later than it was sent.
    assert!(received >= pause * 2, "{line}");
    assert!(first >= received + pause && whole >= first, "{line}");
    let sum = world.metric("scopegate_service_response_seconds_sum{service=\"pis\"}");
    assert!(sum >= PAUSE.as_secs_f64() && sum < (PAUSE * 3).as_secs_f64(), "{sum}");
}

/// Without a body a request is there with its head; what is refused has no answer of an upstream.
#[test]
fn times_that_are_not_there_are_left_out() {
    let world = setup().start();
    world.send(&Request::get("/accounts").token(&Token::good().mint()).numbered(1));
    world.send(&Request::get("/accounts").numbered(2));
    world.send(&Request::new("POST", "/funds").body("chunk").numbered(3));
    world.send(&Request::get("/nowhere").numbered(4));
    let has = |n: usize, name: &str| world.log_line(n).get(name).is_some();
    for (n, expected) in
        [(1, [true, false, true]), (2, [true, false, false]), (3, [true, true, true]), (4, [false, false, false])]
    {
        assert_eq!(["service", "received_us", "first_us"].map(|name| has(n, name)), expected, "{}", id(n));
    }
}

/// Each refusal counts once, with the issuer that its token names or was proven to be of.
#[test]
fn refusals_are_counted_by_issuer() {
    let other = "https://other.example";
    let issuers = [issuer("bank", ISSUER, "{ file: jwks.json }"), issuer("other", other, "{ file: jwks.json }")];
    let world = Setup { issuers: issuers.concat(), ..setup() }.start();
    world.get("/accounts", &Token::good());
    world.get("/accounts", &Token::good().claim("exp", 1));
    world.get("/accounts", &Token::good().scope("nothing"));
    let once = Token::good().claim("exp", 1_800_000_900);
    world.get("/accounts", &once.scope("nothing"));
    world.get("/accounts", &Token::good().claim("iss", other).claim("aud", "elsewhere"));
    world.get("/accounts", &Token::good().claim("iss", "https://nobody.example"));
    world.send(&Request::get("/accounts"));
    let page = world.admin("/metrics").text();
    let mut lines: Vec<_> =
        page.lines().filter_map(|line| line.strip_prefix("scopegate_issuer_refusals_total")).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "{issuer=\"bank\",reason=\"scope_missing\"} 2",
            "{issuer=\"bank\",reason=\"token_expired\"} 1",
            "{issuer=\"other\",reason=\"audience_wrong\"} 1",
        ]
    );
}

fn as_us(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap()
}

const PAUSE: Duration = Duration::from_millis(100);
