//! AUTHORIZE over the wire, beyond scopes: audience, consent, step-up, details (AT-7, SCOPE-5, BG-2, STEP-1, STEP-2,
//! RAR-1, E17, E18). Each row is one token on one route; refusals outnumber passes.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, issuer, route};
use crate::support::tokens::{AUDIENCE, ISSUER, NOW, Token};
use serde_json::json;
use std::time::Duration;

const AISP: &str = "https://api.bank.example/aisp";
const PISP: &str = "https://api.bank.example/pisp";

struct Row {
    name: &'static str,
    request: Request,
    token: Token,
    /// Status and reason; `None`: it passes.
    refused: Option<(u16, &'static str)>,
}

fn row(name: &'static str, request: Request, token: Token, refused: Option<(u16, &'static str)>) -> Row {
    Row { name, request, token, refused }
}

fn judge(world: &World, rows: Vec<Row>) {
    let mut expected = Vec::new();
    for (n, Row { name, request, token, refused }) in rows.into_iter().enumerate() {
        let before = world.upstream.hits();
        let answer = world.send(&request.token(&token.mint()).numbered(n));
        let status = refused.map_or(200, |(status, _)| status);
        assert_eq!((answer.status(), world.upstream.hits() - before), (status, usize::from(status == 200)), "{name}");
        expected.push((name, refused.map(|(_, reason)| reason)));
    }
    for (n, (name, reason)) in expected.into_iter().enumerate() {
        assert_eq!(world.log_line(n)["reason"].as_str(), reason, "{name}");
    }
}

/// AT-7, RFC 9700 §2.3.
#[test]
fn a_token_for_one_api_does_not_open_another() {
    let issuers = issuer("bank", ISSUER, "{ file: jwks.json }")
        .replace(&format!("[\"{AUDIENCE}\"]"), &format!("[\"{AUDIENCE}\", \"{AISP}\", \"{PISP}\"]"));
    let world = Setup {
        issuers,
        ..Setup::routes(&[
            route("/aisp/accounts", "GET", &format!("scopes: [accounts]\naudience: {AISP}")),
            route("/pisp/payments", "GET", &format!("scopes: [payments]\naudience: [\"{PISP}\"]")),
            route("/both", "GET", &format!("scopes: [payments]\naudience: [\"{PISP}\", \"{AISP}\"]")),
            route("/any", "GET", "scopes: [accounts]"),
        ])
    }
    .start();
    let of = |audience: serde_json::Value| Token::good().claim("aud", audience);
    let wrong = Some((401, "audience_wrong"));
    judge(
        &world,
        vec![
            row("its own", Request::get("/aisp/accounts"), of(json!(AISP)), None),
            row("another's", Request::get("/pisp/payments"), of(json!(AISP)), wrong),
            row("the general one", Request::get("/pisp/payments"), Token::good(), wrong),
            row("a longer one", Request::get("/aisp/accounts"), of(json!(format!("{AISP}/"))), wrong),
            row("a foreign one beside", Request::get("/aisp/accounts"), of(json!(["https://x", PISP])), wrong),
            row("one of two", Request::get("/aisp/accounts"), of(json!([PISP, AISP])), None),
            row("either", Request::get("/both"), of(json!(PISP)), None),
            row("neither", Request::get("/both"), Token::good(), wrong),
            row("a route that asks for none", Request::get("/any"), of(json!(PISP)), None),
        ],
    );
}

/// SCOPE-5, BG-2, E18.
#[test]
fn a_token_opens_only_the_consent_that_it_was_made_under() {
    let world = Setup::routes(&[
        route("/claim", "GET", "scopes: [accounts]\nconsent: { header: Consent-ID }"),
        route("/consents/{id}/accounts", "GET", "scopes: [accounts]\nconsent: { parameter: id }"),
        route("/berlin", "GET", "consent: { header: Consent-ID, scope: \"AIS:{id}\" }"),
    ])
    .start();
    let bound = || Token::good().claim("consent_id", "c-1");
    let scoped = |scope: &str| Token::good().scope(scope);
    let claim = |id: &str| Request::get("/claim").field(&format!("consent-id: {id}"));
    let berlin = |id: &str| Request::get("/berlin").field(&format!("consent-id: {id}"));
    let wrong = Some((403, "consent_mismatch"));
    judge(
        &world,
        vec![
            row("the same", claim("c-1"), bound(), None),
            row("another", claim("c-2"), bound(), wrong),
            row("another case", claim("C-1"), bound(), wrong),
            row("a longer one", claim("c-12"), bound(), wrong),
            row("no field", Request::get("/claim"), bound(), wrong),
            row("an empty field", claim(""), bound(), wrong),
            row("the same twice", claim("c-1").field("consent-id: c-1"), bound(), wrong),
            row("a list", claim("c-1, c-2"), bound(), wrong),
            row("one that goes no further", claim("c-1").field("connection: Consent-ID"), bound(), wrong),
            row("a token without consent", claim("c-1"), Token::good(), wrong),
            row("in the path", Request::get("/consents/c-1/accounts"), bound(), None),
            row("another in the path", Request::get("/consents/c-2/accounts"), bound(), wrong),
            row("in a scope", berlin("1234"), scoped("x AIS:1234"), None),
            row("another in the scope", berlin("1234"), scoped("AIS:12345"), wrong),
            row("a scope of another kind", berlin("1234"), scoped("PIS:1234"), wrong),
            row("a scope without id", berlin("1234"), scoped("AIS:"), wrong),
            row("neither has an id", berlin(""), scoped("AIS:"), wrong),
            row("the claim where the scope counts", berlin("c-1"), bound(), wrong),
        ],
    );
}

/// STEP-1, STEP-2, E17: RFC 9470 §3.
#[test]
fn a_weak_or_old_authentication_is_sent_back_with_what_is_needed() {
    let world = Setup::routes(&[
        route("/strong", "GET", "scopes: [accounts]\nstep_up: { acr_values: [\"urn:sca\", gold] }"),
        route("/fresh", "GET", "scopes: [accounts]\nstep_up: { max_age: 5m }"),
        route("/both", "GET", "scopes: [accounts]\nstep_up: { acr_values: gold, max_age: 5m }"),
    ])
    .start();
    let acr = |acr: &str| Token::good().claim("acr", acr);
    let at = |seconds: i64| Token::good().claim("auth_time", NOW + seconds);
    let weak = Some((401, "step_up"));
    judge(
        &world,
        vec![
            row("one of the values", Request::get("/strong"), acr("gold"), None),
            row("another value", Request::get("/strong"), acr("silver"), weak),
            row("another case", Request::get("/strong"), acr("Gold"), weak),
            row("both values in one", Request::get("/strong"), acr("urn:sca gold"), weak),
            row("no acr", Request::get("/strong"), Token::good(), weak),
            row("just now", Request::get("/fresh"), at(0), None),
            row("five minutes ago", Request::get("/fresh"), at(-300), None),
            row("a second more", Request::get("/fresh"), at(-301), weak),
            row("a clock a little ahead", Request::get("/fresh"), at(5), None),
            row("in the future", Request::get("/fresh"), at(60), weak),
            row("no auth_time", Request::get("/fresh"), Token::good(), weak),
            row("strong but old", Request::get("/both"), at(-900).claim("acr", "gold"), weak),
            row("fresh but weak", Request::get("/both"), at(0), weak),
            row("strong and fresh", Request::get("/both"), at(0).claim("acr", "gold"), None),
        ],
    );
    let challenge =
        |path: &str| world.send(&Request::get(path).token(&Token::good().mint())).one("www-authenticate").to_owned();
    let start = "Bearer realm=\"bank\", error=\"insufficient_user_authentication\", \
                 error_description=\"A stronger or more recent authentication is needed\"";
    assert_eq!(challenge("/strong"), format!("{start}, acr_values=\"urn:sca gold\""));
    assert_eq!(challenge("/fresh"), format!("{start}, max_age=\"300\""));
    assert_eq!(challenge("/both"), format!("{start}, acr_values=\"gold\", max_age=\"300\""));
    // The same token, remembered, is too old a while later.
    let token = at(-200).mint();
    assert_eq!(world.send(&Request::get("/fresh").token(&token)).status(), 200);
    world.clock.advance(Duration::from_secs(101));
    assert_eq!(world.send(&Request::get("/fresh").token(&token)).status(), 401);
}

/// RAR-1: RFC 9396 §9.
#[test]
fn details_must_grant_what_the_route_needs() {
    let world = Setup::routes(&[route(
        "/payments",
        "GET",
        "authorization_details: { type: payment_initiation, actions: [initiate, status], locations: [\"https://a\", \"https://b\"] }",
    )])
    .start();
    let with = |details: serde_json::Value| Token::good().claim("authorization_details", details);
    let detail = |kind: &str, actions: &[&str], locations: &[&str]| json!({"type": kind, "actions": actions, "locations": locations, "amount": {"value": "1.00"}});
    let good = detail("payment_initiation", &["status", "x", "initiate"], &["https://b"]);
    let payments = || Request::get("/payments");
    let missing = Some((403, "details_missing"));
    let invalid = Some((401, "claim_invalid"));
    judge(
        &world,
        vec![
            row("granted", payments(), with(json!([good])), None),
            row("granted by the second", payments(), with(json!([detail("other", &[], &[]), good])), None),
            row("no details", payments(), Token::good(), missing),
            row("an empty list", payments(), with(json!([])), missing),
            row(
                "another type",
                payments(),
                with(json!([detail("account_information", &["initiate", "status"], &["https://a"])])),
                missing,
            ),
            row(
                "an action too few",
                payments(),
                with(json!([detail("payment_initiation", &["initiate"], &["https://a"])])),
                missing,
            ),
            row(
                "no location",
                payments(),
                with(json!([detail("payment_initiation", &["initiate", "status"], &[])])),
                missing,
            ),
            row(
                "another location",
                payments(),
                with(json!([detail("payment_initiation", &["initiate", "status"], &["https://a/"])])),
                missing,
            ),
            row(
                "two halves",
                payments(),
                with(json!([
                    detail("payment_initiation", &["initiate"], &["https://a"]),
                    detail("payment_initiation", &["status"], &["https://a"])
                ])),
                missing,
            ),
            row("not a list", payments(), with(good.clone()), invalid),
            row("a text", payments(), with(json!("payment_initiation")), invalid),
            row("without type", payments(), with(json!([{"actions": ["initiate", "status"]}])), invalid),
            row("a type that is no text", payments(), with(json!([{"type": 1}])), invalid),
        ],
    );
}

/// BG-1, BR-1, TR-2: what a profile makes every request carry.
#[test]
fn a_required_header_stands_exactly_once_in_its_form() {
    let terms = "scopes: [accounts]\nerrors: berlin\n\
                 required_headers: [{ name: X-Request-ID, form: uuid }, { name: PSU-Initiated }]";
    let world = Setup::routes(&[route("/accounts", "GET", terms)]).start();
    let id = "x-request-id: 99391c7e-ad88-49ec-a2ad-99ddcb1f7721";
    let token = Token::good().mint();
    for (n, (fields, status)) in [
        (vec![id, "psu-initiated: E"], 200),
        (vec![id], 400),
        (vec!["psu-initiated: E"], 400),
        (vec![id, "psu-initiated:"], 400),
        (vec![id, id, "psu-initiated: E"], 400),
        (vec!["x-request-id: 1", "psu-initiated: E"], 400),
        (vec![id, "psu-initiated: E", "connection: close"], 200),
        // CVE-2024-45410 and its kin: what the upstream relies on our having seen, it does not get.
        (vec![id, "psu-initiated: E", "connection: psu-initiated"], 400),
        (vec!["Connection: close, X-REQUEST-ID", id, "psu-initiated: E"], 400),
        (vec!["x_request_id: 99391c7e-ad88-49ec-a2ad-99ddcb1f7721", "psu-initiated: E"], 400),
    ]
    .into_iter()
    .enumerate()
    {
        let request =
            fields.iter().fold(Request::get("/accounts").token(&token), |request, field| request.field(field));
        let answer = world.send(&request.numbered(n));
        assert_eq!(answer.status(), status, "{fields:?}: {}", answer.text());
        if status == 400 {
            assert_eq!(answer.json()["tppMessages"][0]["code"], "FORMAT_ERROR", "{fields:?}");
            assert_eq!(world.log_line(n)["reason"], "header_required", "{fields:?}");
        }
    }
    assert_eq!(world.upstream.hits(), 2);
}
