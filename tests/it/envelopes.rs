//! The forms of refusals (ERR-11, ERR-12): UK Open Banking, Berlin Group, Türkiye's ÖHVPS, and problem details.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World, route};
use crate::support::tokens::{NOW, Token};
use crate::support::wire::Message;
use serde_json::{Value, json};

const ID: &str = "93bac548-d2de-4546-b106-880a5018460d";

/// One route for each form, all with the same demands; what no route takes is refused in `unrouted`'s form.
fn world(unrouted: &str) -> World {
    let form = |name: &str| route(&format!("/{name}"), "GET", &format!("scopes: [accounts]\nerrors: {name}"));
    let routes = ["problem", "obie", "berlin", "ohvps"].map(form).concat();
    let consent = "scopes: [accounts]\nconsent: { header: Consent-ID }\nerrors: ";
    let consents =
        ["obie", "berlin", "ohvps"].map(|name| route(&format!("/consent/{name}"), "GET", &format!("{consent}{name}")));
    Setup {
        server: format!("  workers: 1\n  errors: {unrouted}\n"),
        routes: format!("{routes}{}", consents.concat()),
        ..Setup::default()
    }
    .start()
}

fn get(path: &str) -> Request {
    Request::get(path).field(&format!("x-fapi-interaction-id: {ID}"))
}

fn body(answer: &Message, status: u16) -> Value {
    assert_eq!(answer.status(), status, "{}", answer.text());
    assert_eq!(answer.one("content-type"), "application/json");
    assert_eq!(answer.one("x-fapi-interaction-id"), ID);
    answer.json()
}

fn expired() -> String {
    Token::good().claim("exp", NOW - 60).mint()
}

/// OB-9, OB-10.
#[test]
fn uk_open_banking_is_told_of_expiry_and_not_of_a_bad_token() {
    let world = world("problem");
    let silent = [
        ("no token", get("/obie")),
        ("no JWT", get("/obie").token("a.b.c")),
        ("revoked or forged", get("/obie").token(&format!("{}x", Token::good().mint()))),
    ];
    for (name, request) in silent {
        let answer = world.send(&request);
        assert_eq!((answer.status(), answer.text().as_str()), (401, ""), "{name}");
        assert_eq!((answer.get("content-type"), answer.one("content-length")), (None, "0"), "{name}");
        assert!(answer.one("www-authenticate").starts_with("Bearer realm="), "{name}");
        assert_eq!(answer.one("x-fapi-interaction-id"), ID, "{name}");
    }
    let error = |status: &str, code: &str, message: &str| {
        json!({
            "Code": status, "Id": ID, "Message": message,
            "Errors": [{"ErrorCode": format!("UK.OBIE.{code}"), "Message": message}]
        })
    };
    let answer = world.send(&get("/obie").token(&expired()));
    assert_eq!(body(&answer, 401), error("401 Unauthorized", "Header.Invalid", "The access token expired"));
    let answer = world.send(&get("/obie").token(&Token::good().scope("x").mint()));
    let message = "The access token does not cover this resource";
    assert_eq!(body(&answer, 403), error("403 Forbidden", "Header.Invalid", message));
    let answer = world.send(&get("/consent/obie").token(&Token::good().claim("consent_id", "a").mint()));
    let message = "The access token belongs to another consent than the request";
    assert_eq!(body(&answer, 403), error("403 Forbidden", "Resource.ConsentMismatch", message));
}

/// BG-1, BG-7.
#[test]
fn berlin_group_has_its_message_codes() {
    let world = world("problem");
    let good = || Token::good().claim("consent_id", "a").mint();
    let narrow = Token::good().scope("x").mint();
    for (name, request, status, code) in [
        ("no token", get("/berlin"), 401, "TOKEN_UNKNOWN"),
        ("expired", get("/berlin").token(&expired()), 401, "TOKEN_EXPIRED"),
        ("no JWT", get("/berlin").token("a.b.c"), 401, "TOKEN_INVALID"),
        ("twice", get("/berlin").token(&good()).token(&good()), 400, "FORMAT_ERROR"),
        ("scope", get("/berlin").token(&narrow), 403, "SERVICE_BLOCKED"),
        ("consent", get("/consent/berlin").token(&good()), 403, "CONSENT_UNKNOWN"),
    ] {
        let answer = world.send(&request.field("X-Request-ID: 99391c7e-ad88-49ec-a2ad-99ddcb1f7721"));
        let json = body(&answer, status);
        let message = &json["tppMessages"][0];
        assert_eq!((&message["category"], &message["code"]), (&json!("ERROR"), &json!(code)), "{name}");
        assert_eq!(answer.one("x-request-id"), "99391c7e-ad88-49ec-a2ad-99ddcb1f7721", "{name}");
    }
}

/// TR-2, TR-6.
#[test]
fn ohvps_speaks_two_languages_and_repeats_its_headers() {
    let world = world("ohvps");
    let echoed = [
        ("x-request-id", "b57b3b6c-9bf8-4a52-8a0c-0a5f1d9a6a11"),
        ("x-group-id", "1c2b3b6c-9bf8-4a52-8a0c-0a5f1d9a6a11"),
        ("x-aspsp-code", "8000"),
        ("x-tpp-code", "9000"),
        ("psu-initiated", "E"),
    ];
    let send = |request: Request| {
        let add = |request: Request, (name, value): &(&str, &str)| request.field(&format!("{name}: {value}"));
        let answer = world.send(&echoed.iter().fold(request, add));
        for (name, value) in echoed {
            assert_eq!(answer.one(name), value);
        }
        answer
    };
    let answer = send(get("/ohvps").token(&expired()));
    assert_eq!(
        body(&answer, 401),
        json!({
            "path": "/ohvps", "id": ID, "timestamp": "2027-01-15T08:00:00.000Z", "httpCode": 401,
            "httpMessage": "Unauthorized", "moreInformation": "The access token expired",
            "moreInformationTr": "Geçersiz erişim belirteci", "errorCode": "TR.OHVPS.Connection.InvalidToken"
        })
    );
    for (request, status, code) in [
        (get("/ohvps").token(&Token::good().scope("x").mint()), 403, "Resource.Forbidden"),
        (get("/consent/ohvps").token(&Token::good().claim("consent_id", "a").mint()), 403, "Resource.ConsentMismatch"),
        (get("/nowhere"), 404, "Resource.NotFound"),
        (
            Request::new("POST", "/ohvps").field(&format!("x-fapi-interaction-id: {ID}")),
            405,
            "Resource.MethodNotAllowed",
        ),
        (get("/a/../b"), 400, "Resource.InvalidFormat"),
    ] {
        let json = body(&send(request), status);
        assert_eq!(json["errorCode"], format!("TR.OHVPS.{code}"));
        assert!(!json["moreInformationTr"].as_str().unwrap().is_empty());
    }
    // What was not looked at does not come back.
    let answer = send(get("/\"a\""));
    assert_eq!(body(&answer, 400)["path"], "");
}

/// What is too long to be an id, or stands twice, is nobody's to repeat; other forms repeat nothing.
#[test]
fn only_ids_are_repeated() {
    let world = world("problem");
    let at_the_bound = "a".repeat(64);
    for (path, fields, expected) in [
        ("/berlin", vec![format!("x-request-id: {at_the_bound}")], Some(at_the_bound.as_str())),
        ("/berlin", vec![format!("x-request-id: {at_the_bound}a")], None),
        ("/berlin", vec!["x-request-id: a".to_owned(), "x-request-id: b".to_owned()], None),
        ("/berlin", vec!["x-group-id: a".to_owned()], None),
        ("/problem", vec!["x-request-id: a".to_owned()], None),
    ] {
        let answer = world.send(&fields.iter().fold(get(path), |request, field| request.field(field)));
        assert_eq!(answer.get("x-request-id"), expected, "{path} {fields:?}");
        assert_eq!(answer.get("x-group-id"), None, "{path} {fields:?}");
    }
}

/// ERR-10, and a 503 keeps its meaning in every form.
#[test]
fn our_own_faults_are_ours_in_every_form() {
    let routes = ["problem", "obie", "berlin", "ohvps"]
        .map(|name| route(&format!("/{name}"), "GET", &format!("access: open\nerrors: {name}")));
    let setup = Setup { routes: routes.concat(), ..Setup::default() };
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = setup.at(crate::support::server::Server::echo(), gone);
    for (name, pointer, code) in [
        ("problem", "/status", json!(502)),
        ("obie", "/Errors/0/ErrorCode", json!("UK.OBIE.UnexpectedError")),
        ("berlin", "/tppMessages/0/code", json!("INTERNAL_SERVER_ERROR")),
        ("ohvps", "/errorCode", json!("TR.OHVPS.Server.ServiceUnavailable")),
    ] {
        let answer = world.send(&get(&format!("/{name}")));
        assert_eq!((answer.status(), answer.json().pointer(pointer)), (502, Some(&code)), "{name}");
    }
}
