//! Every bound that a client can meet, at the bound and one past it. Those on size and number over HTTP/1.1 are here; where the
//! others are:
//!
//! | bound in `config/limits.rs` | at it, and one past it |
//! |---|---|
//! | `head`, `headers` | `a_head_is_bounded`, `the_number_of_fields_is_bounded`; `http2_bounds::heads_are_bounded_in_bytes_and_in_fields`, `fields_are_bounded_by_what_an_operator_says` |
//! | `target` | `a_target_is_bounded` |
//! | `body`, by route | `a_body_is_bounded_whether_its_length_is_told_or_not`; `http2_bounds`, the same |
//! | `connections` | `connections_are_bounded_and_come_back` |
//! | `connections_per_network` | `balance::connections_of_one_network_are_bounded_and_come_back` |
//! | `requests_per_connection` | `turnover`, all of it |
//! | `streams` | `http2_bounds::streams_are_bounded` |
//! | `handshake_timeout` | `times::who_is_just_in_time_is_answered_over_tls_and_http_2`, `times::a_slow_handshake_is_closed`; `proxy_protocol::a_header_that_is_just_in_time_is_taken`, `a_header_that_does_not_come_to_its_end_is_late` |
//! | `head_timeout` | `times::who_is_just_in_time_is_answered` and `…_over_tls_and_http_2`; `times::a_slow_head_is_closed`, `http2_bounds::a_head_has_a_time`, `the_preface_has_a_time` |
//! | `idle_timeout` | the same two; `times::an_idle_connection_is_closed`, `http2_bounds::an_idle_connection_is_closed_and_pings_win_it_no_time` |
//! | `stall_timeout` | the same two; `times::a_body_that_stops_is_408`, `a_client_that_does_not_read_is_closed`, `http2_bounds::a_body_has_a_time`, `a_client_that_takes_nothing_is_given_up` |
//! | `min_rate` | `pace`, all of it; `src/net/patience.rs` |
//! | `tunnels`, `tunnel_idle_timeout`, `tunnel_lifetime` | `tunnel::tunnels_are_bounded_in_number`, `a_tunnel_ends_when_nothing_moves_and_when_it_has_lasted_long_enough` |
//! | `drain_timeout` | `drain::a_request_in_flight_is_finished_and_readiness_says_so`, `the_end_comes_however_long_somebody_dawdles` |
//! | `TOKEN_BYTES_MAX` | `a_token_is_bounded` |
//! | `ECHOED_BYTES_MAX` | `envelopes::only_ids_are_repeated` |
//! | `HEADERS_MAX`, `TRAILER_BYTES_MAX` of trailers | `trailers::trailers_are_bounded`; of requests `src/gateway/http1/framing.rs` |
//! | `CONNECTION_OPTIONS_MAX` | `src/gateway/http1/head.rs::options_of_a_connection_are_bounded`; of answers `src/gateway/forward/codec.rs` |
//! | `EXTENSION_BYTES_MAX` | `src/gateway/http1/framing.rs::extensions_are_bounded_together` |
//! | `PROXY_HEADER_BYTES_MAX` | `proxy_protocol::a_header_has_so_many_bytes_and_not_one_more` |
//! | `FORWARDED_HOPS_MAX` | `src/gateway/forwarded.rs::so_many_hops_and_not_one_more` |
//! | `HTTP2_STREAM_WINDOW`, `HTTP2_CONNECTION_WINDOW` | `http2_bounds::windows_are_the_most_that_waits` |
//! | `HTTP2_PENDING_RESETS_MAX`, `HTTP2_LOCAL_RESETS_MAX` | `http2_attacks::resets_are_borne_in_number` |
//! | `HTTP2_CREDIT_MAX`, `HTTP2_CREDIT_PER_SECOND` | `src/gateway/http2/strain.rs` |
//! | `HTTP2_PACKED_BYTES_MAX` | `src/gateway/http2/unpack.rs` |
//! | `HTTP2_SEND_BYTES_MAX`, `UNSENT_BYTES_MAX` | what we take from an upstream before the client takes it, no bound that anybody meets: `a_client_that_does_not_read_holds_little_in_the_kernel` |

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::{Setup, World, route};
use crate::support::server::{After, Server, write};
use crate::support::tokens::Token;
use scopegate::config::limits::HEADERS_MOST;
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
    assert_eq!(status(&world, &head_of(16 * 1024)), 200);
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
    for most in [3, HEADERS_MOST] {
        let world = Setup::limits(&[&format!("headers: {most}")]).start();
        for (more, expected) in [(most - 2, 200), (most - 1, 431)] {
            let request = get().numbered(more).field(&vec!["x-a: b"; more - 1].join("\r\n"));
            assert_eq!(status(&world, &request.bytes()), expected, "{more} and two of {most}");
        }
        eventually("its reason", || world.log().contains("head_too_large").then_some(()));
        assert_eq!(world.upstream.hits(), 1);
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
