//! The audit log: every decision is in it, nothing secret is, and what cannot be told is not let in (RTS-10).

use crate::support::audit::{assert_intact, events, folder, line_of, lines, with, with_keys};
use crate::support::client::{Client, Request, id};
use crate::support::events::{self as set, RECEIVER, session_revoked};
use crate::support::gateway::Setup;
use crate::support::server::{After, Server, nobody};
use crate::support::tokens::{ISSUER, NOW, Token};
use crate::support::{WAIT, eventually};
use scopegate::clock::Clock;
use scopegate::commands::gateway::Gateway;
use scopegate::config;
use serde_json::json;
use std::os::unix::fs::symlink;
use std::time::Duration;

#[test]
fn every_decision_about_a_token_is_told_and_nothing_else() {
    let mut world = with("").start();
    world.send(&Request::get("/accounts/17?q=1").token(&Token::good().claim("consent_id", "c-1").mint()).numbered(1));
    world.send(&Request::new("POST", "/payments").token(&Token::good().scope("accounts").mint()).numbered(2));
    world.send(&Request::get("/accounts").numbered(3));
    world.send(&Request::get("/accounts?access_token=x").numbered(4));
    world.send(&Request::get("/open/a").numbered(5));
    world.send(&Request::get("/nowhere").numbered(6));
    let line = line_of(&world, 1);
    for (name, value) in [
        ("time", json!("2027-01-15T08:00:00.000Z")),
        ("event", json!("request")),
        ("method", json!("GET")),
        ("decision", json!("permit")),
        ("client", json!("127.0.0.1")),
        ("route", json!("/accounts/{id}")),
        ("status", json!(200)),
        ("issuer", json!("bank")),
        ("client_id", json!("tpp-1")),
        ("consent", json!("c-1")),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    let names: Vec<_> = line.as_object().unwrap().keys().cloned().collect();
    assert!(!names.iter().any(|name| ["path", "subject", "reason", "trace_id"].contains(&name.as_str())), "{names:?}");
    let line = line_of(&world, 2);
    assert_eq!(
        (&line["decision"], &line["reason"], &line["client_id"]),
        (&json!("refuse"), &json!("scope_missing"), &json!("tpp-1"))
    );
    let line = line_of(&world, 3);
    assert_eq!((&line["decision"], &line["status"], line.get("client_id")), (&json!("refuse"), &json!(401), None));
    assert_eq!(line_of(&world, 4)["reason"], "token_in_query");
    world.drain();
    assert_eq!(events(&world.path("audit.log")), ["file", "start", "request", "request", "request", "request", "stop"]);
    assert!(assert_intact(&folder(&world), &["audit.log"]).contains(": 7 lines in 1 file, 1 to 7, "));
}

/// A request that an upstream failed was let in.
#[test]
fn a_permitted_request_that_fails_later_is_told_as_permitted() {
    let world = with("").at(Server::echo(), nobody());
    world.send(&Request::get("/accounts").token(&Token::good().mint()).numbered(1));
    let line = line_of(&world, 1);
    assert_eq!((&line["decision"], &line["reason"]), (&json!("permit"), &json!("upstream_refused")));
}

#[test]
fn customers_are_named_as_the_operator_says() {
    let subject = |lines: &str| {
        let world = with_keys(with(lines));
        world.send(&Request::get("/accounts").token(&Token::good().mint()).numbered(1));
        world.send(
            &Request::get("/accounts").token(&Token::good().claim("sub", "tpp-1").without("gty").mint()).numbered(2),
        );
        assert_eq!(line_of(&world, 2).get("subject"), None, "a client is no customer");
        line_of(&world, 1).get("subject").map(|subject| subject.as_str().unwrap().to_owned())
    };
    assert_eq!(subject(""), None);
    assert_eq!(subject("  subject: clear\n").as_deref(), Some("customer-1"));
    let digest = subject("  subject_key: { file: subject.key }\n").unwrap();
    assert!(digest.len() == 32 && digest.bytes().all(|octet| octet.is_ascii_hexdigit()), "{digest}");
    assert_eq!(subject("  subject: digest\n  subject_key: { file: subject.key }\n"), Some(digest));
}

#[test]
fn reloads_revocations_and_events_are_told() {
    let taken = format!("events: {{ audience: \"{RECEIVER}\", issuers: [bank] }}\n");
    let setup = || Setup { further: format!("{}{taken}", with("").further), ..with("  subject: clear\n") };
    let mut world = setup().start();
    world.reload(&setup()).unwrap();
    let fixed = Setup { limits: "  connections: 77\n".to_owned(), ..setup() };
    assert!(world.reload(&fixed).is_err());
    world.gateway().reload_refused("faults");
    let body = json!({"issuer": ISSUER, "client_id": "tpp-9"}).to_string();
    let revoke = Request::new("POST", "/revoke").field("content-type: application/json").body(body);
    assert_eq!(world.ask_admin(&revoke).status(), 204);
    assert_eq!(set::send(&world, &session_revoked()).status(), 202);
    assert_eq!(world.ask_admin(&set::push("nonsense")).status(), 400);
    world.drain();
    let lines = lines(&world.path("audit.log"));
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).cloned().collect::<Vec<_>>();
    let reloads: Vec<_> =
        of("reload").iter().map(|line| (line["outcome"].clone(), line["generation"].clone())).collect();
    assert_eq!(
        reloads,
        [(json!("applied"), json!("2")), (json!("refused"), json!("2")), (json!("refused"), json!("2"))]
    );
    let digest = of("start")[0]["configuration"].as_str().unwrap().to_owned();
    assert_eq!((digest.len(), &of("reload")[0]["configuration"]), (64, &json!(digest)));
    let revoke = &of("revoke")[0];
    assert_eq!(
        (&revoke["kind"], &revoke["client_id"], &revoke["issuer"]),
        (&json!("client"), &json!("tpp-9"), &json!(ISSUER))
    );
    let outcomes: Vec<_> = of("security_event").iter().map(|line| line["outcome"].clone()).collect();
    assert_eq!(outcomes, ["taken", "refused"]);
    assert_intact(&folder(&world), &["audit.log"]);
}

#[test]
fn a_token_in_a_url_that_is_revoked_is_told() {
    let server = "  workers: 1\n  on_query_token: reject_and_revoke\n".to_owned();
    let mut world = Setup { server, ..with("") }.start();
    let target = format!("/accounts?access_token={}", Token::good().mint());
    world.send(&Request::get(&target).numbered(1));
    world.drain();
    let lines = lines(&world.path("audit.log"));
    let revoke = lines.iter().find(|line| line["event"] == "revoke").unwrap();
    assert_eq!((&revoke["cause"], &revoke["id"]), (&json!("query"), &json!(id(1))));
}

/// While the last spans are delivered operators are still answered: what they were told was done is told of, before the end.
#[test]
fn a_revocation_at_the_very_end_is_told() {
    let collector = Server::with(|_, _| {
        std::thread::sleep(WAIT);
        After::Close
    });
    let tracing = format!("tracing: {{ otlp: \"http://{}/v1/traces\", sample: 1 }}\n", collector.address());
    let mut world = Setup { further: with("").further + &tracing, ..with("") }.start();
    world.get("/accounts", &Token::good());
    collector.wait_for(1);
    let (admin, path) = (world.gateway().admin(), world.path("audit.log"));
    let revoked = |n: usize| {
        let body = json!({"issuer": ISSUER, "client_id": format!("tpp-{n}")}).to_string();
        let revoke = Request::new("POST", "/revoke").field("content-type: application/json").body(body);
        assert_eq!(Client::connect(admin).send(&revoke.host(Some("localhost"))).status(), 204);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| world.drain());
        for n in 0..10 {
            revoked(n);
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let events = events(&path);
    assert_eq!(events.iter().filter(|event| *event == "revoke").count(), 10, "{events:?}");
    assert_eq!(events.last().unwrap(), "stop");
}

/// CVE-2022-29266 and BEAR-7.
#[test]
fn nothing_secret_is_in_it() {
    let mut world = with_keys(with("  subject_key: { file: subject.key }\n"));
    let token = Token::good().claim("sub", "canary-subject").claim("jti", "canary-jti").claim("x", "canary-claim");
    let token = token.mint();
    for request in [
        Request::get("/accounts/canary-path?q=canary-query").token(&token),
        Request::get(&format!("/accounts?access_token={token}")),
        Request::get("/accounts").token(&format!("{token}x")),
        Request::new("POST", "/payments").token(&token).field("cookie: canary-cookie").body("canary-body"),
    ] {
        world.send(&request);
    }
    world.drain();
    let log = std::fs::read_to_string(world.path("audit.log")).unwrap();
    assert_eq!(log.lines().count(), 4 + 3);
    for secret in token.split('.').chain(["canary", "the key of subjects"]) {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[test]
fn another_file_in_its_place_is_a_fault_at_the_start() {
    let mut world = with("").start();
    world.drain();
    std::fs::write(world.path("audit.log"), "something else\n").unwrap();
    let settings = config::parse(&with("").yaml(world.upstream.address()), &world.path("scopegate.yaml")).unwrap();
    let fault = Gateway::start(settings, Clock::manual(NOW)).err().expect("it does not start").to_string();
    assert!(fault.contains("audit.log") && fault.contains("hint: "), "{fault}");
    assert_eq!(std::fs::read_to_string(world.path("audit.log")).unwrap(), "something else\n");
}

/// A full disk: `/dev/full` stands in for it. What is not told is not let in, and what was refused is told afterwards.
#[test]
fn nothing_is_let_in_that_cannot_be_told() {
    let setup = || Setup { further: with("").further.replace("audit.log", "log"), ..Setup::default() };
    let mut world = setup().start();
    assert_eq!(world.send(&Request::get("/accounts").token(&Token::good().mint()).numbered(1)).status(), 200);
    let at = world.path("log");
    // Its line would be the first that finds the disk full, if it were written only now.
    eventually("its line", || std::fs::read_to_string(&at).unwrap().contains(&id(1)).then_some(()));
    std::fs::rename(&at, world.path("log.1")).unwrap();
    symlink("/dev/full", &at).unwrap();
    let hits = world.upstream.hits();
    let answer = eventually("a refusal", || {
        let answer = world.send(&Request::get("/accounts").token(&Token::good().mint()).numbered(2));
        (answer.status() == 503).then_some(answer)
    });
    assert_eq!((answer.one("retry-after"), answer.get("www-authenticate")), ("1", None));
    assert!(world.metric("scopegate_audit_failing ") > 0.5);
    assert_eq!(world.admin("/readyz").text(), "audit log: it cannot be written\n");
    assert!(world.metric("scopegate_audit_lines_lost_total ") > 0.5);
    let before = world.upstream.hits();
    assert!(before > hits, "the first was let in before anybody knew");
    for _ in 0..5 {
        assert_eq!(world.get("/accounts", &Token::good()).status(), 503);
    }
    assert_eq!(world.send(&Request::get("/open/a")).status(), 200, "what is not told need not be");
    assert_eq!(world.upstream.hits(), before + 1);

    std::fs::remove_file(&at).unwrap();
    eventually("room", || (world.get("/accounts", &Token::good()).status() == 200).then_some(()));
    assert!(world.metric("scopegate_audit_failing ") < 0.5);
    assert_eq!(world.admin("/readyz").status(), 200);
    world.drain();
    let said = assert_intact(&folder(&world), &["log.1", "log"]);
    assert!(said.contains("lines could not be written before it"), "{said}");
}

#[test]
fn where_the_operator_says_so_requests_go_on_without_the_log() {
    let path = "audit_log:\n  path: /dev/full\n  when_full: drop\n";
    let mut world = Setup { further: path.to_owned(), ..Setup::default() }.start();
    eventually("a fault", || (world.metric("scopegate_audit_failing ") > 0.5).then_some(()));
    for _ in 0..5 {
        assert_eq!(world.get("/accounts", &Token::good()).status(), 200);
    }
    world.drain();
}

/// What cannot be changed while a chain is written.
#[test]
fn a_reload_changes_nothing_of_it() {
    let world = with("").start();
    for other in [with("  when_full: drop\n"), Setup::default()] {
        let fault = world.reload(&other).unwrap_err().to_string();
        assert!(fault.starts_with("audit_log changed"), "{fault}");
    }
}

/// Metrics that are there only with it.
#[test]
fn its_metrics_are_these() {
    let world = with("").start();
    world.send(&Request::get("/accounts").token(&Token::good().mint()).numbered(1));
    line_of(&world, 1);
    let page = world.admin("/metrics").text();
    let names: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("# TYPE scopegate_audit_")).collect();
    assert_eq!(names, ["lines_total counter", "lines_lost_total counter", "queue_bytes gauge", "failing gauge"]);
    eventually("three lines", || (world.metric("scopegate_audit_lines_total ") >= 3.0).then_some(()));
    eventually("no queue", || (world.metric("scopegate_audit_queue_bytes ") < 1.0).then_some(()));
}
