//! VERIFY, the claims and the form of a token: every cause of E7 and E8, each with its exact challenge and reason.

use crate::support::gateway::{Setup, World, issuer};
use crate::support::keys::base64url;
use crate::support::tokens::{AUDIENCE, ISSUER, NOW, Token};
use serde_json::{Value, json};

fn good() -> Token {
    Token::good()
}

/// The good claims with the member `name` as this text, for values that no JSON library writes.
fn with_text(name: &str, value: &str) -> String {
    let rest = good().without(name).claims_json();
    good().claims_text(format!("{{\"{name}\":{value},{}", &rest[1..])).mint()
}

#[test]
fn dates_are_numbers_in_their_order() {
    let world = World::start();
    world.refuses(&[
        // E8. The issuer's leeway is 5 s.
        ("exp at the end of the leeway", good().claim("exp", NOW - 5).mint(), "token_expired"),
        ("exp long ago", good().claim("exp", 1).mint(), "token_expired"),
        ("exp 0", good().claim("exp", 0).mint(), "token_expired"),
        ("exp fractional, past", with_text("exp", "1799999995.9"), "token_expired"),
        // CVE-2026-25537: a string is not an absent date.
        ("exp string", good().claim("exp", (NOW + 300).to_string()).mint(), "claim_invalid"),
        ("exp null", good().claim("exp", Value::Null).mint(), "claim_invalid"),
        ("exp true", good().claim("exp", true).mint(), "claim_invalid"),
        ("exp array", good().claim("exp", json!([NOW + 300])).mint(), "claim_invalid"),
        ("exp object", good().claim("exp", json!({})).mint(), "claim_invalid"),
        ("exp negative", good().claim("exp", -1).mint(), "claim_invalid"),
        ("exp 1e99", with_text("exp", "1e99"), "claim_invalid"),
        ("exp past the year 9999", good().claim("exp", 253_402_300_800_i64).mint(), "claim_invalid"),
        ("exp past 64 bits", with_text("exp", "99999999999999999999999"), "claim_invalid"),
        ("exp absent", good().without("exp").mint(), "claim_missing"),
        ("nbf ahead", good().claim("nbf", NOW + 11).mint(), "token_early"),
        ("nbf string", good().claim("nbf", "0").mint(), "claim_invalid"),
        ("nbf null", good().claim("nbf", Value::Null).mint(), "claim_invalid"),
        ("nbf negative", good().claim("nbf", -5).mint(), "claim_invalid"),
        ("iat ahead", good().claim("iat", NOW + 60).mint(), "token_early"),
        ("iat string", good().claim("iat", "now").mint(), "claim_invalid"),
    ]);
    world.accepts(&[
        ("exp within the leeway", good().claim("exp", NOW - 4).mint()),
        ("exp fractional", with_text("exp", "1800000001.5")),
        // FAPI 2.0 §5.3.2.1: up to 10 s ahead is another clock.
        ("nbf 10 s ahead", good().claim("nbf", NOW + 10).mint()),
        ("iat 10 s ahead", good().claim("iat", NOW + 10).mint()),
        ("nbf now", good().claim("nbf", NOW).mint()),
    ]);
}

/// `1e400` is no JSON number for our reader: the token is refused before its claims are looked at.
#[test]
fn a_number_beyond_all_numbers_is_refused() {
    let world = World::start();
    let answer = world.send(&crate::support::client::Request::get("/accounts").token(&with_text("exp", "1e400")));
    assert_eq!(answer.status(), 401);
    assert_eq!(world.upstream.hits(), 0);
}

#[test]
fn the_audience_is_exactly_ours() {
    let world = World::start();
    let aud = |value: Value| good().claim("aud", value).mint();
    world.refuses(&[
        ("another", aud(json!("https://other.example")), "audience_wrong"),
        ("a prefix of ours", aud(json!("https://api.bank")), "audience_wrong"),
        ("ours and more", aud(json!("https://api.bank.example.evil.example")), "audience_wrong"),
        ("ours with a slash", aud(json!("https://api.bank.example/")), "audience_wrong"),
        ("ours in capitals", aud(json!("HTTPS://API.BANK.EXAMPLE")), "audience_wrong"),
        ("ours in a list in a string", aud(json!("https://other.example https://api.bank.example")), "audience_wrong"),
        ("the issuer itself", aud(json!(ISSUER)), "audience_wrong"),
        ("empty", aud(json!("")), "audience_wrong"),
        ("empty array", aud(json!([])), "claim_missing"),
        ("array of others", aud(json!(["a", "b"])), "audience_wrong"),
        // CVE-2020-26160
        ("nested array", aud(json!([[AUDIENCE]])), "claim_invalid"),
        ("array with a number", aud(json!([AUDIENCE, 1])), "claim_invalid"),
        ("number", aud(json!(1)), "claim_invalid"),
        ("null", aud(Value::Null), "claim_invalid"),
        ("object", aud(json!({"aud": AUDIENCE})), "claim_invalid"),
        ("absent", good().without("aud").mint(), "claim_missing"),
    ]);
    world.accepts(&[
        ("string", aud(json!(AUDIENCE))),
        ("array of one", aud(json!([AUDIENCE]))),
        ("array of several", aud(json!(["https://other.example", AUDIENCE]))),
    ]);
}

#[test]
fn the_issuer_is_compared_character_by_character() {
    let world = World::start();
    let iss = |value: Value| good().claim("iss", value).mint();
    world.refuses(&[
        ("unknown", iss(json!("https://evil.example")), "issuer_unknown"),
        ("with a slash", iss(json!("https://auth.bank.example/")), "issuer_unknown"),
        ("in capitals", iss(json!("https://AUTH.bank.example")), "issuer_unknown"),
        ("with the default port", iss(json!("https://auth.bank.example:443")), "issuer_unknown"),
        ("percent-encoded", iss(json!("https://auth.bank.example%2f")), "issuer_unknown"),
        ("with a space", iss(json!(" https://auth.bank.example")), "issuer_unknown"),
        ("empty", iss(json!("")), "issuer_unknown"),
        ("number", iss(json!(1)), "issuer_unknown"),
        ("array", iss(json!([ISSUER])), "issuer_unknown"),
        ("null", iss(Value::Null), "issuer_unknown"),
        ("absent", good().without("iss").mint(), "issuer_unknown"),
        ("our name for it", iss(json!("bank")), "issuer_unknown"),
        ("text that would break a header", iss(json!("\"\r\nx-evil: 1\r\n€ş")), "issuer_unknown"),
    ]);
}

#[test]
fn every_claim_of_rfc_9068_is_demanded() {
    let world = World::start();
    let rows = ["sub", "client_id", "iat", "jti", "exp", "aud"];
    world.refuses(&rows.map(|name| (name, good().without(name).mint(), "claim_missing")));
    let loose = format!("{}    required_claims: []\n", issuer("bank", ISSUER, "{ file: jwks.json }"));
    let world = Setup::issuers(&[loose]).start();
    world.accepts(&["sub", "client_id", "iat", "jti"].map(|name| (name, good().without(name).mint())));
    world.refuses(&["exp", "aud"].map(|name| (name, good().without(name).mint(), "claim_missing")));
}

#[test]
fn claims_of_the_wrong_type_or_unfit_for_a_header_are_refused() {
    let world = World::start();
    let bad = |name: &'static str, value: Value| (name, good().claim(name, value).mint(), "claim_invalid");
    let mut rows = vec![
        bad("sub", json!(5)),
        bad("sub", Value::Null),
        bad("client_id", json!(["a"])),
        bad("client_id", json!({})),
        bad("jti", json!(7)),
        bad("scope", json!(["accounts"])),
        bad("scope", json!("accounts  payments")),
        bad("scope", json!(" accounts")),
        bad("scope", json!("accounts\tpayments")),
        bad("scope", json!("acc\"ounts")),
        bad("gty", json!(1)),
        bad("consent_id", json!(["c"])),
    ];
    // CVE-2023-27493: what cannot stand in a field is refused, never encoded and never split.
    for (name, value) in [
        ("client_id", "tpp\r\nx-auth-subject: root"),
        ("client_id", "tpp\nx"),
        ("client_id", "tpp\0"),
        ("client_id", ""),
        ("client_id", " tpp"),
        ("sub", "müşteri"),
        ("sub", "customer\u{7f}"),
        ("jti", "a\tb"),
        ("consent_id", "c\r"),
    ] {
        rows.push(bad(name, json!(value)));
    }
    world.refuses(&rows);
}

#[test]
fn only_access_tokens_are_access_tokens() {
    let world = World::start();
    let typ = |typ: &str| good().header("typ", typ).mint();
    let wrong = [
        "JWT",
        "jwt",
        "id+jwt",
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "statuslist+jwt",
        "client-authentication+jwt",
        "oauth-authz-req+jwt",
        "at+jwt ",
        "application/at+jwt;v=1",
        "xat+jwt",
        "",
    ];
    let mut rows: Vec<_> = wrong.map(|name| (name, typ(name), "type_wrong")).to_vec();
    rows.push(("absent", good().without_header("typ").mint(), "type_wrong"));
    let id_token = good().header("typ", "JWT").claim("nonce", "n").claim("auth_time", NOW).mint();
    rows.push(("an ID token", id_token, "type_wrong"));
    world.refuses(&rows);
    world.refuses(&[("number", good().header("typ", 1).mint(), "token_unreadable")]);
    world.accepts(&["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"].map(|name| (name, typ(name))));

    let legacy = format!("{}    typ: legacy\n", issuer("bank", ISSUER, "{ file: jwks.json }"));
    let world = Setup::issuers(&[legacy]).start();
    world.accepts(&[("JWT", typ("JWT")), ("at+jwt", typ("at+jwt")), ("absent", good().without_header("typ").mint())]);
    world.refuses(&["id+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt"].map(|name| (name, typ(name), "type_wrong")));
}

/// MTLS-2, MTLS-6.
#[test]
fn a_token_that_is_bound_in_a_way_that_is_not_understood_is_refused() {
    let world = World::start();
    let good_print = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0";
    let cnf = |value: Value| good().claim("cnf", value).mint();
    world.refuses(&[
        ("a certificate", cnf(json!({"x5t#S256": good_print})), "sender_mismatch"),
        ("a key", cnf(json!({"jkt": good_print})), "sender_unproven"),
        ("an unknown method", cnf(json!({"new": 1})), "sender_unproven"),
        ("beside a known one", cnf(json!({"x5t#S256": good_print, "new": 1})), "sender_unproven"),
        ("empty", cnf(json!({})), "sender_unproven"),
        ("null", cnf(Value::Null), "claim_invalid"),
        ("text", cnf(json!(good_print)), "claim_invalid"),
        ("padding", cnf(json!({"x5t#S256": format!("{good_print}=")})), "claim_invalid"),
        ("white space", cnf(json!({"x5t#S256": format!(" {good_print}")})), "claim_invalid"),
        ("hexadecimal", cnf(json!({"x5t#S256": "6f".repeat(32)})), "claim_invalid"),
        ("SHA-1", cnf(json!({"x5t#S256": "hG9lBwA2hyYS4Ow_aZ6uM1aPA0w"})), "claim_invalid"),
        ("bits that must be zero", cnf(json!({"x5t#S256": good_print.replace("dg0", "dg2")})), "claim_invalid"),
        ("a key that is none", cnf(json!({"jkt": 1})), "claim_invalid"),
    ]);
}

#[test]
fn anything_but_three_segments_of_base64url_is_unreadable() {
    let world = World::start();
    let token = good().mint();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let raw = |header: &[u8], payload: &[u8]| format!("{}.{}.{signature}", base64url(header), base64url(payload));
    let head = br#"{"alg":"ES256","typ":"at+jwt","kid":"ec"}"#;
    let utf16: Vec<u8> = good().claims_json().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bom = format!("\u{feff}{}", good().claims_json());
    let deep = format!("{}{}", "[".repeat(2500), "]".repeat(2500));
    world.refuses(&[
        ("an opaque token", "2YotnFZFEjr1zCsicMWpAA".to_owned(), "token_unreadable"),
        ("two segments", signed.to_owned(), "token_unreadable"),
        ("an empty signature", format!("{signed}."), "token_unreadable"),
        ("an empty header", format!(".{payload}.{signature}"), "token_unreadable"),
        ("an empty payload", format!("{header}..{signature}"), "token_unreadable"),
        ("four segments", format!("{token}.{signature}"), "token_unreadable"),
        // pac4j GHSA-pm7g-w2cf-q238: nothing is decrypted, so no unsigned JWT hides in there.
        ("a JWE", "a.b.c.d.e".to_owned(), "token_unreadable"),
        ("only dots", ".".repeat(8192), "token_unreadable"),
        ("padding", format!("{token}="), "token_unreadable"),
        ("plus", format!("{signed}.+{signature}"), "token_unreadable"),
        ("slash", format!("{signed}./{signature}"), "token_unreadable"),
        ("tilde", format!("{token}~"), "token_unreadable"),
        ("a header that is no JSON", raw(b"ES256", b"{}"), "token_unreadable"),
        ("a header that is a string", raw(b"\"ES256\"", b"{}"), "token_unreadable"),
        ("a header that is an array", raw(br#"["ES256","ec","at+jwt",null,null]"#, b"{}"), "token_unreadable"),
        ("a header with a tail", raw(br#"{"alg":"ES256"}{}"#, b"{}"), "token_unreadable"),
        ("a header that is no UTF-8", raw(b"{\"alg\":\"ES256\",\"x\":\"\xff\"}", b"{}"), "token_unreadable"),
        ("a payload that is no JSON", raw(head, b"iss"), "token_unreadable"),
        ("a payload that is empty", raw(head, b""), "token_unreadable"),
        ("a payload in UTF-16", raw(head, &utf16), "token_unreadable"),
        ("a payload with a byte order mark", raw(head, bom.as_bytes()), "token_unreadable"),
        ("a payload that ends early", raw(head, format!("{{\"iss\":\"{ISSUER}\"").as_bytes()), "token_unreadable"),
        ("a payload that is a number", raw(head, b"1"), "issuer_unknown"),
        ("a payload that is an array", raw(head, format!("[\"{ISSUER}\"]").as_bytes()), "issuer_unknown"),
        ("a payload 2,500 deep", raw(head, deep.as_bytes()), "issuer_unknown"),
    ]);
}

#[test]
fn duplicate_members_are_two_tokens_in_one() {
    let world = World::start();
    let claims = good().claims_json();
    let twice = |extra: &str| good().claims_text(format!("{{{extra},{}", &claims[1..])).mint();
    let header = |extra: &str| {
        let text = format!("{{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"ec\",{extra}}}");
        good().header_text(text).mint()
    };
    world.refuses(&[
        ("sub", twice("\"sub\":\"root\""), "claim_invalid"),
        ("exp", twice("\"exp\":9999999999"), "claim_invalid"),
        ("aud", twice(&format!("\"aud\":\"{AUDIENCE}\"")), "claim_invalid"),
        ("scope", twice("\"scope\":\"admin\""), "claim_invalid"),
        ("scope, escaped", twice("\"sc\\u006fpe\":\"admin\""), "claim_invalid"),
        ("an unknown one", twice("\"x\":1,\"x\":2"), "claim_invalid"),
        ("iss", twice(&format!("\"iss\":\"{ISSUER}\"")), "claim_invalid"),
        ("alg", header("\"alg\":\"ES256\""), "token_unreadable"),
        ("kid", header("\"kid\":\"rsa\""), "token_unreadable"),
        ("typ", header("\"typ\":\"JWT\""), "token_unreadable"),
        ("an unknown header member", header("\"x\":1,\"x\":2"), "token_unreadable"),
    ]);
}

#[test]
fn no_extension_is_understood() {
    let world = World::start();
    let crit = |value: Value| good().header("crit", value).mint();
    world.refuses(&[
        ("unknown name", crit(json!(["exp2"])), "extension_critical"),
        ("registered name", crit(json!(["alg"])), "extension_critical"),
        ("name that is absent", crit(json!(["http://openbanking.org.uk/iat"])), "extension_critical"),
        ("twice", crit(json!(["b64", "b64"])), "extension_critical"),
        ("empty", crit(json!([])), "extension_critical"),
        ("string", crit(json!("b64")), "extension_critical"),
        ("null", crit(Value::Null), "extension_critical"),
        ("number", crit(json!(0)), "extension_critical"),
        ("b64 false", good().header("b64", false).header("crit", json!(["b64"])).mint(), "extension_critical"),
        ("b64 false alone", good().header("b64", false).mint(), "extension_critical"),
        ("b64 null", good().header("b64", Value::Null).mint(), "extension_critical"),
    ]);
}
