//! Reload: whole or not at all, and nobody in the middle of a request notices.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::issuer::Issuer;
use crate::support::keys::{self, Key};
use crate::support::server::{Server, always, ok};
use crate::support::tokens::{ISSUER, Token};
use scopegate::config;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn routes_with(path: &str) -> Setup {
    Setup::routes(&[route("/accounts", "GET", "scopes: [accounts]"), route(path, "GET", "scopes: [accounts]")])
}

#[test]
fn a_reload_under_load_fails_nobody() {
    let world = World::start();
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for n in 0..4 {
            let (world, stop, served) = (&world, &stop, &served);
            scope.spawn(move || {
                let token = Token::good().claim("jti", format!("load-{n}")).mint();
                let mut client = world.client();
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.send(&Request::get("/accounts").token(&token));
                    assert_eq!(answer.text(), "GET /accounts HTTP/1.1");
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for n in 0..20 {
            let before = served.load(Ordering::Relaxed);
            world.reload(&routes_with(&format!("/new-{n}"))).unwrap();
            crate::support::eventually("traffic", || (served.load(Ordering::Relaxed) > before + 20).then_some(()));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(world.get("/new-19", &Token::good()).status(), 200);
    assert_eq!(world.get("/new-18", &Token::good()).status(), 404);
    assert!((world.metric("scopegate_config_generation") - 21.0).abs() < 0.5);
    assert!(world.upstream.connections() <= 5, "connections to an upstream that stays are kept");
}

/// A file with faults never becomes settings; what cannot be changed in flight says so.
#[test]
fn what_takes_a_restart_is_refused_and_nothing_of_it_applied() {
    let world = World::start();
    let text = routes_with("/new").yaml(world.upstream.address());
    for (what, changed) in [
        (
            "server.listen",
            text.replace("  listen: 127.0.0.1:0\n  realm", "  listen: [127.0.0.1:0, 127.0.0.2:0]\n  realm"),
        ),
        ("server.workers", text.replace("workers: 1", "workers: 2")),
        ("admin.listen", text.replace("admin:\n  listen: 127.0.0.1:0", "admin:\n  listen: 127.0.0.3:0")),
        ("access_log", text.replace("access.log", "other.log")),
        ("limits", text.replace("drain_timeout: 5s", "drain_timeout: 6s")),
    ] {
        assert_ne!(changed, text, "{what}");
        let settings = config::parse(&changed, &world.path("scopegate.yaml")).unwrap();
        let fault = world.gateway().reload(&settings).unwrap_err().to_string();
        assert!(fault.starts_with(what) && fault.contains("restart"), "{what}: {fault}");
        assert_eq!(world.get("/new", &Token::good()).status(), 404, "{what}");
        assert!(world.metric("scopegate_config_last_reload_failed") > 0.5, "{what}");
        assert!(world.metric("scopegate_config_generation") < 1.5, "{what}");
    }
    for bad in [
        "",
        "server: {}",
        &text.replace("scopes: [accounts]", "scopes: []"),
        &text.replace("upstream: api", "upstream: apo"),
    ] {
        assert!(config::parse(bad, &world.path("scopegate.yaml")).is_err(), "{bad}");
    }
    world.gateway().reload_refused("no");
    assert_eq!(world.get("/accounts", &Token::good()).status(), 200);
    world.reload(&routes_with("/new")).unwrap();
    assert_eq!(world.get("/new", &Token::good()).status(), 200);
    assert!(world.metric("scopegate_config_last_reload_failed") < 0.5);
}

/// A request that began under the old policy ends under it; the next on the same connection has the new one.
#[test]
fn a_connection_goes_from_one_policy_to_the_next() {
    let world = World::start();
    let mut client = world.client();
    let get = Request::get("/accounts").token(&Token::good().mint());
    assert_eq!(client.send(&get).status(), 200);
    world.reload(&Setup::routes(&[route("/accounts", "GET", "scopes: [admin]")])).unwrap();
    assert_eq!(client.send(&get).status(), 403);
    world.reload(&Setup::routes(&[route("/other", "GET", "scopes: [accounts]")])).unwrap();
    assert_eq!(client.send(&get).status(), 404);
    world.reload(&Setup::default()).unwrap();
    assert_eq!(client.send(&get).status(), 200);
    assert_eq!(world.upstream.hits(), 2);
}

#[test]
fn a_reload_can_move_the_upstream() {
    let world = World::start();
    let other = Server::with(always(ok("text/plain", "moved")));
    assert_ne!(world.get("/accounts", &Token::good()).text(), "moved");
    let settings = config::parse(&Setup::default().yaml(other.address()), &world.path("scopegate.yaml")).unwrap();
    world.gateway().reload(&settings).unwrap();
    assert_eq!(world.get("/accounts", &Token::good()).text(), "moved");
    assert_eq!((world.upstream.hits(), other.hits()), (1, 1));
}

/// Another rule is no reason to be without keys: the issuer may be away at that moment.
#[test]
fn keys_that_were_fetched_survive_a_change_of_the_issuers_rules() {
    let key = keys::ec();
    let server = Issuer::serving(std::slice::from_ref(&key));
    let entry = issuer("bank", ISSUER, &server.jwks());
    let world = Setup::issuers(std::slice::from_ref(&entry)).start();
    crate::support::eventually("keys", || {
        (world.get("/accounts", &Token::good().by(&key)).status() == 200).then_some(())
    });
    server.says("");
    world.reload(&Setup::issuers(&[entry + "    leeway: 7s\n"])).unwrap();
    assert_eq!(world.get("/accounts", &Token::good().by(&key)).status(), 200);
}

/// One bad key file spoils the reload, and none of the good ones is taken over.
#[test]
fn key_files_are_taken_over_together_or_not_at_all() {
    let (old, new) = (keys::ec(), Key::new("new"));
    let file = |key: &Key| keys::set(std::slice::from_ref(key)).to_string();
    let entries =
        [issuer("bank", ISSUER, "{ file: a.json }"), issuer("other", "https://other.example", "{ file: b.json }")];
    let world = Setup::issuers(&entries).with_files(&[("a.json", file(&old)), ("b.json", file(&old))]);
    assert_eq!(world.get("/accounts", &Token::good().by(&old)).status(), 200);
    std::fs::write(world.path("a.json"), file(&new)).unwrap();
    std::fs::write(world.path("b.json"), "{\"keys\":[]}").unwrap();
    assert!(world.reload(&Setup::issuers(&entries)).is_err());
    assert_eq!(world.get("/accounts", &Token::good().by(&old)).status(), 200);
    std::fs::write(world.path("b.json"), file(&old)).unwrap();
    world.reload(&Setup::issuers(&entries)).unwrap();
    assert_eq!(world.get("/accounts", &Token::good().by(&old)).status(), 401);
    assert_eq!(world.get("/accounts", &Token::good().by(&new)).status(), 200);
}
