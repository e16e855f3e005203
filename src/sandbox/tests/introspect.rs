//! The introspection endpoint.

use super::authz::*;
use super::*;
use crate::sandbox::store::{Sender, TokenFormat};
use serde_json::json;

/// AS-25
#[tokio::test]
async fn only_the_banks_resource_server_learns_of_tokens() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let token = text(&stage.token(&own(&app)).await.1, "access_token");
    for (id, secret, status) in [
        ("gateway", "of-the-gateway", 200),
        ("gateway", "wrong", 401),
        ("gateway", "", 401),
        ("another", "of-the-gateway", 401),
        (&app.id, &app.secret, 401),
        ("", "", 401),
    ] {
        let fields = [("client_id", id), ("client_secret", secret), ("token", &token)];
        let answer = stage.post("/introspect", &fields, &[]).await;
        assert_eq!(answer.status(), status, "{id}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert!(answer.headers().get("access-control-allow-origin").is_none());
        if status == 401 {
            assert_eq!(error(&answer).1, "invalid_client");
        }
    }
    let basic = [("authorization", "Basic Z2F0ZXdheTpvZi10aGUtZ2F0ZXdheQ==")];
    assert_eq!(stage.post("/introspect", &[("token", &token)], &basic).await.status(), StatusCode::OK);
    assert_eq!(error(&stage.post("/introspect", &[], &basic).await), (400, "invalid_request".to_owned()));
    // Who guesses is slowed down; the gateway itself is not.
    let guess = [("client_id", "gateway"), ("client_secret", "guess"), ("token", &token)];
    for _ in 0..10 {
        stage.post("/introspect", &guess, &[]).await;
    }
    assert_eq!(stage.post("/introspect", &guess, &[]).await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(stage.post("/introspect", &[("token", &token)], &basic).await.status(), StatusCode::OK);
}

/// AS-25: RFC 7662 §2.2
#[tokio::test]
async fn of_what_is_no_good_token_nothing_is_said() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let tokens = stage.tokens(&app).await;
    let token = text(&tokens, "access_token");
    assert!(stage.is_active(&token).await);
    let (signed, _) = token.rsplit_once('.').unwrap();
    for none in ["unknown", "at_", &token[1..], &format!("{signed}.AAAA"), &text(&tokens, "refresh_token")] {
        assert!(!stage.is_active(none).await, "{none}");
    }
    stage.clock.advance(Duration::from_secs(299));
    assert!(stage.is_active(&token).await);
    stage.clock.advance(Duration::from_secs(1));
    assert!(!stage.is_active(&token).await);
}

/// AS-18, AS-25: both kinds of token say the same.
#[tokio::test]
async fn opaque_and_signed_tokens_mean_the_same() {
    let stage = Stage::start().await;
    let details = r#"[{"type":"account_access","consent_id":"aac-1"}]"#;
    let mut said = Vec::new();
    for format in [TokenFormat::Opaque, TokenFormat::Jwt] {
        let app = stage.put(|application| application.token_format = format).await;
        let code = stage.granted(&app, |code| code.authorization.details = Some(details.to_owned())).await;
        let (_, tokens) = stage.token(&redeem(&app, &code)).await;
        assert_eq!(tokens["authorization_details"], serde_json::from_str::<Value>(details).unwrap());
        let token = text(&tokens, "access_token");
        let mut answer = stage.introspect(&token).await;
        if format == TokenFormat::Opaque {
            assert!(token.starts_with("at_") && token.split('.').count() == 2 && token.len() > 70, "{token}");
        } else {
            let mut claims = claims(&token);
            claims["active"] = true.into();
            claims["token_type"] = "Bearer".into();
            assert_eq!(claims, answer);
        }
        for own in ["jti", "client_id", "consent_id"] {
            assert!(answer.as_object_mut().unwrap().remove(own).is_some_and(|value| value.is_string()), "{own}");
        }
        said.push(answer);
    }
    assert_eq!(said[0], said[1]);
    assert_eq!(
        said[0],
        json!({
            "active": true, "token_type": "Bearer", "iss": stage.portal, "sub": DEMO.subject, "scope": "accounts",
            "aud": "https://api.bank.example/open-banking/v4.0/aisp", "iat": NOW, "exp": NOW + 300,
            "gty": "authorization_code", "acr": "urn:scopegate:acr:password", "auth_time": NOW,
            "authorization_details": [{"type": "account_access", "consent_id": "aac-1"}],
        })
    );
}

/// AS-5, AS-18, AS-23: an application's own token for two APIs, bound to a key.
#[tokio::test]
async fn audiences_are_an_array_and_bindings_are_told() {
    let stage = Stage::start().await;
    let app = stage.put(|application| application.sender = Sender::Dpop).await;
    let key = Key::new();
    let answer = stage.post("/token", &own(&app), &[("dpop", &key.proof(&stage.url("/token")))]).await;
    let token = text(&read(&answer).1, "access_token");
    let said = stage.introspect(&token).await;
    let aud =
        json!(["https://api.bank.example/open-banking/v4.0/aisp", "https://api.bank.example/open-banking/v4.0/pisp",]);
    assert_eq!((&said["aud"], &said["sub"], &said["gty"]), (&aud, &json!(app.id), &json!("client_credentials")));
    assert_eq!((&said["cnf"], &said["token_type"]), (&json!({ "jkt": key.thumbprint() }), &json!("DPoP")));
    assert_eq!(claims(&token)["cnf"], said["cnf"]);
}
