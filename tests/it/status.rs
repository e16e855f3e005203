//! The status page: what it says is what the metrics say, and nobody can write on it.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::server::{Server, nobody};
use crate::support::tokens::{ISSUER, Token};
use serde_json::Value;

fn json(world: &World) -> Value {
    let answer = world.admin("/status.json");
    assert_eq!((answer.status(), answer.one("content-type")), (200, "application/json"));
    answer.json()
}

/// One refused client, one that passes, and requests of nobody.
fn traffic(world: &World) {
    for _ in 0..30 {
        assert_eq!(world.get("/accounts", &Token::good()).status(), 200);
    }
    for _ in 0..7 {
        let other = Token::good().claim("client_id", "tpp-<b>7</b>").scope("nothing");
        assert_eq!(world.get("/accounts", &other).status(), 403);
    }
    for _ in 0..3 {
        assert_eq!(world.send(&Request::get("/accounts")).status(), 401);
    }
}

#[test]
fn the_page_the_json_and_the_metrics_say_the_same() {
    let world = World::start();
    traffic(&world);
    // Requests are counted when their answers have gone.
    let page = eventually("the counts", || {
        let page = json(&world);
        (page["traffic"]["requests_total"] == 40).then_some(page)
    });
    let traffic = &page["traffic"];
    assert_eq!((&traffic["refused_total"], &traffic["failed_total"]), (&10.into(), &0.into()));
    let refusals: Vec<_> = page["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["reason"].as_str().unwrap(), &one["total"]))
        .collect();
    assert_eq!(refusals, [("scope_missing", &7.into()), ("token_missing", &3.into())]);
    for (route, reason, status, count) in [
        ("/accounts", "scope_missing", 403, 7.0),
        ("/accounts", "token_missing", 401, 3.0),
        ("/accounts", "", 200, 30.0),
    ] {
        let line = format!("scopegate_requests_total{{reason=\"{reason}\",route=\"{route}\",status=\"{status}\"}}");
        assert!((world.metric(&line) - count).abs() < 0.5, "{line}");
    }
    for (value, metric) in [
        (&page["caches"]["verdicts"], "scopegate_verdicts"),
        (&page["caches"]["verdict_hits_total"], "scopegate_verdict_hits_total"),
        (&page["config"]["generation"], "scopegate_config_generation"),
        (&page["issuers"][0]["keys"], "scopegate_issuer_keys{issuer=\"bank\"}"),
        (&page["connections"]["tunnels"], "scopegate_tunnels"),
    ] {
        assert!((world.metric(metric) - value.as_f64().unwrap()).abs() < 0.5, "{metric}: {value}");
    }
    assert_eq!((&page["state"], page["upstreams"][0]["servers"][0]["up"].as_bool()), (&"serving".into(), Some(true)));

    // The next look has them in the lines, and knows who was refused.
    let page = eventually("a sample", || {
        let page = json(&world);
        let seen =
            page["series"]["requests_per_second"].as_array().unwrap().iter().any(|rate| rate.as_f64() > Some(0.0));
        seen.then_some(page)
    });
    let share = page["traffic"]["refused_share"].as_f64().unwrap();
    assert!((share - 0.25).abs() < 1e-9, "{share}");
    assert!(page["traffic"]["p99_ms"].as_f64().unwrap() > 0.0);
    let clients = &page["refused_clients"];
    assert_eq!(
        (&clients["clients"][0]["client_id"], &clients["clients"][0]["count"]),
        (&"tpp-<b>7</b>".into(), &7.into())
    );
    assert_eq!((clients["clients"].as_array().unwrap().len(), &clients["unknown"]), (1, &3.into()));
    let html = world.admin("/status").text();
    for said in ["Serving", "scope_missing", "tpp-&#60;b&#62;7&#60;/b&#62;", "25.0 %", "generation 1"] {
        assert!(html.contains(said), "{said}\n{html}");
    }
    assert!(!html.contains("<b>7"), "what others wrote is text");
}

#[test]
fn the_page_may_do_nothing_but_show_itself() {
    let world = World::start();
    let page = world.admin("/status");
    assert_eq!((page.status(), page.one("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.one("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    for part in ["script-src 'sha256-", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.one(name), value, "{name}");
    }
    let text = page.text();
    // Namespaces are names, nobody fetches them.
    let foreign = text.replace("http://www.w3.org/2000/svg", "");
    assert!(!foreign.contains("src=") && !foreign.contains("@import") && !foreign.contains("url("), "{foreign}");
    for method in ["POST", "DELETE"] {
        assert_eq!(world.ask_admin(&Request::new(method, "/status")).status(), 405);
    }
}

#[test]
fn what_is_wrong_stands_at_the_top() {
    let away = issuer("away", "https://away.example", &format!("{{ uri: \"http://{}/jwks\" }}", nobody()));
    let setup = Setup { issuers: issuer("bank", ISSUER, "{ file: jwks.json }") + &away, ..Setup::default() };
    let world = setup.start();
    assert_eq!(json(&world)["state"], "starting");
    assert!(world.admin("/status").text().contains("Not ready yet"));

    let routes = [route("/accounts", "GET", "scopes: [accounts]")];
    let world = Setup::routes(&routes).at(Server::echo(), nobody());
    for _ in 0..6 {
        assert_eq!(world.get("/accounts", &Token::good()).status() / 100, 5);
    }
    let page = eventually("the server's end", || {
        let page = json(&world);
        (page["upstreams"][0]["servers"][0]["up"] == false).then_some(page)
    });
    assert_eq!((&page["state"], &page["notes"][0]), (&"cut".into(), &"upstream api: no server answers".into()));
    assert!(world.admin("/status").text().contains("No upstream answers"));
    let history = eventually("the change", || {
        let page = json(&world);
        let events = page["history"].as_array().unwrap().clone();
        events.into_iter().find(|event| event["kind"] == "server_out")
    });
    assert!(history["what"].as_str().unwrap().starts_with("api 127.0.0.1:"), "{history}");
    assert!(page["traffic"]["failed_total"].as_u64() >= Some(6));
}

/// SF-1: not a token, a query or a key, and neither what the environment holds.
#[test]
fn nothing_secret_is_on_the_page() {
    let world = World::start();
    let token = Token::good().claim("sub", "canary-subject").claim("jti", "canary-jti").mint();
    world.send(&Request::get("/accounts?q=canary-query").token(&token));
    let broken = Token::good().claim("client_id", "canary-client").claim("exp", 1).mint();
    world.send(&Request::get("/accounts").token(&broken));
    eventually("both", || (json(&world)["traffic"]["requests_total"] == 2).then_some(()));
    let said = world.admin("/status").text() + &world.admin("/status.json").text();
    assert!(!said.contains("canary"), "{said}");
    for part in token.split('.').chain(broken.split('.')) {
        assert!(!said.contains(part), "{part}");
    }
}
