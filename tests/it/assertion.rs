//! ASSERT (HTTP-26): what an API can verify without trusting the network in between, and what it is never given.

use crate::support::assertions::{ids, last, of, published, setup, verify};
use crate::support::client::Request;
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::server::Server;
use crate::support::tokens::{AUDIENCE, NOW, Token};
use serde_json::json;
use std::time::Duration;

fn signed(world: &World) -> f64 {
    world.metric("scopegate_assertions_signed_total")
}

fn count(world: &World, expected: f64, what: &str) {
    assert!((signed(world) - expected).abs() < 0.5, "{what}: {} were signed", signed(world));
}

#[test]
fn an_api_learns_whose_request_was_permitted_for_what() {
    let world = setup("{}").start();
    let token = Token::good().claim("consent_id", "consent-7");
    assert_eq!(world.get("/accounts/a%C3%BC-1?q=canary&q=2", &token).status(), 200);
    let seen = world.upstream.last();
    let asserted = last(&world);
    let kid = asserted.header["kid"].as_str().unwrap();
    assert_eq!(asserted.header, json!({"alg": "ES256", "typ": "scopegate-assertion+jwt", "kid": kid}));
    assert_eq!((ids(&published(&world)), kid.len()), (vec![kid], 43));
    let expected = json!({
        "iss": "scopegate", "aud": "api", "iat": NOW, "exp": NOW + 30, "host": "api.bank.example", "method": "GET", "path": "/accounts/a%C3%BC-1",
        "client_id": "tpp-1", "sub": "customer-1", "subject_type": "user", "scope": "accounts payments",
        "grant": "authorization_code", "consent_id": "consent-7", "token_iss": "https://auth.bank.example",
        "token_id": "token-1"
    });
    assert_eq!(asserted.claims, expected);
    // The claims are the identity headers under other names.
    assert_eq!(seen.one("x-auth-subject"), asserted.claims["sub"]);
}

/// RFC 9700 §4.15: a client is never a customer.
#[test]
fn a_clients_own_token_asserts_no_subject() {
    let world = setup("{}").start();
    world.get("/accounts", &Token::good().claim("gty", "client_credentials"));
    let claims = last(&world).claims;
    assert_eq!((claims.get("sub"), &claims["subject_type"]), (None, &json!("client")));
    // `sub` and `client_id` are who the issuer says, whatever stands in them.
    world.get("/accounts", &Token::good().claim("sub", "a\"b\\c").claim("client_id", "{\"iss\":1}"));
    let claims = last(&world).claims;
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("a\"b\\c"), &json!("{\"iss\":1}")));
}

#[test]
fn it_is_for_one_method_one_path_and_one_api() {
    let routes = [
        route("/accounts/{id}", "GET, HEAD, DELETE", "scopes: [accounts]"),
        route("/other", "GET", "scopes: [accounts]").replace("upstream: api", "upstream: other"),
    ];
    let other = Server::echo();
    let upstream = format!(
        "    audience: https://accounts.bank.example\n  - name: other\n    servers: [\"http://{}\"]\n",
        other.address()
    );
    let further = "assertion: { issuer: https://gate.example }\n".to_owned();
    let world = Setup { upstream, further, ..Setup::routes(&routes) }.start();
    let token = Token::good().mint();
    let mut client = world.client();
    let mut all = Vec::new();
    for (method, path) in
        [("GET", "/accounts/1"), ("HEAD", "/accounts/1"), ("DELETE", "/accounts/1"), ("GET", "/accounts/2")]
    {
        assert_eq!(client.send(&Request::new(method, path).token(&token)).status(), 200);
        let claims = last(&world).claims;
        assert_eq!((&claims["method"], &claims["path"]), (&json!(method), &json!(path)));
        assert_eq!(
            (&claims["iss"], &claims["aud"]),
            (&json!("https://gate.example"), &json!("https://accounts.bank.example"))
        );
        all.push(of(&world.upstream.last()));
    }
    client.send(&Request::get("/accounts/1").host(Some("Other.Example:8080")).token(&token));
    assert_eq!(last(&world).claims["host"], "other.example", "routes can be of one host");
    all.push(of(&world.upstream.last()));
    client.send(&Request::get("/other").token(&token));
    let jwt = of(&other.only());
    assert_eq!(verify(&jwt, &published(&world)).unwrap().claims["aud"], "other", "by default its name");
    all.push(jwt);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6);
}

/// The warm path: one client asks one thing over and over.
#[test]
fn it_is_repeated_while_it_is_young() {
    let world = setup("{ lifetime: 30s }").start();
    let token = Token::good().mint();
    let request = Request::get("/accounts/1").token(&token);
    let mut client = world.client();
    let mut ask = |request: &Request| {
        assert_eq!(client.send(request).status(), 200);
        of(&world.upstream.last())
    };
    let first = ask(&request);
    for _ in 0..5 {
        assert_eq!(ask(&request), first);
    }
    assert_eq!(ask(&Request::get("/accounts/1?page=2").token(&token)), first, "a query is not bound");
    world.send(&request);
    assert_eq!(of(&world.upstream.last()), first, "another connection");
    count(&world, 1.0, "one request");
    world.clock.advance(Duration::from_secs(14));
    assert_eq!(ask(&request), first, "more than half of it is left");
    world.clock.advance(Duration::from_secs(1));
    let second = ask(&request);
    assert_ne!(second, first);
    let claims = verify(&second, &published(&world)).unwrap().claims;
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW + 15), &json!(NOW + 45)));
    count(&world, 2.0, "half a life later");
    world.reload(&setup("{ lifetime: 31s }")).unwrap();
    let third = verify(&ask(&request), &published(&world)).unwrap().claims;
    assert_eq!(third["exp"], json!(NOW + 15 + 31), "other settings");
}

/// Two tokens that differ in anything never share one, on whichever connection they come.
#[test]
fn nobody_is_given_anothers() {
    let world = setup("{}").start();
    let tokens = [
        Token::good(),
        Token::good().claim("jti", "token-2"),
        Token::good().claim("sub", "customer-2"),
        Token::good().claim("client_id", "tpp-2"),
        Token::good().scope("accounts"),
        Token::good().claim("consent_id", "c"),
        Token::good().claim("exp", NOW + 299),
    ]
    .map(|token| token.mint());
    let mut client = world.client();
    let mut first: Vec<String> = Vec::new();
    for round in 0..3 {
        for (n, token) in tokens.iter().enumerate() {
            assert_eq!(client.send(&Request::get("/accounts").token(token)).status(), 200);
            let seen = world.upstream.last();
            let jwt = of(&seen);
            let claims = verify(&jwt, &published(&world)).unwrap().claims;
            assert_eq!(
                (seen.one("x-auth-subject"), seen.one("x-auth-client-id")),
                (claims["sub"].as_str().unwrap(), claims["client_id"].as_str().unwrap())
            );
            assert_eq!(
                (seen.one("x-auth-token-id"), seen.one("x-auth-scope")),
                (claims["token_id"].as_str().unwrap(), claims["scope"].as_str().unwrap())
            );
            if round == 0 {
                assert!(!first.contains(&jwt), "{n}");
                first.push(jwt);
            } else {
                assert_eq!(jwt, first[n]);
            }
        }
    }
    count(&world, 7.0, "seven tokens");
}

/// The lifetime at its bounds; one second past them is a fault of the configuration.
#[test]
fn it_ends_with_its_lifetime_or_with_its_token() {
    for seconds in [5, 300] {
        let world = setup(&format!("{{ lifetime: {seconds}s }}")).start();
        world.get("/accounts", &Token::good().claim("exp", NOW + 3_000));
        assert_eq!(last(&world).claims["exp"], json!(NOW + seconds));
    }
    let world = setup("{}").start();
    let token = Token::good().claim("exp", NOW + 10);
    let mut ends = Vec::new();
    for _ in 0..14 {
        assert_eq!(world.get("/accounts", &token).status(), 200);
        let claims = last(&world).claims;
        ends.push(claims["exp"].as_i64().unwrap());
        assert!(claims["exp"].as_i64().unwrap() > world.clock.now().0);
        world.clock.advance(Duration::from_secs(1));
    }
    // The token's `exp` with the 5 s that are forgiven on it: as long as it is accepted here.
    assert!(ends.iter().all(|end| *end == NOW + 15), "{ends:?}");
    world.clock.advance(Duration::from_secs(1));
    let before = world.upstream.hits();
    assert_eq!((world.get("/accounts", &token).status(), world.upstream.hits()), (401, before));
}

#[test]
fn a_revoked_token_is_vouched_for_no_more() {
    let world = setup("{}").start();
    let request = Request::get("/accounts").token(&Token::good().mint());
    let mut client = world.client();
    assert_eq!(client.send(&request).status(), 200);
    let body = json!({"issuer": "https://auth.bank.example", "token_id": "token-1"}).to_string();
    let revoke = Request::new("POST", "/revoke").field("content-type: application/json").body(body);
    assert_eq!(world.ask_admin(&revoke).status(), 204);
    assert_eq!((client.send(&request).status(), world.upstream.hits()), (401, 1));
    for refused in
        [Token::good().scope("payments"), Token::good().claim("exp", NOW - 99), Token::good().claim("aud", "x")]
    {
        assert!(world.get("/accounts", &refused).status() >= 401);
    }
    assert_eq!(world.upstream.hits(), 1);
    count(&world, 1.0, "refusals");
}

/// HTTP-25: whatever a client sends under the name, in any spelling, the API sees one assertion, and it is ours.
#[test]
fn a_clients_own_assertion_never_gets_through() {
    let stolen = {
        let other = setup("{}").start();
        other.get("/accounts", &Token::good());
        of(&other.upstream.last())
    };
    let names = [
        "X-Auth-Assertion",
        "x-auth-assertion",
        "X_Auth_Assertion",
        "x-auth_assertion",
        "X.Auth.Assertion",
        "X-Auth-Gate-Assertion",
    ];
    for (section, is_on) in
        [("assertion: {}\n", true), ("assertion: { header: X-Auth-Gate-Assertion }\n", true), ("", false)]
    {
        let world = Setup { further: section.to_owned(), ..Setup::default() }.start();
        for name in names {
            for path in ["/accounts", "/open/x"] {
                let request = Request::get(path)
                    .field(&format!("{name}: {stolen}"))
                    .field(&format!("connection: {name}"))
                    .token(&Token::good().mint())
                    .field(&format!("{name}: {stolen}"));
                assert_eq!(world.send(&request).status(), 200, "{name}");
                let seen = world.upstream.last();
                assert!(!String::from_utf8_lossy(&seen.raw).contains(&stolen), "{name} in {section}");
                let ours = seen.fields.iter().filter(|(name, _)| name.ends_with("assertion")).count();
                assert_eq!(ours, usize::from(is_on && path == "/accounts"), "{name} in {section}");
            }
        }
    }
}

#[test]
fn nothing_is_asserted_that_nobody_asked_for() {
    let world = Setup { upstream: "    assertion: false\n".to_owned(), ..setup("{}") }.start();
    assert_eq!(world.get("/accounts", &Token::good()).status(), 200);
    assert!(world.upstream.last().all("x-auth-assertion").is_empty(), "this API wants none");
    // On an open route nobody was looked at, so nobody is vouched for.
    let world = Setup { upstream: "    assertion: true\n".to_owned(), ..setup("{}") }.start();
    assert_eq!(world.get("/open/x", &Token::good()).status(), 200);
    assert!(world.upstream.last().all("x-auth-assertion").is_empty());
    count(&world, 0.0, "open routes");
    let world = World::start();
    world.get("/accounts", &Token::good());
    assert!(world.upstream.last().all("x-auth-assertion").is_empty());
    let answer = world.admin("/jwks.json");
    assert_eq!((answer.status(), answer.one("cache-control")), (404, "no-store"));
}

/// JWT-18, RFC 8725 §3.11: neither kind is ever taken for the other, even by a gateway that trusts the very keys.
#[test]
fn an_assertion_is_no_access_token() {
    let audience = format!("    audience: {AUDIENCE}\n");
    let first = Setup { upstream: audience, ..setup("{ issuer: https://gate.example }") }.start();
    first.get("/accounts", &Token::good());
    let (jwt, set) = (of(&first.upstream.last()), published(&first).to_string());
    for typ in ["at+jwt", "legacy"] {
        let entry = issuer("gate", "https://gate.example", "{ file: gate.json }");
        let issuers = entry + &format!("    typ: {typ}\n    required_claims: []\n");
        let second = Setup { issuers, ..Setup::default() }.with_files(&[("gate.json", set.clone())]);
        second.refuses(&[(typ, jwt.clone(), "type_wrong")]);
    }
}

#[test]
fn nothing_of_it_is_told_to_anybody_else() {
    let mut world = setup("{}").start();
    let answer = world.get("/accounts/canary-account?canary-query", &Token::good().claim("sub", "canary-subject"));
    let jwt = of(&world.upstream.last());
    let shown = [
        world.admin("/metrics").text(),
        world.admin("/jwks.json").text(),
        String::from_utf8_lossy(&answer.raw).into_owned(),
    ];
    world.drain();
    let log = world.log();
    assert!(!log.is_empty());
    for part in jwt.split('.').chain(["canary-subject", "canary-query"]) {
        assert!(!shown[..2].iter().chain([&log]).any(|text| text.contains(part)), "{part}");
    }
    assert!(!shown[2].contains(&jwt) && !shown[2].contains("assertion"), "nor to the client");
}
