//! Security events that an issuer pushes (SSF-1 to SSF-4): in force on the next request of every worker.

use crate::support::client::{Client, Request};
use crate::support::events::{
    CREDENTIAL_CHANGE, OAUTH, RISC, SESSION_REVOKED, VERIFICATION, configured, customer, send, session_revoked, set,
    with, without,
};
use crate::support::gateway::{Setup, World};
use crate::support::tokens::{ISSUER, NOW, Token};
use serde_json::{Value, json};

/// Connections of which with two workers hardly any is left out, each with a warm verdict of `token`.
fn warm(world: &World, token: &str) -> Vec<Client> {
    let request = Request::get("/accounts").token(token);
    let clients = (0..8).map(|_| {
        let mut client = world.client();
        for _ in 0..2 {
            assert_eq!(client.send(&request).status(), 200);
        }
        client
    });
    clients.collect()
}

/// SSF-1, SSF-3, SSF-4: each kind of event, by each way of naming whom it is about.
#[test]
fn each_event_takes_effect_on_the_next_request_of_every_worker() {
    let of = |uri: &str, subject: Value| with(set(uri, json!({})), "sub_id", subject);
    let changed = set(CREDENTIAL_CHANGE, json!({"credential_type": "password", "change_type": "update"}));
    let risc = |kind: &str| set(&format!("{RISC}/{kind}"), json!({}));
    let oauth = |kind: &str, subject| of(&format!("{OAUTH}/{kind}"), subject);
    let email = json!({"format": "email", "email": "a@b.example"});
    let session = json!({"format": "opaque", "id": "session-1"});
    let client = json!({"format": "opaque", "id": "tpp-1"});
    let old = set(SESSION_REVOKED, json!({"event_timestamp": NOW, "subject": customer()}));
    for (name, claims) in [
        ("session-revoked", session_revoked()),
        ("its subject in the event, as before SSF 1.0", without(old.clone(), "sub_id")),
        ("its subject in both places", old),
        (
            "a user and a session",
            of(SESSION_REVOKED, json!({"format": "complex", "user": customer(), "session": session})),
        ),
        ("aliases", of(SESSION_REVOKED, json!({"format": "aliases", "identifiers": [email, customer()]}))),
        ("credential-change", changed),
        ("sessions-revoked", risc("sessions-revoked")),
        ("account-disabled", risc("account-disabled")),
        ("account-purged", risc("account-purged")),
        ("account-credential-change-required", risc("account-credential-change-required")),
        ("credential-compromise", risc("credential-compromise")),
        ("token-revoked", oauth("token-revoked", json!({"format": "jwt_id", "iss": ISSUER, "jti": "token-1"}))),
        ("tokens-revoked", oauth("tokens-revoked", customer())),
        (
            "tokens-revoked at a client",
            oauth("tokens-revoked", json!({"format": "complex", "user": customer(), "application": client})),
        ),
        ("client-disabled", oauth("client-disabled", json!({"format": "oauth_client", "client_id": "tpp-1"}))),
        ("client-disabled", oauth("client-disabled", json!({"format": "complex", "application": client}))),
    ] {
        let world = configured("").start();
        let token = Token::good().mint();
        let mut clients = warm(&world, &token);
        let answer = send(&world, &claims);
        assert_eq!((answer.status(), answer.text().as_str()), (202, ""), "{name}");
        for client in &mut clients {
            assert_eq!(client.send(&Request::get("/accounts").token(&token)).status(), 401, "{name}");
        }
        let other = Token::good().claim("sub", "customer-2").claim("client_id", "tpp-2").claim("jti", "token-2");
        world.accepts(&[(name, other.mint())]);
    }
}

/// SSF-3: what was issued later is spared; of the event's own second nobody knows which came first.
#[test]
fn tokens_issued_after_the_event_are_spared() {
    let issued = |at: i64| Token::good().claim("iat", at).mint();
    let timed = |payload: Value| with(set(SESSION_REVOKED, payload), "iat", json!(NOW - 20));
    for (name, claims, at) in [
        ("event_timestamp", timed(json!({"event_timestamp": NOW - 100})), NOW - 100),
        ("its fraction", timed(json!({"event_timestamp": 1_799_999_900.5})), NOW - 100),
        ("toe", with(timed(json!({})), "toe", json!(NOW - 50)), NOW - 50),
        ("iat", timed(json!({})), NOW - 20),
    ] {
        let world = configured("").start();
        assert_eq!(send(&world, &claims).status(), 202, "{name}");
        world.refuses(&[
            (name, issued(at - 1), "token_revoked"),
            (name, issued(at), "token_revoked"),
            (name, Token::good().without("iat").mint(), "claim_missing"),
        ]);
        world.accepts(&[(name, issued(at + 1))]);
    }
}

/// SSF-4: at one client only the tokens that it holds for this customer.
#[test]
fn a_customer_at_a_client_is_neither_the_customer_nor_the_client() {
    let world = configured("").start();
    let subject = json!({"format": "complex", "user": customer(), "application": {"format": "opaque", "id": "tpp-1"}});
    assert_eq!(
        send(&world, &with(set(&format!("{OAUTH}/tokens-revoked"), json!({})), "sub_id", subject)).status(),
        202
    );
    world.refuses(&[("both", Token::good().mint(), "token_revoked")]);
    world.accepts(&[
        ("the customer elsewhere", Token::good().claim("client_id", "tpp-2").mint()),
        ("the client's other customer", Token::good().claim("sub", "customer-2").mint()),
    ]);
}

#[test]
fn without_its_section_there_is_nothing_to_send_to() {
    let world = World::start();
    assert_eq!(send(&world, &session_revoked()).status(), 404);
    assert!(!world.admin("/metrics").text().contains("security_event"));
    world.reload(&Setup { server: String::new(), ..configured("") }).unwrap_err();
    world.reload(&Setup { server: "  workers: 1\n".to_owned(), ..configured("") }).unwrap();
    assert_eq!(send(&world, &session_revoked()).status(), 202);
}

/// SSF-2: acknowledged again, and nothing done.
#[test]
fn a_repeat_is_acknowledged_without_effect() {
    let world = configured("").start();
    let first = session_revoked();
    assert_eq!(send(&world, &first).status(), 202);
    let other = with(first.clone(), "sub_id", json!({"format": "iss_sub", "iss": ISSUER, "sub": "customer-2"}));
    assert_eq!(send(&world, &other).status(), 202);
    world.accepts(&[("the second token of this id", Token::good().claim("sub", "customer-2").mint())]);
    assert_eq!(send(&world, &with(other, "jti", json!("set-2"))).status(), 202);
    world.refuses(&[("under an id of its own", Token::good().claim("sub", "customer-2").mint(), "token_revoked")]);
    assert!((world.metric("scopegate_security_event_tokens_total{outcome=\"repeated\"}") - 1.0).abs() < 0.5);
}

/// SSF-1: 202 means that it is on the disk.
#[test]
fn a_restart_forgets_no_event_that_was_acknowledged() {
    let setup = || configured("revocations: { file: revocations }\n");
    let mut world = setup().start();
    assert_eq!(send(&world, &session_revoked()).status(), 202);
    assert_eq!(std::fs::read_to_string(world.path("revocations")).unwrap().lines().count(), 1);
    world.restart(&setup());
    world.refuses(&[("after a restart", Token::good().mint(), "token_revoked")]);
    assert_eq!(send(&world, &session_revoked()).status(), 202, "a repeat that is not remembered does no harm");
    assert!((world.metric("scopegate_revocations") - 1.0).abs() < 0.5);
}

/// What means nothing here is acknowledged, since its sender would only send it again; operators see it.
#[test]
fn operators_see_what_came_and_what_became_of_it() {
    let world = configured("").start();
    let named = |claims: Value, id: &str| with(claims, "jti", json!(id));
    let unknown = set("https://schemas.openid.net/secevent/caep/event-type/device-compliance-change", json!({}));
    let verification =
        with(set(VERIFICATION, json!({"state": "x"})), "sub_id", json!({"format": "opaque", "id": "stream"}));
    let nobody = with(session_revoked(), "sub_id", json!({"format": "did", "url": "did:x:y"}));
    for (claims, status) in [
        (session_revoked(), 202),
        (named(unknown, "2"), 202),
        (named(verification, "3"), 202),
        (named(nobody, "4"), 400),
        (named(with(session_revoked(), "aud", json!("x")), "5"), 400),
    ] {
        assert_eq!(send(&world, &claims).status(), status, "{claims}");
    }
    for (line, expected) in [
        ("security_events_total{event=\"session_revoked\",outcome=\"applied\"}", 1.0),
        ("security_events_total{event=\"session_revoked\",outcome=\"refused\"}", 1.0),
        ("security_events_total{event=\"verification\",outcome=\"applied\"}", 1.0),
        ("security_events_total{event=\"other\",outcome=\"ignored\"}", 1.0),
        ("security_event_tokens_total{outcome=\"taken\"}", 3.0),
        ("security_event_tokens_total{outcome=\"invalid_request\"}", 1.0),
        ("security_event_tokens_total{outcome=\"invalid_audience\"}", 1.0),
        ("security_event_last_timestamp_seconds{issuer=\"bank\"}", 1_800_000_000.0),
        ("revocations", 1.0),
    ] {
        let found = world.metric(&format!("scopegate_{line}"));
        assert!((found - expected).abs() < 0.5, "{line}: {found}");
    }
}
