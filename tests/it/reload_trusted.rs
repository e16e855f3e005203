//! Reload that can be trusted: who may ask for one, what becomes of it is told, and one issuer stops nobody.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::issuer::Issuer;
use crate::support::keys::{self, Key};
use crate::support::process::Process;
use crate::support::server::nobody;
use crate::support::tls::{Authority, Caller};
use crate::support::tokens::{ISSUER, NOW, Token};
use scopegate::clock::Clock;
use std::time::Duration;

fn open(path: &str) -> Setup {
    Setup::routes(&[route("/accounts", "GET", "scopes: [accounts]"), route(path, "GET", "access: open")])
}

fn reload() -> Request {
    Request::new("POST", "/reload")
}

fn status(process: &Process, path: &str) -> u16 {
    crate::support::client::Client::connect(process.address).send(&Request::get(path)).status()
}

#[test]
fn how_the_last_reload_went_is_told() {
    let world = World::start();
    let counts = |world: &World| {
        ["applied", "refused"].map(|outcome| {
            world.metric(&format!("scopegate_config_reloads_total{{outcome=\"{outcome}\"}}")).to_string()
        })
    };
    let read = |world: &World| world.metric("scopegate_config_last_reload_timestamp_seconds").to_string();
    let config = |world: &World| world.admin("/status.json").json()["config"].clone();
    assert_eq!((counts(&world), config(&world)["last_reload"].as_i64()), (["0", "0"].map(str::to_owned), Some(NOW)));
    assert_eq!(read(&world), NOW.to_string());

    world.clock.advance(Duration::from_mins(1));
    world.reload(&open("/new")).unwrap();
    assert_eq!(read(&world), (NOW + 60).to_string());
    assert_eq!((counts(&world), config(&world)["generation"].as_u64()), (["1", "0"].map(str::to_owned), Some(2)));

    world.clock.advance(Duration::from_mins(1));
    world.gateway().reload_refused("gate.yaml:7:3: routes: something is wrong\n  hint: mend it");
    assert_eq!((counts(&world), config(&world)["generation"].as_u64()), (["1", "1"].map(str::to_owned), Some(2)));
    let told = config(&world);
    assert_eq!((&told["last_reload_failed"], &told["last_reload"]), (&true.into(), &(NOW + 120).into()));
    assert_eq!(told["last_error"], "gate.yaml:7:3: routes: something is wrong\n  hint: mend it");
    let history = world.admin("/status.json").json()["history"].clone();
    let kinds: Vec<_> = history.as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["reload_refused", "reloaded"], "the newest first");
    assert_eq!(history[0]["what"], "gate.yaml:7:3: routes: something is wrong");
    assert!(kinds.contains(&"started"));
}

#[test]
fn who_asks_for_a_reload_is_told_what_became_of_it() {
    let process = Process::start(&Setup::default());
    assert_eq!(status(&process, "/new"), 404);
    process.configure(&open("/new"));
    let answer = process.ask_admin(&reload());
    assert_eq!((answer.status(), answer.json()["generation"].as_u64()), (200, Some(2)));
    assert_ne!(status(&process, "/new"), 404);
    assert_eq!((process.hear(), process.hear()), ("RELOADING=1".to_owned(), "READY=1".to_owned()));

    process.configure(&Setup { limits: "  drain_timeout: 5\n".to_owned(), ..open("/newer") });
    let answer = process.ask_admin(&reload());
    assert_eq!(answer.status(), 422, "{}", answer.text());
    assert!(answer.text().contains("limits.drain_timeout: \"5\" is not a duration"), "{}", answer.text());
    process.configure(&Setup { limits: "  drain_timeout: 6s\n".to_owned(), ..open("/newer") });
    let answer = process.ask_admin(&reload());
    assert_eq!(answer.status(), 422);
    assert!(answer.text().contains("limits changed, which takes a restart"), "{}", answer.text());
    assert_eq!((status(&process, "/newer"), status(&process, "/new")), (404, 200), "nothing of it was applied");
    assert!(process.metric("scopegate_config_last_reload_failed") > 0.5);
    for method in ["GET", "PUT"] {
        assert_eq!(process.ask_admin(&Request::new(method, "/reload")).status(), 405, "{method}");
    }
}

/// The sandbox's gateway, and one within another program.
#[test]
fn where_there_is_no_file_there_is_nothing_to_reload() {
    assert_eq!(World::start().ask_admin(&reload()).status(), 501);
}

#[test]
fn files_that_change_are_applied_without_being_asked() {
    let watching = |setup: Setup| Setup { server: "  workers: 1\n  reload: on_change\n".to_owned(), ..setup };
    let process = Process::start(&watching(Setup::default()));
    let (old, new) = (keys::ec(), Key::new("new"));
    let now = Clock::System.now().0;
    let good = |key: &Key| Token::good().claim("iat", now).claim("exp", now + 300).by(key).mint();
    let ask = |key: &Key| {
        let request = Request::get("/accounts").token(&good(key));
        crate::support::client::Client::connect(process.address).send(&request).status()
    };
    assert_eq!((ask(&old), ask(&new)), (200, 401));
    // A file that the configuration names, and the configuration itself.
    let set = keys::set(&[old.clone(), new.clone()]).to_string();
    std::fs::write(process.path("jwks.json"), set).unwrap();
    eventually("the new key", || (ask(&new) == 200).then_some(()));
    process.configure(&watching(open("/new")));
    eventually("the new route", || (status(&process, "/new") == 200).then_some(()));
    // One that is wrong is tried once, and mended it is applied.
    process.configure(&watching(open("no-slash")));
    eventually("the refusal", || (process.metric("scopegate_config_last_reload_failed") > 0.5).then_some(()));
    assert_eq!(status(&process, "/new"), 200);
    process.configure(&watching(open("/mended")));
    eventually("the mended route", || (status(&process, "/mended") == 200).then_some(()));
    assert_eq!(process.metric("scopegate_config_reloads_total{outcome=\"refused\"}").to_string(), "1");
}

/// An issuer that cannot be reached blocks no reload, and takes no gateway out of service that serves the others.
#[test]
fn an_issuer_that_is_away_stops_nobody_else() {
    let world = World::start();
    let away = issuer("away", "https://away.example", &format!("{{ uri: \"http://{}/jwks\" }}", nobody()));
    let both = issuer("bank", ISSUER, "{ file: jwks.json }") + &away;
    let setup = || Setup { issuers: both.clone(), ..Setup::default() };
    world.reload(&setup()).unwrap();
    assert_eq!(world.get("/accounts", &Token::good()).status(), 200);
    let foreign = Token::good().claim("iss", "https://away.example");
    assert_eq!(world.get("/accounts", &foreign).status(), 503, "its token may be good");
    let ready = world.admin("/readyz");
    assert_eq!((ready.status(), ready.text()), (200, "ready\nissuer away: no keys yet\n".to_owned()));
    let page = world.admin("/status.json").json();
    assert_eq!((&page["state"], &page["notes"][0]), (&"hindered".into(), &"issuer away: no keys yet".into()));
    // One that begins so is not ready: nobody sends it anything while another one serves.
    assert_eq!(setup().start().admin("/readyz").status(), 503);
}

/// The same issuer, here at last.
#[test]
fn a_gateway_is_ready_once_every_issuer_has_keys() {
    let server = Issuer::saying("");
    let world = Setup::issuers(&[issuer("bank", ISSUER, &server.jwks())]).start();
    assert_eq!(world.admin("/readyz").status(), 503);
    world.reload(&open("/new")).unwrap();
    assert_eq!(world.admin("/readyz").status(), 200, "by a reload that does without it");
    let world = Setup::issuers(&[issuer("bank", ISSUER, &server.jwks())]).start();
    server.has(&[keys::ec()]);
    world.wait_ready();
}

/// Another authority: who was let in by the old one has to come anew, and cannot.
#[test]
fn a_reload_brings_another_authority_of_clients() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let [mine, yours] = [&ours, &theirs].map(|authority| authority.issue_for("tpp.example"));
    let terms = ", client_certificate: optional, client_ca: ca.pem";
    let world = Setup::default().with_tls(terms, &[("ca.pem", ours.pem())]);
    let [old, new] = [&mine, &yours].map(|identity| Caller::new(Some(identity)));
    let [request, other] = [&mine, &yours].map(|one| Request::get("/accounts").token(&one.token().mint()));
    let (mut busy, mut idle) = (old.connect(&world), old.connect(&world));
    assert_eq!((busy.send(&request).status(), idle.send(&request).status()), (200, 200));
    assert!(new.is_turned_away(&world));
    std::fs::write(world.path("ca.pem"), theirs.pem()).unwrap();
    world.reload(&Setup::default().tls_terms(terms)).unwrap();
    assert!(old.is_turned_away(&world), "with a session that it remembers too");
    assert_eq!(new.send(&world, &other).status(), 200);
    // A client that never pauses is told with its next answers, one that does is shown out.
    eventually("the last answer", || (busy.send(&request).get("connection") == Some("close")).then_some(()));
    assert!(busy.is_closed() && idle.is_closed());
}
