//! "Why was this refused?", asked of a running gateway and of its configuration alone. The same decision as for a request,
//! in words that need no source code, and nothing of the token.

use crate::support::client::Request;
use crate::support::explain::{about, live, offline, text, written};
use crate::support::gateway::{Setup, route};
use crate::support::keys::Key;
use crate::support::proofs::{Proof, bound, dpop, setup};
use crate::support::tls::{Caller, Identity};
use crate::support::tokens::{ISSUER, NOW, Token};
use serde_json::{Value, json};

#[test]
fn the_commonest_questions_are_answered() {
    let routes = [
        route("/accounts", "GET", "scopes: [accounts]\ngrants: [authorization_code]"),
        route("/cards", "GET", "scopes: [cards, accounts]\ngrants: [client_credentials]"),
    ];
    let world = Setup::routes(&routes).start();
    let stranger = Key::new("stranger");
    let elsewhere = Token::good().claim("iss", "https://other.example");
    for (token, reason, phrases) in [
        (Token::good().claim("exp", NOW - 184), "token_expired", &["3 min 4 s ago", "refresh token"][..]),
        (
            Token::good().claim("aud", "https://else.example"),
            "audience_wrong",
            &["aud is https://else.example", "accepted from bank are"],
        ),
        (Token::good().scope("payments"), "scope_missing", &["missing: accounts", "the customer must agree"]),
        (
            Token::good().claim("gty", "client_credentials"),
            "grant_wrong",
            &["needs authorization_code; found: client_credentials"],
        ),
        (
            Token::good().by(&stranger),
            "key_unknown",
            &["kid stranger is not among the keys of bank: ec", "publishes a key before"],
        ),
        (elsewhere, "issuer_unknown", &["iss is https://other.example; configured are", "test and production"]),
    ] {
        let said = text(&world, &about(&token)).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(&format!("because of {reason}")), "{reason}:\n{said}");
        for phrase in phrases.iter().chain(&["whose fault", "what to change"]) {
            assert!(said.contains(phrase), "{reason} does not say {phrase:?}:\n{said}");
        }
        assert_eq!(live(&world, &about(&token))["reason"], reason);
    }
    let scope = live(&world, &about(&Token::good().scope("payments")));
    assert_eq!(scope["missing_scopes"], json!(["accounts"]));
    assert_eq!(
        (&scope["fault"], &scope["status"], &scope["error"]),
        (&json!("client"), &json!(403), &json!("insufficient_scope"))
    );
    let missing = live(&world, &json!({"method": "GET", "path": "/accounts"}));
    assert_eq!((&missing["reason"], &missing["status"]), (&json!("token_missing"), &json!(401)));
    let old = live(&world, &about(&Token::good().by(&stranger).claim("exp", NOW - 3600)));
    assert!(old["notes"][0].as_str().unwrap().contains("has also expired"), "{old}");
    let method = live(&world, &json!({"method": "PUT", "path": "/accounts"}));
    assert_eq!(
        (&method["reason"], &method["because"]),
        (&json!("method_unknown"), &json!("the methods there are: GET"))
    );
    // Not only the first: one mending is enough.
    let both = live(&world, &json!({"method": "GET", "path": "/cards", "token": Token::good().mint()}));
    let decided: Vec<_> = both["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| (stage["name"].as_str().unwrap(), stage["decision"].as_str().unwrap()))
        .collect();
    assert_eq!(decided[decided.len() - 2..], [("grants", "refused"), ("scopes", "would_also_refuse")]);
    assert_eq!(both["reason"], "grant_wrong");
    assert_eq!(both["stages"][decided.len() - 1]["missing"], json!(["cards"]));
}

#[test]
fn what_only_the_running_gateway_knows_is_told() {
    let world = setup("{}").start();
    let revoked = json!({"issuer": ISSUER, "token_id": "token-1"});
    let revoke = Request::new("POST", "/revoke").field("content-type: application/json").body(revoked.to_string());
    let (key, token) = bound();
    let asked = |headers: Value| json!({"method": "GET", "path": "/accounts", "token": token, "headers": headers});
    // A proof is looked up and stays good for its request.
    let proof = Proof::good(&key, &token).mint();
    for _ in 0..2 {
        assert_eq!(live(&world, &asked(json!({"DPoP": proof})))["decision"], "let_through");
    }
    let before = world.admin("/metrics").text();
    let counted = |page: &str| {
        page.lines()
            .filter(|line| line.starts_with("scopegate_requests_total") || line.starts_with("scopegate_verdict"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(live(&world, &asked(json!({})))["reason"], "proof_avoided");
    assert_eq!(live(&world, &asked(json!({"authorization": ["Basic x"]})))["reason"], "token_twice");
    assert_eq!(counted(&before), counted(&world.admin("/metrics").text()), "nothing is counted, no verdict is kept");
    assert_eq!(world.send(&dpop(&token, &proof)).status(), 200);
    assert_eq!(live(&world, &asked(json!({"DPoP": proof})))["reason"], "proof_replayed");
    let alone = json!({"method": "GET", "path": "/accounts", "headers": {"authorization": format!("DPoP {token}")}});
    assert_eq!(live(&world, &alone)["reason"], "proof_missing");
    assert_eq!(world.ask_admin(&revoke).status(), 204);
    let said = text(&world, &about(&Token::good()));
    assert!(said.contains("because of token_revoked") && said.contains("deny-list"), "{said}");
    assert_eq!(world.upstream.hits(), 1);
}

#[test]
fn a_certificate_is_compared_with_the_one_that_the_token_is_bound_to() {
    let world = Setup::default().with_tls(", client_certificate: optional", &[]);
    let (mine, other) = (Identity::self_signed(|_| {}), Identity::self_signed(|_| {}));
    let token = mine.token().mint();
    for (shown, reason, found) in [
        (None, Some("sender_mismatch"), "no client certificate"),
        (Some(&other), Some("sender_mismatch"), "another client certificate"),
        (Some(&mine), None, "that client certificate"),
    ] {
        let pem = shown.map(Identity::pem);
        let told = live(&world, &json!({"method": "GET", "path": "/accounts", "token": token, "certificate": pem}));
        assert_eq!(told["reason"].as_str(), reason, "{told}");
        let sender = told["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == "sender").unwrap();
        assert!(sender["looked_at"].as_str().unwrap().contains(found), "{sender}");
        let sent = Caller::new(shown).send(&world, &Request::get("/accounts").token(&token));
        assert_eq!(sent.status() == 200, reason.is_none());
    }
}

/// Routes with every kind of demand.
fn every_kind() -> [String; 7] {
    [
        route("/accounts", "GET, POST", "scopes: [accounts]"),
        route("/accounts/{id}", "GET", "any_scope: [accounts, cards]\ngrants: [client_credentials]"),
        route(
            "/strong",
            "GET",
            "scopes: [accounts]\nstep_up: { acr_values: [otp], max_age: 1m }\nrequired_headers: [{ name: X-Request-ID, form: uuid }]",
        ),
        route("/consents/{consent_id}", "GET", "scopes: [accounts]\nconsent: { parameter: consent_id }"),
        route("/details", "GET", "authorization_details: { type: payment, actions: [initiate] }"),
        route("/hosted", "GET", "hosts: [api.bank.example]\nscopes: [accounts]"),
        route("/open", "GET", "access: open"),
    ]
}

/// Tokens that each of them lets through or not.
fn tokens() -> [String; 12] {
    let good = Token::good;
    [
        good().mint(),
        good().scope("payments").mint(),
        good().claim("gty", "client_credentials").mint(),
        good().claim("acr", "otp").claim("auth_time", NOW).claim("consent_id", "7").mint(),
        good().claim("authorization_details", json!([{"type": "payment", "actions": ["initiate"]}])).mint(),
        good().claim("exp", NOW).mint(),
        good().claim("aud", "x").mint(),
        good().by(&Key::new("stranger")).mint(),
        good().header("typ", "JWT").mint(),
        good().claim("cnf", json!({"jkt": "A".repeat(43)})).mint(),
        "opaque-token".to_owned(),
        "not a token".to_owned(),
    ]
}

/// Every token on every route: live, offline and by a request.
#[test]
fn all_three_decide_alike() {
    let world = Setup::routes(&every_kind()).start();
    let config = written(&world, &Setup::routes(&every_kind()));
    let tokens = tokens();
    let targets = [
        "/accounts",
        "/accounts/1",
        "/strong",
        "/consents/7",
        "/details",
        "/hosted",
        "/open",
        "/nowhere",
        "/accounts//1",
        "/accounts?access_token=a",
    ];
    let mut decided = Vec::new();
    for (row, token) in tokens.iter().enumerate() {
        for (column, target) in targets.iter().enumerate() {
            let n = row * targets.len() + column;
            let told = live(&world, &json!({"method": "GET", "path": target, "host": "localhost", "token": token}));
            let sent = world.send(
                &Request::get(target)
                    .host(Some("localhost"))
                    .field(&format!("authorization: Bearer {token}"))
                    .numbered(n),
            );
            decided.push((format!("{target}, token {row}"), told, sent.status(), token, target));
        }
    }
    for (n, (name, told, status, token, target)) in decided.into_iter().enumerate() {
        let line = world.log_line(n);
        let reason = line["reason"].as_str();
        assert_eq!(told["reason"].as_str(), reason, "{name}: {told}");
        if reason.is_some() {
            assert_eq!(told["status"], status, "{name}");
        }
        // A process each: one of five is enough to see that it is the same engine.
        if n % 5 == 0 {
            let output = offline(&config, &["GET", target, "--host", "localhost", "--json"], token);
            let told: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(told["reason"].as_str(), reason, "offline: {name}: {told}");
            assert_eq!(output.status.code(), Some(i32::from(reason.is_some())));
        }
    }
}
