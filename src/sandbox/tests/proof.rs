//! DPoP at the token endpoint (RFC 9449 §5).

use super::authz::*;
use super::*;
use crate::sandbox::store::{Authentication, Kind, Sender};
use serde_json::json;

/// AS-23
#[tokio::test]
async fn a_proof_binds_the_token_to_its_key() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let key = Key::new();
    let answer = stage.post("/token", &own(&app), &[("dpop", &key.proof(&stage.url("/token")))]).await;
    let (status, tokens) = read(&answer);
    assert_eq!((status, text(&tokens, "token_type").as_str()), (StatusCode::OK, "DPoP"));
    assert_eq!(claims(&text(&tokens, "access_token"))["cnf"], json!({ "jkt": key.thumbprint() }));
}

/// AS-23
#[tokio::test]
async fn a_proof_for_something_else_is_refused() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let key = Key::new();
    let url = stage.url("/token");
    let with = |name: &str, value: Value| {
        let mut claims = proof_claims(&url);
        claims[name] = value;
        key.jwt(&key.proof_header(), &claims)
    };
    let header = |name: &str, value: Value| {
        let mut header = key.proof_header();
        header[name] = value;
        key.jwt(&header, &proof_claims(&url))
    };
    let shown = key.proof(&url);
    for (what, proof, is_good) in [
        ("good", shown.clone(), true),
        ("shown before", shown.clone(), false),
        ("query and fragment do not count", with("htu", json!(format!("{url}?a=1#b"))), true),
        ("another endpoint", with("htu", json!(stage.url("/par"))), false),
        ("another server", with("htu", json!("https://as.example/token")), false),
        ("another method", with("htm", json!("GET")), false),
        ("a minute old", with("iat", json!(NOW - 60)), true),
        ("older", with("iat", json!(NOW - 61)), false),
        ("a little early", with("iat", json!(NOW + 10)), true),
        ("earlier", with("iat", json!(NOW + 11)), false),
        ("over", with("exp", json!(NOW)), false),
        ("not begun", with("nbf", json!(NOW + 11)), false),
        ("without an id", with("jti", json!("")), false),
        ("another type", header("typ", json!("JWT")), false),
        ("another key", header("jwk", Key::new().jwk()), false),
        ("no algorithm", header("alg", json!("none")), false),
        ("a shared secret", header("alg", json!("HS256")), false),
        ("no proof at all", "abc".to_owned(), false),
    ] {
        let answer = stage.post("/token", &own(&app), &[("dpop", &proof)]).await;
        let expected = if is_good { (200, String::new()) } else { (400, "invalid_dpop_proof".to_owned()) };
        assert_eq!(error(&answer), expected, "{what}");
    }
    let two = [("dpop", key.proof(&url)), ("dpop", key.proof(&url))];
    let two: Vec<_> = two.iter().map(|(name, proof)| (*name, proof.as_str())).collect();
    assert_eq!(error(&stage.post("/token", &own(&app), &two).await), (400, "invalid_dpop_proof".to_owned()));
}

/// AS-23
#[tokio::test]
async fn an_application_that_wants_bound_tokens_gets_no_others() {
    let stage = Stage::start().await;
    let app = stage.put(|application| application.sender = Sender::Dpop).await;
    assert_eq!(error(&stage.post("/token", &own(&app), &[]).await), (400, "invalid_dpop_proof".to_owned()));
}

/// AS-7, AS-23: RFC 9449 §10
#[tokio::test]
async fn a_code_that_names_a_key_is_good_with_that_key_only() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let (key, thief) = (Key::new(), Key::new());
    let code = stage.granted(&app, |code| code.dpop_jkt = Some(key.thumbprint())).await;
    let fields = redeem(&app, &code);
    let url = stage.url("/token");
    for (head, expected) in
        [(vec![], 400), (vec![("dpop", thief.proof(&url))], 400), (vec![("dpop", key.proof(&url))], 200)]
    {
        let head: Vec<_> = head.iter().map(|(name, proof)| (*name, proof.as_str())).collect();
        let (status, code) = error(&stage.post("/token", &fields, &head).await);
        assert_eq!(status, expected);
        assert_eq!(code, if status == 200 { "" } else { "invalid_grant" });
    }
}

/// AS-14, AS-23: RFC 9449 §5. The key is all that such an application can show.
#[tokio::test]
async fn a_public_applications_refresh_token_is_bound_to_its_key() {
    let stage = Stage::start().await;
    let change = |application: &mut crate::sandbox::store::Application| {
        application.kind = Kind::SinglePage;
        application.authentication = Authentication::None;
    };
    let app = stage.put(change).await;
    let (key, thief, url) = (Key::new(), Key::new(), stage.url("/token"));
    let code = stage.granted(&app, |_| ()).await;
    let (_, tokens) = read(&stage.post("/token", &redeem(&app, &code), &[("dpop", &key.proof(&url))]).await);
    let token = text(&tokens, "refresh_token");
    let fields = refresh(&app, &token);
    assert_eq!(error(&stage.post("/token", &fields, &[]).await), (400, "invalid_grant".to_owned()));
    let head = [("dpop", &*thief.proof(&url))];
    assert_eq!(error(&stage.post("/token", &fields, &head).await), (400, "invalid_grant".to_owned()));
    let (status, tokens) = read(&stage.post("/token", &fields, &[("dpop", &key.proof(&url))]).await);
    assert_eq!((status, text(&tokens, "token_type").as_str()), (StatusCode::OK, "DPoP"), "{tokens}");
    // The successor likewise.
    let successor = text(&tokens, "refresh_token");
    assert_eq!(error(&stage.post("/token", &refresh(&app, &successor), &head[..0]).await).0, 400);
}

/// AS-23: one that authenticates may change its key.
#[tokio::test]
async fn a_confidential_applications_refresh_token_is_bound_to_the_application() {
    let stage = Stage::start().await;
    let app = stage.put(|application| application.sender = Sender::Dpop).await;
    let url = stage.url("/token");
    let code = stage.granted(&app, |_| ()).await;
    let (_, tokens) = read(&stage.post("/token", &redeem(&app, &code), &[("dpop", &Key::new().proof(&url))]).await);
    let other = Key::new();
    let fields_of = text(&tokens, "refresh_token");
    let (status, tokens) =
        read(&stage.post("/token", &refresh(&app, &fields_of), &[("dpop", &other.proof(&url))]).await);
    assert_eq!(status, StatusCode::OK);
    assert_eq!(claims(&text(&tokens, "access_token"))["cnf"]["jkt"], other.thumbprint());
}
