//! Every bound, at the bound and one past it.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::{Setup, World, route};
use crate::support::server::{After, Server, write};
use crate::support::tokens::Token;
use scopegate::net::listen::UNSENT_BYTES_MAX;
use std::net::SocketAddr;

fn get() -> Request {
    Request::get("/accounts").token(&Token::good().mint())
}

/// A request head of exactly `bytes`, padded in one field.
fn head_of(bytes: usize) -> Vec<u8> {
    let bare = get().field("x-pad: ").bytes().len();
    let head = get().field(&format!("x-pad: {}", "p".repeat(bytes - bare))).bytes();
    assert_eq!(head.len(), bytes);
    head
}

fn status(world: &World, bytes: &[u8]) -> u16 {
    let mut client = world.client();
    client.write(bytes);
    client.next().map_or(0, |answer| answer.status())
}

#[test]
fn a_head_is_bounded() {
    let world = Setup::limits(&["head: 16KiB"]).start();
    // hyper counts what it has read: a head that fills the buffer to the last byte is one that it cannot see the end of.
    assert_eq!(status(&world, &head_of(16 * 1024 - 1)), 200);
    assert_eq!(status(&world, &head_of(16 * 1024 + 1)), 431);
    assert_eq!(status(&world, &head_of(1024 * 1024)), 431);
    eventually("the count", || (world.metric("scopegate_heads_unreadable_total") >= 2.0).then_some(()));
    // A head that never ends is refused at the bound, not at its end.
    let mut client = world.client();
    client.write(format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "p".repeat(20 * 1024)));
    assert_eq!(client.answer().status(), 431);
    assert_eq!(world.upstream.hits(), 1);
}

/// HTTP-16: 8,000 octets at least, and 414 beyond the bound.
#[test]
fn a_target_is_bounded() {
    let world = World::start();
    let of = |bytes: usize| Request::get(&format!("/open/{}", "a".repeat(bytes - 6)));
    for (bytes, expected) in [(8000, 200), (8192, 200), (8193, 414), (20_000, 414)] {
        assert_eq!(world.send(&of(bytes)).status(), expected, "{bytes}");
    }
    let query = Request::get(&format!("/open/a?{}", "q".repeat(8192)));
    assert_eq!(world.send(&query).status(), 414);
    assert_eq!(world.upstream.hits(), 2);
}

#[test]
fn the_number_of_fields_is_bounded() {
    let world = World::start();
    // Host and authorization are two of them.
    for (more, expected) in [(98, 200), (99, 431), (1000, 431)] {
        let request = get().field(&vec!["x-a: b"; more].join("\r\n"));
        assert_eq!(status(&world, &request.bytes()), expected, "{more}");
    }
}

#[test]
fn a_token_is_bounded() {
    let world = World::start();
    let of = |bytes: usize| Request::get("/accounts").token(&"a".repeat(bytes));
    assert_eq!((world.send(&of(8192)).status(), world.send(&of(8193)).status()), (401, 400));
}

#[test]
fn a_body_is_bounded_whether_its_length_is_told_or_not() {
    let world = Setup::routes(&[
        route("/small", "POST", "access: open\nbody: 1KiB"),
        route("/large", "POST", "access: open\nbody: 2MiB"),
        route("/none", "POST", "access: open\nbody: 0B"),
        route("/default", "POST", "access: open"),
    ])
    .start();
    let told = |path: &str, bytes: usize| world.send(&Request::new("POST", path).body("b".repeat(bytes))).status();
    let untold = |path: &str, bytes: usize| {
        let mut client = world.client();
        client.write(Request::new("POST", path).field("transfer-encoding: chunked").bytes());
        client.write(format!("{bytes:x}\r\n{}\r\n0\r\n\r\n", "b".repeat(bytes)));
        client.answer().status()
    };
    let rows = [
        ("/small", 1024, 200),
        ("/small", 1025, 413),
        ("/large", 2 * 1024 * 1024, 200),
        ("/large", 2 * 1024 * 1024 + 1, 413),
        ("/none", 0, 200),
        ("/none", 1, 413),
        ("/default", 1024 * 1024, 200),
        ("/default", 1024 * 1024 + 1, 413),
    ];
    for (path, bytes, expected) in rows {
        assert_eq!(told(path, bytes), expected, "{path} {bytes} told");
        assert_eq!(world.upstream.take().len(), usize::from(expected == 200), "a told length is refused at once");
    }
    for (path, bytes, expected) in rows.into_iter().filter(|(_, bytes, _)| *bytes > 0) {
        assert_eq!(untold(path, bytes), expected, "{path} {bytes} untold");
        let whole = world.upstream.take().iter().filter(|request| request.is_complete).count();
        assert_eq!(whole, usize::from(expected == 200), "{path} {bytes}: never forwarded whole");
    }
    // A length beyond all bounds is refused before a byte of it comes.
    let huge = Request::new("POST", "/small").field("content-length: 9223372036854775807");
    assert_eq!(status(&world, &huge.bytes()), 413);
}

#[test]
fn connections_are_bounded_and_come_back() {
    let world = Setup::limits(&["connections: 3"]).start();
    let mut held: Vec<_> = (0..3).map(|_| world.client()).collect();
    for client in &mut held {
        assert_eq!(client.send(&get()).status(), 200);
    }
    let mut fourth = world.client();
    fourth.write(get().bytes());
    assert!(fourth.next().is_none(), "closed at once");
    assert!(world.metric("scopegate_connections_refused_total{cause=\"total\"}") >= 1.0);
    held.pop();
    eventually("room", || {
        let mut client = world.client();
        client.write(get().bytes());
        client.next().map(|answer| assert_eq!(answer.status(), 200))
    });
    assert_eq!(held[0].send(&get()).status(), 200, "those inside notice nothing");
}

/// HTTP-36: who dawdles over a head is closed, and others notice nothing.
#[test]
fn a_slow_head_is_closed() {
    let world = Setup::limits(&["head_timeout: 300ms", "idle_timeout: 60s"]).start();
    let mut silent = world.client();
    let mut half = world.client();
    half.write("GET /accounts HTTP/1.1\r\nhost: a\r\n");
    let mut second = world.client();
    assert_eq!(second.send(&get()).status(), 200);
    second.write("GET /acc");
    let mut idle = world.client();
    assert_eq!(idle.send(&get()).status(), 200);
    for (name, client) in [("silent", &mut silent), ("half a head", &mut half), ("half a second head", &mut second)] {
        assert!(client.is_closed(), "{name}");
    }
    eventually("the count", || (world.metric("scopegate_connections_late_total") >= 3.0).then_some(()));
    assert_eq!(idle.send(&get()).status(), 200, "one that is between requests has its idle time");
}

/// One byte every now and then does not buy a head more time.
#[test]
fn a_dripping_head_is_closed_too() {
    let world = Setup::limits(&["head_timeout: 500ms"]).start();
    let mut client = world.client();
    client.write("GET /accounts HTTP/1.1\r\nhost: a\r\n");
    eventually("the end of patience", || {
        (!client.write("x") || world.metric("scopegate_connections_late_total") >= 1.0).then_some(())
    });
    assert_eq!(world.upstream.hits(), 0);
}

#[test]
fn an_idle_connection_is_closed() {
    let world = Setup::limits(&["idle_timeout: 300ms"]).start();
    let mut client = world.client();
    assert_eq!(client.send(&get()).status(), 200);
    assert!(client.is_closed());
    assert!(world.metric("scopegate_connections_late_total") < 1.0, "that is nobody's fault");
}

/// Slow bodies: 408 when the client stops, and the upstream never sees a whole request.
#[test]
fn a_body_that_stops_is_408() {
    let world = Setup::limits(&["stall_timeout: 300ms"]).start();
    let token = Token::good().mint();
    for framing in ["content-length: 10", "transfer-encoding: chunked"] {
        let request = Request::new("POST", "/payments").token(&token).field(framing);
        let mut client = world.client();
        client.write(request.bytes());
        client.write("3\r\n");
        let answer = client.next().unwrap_or_else(|| panic!("{framing}: closed without an answer"));
        assert_eq!(answer.status(), 408, "{framing}: {}", answer.text());
        assert!(client.is_closed(), "{framing}");
    }
    assert!(world.upstream.requests().iter().all(|request| !request.is_complete));
}

/// A client that does not read does not hold an upstream's answer for ever.
#[test]
fn a_client_that_does_not_read_is_closed() {
    let upstream = Server::with(|_, stream| {
        let block = vec![b'x'; 1024 * 1024];
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 268435456\r\n\r\n");
        for _ in 0..256 {
            if write(stream, &block) == After::Close {
                return After::Close;
            }
        }
        After::Keep
    });
    let world = Setup::limits(&["stall_timeout: 300ms"]).before(upstream);
    let mut client = world.client();
    client.write(get().numbered(1).bytes());
    assert_eq!(world.log_line(1)["end"], "client_gone");
    eventually("the end", || (world.metric("scopegate_connections ") < 1.0).then_some(()));
}

/// What the kernel holds for a connection of ours: sent and not acknowledged, or not sent.
fn queued(from: SocketAddr, to: SocketAddr) -> u32 {
    let port = |address: SocketAddr| format!(":{:04X}", address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut ours = rows.filter(|row| row[1].ends_with(&port(from)) && row[2].ends_with(&port(to)));
    let row = ours.next().expect("the connection is open");
    u32::from_str_radix(row[4].split(':').next().unwrap(), 16).unwrap()
}

/// slowhttptest -X: four hundred clients that read slowly had the kernel hold 1.5 GiB, and everybody else wait.
#[test]
fn a_client_that_does_not_read_holds_little_in_the_kernel() {
    let upstream = Server::with(|_, stream| {
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 268435456\r\n\r\n");
        while write(stream, [b'x'; 8192]) == After::Keep {}
        After::Close
    });
    let world = Setup::default().before(upstream);
    let mut client = world.client();
    client.write(get().bytes());
    let address = client.stream().local_addr().unwrap();
    let mut before = 0;
    let held = eventually("it to hold no more", || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        let now = queued(world.address(), address);
        (std::mem::replace(&mut before, now) == now && now > 0).then_some(now)
    });
    // The last piece that it takes may reach over the bound.
    assert!(held < UNSENT_BYTES_MAX + 128 * 1024, "{held} bytes");
}

/// As in the table of refusals: the answer of an upstream that is late is 504 at the bound.
#[test]
fn one_connection_in_time_and_one_late() {
    let upstream = Server::with(|request, stream| {
        if request.target().ends_with("late") {
            std::io::Read::read(stream, &mut [0]).ok();
            return After::Close;
        }
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    });
    let setup = Setup { upstream: "    response_timeout: 400ms\n".to_owned(), ..Setup::default() };
    let world = setup.before(upstream);
    let token = Token::good().mint();
    let mut client = world.client();
    for (path, expected) in [("/accounts/a", 200), ("/accounts/late", 504), ("/accounts/b", 200)] {
        assert_eq!(client.send(&Request::get(path).token(&token)).status(), expected, "{path}");
    }
}
