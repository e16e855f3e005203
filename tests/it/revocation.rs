//! Revocation over the wire (E9, FAPI-4): effective on the next request, on every worker, for tokens that are remembered.

use crate::support::client::{Client, Request};
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::introspection::{Introspection, ask};
use crate::support::tokens::{ISSUER, NOW, Token};
use scopegate::commands::CannotServe;
use scopegate::commands::gateway::Gateway;
use scopegate::config;
use serde_json::{Value, json};
use std::time::Duration;

fn revoke(world: &World, body: &Value) -> u16 {
    let request = Request::new("POST", "/revoke").field("content-type: application/json").body(body.to_string());
    world.ask_admin(&request).status()
}

fn several_workers() -> Setup {
    Setup { server: "  workers: 3\n".to_owned(), ..Setup::default() }
}

fn with(section: &str) -> Setup {
    Setup { further: format!("revocations: {section}\n"), ..Setup::default() }
}

/// Twelve connections: with three workers, hardly any is left out.
fn clients(world: &World) -> Vec<Client> {
    (0..12).map(|_| world.client()).collect()
}

#[test]
fn each_kind_takes_effect_on_the_next_request_of_every_worker() {
    let token = || Token::good().claim("consent_id", "consent-1");
    for (kind, name) in
        [("token_id", "token-1"), ("subject", "customer-1"), ("client_id", "tpp-1"), ("consent_id", "consent-1")]
    {
        let world = several_workers().start();
        let (mut clients, request) = (clients(&world), Request::get("/accounts").token(&token().mint()));
        for client in &mut clients {
            for _ in 0..2 {
                assert_eq!(client.send(&request).status(), 200, "{kind}: before");
            }
        }
        assert_eq!(revoke(&world, &json!({"issuer": ISSUER, kind: format!("{name}x")})), 204, "{kind}");
        assert_eq!(clients[0].send(&request).status(), 200, "{kind}: another one was meant");
        assert_eq!(revoke(&world, &json!({"issuer": ISSUER, kind: name})), 204, "{kind}");
        for client in &mut clients {
            let answer = client.send(&request);
            let expected =
                "Bearer realm=\"bank\", error=\"invalid_token\", error_description=\"The access token was revoked\"";
            assert_eq!((answer.status(), answer.one("www-authenticate")), (401, expected), "{kind}: after");
        }
        world.refuses(&[(kind, token().claim("exp", NOW + 200).mint(), "token_revoked")]);
        assert!((world.metric("scopegate_revocations") - 2.0).abs() < 0.5);
    }
}

/// A client's own token has no identity header for its `sub`, and is known by it all the same.
#[test]
fn a_clients_own_token_is_revoked_by_its_subject_too() {
    let own = |subject: &str| Token::good().claim("gty", "client_credentials").claim("sub", subject);
    for (name, token) in [
        ("its `client_id`", own("tpp-1")),
        ("its `client_id`, without a grant", own("tpp-1").without("gty")),
        ("a name of its own", own("service-account-7")),
    ] {
        let world = World::start();
        let subject = serde_json::from_str::<Value>(&token.claims_json()).unwrap()["sub"].clone();
        world.accepts(&[(name, token.mint())]);
        assert_eq!(revoke(&world, &json!({"issuer": ISSUER, "subject": "service-account-8"})), 204);
        world.accepts(&[(name, token.mint())]);
        assert_eq!(revoke(&world, &json!({"issuer": ISSUER, "subject": subject})), 204);
        world.refuses(&[(name, token.mint(), "token_revoked")]);
        world.accepts(&[("a customer's", Token::good().mint())]);
    }
}

#[test]
fn tokens_issued_later_are_spared_where_a_date_is_named() {
    let world = World::start();
    assert_eq!(revoke(&world, &json!({"issuer": ISSUER, "issued_before": NOW - 10})), 204);
    let issued = |at: i64| Token::good().claim("iat", at).mint();
    world.refuses(&[("before", issued(NOW - 11), "token_revoked")]);
    world.accepts(&[("at", issued(NOW - 10)), ("after", issued(NOW))]);
    assert_eq!(revoke(&world, &json!({"issuer": ISSUER, "subject": "customer-1", "issued_before": NOW})), 204);
    world.refuses(&[("a session that was revoked", issued(NOW - 1), "token_revoked")]);
    world.accepts(&[
        ("a new session", issued(NOW)),
        ("another customer's", Token::good().claim("iat", NOW - 1).claim("sub", "customer-2").mint()),
    ]);
}

#[test]
fn a_revocation_lasts_for_its_time() {
    let world = with("{ keep: 1m }").start();
    let long = Token::good().claim("exp", NOW + 1000).mint();
    assert_eq!(revoke(&world, &json!({"issuer": ISSUER, "token_id": "token-1"})), 204);
    world.refuses(&[("now", long.clone(), "token_revoked")]);
    world.clock.advance(Duration::from_secs(61));
    world.accepts(&[("when the entry has gone", long.clone())]);
    assert_eq!(revoke(&world, &json!({"issuer": ISSUER, "token_id": "token-1", "until": NOW + 1000})), 204);
    world.clock.advance(Duration::from_mins(10));
    world.refuses(&[("as long as was asked for", long, "token_revoked")]);
}

#[test]
fn a_restart_forgets_nothing_that_has_a_file() {
    let setup = || with("{ file: revocations }");
    let mut world = setup().start();
    assert_eq!(revoke(&world, &json!({"issuer": ISSUER, "client_id": "tpp-1"})), 204);
    world.restart(&setup());
    world.refuses(&[("after a restart", Token::good().mint(), "token_revoked")]);
    let kept = std::fs::read_to_string(world.path("revocations")).unwrap();
    assert!(!kept.contains("tpp-1") && kept.lines().count() == 1, "{kept}");
}

/// It would put another file in the place of the one that the first gateway writes to.
#[test]
fn a_second_gateway_with_the_same_file_does_not_start_and_takes_nothing_from_the_first() {
    let setup = || with("{ file: revocations }");
    let mut world = setup().start();
    let settings = config::parse(&setup().yaml(world.upstream.address()), &world.path("scopegate.yaml")).unwrap();
    let fault = Gateway::start(settings, world.clock.clone()).err().unwrap();
    assert!(fault.is::<CannotServe>(), "{fault}");
    let fault = fault.to_string();
    let path = world.path("revocations");
    let expected = format!(
        "revocations: {}: another gateway has it open\n  hint: wait until the other one has ended, or give each a file of its own",
        path.display()
    );
    assert_eq!(fault, expected);
    assert_eq!(revoke(&world, &json!({"issuer": ISSUER, "client_id": "tpp-1"})), 204);
    world.restart(&setup());
    world.refuses(&[("after a restart", Token::good().mint(), "token_revoked")]);
}

#[test]
fn a_full_list_says_so_and_revokes_nothing() {
    let world = with("{ entries: 1 }").start();
    assert_eq!(revoke(&world, &json!({"issuer": ISSUER, "token_id": "other"})), 204);
    assert_eq!(revoke(&world, &json!({"issuer": ISSUER, "token_id": "token-1"})), 507);
    world.accepts(&[("not revoked", Token::good().mint())]);
}

#[test]
fn what_is_no_revocation_is_refused_with_a_reason() {
    let world = World::start();
    for (body, status) in [
        (json!({}), 400),
        (json!([]), 400),
        (json!({"issuer": ISSUER}), 400),
        (json!({"token_id": "token-1"}), 400),
        (json!({"issuer": "https://other.example", "token_id": "token-1"}), 400),
        (json!({"issuer": format!("{ISSUER}/"), "token_id": "token-1"}), 400),
        (json!({"issuer": ISSUER, "token_id": "token-1", "subject": "customer-1"}), 400),
        (json!({"issuer": ISSUER, "token": "token-1"}), 400),
        (json!({"issuer": ISSUER, "token_id": 1}), 400),
        (json!({"issuer": ISSUER, "token_id": "token-1", "until": NOW}), 400),
        (json!({"issuer": ISSUER, "token_id": "token-1", "issued_before": "now"}), 400),
        (json!({"issuer": ISSUER, "token_id": "x".repeat(20_000)}), 413),
    ] {
        assert_eq!(revoke(&world, &body), status, "{body}");
    }
    let good = json!({"issuer": ISSUER, "token_id": "token-1"}).to_string();
    let post = || Request::new("POST", "/revoke").body(&good);
    for (name, request, status) in [
        ("no type", post(), 415),
        ("a form", post().field("content-type: application/x-www-form-urlencoded"), 415),
        ("text", post().field("content-type: text/plain"), 415),
        ("a page's", post().field("content-type: application/json").field("origin: https://evil.example"), 403),
        ("half of it", Request::new("POST", "/revoke").field("content-type: application/json").body(&good[..20]), 400),
    ] {
        assert_eq!(world.ask_admin(&request).status(), status, "{name}");
    }
    let answer = world.admin("/revoke");
    assert_eq!((answer.status(), answer.one("allow")), (405, "POST"));
    assert_eq!(world.send(&post().field("content-type: application/json")).status(), 404, "not for third parties");
    world.accepts(&[("nothing was revoked", Token::good().mint())]);
}

/// What an issuer says about an opaque token names the same people.
#[test]
fn an_opaque_token_is_revoked_as_any_other() {
    for (kind, name) in [("token_id", "token-1"), ("subject", "customer-1"), ("client_id", "tpp-1")] {
        let issuer = Introspection::active();
        let world = issuer.gateway(", cache: 5m");
        assert_eq!((ask(&world, "opaque").status(), ask(&world, "opaque").status(), issuer.calls()), (200, 200, 1));
        assert_eq!(revoke(&world, &json!({"issuer": ISSUER, kind: name})), 204, "{kind}");
        assert_eq!((ask(&world, "opaque").status(), ask(&world, "another").status()), (401, 401), "{kind}");
    }
}

/// BEAR-5: a token that was sent in a URL has leaked. It is revoked where the operator wants it so, and only if it is good.
#[test]
fn a_token_in_a_url_is_revoked_where_that_is_asked_for() {
    let token = |id: &str| Token::good().claim("jti", id).mint();
    let leak = |world: &World, token: &str| {
        world.send(&Request::get(&format!("/nowhere?x=1&access%5Ftoken={token}"))).status()
    };
    let world =
        Setup { server: "  workers: 2\n  on_query_token: reject_and_revoke\n".to_owned(), ..Setup::default() }.start();
    let mut clients = clients(&world);
    let known = Request::get("/accounts").token(&token("known"));
    for client in &mut clients {
        assert_eq!(client.send(&known).status(), 200);
    }
    assert_eq!(leak(&world, &token("known").replace('.', "%2E")), 400);
    for client in &mut clients {
        assert_eq!(client.send(&known).status(), 401);
    }
    assert_eq!(leak(&world, &token("new")), 400);
    world.refuses(&[("one that was never seen before", token("new"), "token_revoked")]);
    world.accepts(&[("another one", token("other"))]);
    let before = world.metric("scopegate_revocations");
    for (name, bad) in [
        ("expired", Token::good().claim("exp", NOW - 60).mint()),
        ("forged", token("other").replace("ey", "eY")),
        ("nonsense", "abc".to_owned()),
        ("already revoked", token("known")),
    ] {
        assert_eq!(
            (leak(&world, &bad), world.metric("scopegate_revocations").to_bits()),
            (400, before.to_bits()),
            "{name}"
        );
    }
    let world = World::start();
    assert_eq!(leak(&world, &token("known")), 400);
    world.accepts(&[("the default", token("known"))]);
}

/// The worker does not wait for the disk; whoever ends the gateway does.
#[test]
fn a_token_in_a_url_stays_revoked_after_a_restart() {
    let setup = || Setup {
        server: "  workers: 2\n  on_query_token: reject_and_revoke\n".to_owned(),
        ..with("{ file: revocations }")
    };
    let mut world = setup().start();
    let lines = |world: &World| std::fs::read_to_string(world.path("revocations")).unwrap().lines().count();
    for count in 1..=20 {
        let token = Token::good().claim("jti", format!("leaked-{count}")).mint();
        assert_eq!(world.send(&Request::get(&format!("/nowhere?access_token={token}"))).status(), 400);
        world.refuses(&[("at once", token, "token_revoked")]);
    }
    eventually("the file", || (lines(&world) == 20).then_some(()));
    let last = Token::good().claim("jti", "last").mint();
    assert_eq!(world.send(&Request::get(&format!("/nowhere?access_token={last}"))).status(), 400);
    world.restart(&setup());
    assert_eq!(lines(&world), 21);
    world.refuses(&[("after a restart", last, "token_revoked")]);
}

/// An entry without an end lasts for `keep`; a token that lives longer would be accepted again, so operators are told.
#[test]
fn tokens_that_outlive_an_entry_are_counted_when_they_are_verified() {
    let line = "scopegate_tokens_outlive_revocations_total{issuer=\"bank\"}";
    let world = with("{ keep: 10m }").start();
    let expiring = |at: i64| Request::get("/accounts").token(&Token::good().claim("exp", at).mint());
    let mut client = world.client();
    // The leeway of 5 s counts as life.
    for (seconds, expected) in [(595, 0.0), (596, 1.0), (3600, 2.0)] {
        let request = expiring(NOW + seconds);
        for _ in 0..3 {
            assert_eq!(client.send(&request).status(), 200);
        }
        let counted = world.metric(line);
        assert!((counted - expected).abs() < 0.5, "{seconds} s: {counted}");
    }
}
