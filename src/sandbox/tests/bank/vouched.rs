//! They answer nobody who did not come through the gateway, and say so without blaming a token.

use super::*;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn nobody_is_answered_past_the_gateway() {
    let branch = Branch::open().await;
    for (method, path) in
        [("GET", "/accounts"), ("POST", "/account-access-consents"), ("GET", "/nowhere"), ("PUT", "/accounts")]
    {
        let path = format!("{AISP}{path}");
        let claims = branch.claims(TALLY, method, &path);
        let mut request = branch.forwarded(&claims, method, &path);
        request.headers_mut().unwrap().remove("x-auth-assertion");
        let told = branch.send(request, "").await;
        assert_eq!(told.refusal(), (500, "U000", ""), "{method} {path}");
        assert!(told.text("/Errors/0/Message").contains("not behind the gateway"));
        assert!(told.headers.get("www-authenticate").is_none());
    }
}

/// A gateway that gets its answer keeps the connection, and the next request on it must not find it closed.
#[tokio::test]
async fn a_refusal_leaves_nothing_of_the_request_unread() {
    let branch = Branch::open().await;
    let mut gateway = TcpStream::connect(branch.stage.sandbox.apis()).await.unwrap();
    let head =
        |length| format!("POST {AISP}/account-access-consents HTTP/1.1\r\nhost: bank\r\ncontent-length: {length}\r\n");
    gateway.write_all(format!("{}\r\n", head(2)).as_bytes()).await.unwrap();
    // The body comes behind, as the one of a slow client does.
    tokio::time::sleep(Duration::from_millis(50)).await;
    gateway.write_all(format!("{{}}{}connection: close\r\n\r\n{{}}", head(2)).as_bytes()).await.unwrap();
    let mut answers = String::new();
    gateway.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 500 ").count(), 2, "{answers}");
}

#[tokio::test]
async fn a_body_that_is_too_long_ends_the_connection_and_says_so() {
    let branch = Branch::open().await;
    let mut gateway = TcpStream::connect(branch.stage.sandbox.apis()).await.unwrap();
    let head = format!("POST {AISP}/account-access-consents HTTP/1.1\r\nhost: bank\r\ncontent-length: 65537\r\n\r\n");
    gateway.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    gateway.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("connection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn what_the_gateway_did_not_assert_of_this_request_is_worth_nothing() {
    let branch = Branch::open().await;
    let path = format!("{AISP}/account-access-consents/aac-1");
    let good = branch.claims(TALLY, "GET", &path);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims.insert(name.to_owned(), value);
        claims
    };
    assert_eq!(branch.send(branch.forwarded(&good, "GET", &path), "").await.status, 400, "there is no such consent");
    for (what, claims) in [
        ("another gateway", with("iss", json!("https://other.example"))),
        ("another API", with("aud", json!("payments"))),
        ("two APIs", with("aud", json!(["bank", "other"]))),
        ("another method", with("method", json!("DELETE"))),
        ("another path", with("path", json!("/open-banking/v4.0/aisp/accounts"))),
        ("past", with("exp", json!(NOW - 5))),
        ("to come", with("iat", json!(NOW + 6))),
        ("without end", with("exp", Value::Null)),
    ] {
        assert_eq!(branch.send(branch.forwarded(&claims, "GET", &path), "").await.status, 500, "{what}");
    }
    // Headers that say more or less than was signed.
    for (what, name, value) in [
        ("another application", "x-auth-client-id", Some("app_other")),
        ("no application", "x-auth-client-id", None),
        ("a customer", "x-auth-subject", Some(DENIZ)),
        ("an authorization", "x-auth-consent-id", Some("authz_1")),
    ] {
        let mut request = branch.forwarded(&good, "GET", &path);
        let headers = request.headers_mut().unwrap();
        headers.remove(name);
        if let Some(value) = value {
            headers.insert(http::HeaderName::from_static(name), value.parse().unwrap());
        }
        assert_eq!(branch.send(request, "").await.status, 500, "{what}");
    }
    let mut twice = branch.forwarded(&good, "GET", &path);
    let jwt = twice.headers_ref().unwrap()["x-auth-assertion"].clone();
    twice.headers_mut().unwrap().append("x-auth-assertion", jwt);
    assert_eq!(branch.send(twice, "").await.status, 500, "two assertions");
}

#[tokio::test]
async fn a_forgery_is_seen_and_fetches_no_keys_again_and_again() {
    let branch = Branch::open().await;
    let path = format!("{AISP}/accounts");
    let claims = branch.claims(TALLY, "GET", &path);
    let payload = Value::Object(claims.clone()).to_string();
    let forged = |typ: &str, algorithm, id: &str| {
        Signer::new(PrivateKey::generate(algorithm).unwrap(), typ, Some(id)).sign(&payload).unwrap()
    };
    let typ = "scopegate-assertion+jwt";
    let mut jwts: Vec<_> = (0..20).map(|n| forged(typ, Algorithm::Es256, &format!("key-{n}"))).collect();
    jwts.extend([
        forged(typ, Algorithm::EdDsa, "key"),
        forged("at+jwt", Algorithm::Es256, "key"),
        String::from("a.b.c"),
    ]);
    let signed = branch.forwarded(&claims, "GET", &path).headers_ref().unwrap()["x-auth-assertion"].clone();
    let signed = signed.to_str().unwrap();
    let (head, _) = signed.rsplit_once('.').unwrap();
    jwts.extend([format!("{head}."), format!("{head}.{}", "A".repeat(86)), head.to_owned()]);
    for jwt in jwts {
        let mut request = branch.forwarded(&claims, "GET", &path);
        request.headers_mut().unwrap().insert("x-auth-assertion", jwt.parse().unwrap());
        assert_eq!(branch.send(request, "").await.status, 500, "{jwt}");
    }
    let fetched = *branch.fetched.lock().unwrap();
    assert!((1..=5).contains(&fetched), "{fetched} fetches");
    assert_eq!(branch.get(TALLY, &path).await.status, 403);
}
