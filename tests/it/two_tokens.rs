//! A regime of two tokens (ÖHVPS §3.9; TR-1): the client's own in `Authorization`, the customer's in a field of its own.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::keys::Key;
use crate::support::proofs::{Proof, setup, thumbprint};
use crate::support::tokens::{ISSUER, NOW, Token};
use serde_json::json;

const TERMS: &str = "scopes: [hesap_bilgisi]\ngrants: [authorization_code]\n\
                     customer_token: { header: X-Access-Token, client_scopes: [gateway] }";

fn routes() -> String {
    [
        route("/hesaplar", "GET", TERMS),
        route("/rizalar", "POST", "scopes: [gateway]\ngrants: [client_credentials]"),
        route("/open", "GET", "access: open"),
    ]
    .concat()
}

fn world() -> World {
    Setup { routes: routes(), ..Setup::default() }.start()
}

fn clients() -> Token {
    Token::good().scope("gateway").claim("gty", "client_credentials").claim("sub", "tpp-1")
}

fn customers() -> Token {
    Token::good().scope("hesap_bilgisi")
}

fn get(client: &Token, customer: &Token) -> Request {
    Request::get("/hesaplar").token(&client.mint()).field(&format!("x-access-token: {}", customer.mint()))
}

#[test]
fn both_tokens_open_the_route_and_neither_goes_further() {
    let world = world();
    for _ in 0..2 {
        let answer = world.send(&get(&clients(), &customers()));
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let request = world.upstream.last();
        assert_eq!(request.one("x-auth-scope"), "hesap_bilgisi");
        assert_eq!(request.one("x-auth-subject-type"), "user");
        assert_eq!((request.get("authorization"), request.get("x-access-token")), (None, None));
    }
    // The field means a token on every route, so it is forwarded on none.
    let consent = Request::new("POST", "/rizalar").token(&clients().mint()).field("x-access-token: secret");
    assert_eq!(world.send(&consent).status(), 200);
    assert_eq!(world.send(&Request::get("/open").field("X-Access-Token: secret")).status(), 200);
    assert!(world.upstream.requests().iter().all(|request| request.get("x-access-token").is_none()));
}

#[test]
fn each_token_must_be_what_its_place_asks_for() {
    let world = world();
    let expired = |token: Token| token.claim("exp", NOW - 60);
    let only = |token: &Token| Request::get("/hesaplar").token(&token.mint());
    let field = |value: &str| only(&clients()).field(&format!("x-access-token: {value}"));
    let customer = customers().mint();
    for (n, (name, request, status, reason)) in [
        ("neither", Request::get("/hesaplar"), 401, "token_missing"),
        ("the client's alone", only(&clients()), 401, "customer_token_missing"),
        (
            "the customer's alone, in its field",
            Request::get("/hesaplar").field(&format!("x-access-token: {customer}")),
            401,
            "token_missing",
        ),
        ("the customer's alone, as a bearer token", only(&customers()), 401, "customer_token_missing"),
        ("the customer's in both places", get(&customers(), &customers()), 403, "grant_wrong"),
        ("the client's in both places", get(&clients(), &clients()), 403, "grant_wrong"),
        ("in each other's place", get(&customers(), &clients()), 403, "grant_wrong"),
        ("the client's expired", get(&expired(clients()), &customers()), 401, "token_expired"),
        ("the customer's expired", get(&clients(), &expired(customers())), 401, "token_expired"),
        ("the client's without its scope", get(&clients().scope("x"), &customers()), 403, "scope_missing"),
        ("the customer's without its scope", get(&clients(), &customers().scope("gateway")), 403, "scope_missing"),
        (
            "another client's",
            get(&clients().claim("client_id", "tpp-2").claim("sub", "tpp-2"), &customers()),
            403,
            "client_mismatch",
        ),
        ("two in the field", field(&customer).field(&format!("x-access-token: {customer}")), 400, "token_twice"),
        ("a scheme in the field", field(&format!("Bearer {customer}")), 400, "token_malformed"),
        ("nothing in the field", field(""), 400, "token_malformed"),
        ("no token in the field", field("a.b.c"), 401, "token_unreadable"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = world.send(&request.numbered(n));
        assert_eq!(answer.status(), status, "{name}: {}", answer.text());
        assert_eq!(world.log_line(n)["reason"], reason, "{name}");
        assert_eq!(answer.get("www-authenticate").is_some(), status != 403 || reason == "scope_missing", "{name}");
    }
    assert_eq!(world.upstream.hits(), 0);
    assert!(!world.log().contains(&customer));
}

/// Two issuers may know clients by the same id.
#[test]
fn the_same_id_at_another_issuer_is_another_client() {
    let other = "https://other.bank.example";
    let issuers = [issuer("bank", ISSUER, "{ file: jwks.json }"), issuer("other", other, "{ file: jwks.json }")];
    let world = Setup { routes: routes(), ..Setup::issuers(&issuers) }.start();
    assert_eq!(world.send(&get(&clients().claim("iss", other), &customers())).status(), 403);
    assert_eq!(world.send(&get(&clients().claim("iss", other), &customers().claim("iss", other))).status(), 200);
}

/// Each token is in its sender's hands: the client's with its proof; a proof is made for one token only, so a customer's
/// token that is bound to a key cannot be proven here.
#[test]
fn bound_tokens_are_proven_in_their_place() {
    let mut setup = setup("{}");
    setup.routes = routes();
    let world = setup.start();
    let key = Key::new("client");
    let bound = |token: Token| token.claim("cnf", json!({"jkt": thumbprint(&key)}));
    let client = bound(clients()).mint();
    let uri = "https://api.bank.example/hesaplar";
    let ask = |customer: &Token, proof: &str| {
        let request = Request::get("/hesaplar").field(&format!("authorization: DPoP {client}"));
        world.send(&request.field(&format!("x-access-token: {}", customer.mint())).field(&format!("dpop: {proof}")))
    };
    let proof = || Proof::good(&key, &client).claim("htu", uri).mint();
    assert_eq!(ask(&customers(), &proof()).status(), 200);
    let answer = ask(&bound(customers()), &proof());
    assert_eq!(answer.status(), 401);
    let replayed = proof();
    assert_eq!(ask(&customers(), &replayed).status(), 200);
    assert_eq!(ask(&customers(), &replayed).status(), 401);
}
