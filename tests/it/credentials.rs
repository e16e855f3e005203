//! CREDENTIALS over the wire: one token in one place, or a refusal whose challenge says which (error table E1 to E6).

use crate::support::client::{Client, Request};
use crate::support::gateway::World;
use crate::support::tokens::Token;

const BARE: &str = "Bearer realm=\"bank\"";
const TWICE: &str =
    "Bearer realm=\"bank\", error=\"invalid_request\", error_description=\"The access token was sent more than once\"";
const MALFORMED: &str = "Bearer realm=\"bank\", error=\"invalid_request\", error_description=\"The Authorization header is not a scheme followed by one token\"";
const IN_QUERY: &str = "Bearer realm=\"bank\", error=\"invalid_request\", error_description=\"An access token in the query string is not accepted; use the Authorization header\"";

#[test]
fn everything_but_one_bearer_token_in_the_header_is_refused() {
    let world = World::start();
    let good = Token::good().mint();
    let get = |target: &str| Request::get(target);
    let with = |value: &str| get("/accounts").field(&format!("authorization: {value}"));
    let bearer = with(&format!("Bearer {good}"));
    let rows = [
        ("E1 no credentials", get("/accounts"), 401, BARE, "token_missing"),
        ("E2 basic", with("Basic YTpi"), 401, BARE, "token_missing"),
        ("E2 negotiate", with("Negotiate abc"), 401, BARE, "token_missing"),
        ("E2 dpop scheme", with(&format!("DPoP {good}")), 401, BARE, "token_missing"),
        ("E2 empty value", with(""), 401, BARE, "token_missing"),
        ("E2 bearer as a prefix of another scheme", with(&format!("Bearerx {good}")), 401, BARE, "token_missing"),
        ("E3 scheme alone", with("Bearer"), 400, MALFORMED, "token_malformed"),
        ("E3 scheme and a space", with("Bearer "), 400, MALFORMED, "token_malformed"),
        ("E3 tab separator", with(&format!("Bearer\t{good}")), 400, MALFORMED, "token_malformed"),
        ("E3 two tokens", with(&format!("Bearer {good} {good}")), 400, MALFORMED, "token_malformed"),
        ("E3 a list", with(&format!("Bearer {good}, Bearer {good}")), 400, MALFORMED, "token_malformed"),
        ("E3 a parameter", with(&format!("Bearer {good}, x=y")), 400, MALFORMED, "token_malformed"),
        ("E3 padding inside", with("Bearer a=b"), 400, MALFORMED, "token_malformed"),
        ("E3 quotes", with(&format!("Bearer \"{good}\"")), 400, MALFORMED, "token_malformed"),
        ("E3 octets above 7F", with("Bearer ab\u{e7}"), 400, MALFORMED, "token_malformed"),
        ("E3 one byte too long", with(&format!("Bearer {}", "a".repeat(8193))), 400, MALFORMED, "token_malformed"),
        // Envoy#12089, gears-rust#4121: neither the first nor the last one.
        ("E4 two fields", bearer.clone().token(&good), 400, TWICE, "token_twice"),
        ("E4 basic and bearer", bearer.clone().field("Authorization: Basic YTpi"), 400, TWICE, "token_twice"),
        ("E4 bearer and dpop", bearer.clone().field("AUTHORIZATION: DPoP abc"), 400, TWICE, "token_twice"),
        ("E5 header and query", get(&format!("/accounts?access_token={good}")).token(&good), 400, TWICE, "token_twice"),
        ("E6 query", get(&format!("/accounts?access_token={good}")), 400, IN_QUERY, "token_in_query"),
        ("E6 not first", get("/accounts?a=1&access_token=x"), 400, IN_QUERY, "token_in_query"),
        ("E6 empty", get("/accounts?access_token="), 400, IN_QUERY, "token_in_query"),
        ("E6 encoded name", get("/accounts?access%5Ftoken=x"), 400, IN_QUERY, "token_in_query"),
        ("E6 encoded letter", get("/accounts?%61ccess_token=x"), 400, IN_QUERY, "token_in_query"),
        ("E6 semicolon", get("/accounts?a;access_token=x"), 400, IN_QUERY, "token_in_query"),
        ("E6 upper case", get("/accounts?ACCESS_TOKEN=x"), 400, IN_QUERY, "token_in_query"),
        ("E6 where there is no route", get("/nowhere?access_token=x"), 400, IN_QUERY, "token_in_query"),
        ("E6 on an open route", get("/open/a?access_token=x"), 400, IN_QUERY, "token_in_query"),
    ];
    for (n, (name, request, status, challenge, _)) in rows.iter().enumerate() {
        let answer = world.send(&request.clone().numbered(n));
        assert_eq!((answer.status(), answer.one("www-authenticate")), (*status, *challenge), "{name}");
        assert_eq!(answer.one("cache-control"), "no-store", "{name}");
        assert_eq!(answer.one("content-type"), "application/problem+json", "{name}");
        assert_eq!(answer.json()["status"], *status, "{name}");
    }
    for (n, (name, .., reason)) in rows.iter().enumerate() {
        assert_eq!(world.log_line(n)["reason"], *reason, "{name}");
    }
    assert_eq!(world.upstream.hits(), 0);
    assert!(!world.log().contains(&good[..40]), "a token is in the log");
}

#[test]
fn the_scheme_has_any_case_and_any_number_of_spaces() {
    let world = World::start();
    let token = Token::good().mint();
    for scheme in ["Bearer ", "bearer ", "BEARER ", "bEaReR   "] {
        let answer = world.send(&Request::get("/accounts").field(&format!("AuThOrIzAtIoN: {scheme}{token}")));
        assert_eq!(answer.status(), 200, "{scheme:?}");
    }
    assert!(world.upstream.requests().iter().all(|request| request.all("authorization").is_empty()));
}

#[test]
fn a_token_in_a_form_body_is_no_token_and_the_body_is_not_read() {
    let world = World::start();
    let mut client = world.client();
    // The body never comes: the answer must not wait for it (BEAR-4, HTTP-19).
    client.write(
        "POST /payments HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: 20\r\nexpect: 100-continue\r\n\r\n",
    );
    let answer = client.next().unwrap();
    assert_eq!((answer.status(), answer.one("www-authenticate")), (401, BARE));
    assert_eq!(world.upstream.hits(), 0);
}

#[test]
fn every_request_of_a_connection_needs_its_own_token() {
    let world = World::start();
    let mut client = world.client();
    let good = Request::get("/accounts").token(&Token::good().mint());
    assert_eq!(client.send(&good).status(), 200);
    assert_eq!(client.send(&Request::get("/accounts")).status(), 401);
    assert_eq!(client.send(&Request::new("HEAD", "/accounts")).status(), 401);
    assert_eq!(client.send(&good).status(), 200);
    assert_eq!(world.upstream.hits(), 2);
}

#[test]
fn a_token_in_a_trailer_or_a_cookie_is_no_token() {
    let world = World::start();
    let token = Token::good().mint();
    let mut client = world.client();
    client.write(format!(
        "POST /payments HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntrailer: authorization\r\n\r\n\
         0\r\nauthorization: Bearer {token}\r\n\r\n"
    ));
    assert_eq!(client.answer().status(), 401);
    for field in
        ["cookie: access_token=", "x-access-token: ", "proxy-authorization: Bearer ", "x-authorization: Bearer "]
    {
        let answer = world.send(&Request::get("/accounts").field(&format!("{field}{token}")));
        assert_eq!(answer.one("www-authenticate"), BARE, "{field}");
    }
    assert_eq!(world.upstream.hits(), 0);
}

/// BEAR-10: what comes later in the head counts, even when it comes in another packet.
#[test]
fn a_second_authorization_field_in_a_later_packet_still_counts() {
    let world = World::start();
    let token = Token::good().mint();
    let mut client: Client = world.client();
    client.write(format!("GET /accounts HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n"));
    std::thread::yield_now();
    client.write(format!("x-pad: {}\r\nauthorization: Bearer {token}\r\n\r\n", "p".repeat(4000)));
    assert_eq!(client.answer().status(), 400);
    assert_eq!(world.upstream.hits(), 0);
}
