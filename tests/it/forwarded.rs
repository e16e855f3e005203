//! HTTP-27, RFC 7239: who a request is from by the word of our own proxies, and where nobody but they may come.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World};
use crate::support::tokens::Token;
use std::net::SocketAddr;

const HOP: &str = "  workers: 1\n  trusted_hops: [127.0.0.1/32, 10.0.0.0/8]\n";
const ELSEWHERE: &str = "  workers: 1\n  trusted_hops: [10.0.0.0/8]\n";
/// An address of this machine alone, in a form that is not known to be one.
const NETWORK: &str = "\"[::ffff:127.0.0.1]:0\"";

fn setup(server: &str) -> Setup {
    Setup { server: server.to_owned(), ..Setup::default() }
}

fn with(fields: &[&str]) -> Request {
    let request = Request::get("/accounts").token(&Token::good().mint());
    fields.iter().fold(request, |request, field| request.field(field))
}

/// The client's address in the log, and what the upstream was told.
fn seen(world: &World, fields: &[&str], n: usize) -> (String, String) {
    assert_eq!(world.send(&with(fields).numbered(n)).status(), 200, "{fields:?}");
    let last = world.upstream.requests().pop().unwrap();
    assert!(last.fields.iter().all(|(name, _)| !name.starts_with("x-forwarded")), "{fields:?}");
    (world.log_line(n)["client"].as_str().unwrap().to_owned(), last.one("forwarded").to_owned())
}

fn malformed(world: &World) -> f64 {
    world.metric("scopegate_forwarded_malformed_total")
}

#[test]
fn a_hop_says_who_came_before_it() {
    let world = setup(HOP).start();
    let own = "for=127.0.0.1;proto=http";
    for (n, (fields, client, chain)) in [
        (&[][..], "127.0.0.1", ""),
        (&["forwarded: for=192.0.2.1;proto=https"], "192.0.2.1", "for=192.0.2.1;proto=https, "),
        (&["forwarded: for=\"[2001:db8::1]:47011\""], "2001:db8::1", "for=\"[2001:db8::1]:47011\", "),
        (&["forwarded: for=192.0.2.1, for=10.0.0.1"], "192.0.2.1", "for=192.0.2.1, for=10.0.0.1, "),
        (&["forwarded: for=192.0.2.1", "forwarded: for=10.0.0.1"], "192.0.2.1", "for=192.0.2.1, for=10.0.0.1, "),
        // What the client wrote itself goes nowhere.
        (&["forwarded: for=6.6.6.6;host=evil.example, for=192.0.2.1"], "192.0.2.1", "for=192.0.2.1, "),
        (&["forwarded: for=_hidden"], "127.0.0.1", "for=_hidden, "),
        (&["forwarded: for=unknown, for=10.0.0.1"], "10.0.0.1", "for=unknown, for=10.0.0.1, "),
        (&["forwarded: for=10.0.0.2, for=10.0.0.1"], "10.0.0.2", "for=10.0.0.2, for=10.0.0.1, "),
        (&["x-forwarded-for: 6.6.6.6, 192.0.2.1"], "192.0.2.1", "for=192.0.2.1, "),
        (&["x-forwarded-for: 2001:db8::1"], "2001:db8::1", "for=\"[2001:db8::1]\", "),
        (
            &["x-forwarded-for: 192.0.2.1:80", "x-forwarded-proto: https", "x-forwarded-host: api.bank.example"],
            "192.0.2.1",
            "for=\"192.0.2.1:80\";proto=https;host=\"api.bank.example\", ",
        ),
        (
            &["x-forwarded-for: 192.0.2.1", "forwarded: for=192.0.2.1;proto=https"],
            "192.0.2.1",
            "for=192.0.2.1;proto=https, ",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(seen(&world, fields, n), (client.to_owned(), format!("{chain}{own}")), "{fields:?}");
    }
    assert!(malformed(&world) < 0.5);
}

#[test]
fn what_cannot_be_believed_is_dropped_and_counted() {
    let world = setup(HOP).start();
    let own = "for=127.0.0.1;proto=http";
    let many = format!("forwarded: {}", vec!["for=10.0.0.1"; 17].join(", "));
    let rows: [(&[&str], &str, String); 7] = [
        (&["forwarded: for=[::1]"], "127.0.0.1", own.to_owned()),
        (&["forwarded: for=192.0.2.1;for=192.0.2.2"], "127.0.0.1", own.to_owned()),
        (&["forwarded: for=\"192.0.2.1"], "127.0.0.1", own.to_owned()),
        (&["x-forwarded-for: 192.0.2.1, trash"], "127.0.0.1", own.to_owned()),
        (&["x-forwarded-for: 192.0.2.1", "forwarded: for=6.6.6.6"], "127.0.0.1", own.to_owned()),
        (&["forwarded: trash", "forwarded: for=10.0.0.1"], "10.0.0.1", format!("for=10.0.0.1, {own}")),
        (&[&many], "10.0.0.1", format!("{}{own}", "for=10.0.0.1, ".repeat(16))),
    ];
    for (n, (fields, client, forwarded)) in rows.into_iter().enumerate() {
        assert_eq!(seen(&world, fields, n), (client.to_owned(), forwarded), "{fields:?}");
    }
    assert!((malformed(&world) - 7.0).abs() < 0.5);
}

/// HTTP-25, HTTP-27: as long as it is no hop of ours, nobody names anybody.
#[test]
fn from_anybody_else_both_are_dropped() {
    let world = setup(ELSEWHERE).start();
    for (n, fields) in [
        &["forwarded: for=192.0.2.1;proto=https;host=evil.example"][..],
        &["x-forwarded-for: 192.0.2.1", "x-forwarded-proto: https", "x-forwarded-host: evil.example"],
        &["forwarded: trash"],
        &["x_forwarded_for: 192.0.2.1"],
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(seen(&world, fields, n), ("127.0.0.1".to_owned(), "for=127.0.0.1;proto=http".to_owned()));
    }
    assert!(malformed(&world) < 0.5);
    // One connection, before and after a reload.
    let mut connection = world.client();
    let request = with(&["forwarded: for=192.0.2.1"]);
    connection.send(&request.clone().numbered(10));
    world.reload(&setup(HOP)).unwrap();
    connection.send(&request.numbered(11));
    assert_eq!(
        (&world.log_line(10)["client"], &world.log_line(11)["client"]),
        (&"127.0.0.1".into(), &"192.0.2.1".into())
    );
}

/// Where a request goes is said by its target and its `Host`.
#[test]
fn no_host_and_no_protocol_of_a_hop_decides_anything() {
    let routes = "  - { hosts: [api.bank.example], path: /a, methods: [GET], access: open, upstream: api }\n";
    let world = Setup { server: HOP.to_owned(), routes: routes.to_owned(), ..Setup::default() }.start();
    let named = ["forwarded: for=192.0.2.1;host=api.bank.example", "x-forwarded-host: api.bank.example"];
    for field in named {
        let status = |host| world.send(&Request::get("/a").host(Some(host)).field(field)).status();
        assert_eq!((status("api.bank.example"), status("other.example")), (200, 404), "{field}");
    }
}

/// Each request of a hop is from whom it says.
#[test]
fn one_connection_of_a_hop_carries_many_clients() {
    let world = setup(HOP).start();
    let mut connection = world.client();
    for n in 0..8 {
        let field = format!("forwarded: for=192.0.2.{n}");
        connection.send(&with(&[field.as_str()]).numbered(n));
    }
    for n in 0..8 {
        assert_eq!(world.log_line(n)["client"], format!("192.0.2.{n}"));
    }
}

/// In the clear over a network only something that ends TLS for us may come.
#[test]
fn without_tls_only_hops_come_in_from_a_network() {
    for (listen, server, expected) in [
        (NETWORK, HOP, true),
        (NETWORK, ELSEWHERE, false),
        // Whoever is on this machine needs no hop in between.
        ("127.0.0.1:0", ELSEWHERE, true),
        ("127.0.0.1:0", "  workers: 1\n", true),
    ] {
        let world = Setup { listen, ..setup(server) }.start();
        let untrusted = || world.metric("scopegate_connections_untrusted_total");
        let mut client = world.client();
        if expected {
            assert_eq!(client.send(&with(&[])).status(), 200, "{listen} {server}");
            assert!(untrusted() < 0.5);
        } else {
            assert!(client.has_ended(), "{listen} {server}");
            assert!((untrusted() - 1.0).abs() < 0.5);
            assert_eq!(world.upstream.hits(), 0);
        }
    }
    let text = Setup { listen: NETWORK, ..Setup::default() }.yaml(SocketAddr::from(([127, 0, 0, 1], 1)));
    let said = scopegate::config::parse(&text, std::path::Path::new("x.yaml")).unwrap_err().to_string();
    assert!(said.contains("would carry tokens in plain text over a network"), "{said}");
}
