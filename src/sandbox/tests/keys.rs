//! The key set, the metadata, and what scripts of other origins may read.

use super::authz::*;
use super::*;
use serde_json::json;

impl Stage {
    async fn kids(&self) -> Vec<String> {
        let answer = self.browser().open(&self.url("/jwks.json")).await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "public, max-age=300");
        let (_, set) = read(&answer);
        let keys = set["keys"].as_array().unwrap();
        assert!(keys.iter().all(|key| key.get("d").is_none() && key["use"] == "sig" && key["alg"] == "ES256"));
        keys.iter().map(|key| text(key, "kid")).collect()
    }

    async fn signed_by(&self, app: &App) -> String {
        let token = text(&self.token(&own(app)).await.1, "access_token");
        jsonwebtoken::decode_header(&token).unwrap().kid.unwrap()
    }

    async fn tend(&self) {
        let site = &self.sandbox.site;
        site.keys.tend(&site.store, self.clock.now()).await.unwrap();
    }
}

/// AS-27: the next key is published for an hour before it signs, the last one for a day after.
#[tokio::test]
async fn keys_change_without_a_gap() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let first = stage.kids().await;
    assert_eq!((first.len(), stage.signed_by(&app).await), (1, first[0].clone()));
    stage.clock.advance(Duration::from_hours(23));
    stage.tend().await;
    let both = stage.kids().await;
    assert_eq!((both.len(), &both[0], stage.signed_by(&app).await), (2, &first[0], first[0].clone()));
    stage.clock.advance(Duration::from_hours(1));
    stage.tend().await;
    assert_eq!((stage.kids().await, stage.signed_by(&app).await), (both.clone(), both[1].clone()));
    stage.clock.advance(Duration::from_hours(23));
    stage.tend().await;
    assert_eq!(stage.kids().await.len(), 3);
    stage.clock.advance(Duration::from_hours(1));
    stage.tend().await;
    let later = stage.kids().await;
    assert_eq!((later.len(), &later[0]), (2, &both[1]));
}

/// AS-26
#[tokio::test]
async fn metadata_name_every_endpoint_and_each_of_them_answers() {
    let stage = Stage::start().await;
    let answer = stage.browser().open(&stage.url("/.well-known/oauth-authorization-server")).await.unwrap();
    let (status, metadata) = read(&answer);
    assert_eq!((status, &metadata["issuer"]), (StatusCode::OK, &json!(stage.portal)));
    assert_eq!(answer.headers()["content-type"], "application/json");
    for (name, value) in [
        ("response_types_supported", json!(["code"])),
        ("grant_types_supported", json!(["authorization_code", "client_credentials", "refresh_token"])),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("dpop_signing_alg_values_supported", json!(["PS256", "ES256", "EdDSA"])),
        (
            "token_endpoint_auth_methods_supported",
            json!(["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]),
        ),
        ("authorization_response_iss_parameter_supported", json!(true)),
    ] {
        assert_eq!(metadata[name], value, "{name}");
    }
    // Without TLS nobody can show a certificate.
    assert!(metadata.get("mtls_endpoint_aliases").is_none());
    for name in
        ["token_endpoint", "introspection_endpoint", "revocation_endpoint", "pushed_authorization_request_endpoint"]
    {
        let request = Request::post(text(&metadata, name)).header("content-type", FORM);
        assert!([400, 401].contains(&stage.send(request, "").await.status().as_u16()), "{name}");
    }
    for name in ["jwks_uri", "service_documentation"] {
        assert_eq!(stage.browser().open(&text(&metadata, name)).await.unwrap().status(), StatusCode::OK, "{name}");
    }
    let alias = stage.browser().open(&stage.url("/.well-known/openid-configuration")).await.unwrap();
    assert_eq!(alias.body(), answer.body());
}

/// AS-30
#[tokio::test]
async fn scripts_may_read_what_single_page_applications_need_and_nothing_else() {
    let stage = Stage::start().await;
    for (path, method, may) in [
        ("/token", "POST", true),
        ("/par", "POST", true),
        ("/revoke", "POST", true),
        ("/jwks.json", "GET", true),
        ("/.well-known/oauth-authorization-server", "GET", true),
        ("/introspect", "POST", false),
        ("/authorize", "GET", false),
        ("/login", "POST", false),
        ("/consent", "POST", false),
    ] {
        let request = Request::options(stage.url(path))
            .header("origin", "https://app.example")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "dpop,content-type");
        let answer = stage.send(request, "").await;
        let field = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(field("access-control-allow-origin").as_deref(), may.then_some("*"), "{path}");
        assert_eq!(field("access-control-allow-credentials"), None);
        if may {
            assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{path}");
            assert_eq!(field("access-control-allow-headers").as_deref(), Some("authorization, content-type, dpop"));
        }
        let request = Request::builder().method(method).uri(stage.url(path)).header("origin", "https://app.example");
        let answer = stage.send(request, "").await;
        assert_eq!(answer.headers().contains_key("access-control-allow-origin"), may, "{path}");
    }
}
