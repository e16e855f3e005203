//! AUTHORIZE over the wire: scopes, grants, issuers per route, open routes (E15, E16).

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::tokens::{ISSUER, Token};

fn scoped(scope: &str) -> String {
    Token::good().scope(scope).mint()
}

#[test]
fn scopes_are_exact_tokens_in_any_order() {
    let world = Setup::routes(&[
        route("/all", "GET", "scopes: [accounts, \"accounts:read\"]"),
        route("/any", "GET", "any_scope: [payments, \"payments:write\"]"),
        route("/both", "GET", "scopes: [accounts]\nany_scope: [payments, funds]"),
    ])
    .start();
    let challenge = |scopes: &str| {
        format!(
            "Bearer realm=\"bank\", error=\"insufficient_scope\", \
             error_description=\"The access token does not cover this resource\", scope=\"{scopes}\""
        )
    };
    let rows = [
        ("/all", "accounts", "accounts accounts:read"),
        ("/all", "accounts:read", "accounts accounts:read"),
        ("/all", "Accounts accounts:read", "accounts accounts:read"),
        ("/all", "account accounts:read", "accounts accounts:read"),
        ("/all", "accountsx accounts:read", "accounts accounts:read"),
        ("/all", "xaccounts accounts:read", "accounts accounts:read"),
        ("/all", "accounts:write accounts:readx", "accounts accounts:read"),
        ("/all", "", "accounts accounts:read"),
        ("/any", "payment", "payments payments:write"),
        ("/any", "payments:read", "payments payments:write"),
        ("/any", "accounts", "payments payments:write"),
        ("/both", "accounts", "accounts payments funds"),
        ("/both", "payments funds", "accounts payments funds"),
    ];
    for (n, (path, scope, needed)) in rows.into_iter().enumerate() {
        let answer = world.send(&Request::get(path).token(&scoped(scope)).numbered(n));
        assert_eq!(
            (answer.status(), answer.one("www-authenticate")),
            (403, challenge(needed).as_str()),
            "{path} {scope}"
        );
    }
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(world.log_line(n)["reason"], "scope_missing", "{row:?}");
    }
    let none = Token::good().without("scope").mint();
    assert_eq!(world.send(&Request::get("/any").token(&none)).status(), 403);
    assert_eq!(world.upstream.hits(), 0);
    for (path, scope) in [
        ("/all", "accounts:read accounts"),
        ("/all", "x accounts y accounts:read accounts"),
        ("/any", "payments"),
        ("/any", "x payments:write"),
        ("/both", "funds accounts"),
    ] {
        assert_eq!(world.send(&Request::get(path).token(&scoped(scope))).status(), 200, "{path} {scope}");
    }
}

/// E16: right scope, wrong grant: 403 without an OAuth error.
#[test]
fn a_token_of_another_grant_is_refused() {
    let world = Setup::routes(&[
        route("/accounts", "GET", "scopes: [accounts]\ngrants: [authorization_code]"),
        route("/consents", "POST", "scopes: [accounts]\ngrants: [client_credentials]"),
        route("/either", "GET", "scopes: [accounts]"),
    ])
    .start();
    let of = |grant: &str| Token::good().claim("gty", grant);
    let client = Token::good().without("gty").claim("sub", "tpp-1");
    let unknown = Token::good().without("gty");
    let rows = [
        ("a client's token on a customer's route", "GET", "/accounts", of("client_credentials")),
        ("sub equal to client_id is the client", "GET", "/accounts", client.clone()),
        ("a customer's token on a client's route", "POST", "/consents", of("authorization_code")),
        ("no grant claim: unknown", "GET", "/accounts", unknown.clone()),
        ("no grant claim: unknown there too", "POST", "/consents", unknown.clone()),
        ("a grant that no route can ask for", "GET", "/accounts", of("password")),
        ("another case", "GET", "/accounts", of("Authorization_Code")),
    ];
    for (n, (name, method, path, token)) in rows.iter().enumerate() {
        let answer = world.send(&Request::new(method, path).token(&token.mint()).numbered(n));
        assert_eq!((answer.status(), answer.get("www-authenticate")), (403, None), "{name}");
    }
    for (n, (name, ..)) in rows.iter().enumerate() {
        assert_eq!(world.log_line(n)["reason"], "grant_wrong", "{name}");
    }
    assert_eq!(world.upstream.hits(), 0);
    for (method, path, token) in [
        ("GET", "/accounts", of("authorization_code")),
        ("POST", "/consents", of("client_credentials")),
        ("POST", "/consents", client),
        ("GET", "/either", unknown),
        ("GET", "/either", of("password")),
    ] {
        assert_eq!(world.send(&Request::new(method, path).token(&token.mint())).status(), 200, "{method} {path}");
    }
}

#[test]
fn a_route_may_accept_some_issuers_only() {
    let other = "https://auth.other.example";
    let setup = Setup {
        routes: [
            route("/accounts", "GET", "scopes: [accounts]\nissuers: [bank]"),
            route("/both", "GET", "scopes: [accounts]"),
        ]
        .concat(),
        ..Setup::issuers(&[
            issuer("bank", ISSUER, "{ file: jwks.json }"),
            issuer("other", other, "{ file: jwks.json }"),
        ])
    };
    let world = setup.start();
    let foreign = Token::good().claim("iss", other);
    world.refuses(&[("the other's token", foreign.mint(), "issuer_unknown")]);
    assert_eq!(world.get("/both", &foreign).status(), 200);
    world.refuses(&[("the same, remembered by now", foreign.mint(), "issuer_unknown")]);
    world.accepts(&[("ours", Token::good().mint())]);
}

#[test]
fn an_open_route_asks_for_no_token_and_claims_no_identity() {
    let world = World::start();
    for request in [
        Request::get("/open/a"),
        Request::get("/open/a").token("garbage"),
        Request::get("/open/a").token(&Token::good().mint()),
        Request::get("/open/a").field("x-auth-subject: root").field("x_auth_subject: root"),
    ] {
        assert_eq!(world.send(&request).status(), 200);
        let seen = world.upstream.last();
        assert!(seen.fields.iter().all(|(name, _)| !name.contains("auth")), "{:?}", seen.fields);
    }
    assert_eq!(world.send(&Request::new("DELETE", "/open/a")).status(), 405);
}

/// SCOPE-3, over the wire: `scp` counts only where the issuer's entry names it.
#[test]
fn a_vendors_claim_of_scopes_counts_where_it_is_configured() {
    let with = |names: &str| {
        let entry = issuer("bank", ISSUER, "{ file: jwks.json }");
        let entry = entry.replace("grant: gty,", &format!("grant: gty,{names}"));
        Setup::issuers(&[entry]).start()
    };
    let scp = || Token::good().without("scope").claim("scp", serde_json::json!(["accounts", "x"]));
    assert_eq!(with("").get("/accounts", &scp()).status(), 403);
    let world = with(" scopes: scp,");
    let answer = world.get("/accounts", &scp());
    assert_eq!(answer.status(), 200);
    assert_eq!(world.upstream.last().one("x-auth-scope"), "accounts x");
    world.accepts(&[("both alike", scp().scope("x accounts").mint()), ("scope alone", Token::good().mint())]);
    world.refuses(&[("they differ", scp().scope("accounts").mint(), "claim_invalid")]);
}
