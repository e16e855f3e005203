//! The bound on an exchange as a whole: whatever it waits for, and however little of it moves.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::{Setup, World, route};
use crate::support::http2::{Frames, RST_STREAM, SETTINGS};
use crate::support::http2_server::{Call, Http2, send};
use crate::support::server::{After, Server, write};
use crate::support::switch;
use crate::support::wire::Message;
use http::Response;
use scopegate::clock::Clock;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Far less than any other bound that could end it.
const LONG: Duration = Duration::from_secs(15);

fn now() -> Instant {
    Clock::System.instant()
}

fn get() -> Request {
    Request::get("/open/x").numbered(1)
}

fn setup(terms: &str) -> Setup {
    Setup { upstream: terms.to_owned(), ..Setup::default() }
}

/// A server that sends a byte of its answer now and then, so many times; `ended` counts those that nobody took.
fn dripping(bytes: usize, ended: &Arc<AtomicUsize>) -> Server {
    let ended = Arc::clone(ended);
    Server::with(move |_, stream| {
        stream.set_nodelay(true).unwrap();
        write(stream, format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n"));
        for _ in 0..bytes {
            std::thread::sleep(Duration::from_millis(50));
            if stream.write_all(b"x").is_err() {
                ended.fetch_add(1, Ordering::SeqCst);
                return After::Close;
            }
        }
        After::Keep
    })
}

fn is_cut(answer: &Message) -> bool {
    answer.status() == 200 && !answer.is_complete
}

#[test]
fn an_answer_that_does_not_begin_in_time_is_504() {
    let world = setup("    total_timeout: 500ms\n").before(Server::with(|_, _| {
        std::thread::sleep(LONG);
        After::Close
    }));
    let start = now();
    assert_eq!(world.send(&get()).status(), 504);
    assert!((Duration::from_millis(500)..LONG).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(world.log_line(1)["reason"], "upstream_late");
}

/// One that always moves a little would never meet another bound.
#[test]
fn an_answer_that_does_not_end_in_time_breaks_off() {
    let ended = Arc::new(AtomicUsize::new(0));
    let world = setup("    total_timeout: 500ms\n").before(dripping(10_000, &ended));
    let start = now();
    assert!(is_cut(&world.send(&get())));
    assert!((Duration::from_millis(500)..LONG).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(world.log_line(1)["end"], "upstream_broke");
    eventually("the end at the upstream", || (ended.load(Ordering::SeqCst) == 1).then_some(()));
}

/// Within the bound, `off`, and a route with a word of its own.
#[test]
fn an_answer_within_its_time_is_whole_and_a_stream_has_no_end() {
    let ended = Arc::new(AtomicUsize::new(0));
    let world = setup("    total_timeout: 20s\n").before(dripping(20, &ended));
    let mut client = world.client();
    let whole = |answer: Message| (answer.status(), answer.is_complete, answer.body.len());
    assert_eq!((0..2).map(|_| whole(client.send(&get()))).collect::<Vec<_>>(), [(200, true, 20); 2]);
    assert_eq!(world.upstream.connections(), 1, "the time of one exchange is not that of the next");

    let routes = [
        route("/open/x", "GET", "access: open\ntotal_timeout: off"),
        route("/open/y", "GET", "access: open"),
        route("/open/z", "GET", "access: open\ntotal_timeout: 20s"),
    ];
    let setup = Setup { upstream: "    total_timeout: 200ms\n".to_owned(), ..Setup::routes(&routes) };
    let world = setup.before(dripping(20, &ended));
    let mut client = world.client();
    assert_eq!(whole(client.send(&get())), (200, true, 20));
    assert_eq!(whole(client.send(&Request::get("/open/z"))), (200, true, 20));
    assert!(is_cut(&client.send(&Request::get("/open/y"))));
}

/// Waiting for a connection is part of it.
#[test]
fn a_request_that_waits_in_line_has_no_more_time() {
    let world = setup("    total_timeout: 500ms\n    connections: 1\n    pending_timeout: 20s\n").before(Server::with(
        |_, _| {
            std::thread::sleep(LONG);
            After::Close
        },
    ));
    let mut first = world.client();
    first.write(Request::get("/open/first").bytes());
    world.upstream.wait_for(1);
    let start = now();
    assert_eq!(world.send(&get()).status(), 504);
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    assert_eq!(world.log_line(1)["reason"], "upstream_late");
    assert_eq!((first.answer().status(), world.upstream.hits()), (504, 1));
}

/// A client that is waited for at the end of the time is who was late.
#[test]
fn a_client_that_sends_too_slowly_is_408() {
    let world = setup("    total_timeout: 500ms\n").start();
    let mut client = world.client();
    client.write(Request::new("POST", "/open/x").field("content-length: 1000").numbered(1).bytes());
    let mut sender = client.stream().try_clone().unwrap();
    std::thread::spawn(move || {
        while sender.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let start = now();
    assert_eq!(client.answer().status(), 408);
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    assert_eq!(world.log_line(1)["reason"], "body_late");
}

/// A server's connection is not held by a client that takes its answer as slowly as the other bounds let it.
#[test]
fn a_client_that_takes_too_little_is_left() {
    let ended = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ended);
    let world = setup("    total_timeout: 500ms\n").before(Server::with(move |_, stream| {
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n");
        let block = vec![0; 1 << 16];
        while stream.write_all(&block).is_ok() {}
        count.fetch_add(1, Ordering::SeqCst);
        After::Close
    }));
    let mut client = world.client();
    client.write(get().bytes());
    let start = now();
    eventually("its end", || (ended.load(Ordering::SeqCst) == 1).then_some(()));
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    assert_eq!(world.log_line(1)["end"], "client_gone");
    drop(client);
}

/// The same of a stream: its client opens no window, and the connection goes on.
#[test]
fn a_stream_that_takes_too_little_is_reset() {
    let world = setup("    total_timeout: 500ms\n").with_tls("", &[]);
    let mut frames = Frames::connect(&world);
    frames.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let start = now();
    frames
        .ask(1, &[(":method", "GET"), (":scheme", "https"), (":authority", "api.bank.example"), (":path", "/open/x")]);
    assert_eq!(frames.next_of(&[RST_STREAM]).unwrap().stream, 1);
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    assert_eq!(world.upstream.hits(), 1);
}

#[test]
fn a_stream_of_http_2_has_the_same_bound() {
    let server = Http2::with(100, |mut call: Call| async move {
        if call.head.uri.path() == "/open/silent" {
            return std::future::pending().await;
        }
        let mut stream = call.begin(Response::builder());
        for _ in 0..1000 {
            send(&mut stream, "x".into(), false).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let terms = "    protocol: http2\n    total_timeout: 500ms\n".to_owned();
    let world: World = Setup { servers: server.servers(), upstream: terms, ..Setup::default() }.start();
    let start = now();
    assert!(is_cut(&world.send(&get())));
    assert_eq!(world.send(&Request::get("/open/silent")).status(), 504);
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
}

/// What follows a switch is no exchange any more, and has bounds of its own.
#[test]
fn a_tunnel_is_not_an_exchange() {
    let upstream = "    total_timeout: 300ms\n".to_owned();
    let world = Setup { upstream, ..switch::setup() }.before(Server::with(switch::shouting));
    let (mut client, _) = switch::switched(&world, &switch::live());
    for _ in 0..6 {
        std::thread::sleep(Duration::from_millis(200));
        assert!(client.write("a"));
    }
    assert_eq!(switch::to_the_end(&mut client, b"b"), b"helloAAAAAAB");
}
