//! Faults of others: servers that die, lie, drip and vanish, clients that leave, names that lead nowhere, clocks that jump.
//! Each test says what clients must see. Who proves the rest:
//!
//! | fault | what clients see | where |
//! |---|---|---|
//! | upstream refuses, is silent, says what is no HTTP | 502, 504, 502 | `upstream` |
//! | upstream breaks off within a body, or stalls in it | a message that is not whole | `upstream` |
//! | upstream sends more than its answer | their own answer | `upstream`, `e2e/smuggling-answers` |
//! | upstream closed a pooled connection | nothing | `upstream` |
//! | upstream killed, stopped, resetting | 502, 504, 502 or an aborted message | `e2e/faults` |
//! | issuer away at the start, later, absurd | 503, never 401; what is known goes on | `keys`, `e2e/outage` |
//! | introspection or status lists away | 503, never 401 | `introspection_cache`, `status_list_age` |
//! | file descriptors, memory, disk under the log used up | `e2e/faults` says | `e2e/faults` |
//! | gateway drained, killed under load | every answer, or none | `drain`, `e2e/signals` |
//! | slow clients | 408, or the end | `limits`, `e2e/slow` |
//! | hostile clients by the thousand | nothing | `e2e/hostile` |

use crate::support::client::{Client, Request};
use crate::support::eventually;
use crate::support::gateway::{Setup, World, issuer};
use crate::support::introspection::{Introspection, active, ask, json_answer};
use crate::support::issuer::Issuer;
use crate::support::keys::{self, Key};
use crate::support::server::{After, Server, nobody, write};
use crate::support::tokens::{ISSUER, NOW, Token};
use scopegate::clock::Clock;
use scopegate::commands::gateway::Gateway;
use scopegate::config;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

fn get() -> Request {
    Request::get("/accounts").token(&Token::good().mint())
}

/// A `POST` whose body is larger than all buffers on the way.
fn large_post(bytes: usize) -> Request {
    Request::new("POST", "/payments").token(&Token::good().mint()).body("x".repeat(bytes))
}

/// An upstream that does with each connection what it is told, before it has read anything.
fn raw(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream.unwrap()));
        }
    });
    address
}

/// Bytes one at a time, with a pause before each.
fn drip(stream: &mut TcpStream, bytes: &str, pause: Duration) -> After {
    stream.set_nodelay(true).unwrap();
    for byte in bytes.bytes() {
        std::thread::sleep(pause);
        if stream.write_all(&[byte]).is_err() {
            return After::Close;
        }
    }
    After::Keep
}

fn open_connections(world: &World) -> f64 {
    world.metric("scopegate_connections ")
}

/// A head that drips has the time of a head, not of each of its bytes; a body that drips is slow, and whole.
#[test]
fn an_upstream_that_drips_is_504_in_its_head_and_slow_in_its_body() {
    let setup =
        || Setup { upstream: "    response_timeout: 600ms\n    idle_timeout: 600ms\n".to_owned(), ..Setup::default() };
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let world = setup().before(Server::with(|_, stream| drip(stream, head, Duration::from_millis(100))));
    let start = Clock::System.instant();
    assert_eq!(world.send(&get()).status(), 504);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());

    let world = setup().before(Server::with(|_, stream| {
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n");
        drip(stream, "twelve bytes", Duration::from_millis(100))
    }));
    let answer = world.send(&get());
    assert_eq!((answer.status(), answer.is_complete, answer.text().as_str()), (200, true, "twelve bytes"));
}

/// 502 where the upstream goes away within the request; what it had answered by then is passed on. Nothing is sent twice.
#[test]
fn an_upstream_that_goes_away_within_a_request_is_502() {
    let connections = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&connections);
    // Bytes that nobody reads make the kernel answer with a reset.
    let address = raw(move |mut stream| {
        seen.fetch_add(1, Ordering::SeqCst);
        stream.read_exact(&mut [0; 100]).unwrap();
    });
    let world = Setup::default().at(Server::echo(), address);
    for (n, request) in [get(), large_post(900_000)].into_iter().enumerate() {
        assert_eq!(world.send(&request.numbered(n)).status(), 502, "{n}");
        assert_eq!(world.log_line(n)["reason"], "upstream_invalid");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 2);

    let answers_early = raw(|mut stream| {
        stream.read_exact(&mut [0; 100]).unwrap();
        stream.write_all(b"HTTP/1.1 413 No\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        while stream.read(&mut [0; 8192]).is_ok_and(|count| count > 0) {}
    });
    let world = Setup::default().at(Server::echo(), answers_early);
    let answer = world.send(&large_post(900_000));
    assert_eq!((answer.status(), answer.text().as_str()), (413, "no"));
}

/// 502, as where nobody listens, and the process goes on.
#[test]
fn an_upstream_without_an_address_is_502() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("jwks.json"), keys::set(&[keys::ec()]).to_string()).unwrap();
    let somewhere = nobody();
    let yaml = Setup::default().yaml(somewhere).replace(&somewhere.to_string(), "nowhere.invalid:80");
    let settings =
        config::parse(&yaml, &folder.path().join("scopegate.yaml")).unwrap_or_else(|faults| panic!("{faults}"));
    let gateway = Gateway::start(settings, Clock::manual(NOW)).unwrap();
    for _ in 0..3 {
        let mut client = Client::connect(gateway.addresses()[0]);
        let answer = client.send(&get());
        assert_eq!((answer.status(), answer.get("www-authenticate")), (502, None));
    }
    gateway.drain();
}

/// 503 and never 401: a name that leads nowhere says nothing about a token.
#[test]
fn an_issuer_without_an_address_is_503() {
    for source in
        ["{ uri: \"https://nowhere.invalid/jwks\" }".to_owned(), format!("{{ uri: \"http://{}/\" }}", nobody())]
    {
        let world = Setup::issuers(&[issuer("bank", ISSUER, &source)]).start();
        let answer = world.send(&get());
        assert_eq!((answer.status(), answer.get("www-authenticate")), (503, None), "{source}");
        assert!(answer.one("retry-after").parse::<u32>().unwrap() > 0);
        assert_eq!(world.send(&Request::get("/accounts")).status(), 401, "no issuer is needed to miss a token");
        assert_eq!((world.send(&Request::get("/open/a")).status(), world.admin("/readyz").status()), (200, 503));
    }
}

/// Nothing of a client that left goes on: neither its request nor its connection, on either side.
#[test]
fn a_client_that_vanishes_takes_its_upstream_connection_with_it() {
    let has_ended = Arc::new(AtomicUsize::new(0));
    let ended = Arc::clone(&has_ended);
    let waits = Arc::new(AtomicBool::new(true));
    let holds = Arc::clone(&waits);
    let world = Setup::default().before(Server::with(move |request, stream| {
        if request.target() == "/accounts" && !holds.load(Ordering::SeqCst) {
            return write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood");
        }
        if request.target() == "/accounts/half" {
            write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf");
        }
        // Nothing more until the gateway ends the connection.
        let is_over = stream.read(&mut [0; 1]).map_or(true, |count| count == 0);
        ended.fetch_add(usize::from(is_over), Ordering::SeqCst);
        After::Close
    }));
    let token = Token::good().mint();

    let mut thinking = world.client();
    thinking.write(get().bytes());
    world.upstream.wait_for(1);
    drop(thinking);
    eventually("the end of a request that nobody waits for", || (has_ended.load(Ordering::SeqCst) == 1).then_some(()));

    let mut reading = world.client();
    reading.write(Request::get("/accounts/half").token(&token).numbered(7).bytes());
    world.upstream.wait_for(2);
    drop(reading);
    eventually("the end of an answer that nobody reads", || (has_ended.load(Ordering::SeqCst) == 2).then_some(()));
    assert_eq!(world.log_line(7)["end"], "client_gone");

    let mut writing = world.client();
    writing.write(Request::new("POST", "/payments").token(&token).field("content-length: 1000").bytes());
    writing.write("half");
    eventually("the connection", || (world.upstream.connections() == 3).then_some(()));
    drop(writing);
    eventually("half a request", || {
        let requests = world.upstream.requests();
        requests.iter().any(|request| request.target() == "/payments" && !request.is_complete).then_some(())
    });

    // Nothing leaks, and nobody is given a connection on which something is left.
    eventually("no connection", || (open_connections(&world) < 1.0).then_some(()));
    waits.store(false, Ordering::SeqCst);
    assert_eq!(world.send(&get()).text(), "good");
    assert_eq!(world.upstream.connections(), 4);
}

/// A client that ends its direction behind a whole request has left; the next one is answered as ever.
#[test]
fn a_client_that_ends_its_direction_spoils_nothing() {
    let world = World::start();
    for _ in 0..20 {
        let mut client = world.client();
        client.write(get().bytes());
        client.stream().shutdown(Shutdown::Write).unwrap();
        client.rest();
        assert_eq!(world.send(&get()).status(), 200);
    }
    eventually("no connection", || (open_connections(&world) < 1.0).then_some(()));
}

fn jump(world: &World, seconds: i64) {
    let Clock::Manual(clock) = &world.clock else { panic!("the clock of a test is moved by hand") };
    clock.fetch_add(seconds, Ordering::SeqCst);
}

/// Spans are measured by a clock that never jumps: a request under way, a connection that rests and the deadlines of both
/// do not notice. Tokens go by the wall clock, whatever is remembered of them.
#[test]
fn a_clock_that_jumps_moves_tokens_and_nothing_else() {
    let go_on = Arc::new(AtomicBool::new(false));
    let signal = Arc::clone(&go_on);
    let world = Setup::default().before(Server::with(move |request, stream| {
        if request.target() == "/accounts/slow" {
            eventually("the signal", || signal.load(Ordering::SeqCst).then_some(()));
        }
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood")
    }));
    let token = Token::good().claim("nbf", NOW).claim("exp", NOW + 3600).mint();
    let ask = Request::get("/accounts").token(&token);
    let mut resting = world.client();
    assert_eq!(resting.send(&ask).status(), 200);
    let mut waiting = world.client();
    waiting.write(Request::get("/accounts/slow").token(&token).bytes());
    world.upstream.wait_for(2);

    let year = 366 * 24 * 3600;
    for (by, status, why) in [
        (year, 401, "expired"),
        (-year, 200, "back again"),
        // `iat` says when, not from when on (RFC 7519 §4.1.6): that is `nbf`.
        (-3600, 401, "not valid yet, remembered or not"),
        (3600, 200, "back again"),
    ] {
        jump(&world, by);
        assert_eq!(resting.send(&ask).status(), status, "{why}");
    }
    go_on.store(true, Ordering::SeqCst);
    assert_eq!(waiting.answer().status(), 200, "it was begun before all of that");
    assert_eq!(world.upstream.connections(), 2, "resting ones were kept");
    assert!(open_connections(&world) > 1.5, "those of clients too");
}

/// How old an answer is cannot be told once the clock was set back: the issuer is asked again, so that a revocation is never
/// seen later than the configured time says, and no refusal lasts longer.
#[test]
fn an_answer_from_before_the_clock_was_set_back_is_asked_for_again() {
    let one = Introspection::saying(&json_answer(&active()));
    let world = one.gateway(", cache: 1m, negative_cache: 10s");
    // So that its tokens are valid by their dates throughout.
    jump(&world, 200);
    assert_eq!((ask(&world, "t").status(), ask(&world, "t").status(), one.calls()), (200, 200, 1));
    jump(&world, -1);
    assert_eq!((ask(&world, "t").status(), one.calls()), (200, 1), "a request that began a moment before the answer");
    jump(&world, -30);
    one.says(&json_answer(&json!({"active": false})));
    assert_eq!((ask(&world, "t").status(), one.calls()), (401, 2), "revoked meanwhile");
    assert_eq!((ask(&world, "t").status(), one.calls()), (401, 2), "a refusal is remembered");
    jump(&world, -30);
    one.says(&json_answer(&active()));
    assert_eq!((ask(&world, "t").status(), one.calls()), (200, 3), "and not for longer");
    // Forward again, past everything.
    jump(&world, 3600);
    one.says(&json_answer(&json!({"active": false})));
    assert_eq!((ask(&world, "t").status(), one.calls()), (401, 4));
}

/// Keys are fetched by a clock that never jumps, so no jump makes them stale or fetches them a thousand times.
#[test]
fn a_clock_that_jumps_fetches_no_keys() {
    let key = Key::new("k");
    let bank = Issuer::serving(std::slice::from_ref(&key));
    let world = Setup::issuers(&[issuer("bank", ISSUER, &bank.jwks())]).start();
    world.wait_ready();
    for by in [366 * 24 * 3600, -2 * 366 * 24 * 3600, 366 * 24 * 3600] {
        jump(&world, by);
        let now = world.clock.now().0;
        let token = Token::good().by(&key).claim("iat", now).claim("nbf", now).claim("exp", now + 600).mint();
        assert_eq!(world.send(&Request::get("/accounts").token(&token)).status(), 200, "{by}");
    }
    assert_eq!((bank.calls(), world.admin("/readyz").status()), (1, 200));
}
