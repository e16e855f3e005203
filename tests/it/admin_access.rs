//! Who is let in by the admin listener: nobody shows anything on loopback, where browsers are kept from being led there;
//! elsewhere a token or a certificate is needed.

use crate::support::client::{Client, Request};
use crate::support::events::{self, RECEIVER};
use crate::support::gateway::{Setup, World};
use crate::support::server::Server;
use crate::support::tls::{Authority, Caller, server_files};
use crate::support::wire::Message;
use crate::support::{eventually, tls};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

const TOKEN: &str = "0123456789abcdef0123456789abcdef-of-the-operators";
const TLS: &str = "  tls: { certificate: server.pem, key: server.key }\n";

/// With these lines below `admin:`.
fn guarded(lines: &str, files: &[(&str, String)]) -> World {
    launch(Setup { admin: format!("{TLS}{lines}"), ..Setup::default() }, files)
}

fn launch(setup: Setup, files: &[(&str, String)]) -> World {
    let upstream = Server::echo();
    let address = upstream.address();
    let token = [("token", format!("{TOKEN}\n"))];
    setup.launch(upstream, address, &[files, &server_files(), &token].concat())
}

fn ask(world: &World, caller: &Caller, request: &Request) -> Message {
    caller.connect_to(world.gateway().admin()).send(request)
}

fn metrics() -> Request {
    Request::get("/metrics").host(Some("gate.example"))
}

#[test]
fn a_page_that_was_led_to_loopback_sees_and_changes_nothing() {
    let world = Setup { admin: "  hosts: [gate.bank.internal]\n".to_owned(), ..Setup::default() }.start();
    let send = |request: &Request| Client::connect(world.gateway().admin()).send(request).status();
    for path in ["/status", "/status.json", "/metrics", "/jwks.json"] {
        let get = Request::get(path);
        assert_eq!(send(&get.clone().host(Some("evil.example:9090"))), 421, "{path}");
        assert_ne!(send(&get.clone().host(Some("localhost:9090"))), 421, "{path}");
        assert_ne!(send(&get.host(Some("gate.bank.internal"))), 421, "{path}");
    }
    assert_eq!(send(&Request::get("/readyz").host(Some("evil.example"))), 200, "it tells nothing");
    let post = |path: &str| Request::new("POST", path).host(Some("localhost:9090"));
    for path in ["/reload", "/revoke", "/events"] {
        assert_eq!(send(&post(path).field("origin: http://evil.example")), 403, "{path}");
        assert_eq!(send(&post(path).field("origin: null")), 403, "{path}");
        assert_eq!(send(&post(path).field("sec-fetch-site: cross-site")), 403, "{path}");
    }
    assert_eq!(send(&post("/reload").field("origin: http://localhost:9090").field("sec-fetch-site: same-origin")), 501);
    let refused =
        |cause: &str| world.metric(&format!("scopegate_admin_refused_total{{cause=\"{cause}\"}}")).to_string();
    assert_eq!(["host", "cross_site", "credentials"].map(refused), ["4", "9", "0"]);
}

#[test]
fn a_token_opens_it_and_nothing_less_does() {
    let world = guarded("  token: { file: token }\n", &[]);
    let caller = Caller::new(None);
    let answer = ask(&world, &caller, &metrics());
    let challenges = answer.all("www-authenticate");
    assert_eq!(answer.status(), 401);
    assert_eq!(challenges, ["Bearer realm=\"scopegate admin\"", "Basic realm=\"scopegate admin\", charset=\"UTF-8\""]);
    let basic = |text: String| format!("authorization: Basic {}", STANDARD.encode(text));
    for (request, status) in [
        (metrics().token(TOKEN), 200),
        (metrics().field(&basic(format!("operator:{TOKEN}"))), 200),
        (metrics().token(&TOKEN[1..]), 401),
        (metrics().token(&format!("{TOKEN}x")), 401),
        (metrics().token(TOKEN).token(TOKEN), 401),
        (metrics().field(&basic(TOKEN.to_owned())), 401),
        (Request::get("/status").token(TOKEN), 200),
        (Request::get("/status"), 401),
        (Request::new("POST", "/reload"), 401),
        (Request::new("POST", "/revoke").body("{}"), 401),
        (Request::new("POST", "/reload").token(TOKEN).field("origin: https://evil.example"), 403),
        (Request::get("/livez"), 200),
        (Request::get("/readyz"), 200),
        (Request::get("/nowhere"), 401),
    ] {
        assert_eq!(ask(&world, &caller, &request).status(), status, "{request:?}");
    }
    for text in [world.log(), format!("{answer:?}")] {
        assert!(!text.contains(TOKEN));
    }
    let closed = guarded("  token: { file: token }\n  probes: closed\n", &[]);
    assert_eq!(ask(&closed, &caller, &Request::get("/livez")).status(), 401);
    assert_eq!(ask(&closed, &caller, &Request::get("/livez").token(TOKEN)).status(), 200);
}

#[test]
fn with_a_certificate_of_the_right_authority_no_token_is_needed() {
    let (ours, theirs) = (Authority::new("operators"), Authority::new("somebody else"));
    let files = [("ca.pem", ours.pem()), ("other-ca.pem", theirs.pem())];
    let world = guarded("  client_ca: ca.pem\n", &files);
    let [good, foreign] = [&ours, &theirs].map(|authority| Caller::new(Some(&authority.issue_for("prometheus"))));
    let nobody = Caller::new(None);
    assert_eq!(ask(&world, &good, &metrics()).status(), 200);
    let answer = ask(&world, &nobody, &metrics());
    assert_eq!((answer.status(), answer.get("www-authenticate")), (403, None));
    assert_eq!(ask(&world, &nobody, &metrics().token(TOKEN)).status(), 403, "there is no token");
    assert_eq!(ask(&world, &nobody, &Request::get("/readyz")).status(), 200);
    assert!(foreign.connect_to(world.gateway().admin()).has_ended(), "turned away in the handshake");

    // Another authority, while a connection is open: what it showed is worth nothing any more.
    let mut open = good.connect_to(world.gateway().admin());
    assert_eq!(open.send(&metrics()).status(), 200);
    let setup = Setup { admin: format!("{TLS}  client_ca: ca.pem\n"), ..Setup::default() };
    world.reload(&setup).unwrap();
    assert_eq!(open.send(&metrics()).status(), 200, "nothing changed for it");
    world.reload(&Setup { admin: format!("{TLS}  client_ca: other-ca.pem\n"), ..Setup::default() }).unwrap();
    assert_eq!(open.send(&metrics()).status(), 403);
    assert_eq!(ask(&world, &foreign, &metrics()).status(), 200);
    assert!(good.connect_to(world.gateway().admin()).has_ended());
    // Either of the two.
    world
        .reload(&Setup { admin: format!("{TLS}  client_ca: ca.pem\n  token: {{ file: token }}\n"), ..Setup::default() })
        .unwrap();
    assert_eq!(ask(&world, &good, &metrics()).status(), 200);
    assert_eq!(ask(&world, &nobody, &metrics().token(TOKEN)).status(), 200);
    assert_eq!(ask(&world, &nobody, &metrics()).status(), 401);
}

#[test]
fn its_certificate_and_token_are_replaced_by_a_reload() {
    let world = guarded("  token: { file: token }\n", &[]);
    let caller = Caller::new(None);
    let shown = |world: &World| caller.connect_to(world.gateway().admin()).send(&metrics().token(TOKEN)).status();
    assert_eq!(shown(&world), 200);
    let mut before = caller.connect_to(world.gateway().admin());
    assert_eq!(before.send(&Request::get("/livez")).status(), 200);
    let old = before.server_certificate();
    let renewed = tls::Identity::of(&["api.bank.example"]);
    std::fs::write(world.path("server.pem"), renewed.pem()).unwrap();
    std::fs::write(world.path("server.key"), renewed.key_pem()).unwrap();
    std::fs::write(world.path("token"), format!("{TOKEN}-2")).unwrap();
    let setup = Setup { admin: format!("{TLS}  token: {{ file: token }}\n"), ..Setup::default() };
    world.reload(&setup).unwrap();
    assert_eq!(before.send(&metrics().token(TOKEN)).status(), 401, "the old token is no more");
    assert_eq!(before.send(&metrics().token(&format!("{TOKEN}-2"))).status(), 200);
    assert_ne!(renewed.der(), old, "and the old certificate");
    // The caller trusts the old authority alone.
    assert!(caller.connect_to(world.gateway().admin()).has_ended());
}

#[test]
fn on_a_network_it_listens_with_tls_and_a_token() {
    let setup = Setup { admin: format!("{TLS}  token: {{ file: token }}\n"), ..Setup::default() };
    let upstream = Server::echo();
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in server_files().into_iter().chain([("token", TOKEN.to_owned())]) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let text = setup.yaml(upstream.address()).replace("admin:\n  listen: 127.0.0.1:0", "admin:\n  listen: 0.0.0.0:0");
    let settings = scopegate::config::parse(&text, &folder.path().join("x.yaml")).unwrap();
    let gateway = scopegate::commands::gateway::Gateway::start(settings, setup.clock.clone()).unwrap();
    let at = std::net::SocketAddr::from(([127, 0, 0, 1], gateway.admin().port()));
    let caller = Caller::new(None);
    assert_eq!(caller.connect_to(at).send(&metrics().token(TOKEN)).status(), 200);
    assert_eq!(caller.connect_to(at).send(&metrics()).status(), 401);
    gateway.drain();
}

/// Their senders have a token of their own.
#[test]
fn security_events_are_taken_by_their_own_token() {
    let further = format!("events: {{ audience: \"{RECEIVER}\", issuers: [bank], token: {{ file: events-token }} }}\n");
    let setup = Setup { admin: format!("{TLS}  token: {{ file: token }}\n"), further, ..Setup::default() };
    let world = launch(setup, &[("events-token", "the-token-of-the-issuer-1".to_owned())]);
    let caller = Caller::new(None);
    let body = events::signed(&events::session_revoked()).mint();
    let push = || events::push(&body);
    assert_eq!(ask(&world, &caller, &push()).status(), 401);
    assert_eq!(ask(&world, &caller, &push().token(TOKEN)).status(), 401, "operators are no issuers");
    assert_eq!(ask(&world, &caller, &push().token("the-token-of-the-issuer-1")).status(), 202);
    assert_eq!(ask(&world, &caller, &metrics().token("the-token-of-the-issuer-1")).status(), 401, "nor the reverse");
}

#[test]
fn who_is_slow_or_one_too_many_is_shown_out() {
    let world = World::start();
    let admin = world.gateway().admin();
    let mut open: Vec<TcpStream> = (0..128 + 16).map(|_| TcpStream::connect(admin).unwrap()).collect();
    for stream in &mut open {
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
    }
    let mut more = TcpStream::connect(admin).unwrap();
    assert!(matches!(more.read(&mut [0]), Ok(0) | Err(_)), "the 129th is closed");
    drop(open.pop());
    eventually("a place", || {
        let mut stream = TcpStream::connect(admin).ok()?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").ok()?;
        matches!(stream.read(&mut [0]), Ok(1)).then_some(())
    });
    drop(open);
    eventually("places", || (world.metric("scopegate_admin_refused_total{cause=\"full\"}") >= 1.0).then_some(()));
    // Half a head, and nothing more: five seconds later the connection ends.
    let mut slow = TcpStream::connect(admin).unwrap();
    slow.set_read_timeout(Some(crate::support::WAIT)).unwrap();
    slow.write_all(b"GET /livez HTTP/1.1\r\nhost: ").unwrap();
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).unwrap();
    // A head beyond the bound is refused, and a body.
    let long = Request::get("/livez").field(&format!("x: {}", "x".repeat(65 * 1024)));
    assert_eq!(world.ask_admin(&long).status(), 431);
    let body = Request::new("POST", "/revoke").field("content-type: application/json").body(vec![b' '; 16 * 1024 + 1]);
    assert_eq!(world.ask_admin(&body).status(), 413);
}
