//! Security events that are not taken: each in the words of RFC 8935, and none with an effect (SSF-1, SSF-2).

use crate::support::client::Request;
use crate::support::events::{
    OAUTH, RECEIVER, SESSION_REVOKED, configured, push, send, session_revoked, set, signed, with, without,
};
use crate::support::eventually;
use crate::support::gateway::{Setup, issuer};
use crate::support::issuer::Issuer;
use crate::support::keys::{self, Key};
use crate::support::tokens::{AUDIENCE, ISSUER, NOW, Token};
use crate::support::wire::Message;
use serde_json::{Value, json};
use std::time::Duration;

/// Demands a refusal in this form and with this code (RFC 8935 §2.3, §2.4).
fn expect_fault(name: &str, answer: &Message, (status, code): (u16, &str)) {
    assert_eq!(answer.status(), status, "{name}: {}", answer.text());
    assert_eq!((answer.one("content-type"), answer.one("content-language")), ("application/json", "en"), "{name}");
    let body = answer.json();
    assert_eq!(body["err"], code, "{name}: {body}");
    assert!(body["description"].is_string() && body.as_object().unwrap().len() == 2, "{name}: {body}");
}

/// Each row's body is refused with its code and has no effect.
fn refuses_all(rows: &[(&str, String, &str)]) {
    let second = issuer("second", "https://second.example", "{ file: jwks.json }");
    let world = Setup { issuers: issuer("bank", ISSUER, "{ file: jwks.json }") + &second, ..configured("") }.start();
    for (name, body, code) in rows {
        expect_fault(name, &world.ask_admin(&push(body)), (400, code));
    }
    assert!(world.metric("scopegate_revocations").abs() < 0.5);
    world.accepts(&[("nothing was revoked", Token::good().mint())]);
}

/// SSF-2, SSF-1: only a JWT of this type, signed by a key of its issuer.
#[test]
fn what_its_issuer_has_not_signed_as_an_event_is_refused() {
    let good = || signed(&session_revoked());
    let (invalid, key) = ("invalid_request", "invalid_key");
    let twice = session_revoked().to_string().replacen('{', &format!("{{\"iss\":\"{ISSUER}\","), 1);
    refuses_all(&[
        ("an access token", Token::good().mint(), invalid),
        ("an ID token", Token::good().header("typ", "JWT").claim("nonce", "n").mint(), invalid),
        ("a logout token", good().header("typ", "logout+jwt").mint(), invalid),
        ("no type", good().without_header("typ").mint(), invalid),
        ("nonsense", "abc".to_owned(), invalid),
        ("nothing", String::new(), invalid),
        ("two", format!("{0}\n{0}", good().mint()), invalid),
        ("alg none", good().header("alg", "none").mint_with(|_| b"x".to_vec()), key),
        ("alg HS256", good().header("alg", "HS256").mint_with(|_| b"x".to_vec()), key),
        ("a stranger's signature", good().by(&Key::new("ec")).mint(), key),
        ("an unknown key", good().by(&keys::ec().named("unknown")).mint(), key),
        ("crit", good().header("crit", json!(["x"])).mint(), invalid),
        ("two issuers", good().claims_text(twice).mint(), invalid),
    ]);
}

/// SSF-2, SSF-1: only the claims of this profile, for us, by an issuer of ours about its own people.
#[test]
fn what_is_no_event_for_us_is_refused() {
    let row = |name, claims: Value, code| (name, signed(&claims).mint(), code);
    let but = |name: &str, value: Value| with(session_revoked(), name, value);
    let less = |name: &str| without(session_revoked(), name);
    let (invalid, stranger, audience) = ("invalid_request", "invalid_issuer", "invalid_audience");
    let timed = |at: i64| set(SESSION_REVOKED, json!({"event_timestamp": at}));
    let about = |subject: Value| but("sub_id", subject);
    refuses_all(&[
        row("another issuer", but("iss", json!("https://other.example")), stranger),
        row("an issuer with a slash", but("iss", json!(format!("{ISSUER}/"))), stranger),
        row("an issuer whose events are not taken", but("iss", json!("https://second.example")), stranger),
        row("no issuer", less("iss"), invalid),
        row("another audience", but("aud", json!(AUDIENCE)), audience),
        row("no audience in the list", but("aud", json!([])), audience),
        row("no audience", less("aud"), invalid),
        row("sub", but("sub", json!("customer-1")), invalid),
        row("exp", but("exp", json!(NOW + 300)), invalid),
        row("no jti", less("jti"), invalid),
        row("no iat", less("iat"), invalid),
        row("iat ahead", but("iat", json!(NOW + 11)), invalid),
        row("no events", but("events", json!({})), invalid),
        row("a date ahead", timed(NOW + 11), invalid),
        row("milliseconds", timed(NOW * 1000), invalid),
        row("no subject", less("sub_id"), invalid),
        row("a subject that no token names", about(json!({"format": "email", "email": "a@b.example"})), invalid),
        row("a session alone", about(json!({"format": "opaque", "id": "customer-1"})), invalid),
        row("a user in place of a token", set(&format!("{OAUTH}/token-revoked"), json!({})), invalid),
        row(
            "another issuer's user",
            about(json!({"format": "iss_sub", "iss": "https://b", "sub": "c"})),
            "access_denied",
        ),
    ]);
    let world = configured("").start();
    assert_eq!(send(&world, &timed(NOW + 10)).status(), 202, "another clock");
}

/// SSF-1.
#[test]
fn only_a_post_of_the_right_type_and_length_is_read() {
    let world = configured("").start();
    let good = signed(&session_revoked()).mint();
    let typed = |kind: &str| Request::new("POST", "/events").field(&format!("content-type: {kind}")).body(&good);
    for (name, request) in [
        ("no type", Request::new("POST", "/events").body(&good)),
        ("a form", typed("application/x-www-form-urlencoded")),
        ("any JWT", typed("application/jwt")),
    ] {
        expect_fault(name, &world.ask_admin(&request), (400, "invalid_request"));
    }
    let answer = world.admin("/events");
    assert_eq!((answer.status(), answer.one("allow")), (405, "POST"));
    assert_eq!(world.send(&push(&good)).status(), 404, "not for third parties");
    assert!(world.metric("scopegate_revocations").abs() < 0.5);

    // Base64url leaves lengths out, so the header is filled as well.
    let long = |length: usize| {
        let token = |(header, claims): (usize, usize)| {
            let claims = with(session_revoked(), "x", json!("x".repeat(claims)));
            signed(&claims).header("x", "x".repeat(header)).mint()
        };
        let base = (length - token((0, 0)).len()) * 3 / 4;
        let fillers = (0..4).flat_map(|header| (base - 8..base + 8).map(move |claims| (header, claims)));
        fillers.map(token).find(|token| token.len() == length).unwrap()
    };
    assert_eq!(world.ask_admin(&push(long(16 * 1024))).status(), 202);
    expect_fault("oversize", &world.ask_admin(&push(long(16 * 1024 + 1))), (413, "invalid_request"));
    assert_eq!(world.ask_admin(&typed("Application/SecEvent+JWT; charset=utf-8")).status(), 202);
}

/// What could not be taken was not taken: the same token is good once there is room.
#[test]
fn a_full_list_asks_for_the_event_again() {
    let world = configured("revocations: { entries: 1, keep: 1m }\n").start();
    let filler = with(session_revoked(), "sub_id", json!({"format": "iss_sub", "iss": ISSUER, "sub": "customer-2"}));
    assert_eq!(send(&world, &with(filler, "jti", json!("filler"))).status(), 202);
    let answer = send(&world, &session_revoked());
    assert_eq!((answer.status(), answer.one("retry-after")), (503, "30"));
    world.accepts(&[("nothing was revoked", Token::good().mint())]);
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(send(&world, &session_revoked()).status(), 202);
    world.refuses(&[("when there was room", Token::good().mint(), "token_revoked")]);
}

/// The event may be good: its sender is not to blame for keys that we do not have.
#[test]
fn without_keys_the_event_has_to_come_again() {
    let away = Issuer::saying(String::new());
    let world = Setup { issuers: issuer("bank", ISSUER, &away.jwks()), ..configured("") }.start();
    let answer = send(&world, &session_revoked());
    assert_eq!(answer.status(), 503);
    assert!(answer.one("retry-after").parse::<u32>().unwrap() > 0);
    assert!((world.metric("scopegate_security_event_tokens_total{outcome=\"no_keys\"}") - 1.0).abs() < 0.5);
}

/// RFC 8935 §2.4: where a bearer token is configured, nothing is read before it was shown.
#[test]
fn a_sender_that_is_not_known_is_refused_before_its_event_is_read() {
    const SECRET: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
    let further = format!("events: {{ audience: [a, \"{RECEIVER}\"], issuers: [bank], token: {{ file: secret }} }}\n");
    let setup = Setup { further, ..Setup::default() };
    let set = keys::set(&[keys::ec()]).to_string();
    let world = setup.with_files(&[("jwks.json", set), ("secret", format!("{SECRET}\n"))]);
    let good = || push(signed(&session_revoked()).mint());
    for (name, request) in [
        ("nothing", good()),
        ("another", good().token(&SECRET.to_uppercase())),
        ("a part", good().token(&SECRET[1..])),
        ("another scheme", good().field(&format!("authorization: Basic {SECRET}"))),
        ("two", good().token(SECRET).token(SECRET)),
        ("nonsense", push("abc")),
    ] {
        let answer = world.ask_admin(&request);
        expect_fault(name, &answer, (401, "authentication_failed"));
        assert_eq!(answer.one("www-authenticate"), "Bearer", "{name}");
    }
    world.accepts(&[("nothing was revoked", Token::good().mint())]);
    assert_eq!(world.ask_admin(&good().token(SECRET)).status(), 202);
    world.refuses(&[("the one that is known", Token::good().mint(), "token_revoked")]);
}

/// JWT-18: a security event token opens no door, whatever its claims are.
#[test]
fn an_event_token_is_no_access_token() {
    let world = configured("").start();
    let rich = Token::good().header("typ", "secevent+jwt").claim("events", json!({SESSION_REVOKED: {}}));
    world.refuses(&[
        ("a good one", signed(&session_revoked()).mint(), "type_wrong"),
        ("one with every claim", rich.mint(), "type_wrong"),
    ]);
}

/// SSF-2: the issuer drops an event that is refused for good. A key that was replaced under its id is asked for first; what
/// no key has signed then is refused, and asks no more.
#[test]
fn a_signature_by_none_of_the_keys_is_no_fault_before_they_were_fetched() {
    let (old, new) = (Key::new("k"), Key::new("k"));
    let bank = Issuer::serving(std::slice::from_ref(&old));
    let setup = configured("");
    let issuers = setup.issuers.replace("{ file: jwks.json }", &bank.jwks().replace("5s", "1s"));
    let world = Setup { issuers, ..setup }.start();
    world.wait_ready();
    bank.has(std::slice::from_ref(&new));
    let bring = |key: &Key| world.ask_admin(&push(signed(&session_revoked()).by(key).mint()));
    let answer = bring(&new);
    assert_eq!(answer.status(), 503);
    assert!(answer.one("retry-after").parse::<u32>().unwrap() <= 2);
    eventually("the new key", || (bring(&new).status() == 202).then_some(()));
    world.refuses(&[("revoked", Token::good().by(&new).mint(), "token_revoked")]);
    for _ in 0..100 {
        expect_fault("a key that is gone", &bring(&old), (400, "invalid_key"));
    }
    // One more where somebody asked while the keys were on their way.
    assert!(bank.calls() <= 3, "{}", bank.calls());
}
