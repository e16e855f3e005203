//! Quotas of requests at a time: given back however a request ends. And many at a time, on several workers: never one more
//! than may be.

use crate::support::client::{Client, Request};
use crate::support::eventually;
use crate::support::gateway::{Setup, World, route};
use crate::support::http2::{self, Http2};
use crate::support::server::{After, Server, nobody, write};
use crate::support::tls::Caller;
use crate::support::tokens::Token;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Holds answers back until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |is_open| !*is_open).unwrap());
    }
}

fn setup(workers: usize, quota: &str) -> Setup {
    Setup {
        server: format!("  workers: {workers}\n"),
        further: format!("quotas:\n  - {{ name: q, per: client, {quota} }}\n"),
        ..Setup::routes(&[
            route("/a", "GET, POST", "scopes: [accounts]\nquotas: q"),
            route("/open", "GET", "access: open"),
        ])
    }
}

/// A gateway in front of an upstream that answers once the gate is open: half a body first where `begins`.
fn held(workers: usize, quota: &str, begins: bool) -> (World, Gate) {
    let gate = Gate::default();
    let inner = gate.clone();
    let server = Server::with(move |_, stream| {
        if begins {
            write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab");
            inner.pass();
            return write(stream, "cd");
        }
        inner.pass();
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd");
        After::Keep
    });
    (setup(workers, quota).before(server), gate)
}

fn get() -> Request {
    Request::get("/a").token(&Token::good().mint())
}

/// A request that has come to the upstream.
fn begin(world: &World) -> Client {
    let (mut client, before) = (world.client(), world.upstream.hits());
    client.write(get().bytes());
    world.upstream.wait_for(before + 1);
    client
}

fn under_way(world: &World) -> f64 {
    world.metric("scopegate_quota_keys{quota=\"q\"}")
}

#[test]
fn so_many_are_under_way_at_a_time_and_the_next_is_told_so() {
    let (world, gate) = held(1, "at_once: 2", false);
    let mut clients = [(); 2].map(|()| begin(&world));
    let refused = world.send(&get().numbered(1));
    assert_eq!((refused.status(), refused.one("retry-after")), (429, "1"));
    assert_eq!(refused.one("ratelimit-policy"), "\"q\";q=2;qu=\"concurrent-requests\"");
    assert_eq!(refused.one("ratelimit"), "\"q\";r=0");
    assert_eq!((world.log_line(1)["reason"].as_str(), world.upstream.hits()), (Some("too_many_at_once"), 2));
    gate.open();
    let lefts = clients.each_mut().map(|client| client.answer().one("ratelimit").to_owned());
    assert_eq!(lefts, ["\"q\";r=1", "\"q\";r=0"]);
    eventually("the end of both", || (under_way(&world) < 0.5).then_some(()));
    assert_eq!(world.send(&get()).status(), 200);
}

/// Before the answer and within it: what was taken is back as soon as nobody is there any more.
#[test]
fn who_goes_away_gives_back_what_was_taken() {
    for begins in [false, true] {
        let (world, gate) = held(1, "at_once: 1", begins);
        for _ in 0..3 {
            let client = begin(&world);
            assert_eq!(world.send(&get()).status(), 429, "{begins}");
            drop(client);
            eventually("its place", || (under_way(&world) < 0.5).then_some(()));
        }
        gate.open();
        assert_eq!(world.send(&get()).status(), 200);
    }
}

/// The connection goes on, one of its streams does not.
#[test]
fn a_stream_that_is_taken_back_gives_back_what_was_taken() {
    let world = setup(1, "at_once: 1").with_tls("", &[]);
    world.upstream.becomes(|_, stream| {
        // Until the gateway hangs up.
        let mut byte = [0];
        let _gone = std::io::Read::read(stream, &mut byte);
        After::Close
    });
    let get = || http2::request(http::Method::GET, "/a", Some(&Token::good().mint()), "");
    let mut client = Http2::connect(&world, &Caller::new(None));
    let (runtime, send) = client.by_hand();
    let (answer, mut stream) =
        runtime.block_on(async { send.clone().ready().await.unwrap().send_request(get().map(drop), true) }).unwrap();
    world.upstream.wait_for(1);
    assert_eq!(client.ask(get()).unwrap().status, 429);
    stream.send_reset(h2::Reason::CANCEL);
    drop(answer);
    eventually("its place", || (under_way(&world) < 0.5).then_some(()));
    world.upstream.becomes(|_, stream| write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    assert_eq!(client.ask(get()).unwrap().status, 200);
}

#[test]
fn an_upstream_that_fails_keeps_nothing() {
    let world = setup(1, "at_once: 1").at(Server::echo(), nobody());
    for _ in 0..5 {
        assert_eq!(world.send(&get()).status(), 502);
    }
    let broken = Server::with(|_, stream| {
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab");
        After::Close
    });
    let world = setup(1, "at_once: 1").before(broken);
    for _ in 0..5 {
        let mut client = world.client();
        client.write(get().bytes());
        drop(client.rest());
        eventually("its place", || (under_way(&world) < 0.5).then_some(()));
    }
}

/// What is read of a count is old when it is written, unless nobody else can come between.
#[test]
fn a_hundred_at_a_time_on_two_workers_never_exceed_the_number_by_one() {
    for (quota, most) in [
        ("at_once: 20", 20),
        ("rate: 1/h, burst: 20", 20),
        ("calls: 20, within: 24h", 20),
        ("calls: 70, within: 24h", 70),
    ] {
        let (world, gate) = held(2, quota, false);
        let mut clients: Vec<_> = (0..100).map(|_| world.client()).collect();
        std::thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(|| client.write(get().bytes()));
            }
        });
        let decided =
            |outcome| world.metric(&format!("scopegate_quota_decisions_total{{quota=\"q\",outcome=\"{outcome}\"}}"));
        eventually("all decisions", || (decided("allowed") + decided("refused") > 99.5).then_some(()));
        gate.open();
        let passed =
            clients.iter_mut().filter_map(|client| Some(client.next()?.status())).filter(|it| *it == 200).count();
        assert_eq!((passed, world.upstream.hits()), (most, most), "{quota}");
    }
}

/// A reload must not let twice as many in while the first are still under way.
#[test]
fn a_reload_forgets_nobody_who_is_under_way() {
    let (world, gate) = held(1, "at_once: 2", false);
    let mut clients = [(); 2].map(|()| begin(&world));
    world.reload(&setup(1, "at_once: 3")).unwrap();
    let mut third = begin(&world);
    assert_eq!(world.send(&get()).status(), 429);
    gate.open();
    assert!(clients.iter_mut().chain([&mut third]).all(|client| client.answer().status() == 200));
    eventually("the end of all", || (under_way(&world) < 0.5).then_some(()));
}

/// What nobody asks for any more is let go all the same, a part of it each second.
#[test]
fn what_has_run_out_is_let_go_though_nobody_calls() {
    let world = setup(1, "calls: 5, within: 10s").start();
    for n in 0..100 {
        let token = Token::good().claim("client_id", format!("tpp-{n}")).mint();
        assert_eq!(world.send(&Request::get("/a").token(&token)).status(), 200);
    }
    assert!((under_way(&world) - 100.0).abs() < 0.5);
    world.clock.advance(Duration::from_secs(10));
    eventually("less to remember", || (under_way(&world) < 99.5).then_some(()));
}
