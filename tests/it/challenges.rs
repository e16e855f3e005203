//! The rules over every refusal (ERR-1 to ERR-5, ERR-7, ERR-9, ERR-10, ERR-12), held against ten thousand bad requests: the
//! challenges are read by a strict reader of their own, character by character.

use crate::support::client::{Client, Request};
use crate::support::gateway::{Setup, World, route};
use crate::support::keys;
use crate::support::proofs::{ORIGIN, Proof, bound, thumbprint};
use crate::support::tokens::{NOW, Token};
use crate::support::wire::Message;
use serde_json::json;

/// A scheme and its parameters, in order.
#[derive(Debug, PartialEq)]
struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

/// `1#challenge` (RFC 9110 §11.6.1), with quoted strings only and no escape in them.
fn challenges(field: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = field;
    while !rest.is_empty() {
        let at = rest.find([' ', '=']).expect("a scheme or a parameter");
        let (word, tail) = rest.split_at(at);
        assert!(!word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{field}");
        if let Some(parameters) = tail.strip_prefix(' ') {
            found.push(Challenge { scheme: word.to_owned(), parameters: Vec::new() });
            rest = parameters;
            continue;
        }
        let quoted = tail.strip_prefix("=\"").expect("a quoted string");
        let end = quoted.find('"').expect("its end");
        let parameters = &mut found.last_mut().expect("a scheme before its parameters").parameters;
        parameters.push((word.to_owned(), quoted[..end].to_owned()));
        rest = &quoted[end + 1..];
        if !rest.is_empty() {
            rest = rest.strip_prefix(", ").expect("a comma between");
        }
    }
    found
}

#[test]
fn the_reader_knows_what_a_challenge_is() {
    let read = challenges(r#"Bearer realm="a b", error="x", DPoP algs="ES256 PS256""#);
    assert_eq!(read.len(), 2);
    assert_eq!((read[0].scheme.as_str(), read[1].scheme.as_str()), ("Bearer", "DPoP"));
    assert_eq!(read[0].parameters, [("realm".into(), "a b".into()), ("error".into(), "x".into())]);
    for bad in ["Bearer", "Bearer realm=a", "Bearer realm=\"a\" error=\"b\"", "realm=\"a\""] {
        assert!(std::panic::catch_unwind(|| challenges(bad)).is_err(), "{bad}");
    }
}

/// Everything that the table says of refusals as such.
fn check(answer: &Message, had_credentials: bool, what: &str) {
    let status = answer.status();
    assert!(answer.all("x-fapi-interaction-id").len() == 1, "ERR-12 {what}");
    let read: Vec<_> = answer.all("www-authenticate").into_iter().flat_map(challenges).collect();
    assert!(status != 401 || !read.is_empty(), "ERR-1 {what}");
    if matches!(status, 401 | 403) {
        assert_eq!(answer.one("cache-control"), "no-store", "ERR-9 {what}");
    }
    assert_eq!(answer.one("content-type"), "application/problem+json", "ERR-10 {what}");
    assert_eq!(answer.json()["status"], status, "ERR-10 {what}");
    for challenge in &read {
        assert!(!challenge.parameters.is_empty(), "ERR-2 {what}");
        let mut names: Vec<_> = challenge.parameters.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), challenge.parameters.len(), "ERR-3 {what}");
        for (name, value) in &challenge.parameters {
            let is_text = |b: u8| matches!(b, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
            assert!(!value.is_empty() && value.bytes().all(is_text), "ERR-4 {what}");
            assert!(name != "scope" || value.split(' ').all(|scope| !scope.is_empty()), "ERR-5 {what}");
            assert!(name != "error" || had_credentials, "E1 {what}");
        }
    }
    assert!(answer.all("dpop-nonce").len() <= 1, "DPOP-19 {what}");
}

fn world() -> World {
    let routes = [
        route("/accounts", "GET, PUT", "scopes: [accounts, \"x:[~]\"]"),
        route("/payments", "POST", "any_scope: [payments, p2]\ngrants: [client_credentials]"),
        route("/strong", "GET", "scopes: [accounts]\nstep_up: { acr_values: [\"urn:a\", b], max_age: 5m }"),
        route("/consents/{id}", "GET", "scopes: [accounts]\nconsent: { parameter: id }"),
    ];
    Setup {
        server: format!("  workers: 2\n  public_origin: {ORIGIN}\n"),
        further: "dpop: { nonce: required }\n".to_owned(),
        routes: routes.concat(),
        ..Setup::default()
    }
    .start()
}

/// Words that a request may bring as its token, good ones for other places among them.
fn tokens() -> Vec<String> {
    let evil = "\\\"\r\n\u{20ac}\u{15f}, error=\"ok\"";
    let mut tokens: Vec<String> = [
        Token::good(),
        Token::good().claim("exp", NOW - 60),
        Token::good().claim("nbf", NOW + 600),
        Token::good().claim("iss", evil),
        Token::good().claim("aud", "elsewhere"),
        Token::good().claim("scope", "a  b"),
        Token::good().claim("jti", evil),
        Token::good().scope("none"),
        Token::good().scope("accounts x:[~] payments"),
        Token::good().claim("cnf", json!({"kid": "x"})),
        Token::good().claim("cnf", json!({"x5t#S256": thumbprint(&keys::ec())})),
        Token::good().claim("client_id", "a\u{7f}b"),
    ]
    .iter()
    .map(Token::mint)
    .collect();
    tokens.push(bound().1);
    let forged = tokens[0].rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    let words = ["", "a", "a.b.c", "a,b", "a b", "=", "abc==", "\u{0}", "\"", "%61", "é", &forged, &"x".repeat(9000)];
    tokens.extend(words.iter().map(ToString::to_string));
    tokens
}

#[test]
fn ten_thousand_bad_requests_get_answers_by_the_table() {
    let world = world();
    let (tokens, mut chance) = (tokens(), fastrand::Rng::with_seed(20_261_125));
    let (key, mine) = bound();
    let proofs = [String::new(), "a.b.c".to_owned(), Proof::good(&key, &mine).mint(), Proof::good(&key, "x").mint()];
    let methods = ["GET", "GET", "GET", "GET", "POST", "PUT", "POST", "DELETE", "OPTIONS", "get", "TRACE", "CONNECT"];
    let targets = [
        "/accounts",
        "/payments",
        "/strong",
        "/consents/c1",
        "/nowhere",
        "/a/../b",
        "/accounts?access_token=x",
        "/%zz",
    ];
    let schemes = [
        "Bearer ",
        "Bearer ",
        "Bearer ",
        "DPoP ",
        "DPoP ",
        "bearer  ",
        "dpop ",
        "Basic ",
        "Bearer\t",
        "Negotiate ",
        "",
        "Bearer",
    ];
    let mut seen = std::collections::BTreeSet::new();
    let mut client: Option<Client> = None;
    for n in 0..REQUESTS {
        let mut request = Request::new(chance.choice(methods).unwrap(), chance.choice(targets).unwrap());
        let fields = *chance.choice([0, 1, 1, 1, 1, 1, 1, 2].iter()).unwrap();
        for _ in 0..fields {
            let (scheme, token) = (chance.choice(schemes).unwrap(), chance.choice(&tokens).unwrap());
            request = request.field(&format!("authorization: {scheme}{token}"));
        }
        for _ in 0..*chance.choice([0, 1, 1, 2].iter()).unwrap() {
            request = request.field(&format!("dpop: {}", chance.choice(&proofs).unwrap()));
        }
        let what = format!("request {n}: {}", String::from_utf8_lossy(&request.bytes()));
        let answer = client.get_or_insert_with(|| world.client()).send(&request);
        assert_ne!(answer.status(), 500, "{what}");
        if answer.status() == 200 {
            // The one good token is among them, and opens what it may.
            assert!(tokens[..9].iter().any(|token| what.contains(token)), "{what}");
        } else {
            seen.insert(answer.json()["detail"].to_string());
            check(&answer, fields > 0 || what.contains("access_token"), &what);
        }
        if answer.get("connection").is_some_and(|value| value == "close") {
            client = None;
        }
    }
    assert!(world.upstream.hits() < REQUESTS / 10);
    assert!(seen.len() > 20, "too few kinds of refusal to show anything: {seen:#?}");
    let log = world.log();
    assert!(tokens.iter().filter(|token| token.len() > 20).all(|token| !log.contains(token.as_str())));
}

const REQUESTS: usize = 10_000;
