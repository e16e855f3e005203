//! `private_key_jwt`.

use super::authz::*;
use super::*;
use crate::sandbox::secret;
use crate::sandbox::store::Authentication;
use serde_json::json;

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// AS-22
#[tokio::test]
async fn an_assertion_is_for_this_server_alone_not_for_long_and_once() {
    let stage = Stage::start().await;
    let (key, strange) = (Key::new(), Key::new());
    let keys = json!({ "keys": [key.jwk()] }).to_string();
    let app = stage
        .put(|application| {
            application.authentication = Authentication::PrivateKey;
            application.keys = Some(keys.clone());
        })
        .await;
    let other = stage.put(|_| ()).await;
    let header = json!({ "alg": "ES256", "typ": "JWT" });
    let claims = |name: &str, value: Value| {
        let mut claims = json!({
            "iss": app.id, "sub": app.id, "aud": stage.portal, "jti": secret::fresh(""), "iat": NOW, "exp": NOW + 60,
        });
        claims[name] = value;
        claims
    };
    let with = |name: &str, value: Value| key.jwt(&header, &claims(name, value));
    let good = with("aud", json!(stage.portal));
    for (what, assertion, is_good) in [
        ("good", good.clone(), true),
        ("shown before", good, false),
        ("an array", with("aud", json!([stage.portal])), false),
        ("the token endpoint", with("aud", json!(stage.url("/token"))), false),
        ("the endpoint for pushed requests", with("aud", json!(stage.url("/par"))), false),
        ("the issuer with a slash", with("aud", json!(stage.url("/"))), false),
        ("another server", with("aud", json!("https://as.example")), false),
        ("over", with("exp", json!(NOW)), false),
        ("an hour", with("exp", json!(NOW + 3610)), true),
        ("longer", with("exp", json!(NOW + 3611)), false),
        ("a little early", with("iat", json!(NOW + 10)), true),
        ("from the future", with("iat", json!(NOW + 11)), false),
        ("not begun", with("nbf", json!(NOW + 11)), false),
        ("another subject", with("sub", json!(other.id)), false),
        ("another issuer", with("iss", json!(other.id)), false),
        ("without an id", with("jti", json!("")), false),
        ("another key", strange.jwt(&header, &claims("exp", json!(NOW + 60))), false),
        (
            "a key that is not there",
            key.jwt(&json!({"alg": "ES256", "kid": "x"}), &claims("exp", json!(NOW + 60))),
            false,
        ),
        ("unsigned", key.jwt(&json!({"alg": "none"}), &claims("exp", json!(NOW + 60))), false),
        ("an access token", key.jwt(&json!({"alg": "ES256", "typ": "at+jwt"}), &claims("exp", json!(NOW + 60))), false),
    ] {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", &assertion),
        ];
        let expected = if is_good { (200, String::new()) } else { (401, "invalid_client".to_owned()) };
        assert_eq!(error(&stage.post("/token", &fields, &[]).await), expected, "{what}");
        stage.clock.advance(Duration::ZERO);
        if !is_good {
            stage.sandbox.site.attempts.forgive(&app.id, "127.0.0.1".parse().unwrap());
        }
    }
}

/// AS-4, AS-22
#[tokio::test]
async fn an_assertion_comes_alone_and_says_what_it_is() {
    let stage = Stage::start().await;
    let key = Key::new();
    let keys = json!({ "keys": [key.jwk()] }).to_string();
    let app = stage
        .put(|application| {
            application.authentication = Authentication::PrivateKey;
            application.keys = Some(keys);
        })
        .await;
    let by_secret = stage.put(|_| ()).await;
    let assertion = |id: &str| {
        let claims = json!({ "iss": id, "sub": id, "aud": stage.portal, "jti": secret::fresh(""), "exp": NOW + 60 });
        key.jwt(&json!({ "alg": "ES256" }), &claims)
    };
    let (good, others) = (assertion(&app.id), assertion(&by_secret.id));
    let fields = |assertion| {
        vec![
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", assertion),
        ]
    };
    for (fields, expected) in [
        ([fields(&good), vec![("client_secret", "x")]].concat(), (400, "invalid_request")),
        ([fields(&good), vec![("client_id", by_secret.id.as_str())]].concat(), (400, "invalid_request")),
        (changed(fields(&good), ("client_assertion_type", "urn:x")), (401, "invalid_client")),
        (changed(fields(&good), ("client_assertion", "")), (401, "invalid_client")),
        (fields("abc"), (401, "invalid_client")),
        // An application that has a secret, or that has no keys.
        (fields(&others), (401, "invalid_client")),
        // Who has a key does not authenticate by name alone, nor by a secret.
        (vec![("grant_type", "client_credentials"), ("client_id", app.id.as_str())], (401, "invalid_client")),
        ([fields(&good), vec![("client_id", app.id.as_str())]].concat(), (200, "")),
    ] {
        let (status, code) = error(&stage.post("/token", &fields, &[]).await);
        assert_eq!((status, code.as_str()), expected, "{fields:?}");
    }
}
