//! TLS towards upstreams: who is spoken to, who is not, and what is shown.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World};
use crate::support::secure::{Secure, Terms};
use crate::support::server::{After, Server, nobody, then_close, write};
use crate::support::tls::{Authority, Identity};
use crate::support::tokens::Token;
use crate::support::{eventually, keys};
use rcgen::{SanType, date_time_ymd};
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

fn get() -> Request {
    Request::get("/accounts").token(&Token::good().mint())
}

fn post() -> Request {
    Request::new("POST", "/payments").token(&Token::good().claim("scope", "payments").mint())
}

/// A gateway whose upstream is behind `front`, with these terms below `tls:` and these files.
fn world(front: &Secure, terms: &str, files: &[(&str, String)]) -> World {
    setup(front, terms).with_files(&with_keys(files))
}

pub fn setup(front: &Secure, terms: &str) -> Setup {
    Setup { servers: front.servers(), upstream: format!("    tls: {{ {terms} }}\n"), ..Setup::default() }
}

pub fn with_keys<'a>(files: &[(&'a str, String)]) -> Vec<(&'a str, String)> {
    let mut all = vec![("jwks.json", keys::set(&[keys::ec(), keys::rsa(), keys::ed()]).to_string())];
    all.extend_from_slice(files);
    all
}

/// An authority's file.
pub fn roots(authority: &Authority) -> (&'static str, String) {
    ("ca.pem", authority.pem())
}

/// Sends `request` and expects this reason to refuse it.
fn refused(world: &World, request: Request, n: usize, reason: &str) {
    let answer = world.send(&request.numbered(n));
    let told = match reason {
        "upstream_untrusted" => "The service behind the gateway could not be verified",
        "upstream_handshake" => "No connection to the service behind the gateway could be agreed on",
        _ => "The service behind the gateway cannot be reached",
    };
    assert_eq!((answer.status(), answer.json()["detail"].as_str()), (502, Some(told)), "{reason}");
    assert_eq!(world.log_line(n)["reason"], reason);
}

/// HTTP-26, TLS-2.
#[test]
fn a_server_that_proves_its_name_is_spoken_to_in_both_versions() {
    let authority = Authority::new("banks");
    let identity = authority.issue_for("127.0.0.1");
    for version in [&TLS12, &TLS13] {
        let upstream = Server::echo();
        let front = Secure::before(upstream.address(), &Terms { versions: &[version], ..Terms::of(&identity) });
        let world = world(&front, "ca_file: ca.pem", &[roots(&authority)]);
        let mut client = world.client();
        for _ in 0..3 {
            assert_eq!(client.send(&get()).text(), "GET /accounts HTTP/1.1");
        }
        assert_eq!(front.handshakes().len(), 1, "one connection for all");
        assert_eq!((front.last().client, front.last().name, front.last().alpn), (None, None, None));
        let seen = upstream.last();
        assert_eq!((seen.one("host"), seen.one("x-auth-client-id")), ("api.bank.example", "tpp-1"));
        assert!((world.metric("scopegate_upstream_handshakes_failed_total") - 0.0).abs() < 0.5);
    }
}

/// TLS-2: a certificate that does not verify is the end of it, and nothing was sent.
#[test]
fn a_server_that_does_not_prove_its_name_gets_nothing() {
    let (ours, strangers) = (Authority::new("banks"), Authority::new("strangers"));
    let at = |params: &mut rcgen::CertificateParams| {
        params.subject_alt_names = vec![SanType::IpAddress("127.0.0.1".parse().unwrap())];
    };
    let rows: [(&str, Identity); 6] = [
        ("another authority", strangers.issue(at)),
        ("its own issuer", Identity::self_signed(at)),
        ("another address", ours.issue_for("127.0.0.2")),
        ("a name and not the address", ours.issue_for("localhost")),
        (
            "expired",
            ours.issue(|params| {
                at(params);
                params.not_after = date_time_ymd(2020, 1, 1);
            }),
        ),
        (
            "not valid yet",
            ours.issue(|params| {
                at(params);
                params.not_before = date_time_ymd(3020, 1, 1);
            }),
        ),
    ];
    let upstream = Server::echo();
    for (name, identity) in &rows {
        let front = Secure::before(upstream.address(), &Terms::of(identity));
        let world = world(&front, "ca_file: ca.pem", &[roots(&ours)]);
        refused(&world, get(), 1, "upstream_untrusted");
        refused(&world, post(), 2, "upstream_untrusted");
        assert_eq!(eventually(name, || (front.handshakes().len() >= 2).then(|| front.handshakes().len())), 2, "{name}");
        assert!((world.metric("scopegate_upstream_handshakes_failed_total") - 2.0).abs() < 0.5, "{name}");
        assert!((world.metric("scopegate_upstream_connect_failures_total") - 2.0).abs() < 0.5, "{name}");
    }
    assert_eq!(upstream.hits(), 0);
}

/// Where servers are addresses and their certificates have a name, the name is asked for and demanded.
#[test]
fn a_server_may_have_another_name_than_its_address() {
    let authority = Authority::new("banks");
    let upstream = Server::echo();
    let identity = authority.issue_for("api.internal");
    let front = Secure::before(upstream.address(), &Terms::of(&identity));
    let named = world(&front, "ca_file: ca.pem, server_name: api.internal", &[roots(&authority)]);
    assert_eq!(named.send(&get()).status(), 200);
    assert_eq!(front.last().name.as_deref(), Some("api.internal"));
    let other = world(&front, "ca_file: ca.pem, server_name: other.internal", &[roots(&authority)]);
    refused(&other, get(), 1, "upstream_untrusted");
}

/// Nothing of the tests is among the system's roots.
#[test]
fn without_a_ca_file_the_systems_roots_decide() {
    let authority = Authority::new("banks");
    let identity = authority.issue_for("127.0.0.1");
    let upstream = Server::echo();
    let front = Secure::before(upstream.address(), &Terms::of(&identity));
    let setup = Setup { servers: front.servers(), ..Setup::default() };
    let world = setup.with_files(&with_keys(&[]));
    refused(&world, get(), 1, "upstream_untrusted");
    assert_eq!(upstream.hits(), 0);
}

#[test]
fn our_certificate_is_shown_to_servers_that_ask_for_it() {
    let (banks, gates) = (Authority::new("banks"), Authority::new("gates"));
    let (identity, gate) = (banks.issue_for("127.0.0.1"), gates.issue(|_| {}));
    let stranger = Authority::new("strangers").issue(|_| {});
    for version in [&TLS12, &TLS13] {
        let upstream = Server::echo();
        let terms = Terms { clients: Some(&gates), versions: &[version], ..Terms::of(&identity) };
        let front = Secure::before(upstream.address(), &terms);
        let with = |gate: &Identity| {
            let files = [roots(&banks), ("gate.pem", gate.pem()), ("gate.key", gate.key_pem())];
            world(&front, "ca_file: ca.pem, certificate: gate.pem, key: gate.key", &files)
        };
        let shown = with(&gate);
        assert_eq!(shown.send(&post().body("x")).status(), 200);
        assert_eq!(front.last().client.as_deref(), Some(gate.der()));
        assert_eq!(upstream.hits(), 1);

        // In version 1.3 the server's word comes after our handshake is over, and in place of an answer.
        for world in [world(&front, "ca_file: ca.pem", &[roots(&banks)]), with(&stranger)] {
            refused(&world, get(), 1, "upstream_handshake");
            refused(&world, post().body("x"), 2, "upstream_handshake");
        }
        assert_eq!(upstream.hits(), 1, "nothing of it came through");
    }
}

#[test]
fn sessions_are_resumed_and_not_under_other_terms() {
    let (banks, gates) = (Authority::new("banks"), Authority::new("gates"));
    let (identity, gate, new) = (banks.issue_for("127.0.0.1"), gates.issue(|_| {}), gates.issue(|_| {}));
    for version in [&TLS12, &TLS13] {
        // Each answer is the last of its connection.
        let upstream = Server::with(then_close("HTTP/1.1 204 x\r\nconnection: close\r\n\r\n"));
        let terms = Terms { clients: Some(&gates), versions: &[version], ..Terms::of(&identity) };
        let front = Secure::before(upstream.address(), &terms);
        let files = [roots(&banks), ("gate.pem", gate.pem()), ("gate.key", gate.key_pem())];
        let terms = "ca_file: ca.pem, certificate: gate.pem, key: gate.key";
        let world = world(&front, terms, &files);
        let kind = || {
            assert_eq!(world.send(&get()).status(), 204);
            (front.last().kind, front.last().client)
        };
        assert_eq!(kind(), (HandshakeKind::Full, Some(gate.der().to_vec())));
        assert_eq!(kind(), (HandshakeKind::Resumed, Some(gate.der().to_vec())));

        std::fs::write(world.path("gate.pem"), new.pem()).unwrap();
        std::fs::write(world.path("gate.key"), new.key_pem()).unwrap();
        world.reload(&setup(&front, terms)).unwrap();
        assert_eq!(kind(), (HandshakeKind::Full, Some(new.der().to_vec())));
        assert_eq!(kind(), (HandshakeKind::Resumed, Some(new.der().to_vec())));
    }
}

#[test]
fn a_reload_reads_the_files_again_and_keeps_what_stays_the_same() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let (first, second) = (old.issue_for("127.0.0.1"), new.issue_for("127.0.0.1"));
    let upstream = Server::echo();
    let front = Secure::before(upstream.address(), &Terms::of(&first));
    let world = world(&front, "ca_file: ca.pem", &[roots(&old)]);
    let mut client = world.client();
    let mut send = || client.send(&get()).status();
    assert_eq!(send(), 200);
    world.reload(&setup(&front, "ca_file: ca.pem")).unwrap();
    assert_eq!((send(), front.handshakes().len()), (200, 1), "the same files: the connection stays");

    front.becomes(&Terms::of(&second));
    std::fs::write(world.path("ca.pem"), new.pem()).unwrap();
    world.reload(&setup(&front, "ca_file: ca.pem")).unwrap();
    assert_eq!((send(), front.handshakes().len()), (200, 2), "other roots: another connection");

    std::fs::write(world.path("ca.pem"), old.pem()).unwrap();
    world.reload(&setup(&front, "ca_file: ca.pem")).unwrap();
    assert_eq!(send(), 502, "what was trusted before is not any more");
}

#[test]
fn what_does_not_speak_tls_is_no_server_of_ours() {
    let authority = Authority::new("banks");
    // As servers do to whom a handshake is a bad request line.
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = plain.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in plain.incoming().flatten() {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").ok();
            stream.read_to_end(&mut Vec::new()).ok();
        }
    });
    let setup = || Setup { upstream: "    tls: { ca_file: ca.pem }\n".to_owned(), ..Setup::default() };
    let servers = format!("[\"https://{address}\"]");
    let world = Setup { servers, ..setup() }.with_files(&with_keys(&[roots(&authority)]));
    refused(&world, get(), 1, "upstream_handshake");
    let gone = Setup { servers: format!("[\"https://{}\"]", nobody()), ..setup() };
    refused(&gone.with_files(&with_keys(&[roots(&authority)])), get(), 1, "upstream_refused");
}

/// The handshake is part of opening a connection.
#[test]
fn a_handshake_that_does_not_end_is_given_up() {
    let authority = Authority::new("banks");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = Setup {
        servers: format!("[\"https://{}\"]", silent.local_addr().unwrap()),
        upstream: "    connect_timeout: 200ms\n    tls: { ca_file: ca.pem }\n".to_owned(),
        ..Setup::default()
    };
    let world = setup.with_files(&with_keys(&[roots(&authority)]));
    refused(&world, get(), 1, "upstream_refused");
}

#[test]
fn large_bodies_pass_through_tls_both_ways() {
    let authority = Authority::new("banks");
    let identity = authority.issue_for("127.0.0.1");
    let upstream = Server::with(|request, stream| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", request.body.len());
        write(stream, [head.as_bytes(), &request.body].concat())
    });
    let front = Secure::before(upstream.address(), &Terms::of(&identity));
    let world = world(&front, "ca_file: ca.pem", &[roots(&authority)]);
    let body: Vec<u8> = (0..1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let mut client = world.client();
    for _ in 0..3 {
        let answer = client.send(&post().body(&body));
        assert!(answer.status() == 200 && answer.body == body);
    }
    assert_eq!(front.handshakes().len(), 1);
}

/// HTTP-28: who can cut TCP cannot make an answer look whole that is not.
#[test]
fn a_connection_that_is_cut_is_no_end_of_a_body() {
    let authority = Authority::new("banks");
    let identity = authority.issue_for("127.0.0.1");
    let upstream = Server::with(|_, stream| {
        write(stream, "HTTP/1.1 200 OK\r\n\r\nhalf of an ans");
        // A reset: the front ends without a farewell.
        socket2::SockRef::from(&*stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        After::Close
    });
    let front = Secure::before(upstream.address(), &Terms::of(&identity));
    let world = world(&front, "ca_file: ca.pem", &[roots(&authority)]);
    let mut client = world.client();
    client.write(get().bytes());
    assert!(client.next().is_none_or(|answer| !answer.is_complete || answer.status() == 502));
}
