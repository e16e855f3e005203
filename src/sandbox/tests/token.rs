//! The token endpoint.

use super::authz::{changed, redeem, refresh, text};
use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};

/// AS-2, AS-18
#[tokio::test]
async fn a_code_gives_tokens_with_the_claims_of_rfc_9068() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts", "payments"]).await;
    let (status, tokens) = stage.token(&redeem(&app, &stage.code(&app).await)).await;
    assert_eq!((status, &tokens["token_type"], &tokens["expires_in"]), (StatusCode::OK, &"Bearer".into(), &300.into()));
    assert_eq!((text(&tokens, "scope"), tokens["refresh_token"].is_string()), ("accounts".to_owned(), true));

    let token = text(&tokens, "access_token");
    let keys = stage.browser().open(&stage.url("/jwks.json")).await.unwrap();
    let keys: JwkSet = serde_json::from_slice(keys.body()).unwrap();
    let header = decode_header(&token).unwrap();
    let key = DecodingKey::from_jwk(keys.find(header.kid.as_ref().unwrap()).unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_audience(&["https://api.bank.example/open-banking/v4.0/aisp"]);
    rules.set_issuer(&[&stage.portal]);
    rules.validate_exp = false;
    let claims = decode::<Value>(&token, &key, &rules).unwrap().claims;
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!((text(&claims, "sub"), text(&claims, "client_id")), (DEMO.subject.to_owned(), app.id.clone()));
    assert_eq!(
        (text(&claims, "gty"), text(&claims, "scope")),
        ("authorization_code".to_owned(), "accounts".to_owned())
    );
    assert!(text(&claims, "consent_id").starts_with("authz_") && claims["jti"].is_string());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
}

/// AS-5
#[tokio::test]
async fn an_application_s_own_token_has_no_customer_and_no_refresh_token() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts", "payments"]).await;
    let fields = [("grant_type", "client_credentials"), ("client_id", &app.id), ("client_secret", &app.secret)];
    let (status, tokens) = stage.token(&fields).await;
    assert_eq!((status, text(&tokens, "scope").as_str()), (StatusCode::OK, "accounts payments"));
    assert_eq!(tokens.get("refresh_token"), None);
    let claims = text(&tokens, "access_token").split('.').nth(1).map(|part| URL_SAFE_NO_PAD.decode(part)).unwrap();
    let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
    assert_eq!((text(&claims, "sub"), text(&claims, "gty")), (app.id.clone(), "client_credentials".to_owned()));
    assert_eq!(claims.get("consent_id"), None);
}

/// AS-7, AS-8, AS-9
#[tokio::test]
async fn a_code_that_does_not_fit_is_refused() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let other = stage.add("web", &["accounts"]).await;
    let code = stage.code(&app).await;
    let wrong = "x".repeat(43);
    for (change, error) in [
        (("code", ""), "invalid_request"),
        (("code", "unknown"), "invalid_grant"),
        (("code_verifier", ""), "invalid_grant"),
        (("code_verifier", wrong.as_str()), "invalid_grant"),
        (("code_verifier", "short"), "invalid_grant"),
        (("redirect_uri", ""), "invalid_grant"),
        (("redirect_uri", "https://tally.example/cb"), "invalid_grant"),
    ] {
        let (status, json) = stage.token(&changed(redeem(&app, &code), change)).await;
        assert_eq!((status, text(&json, "error").as_str()), (StatusCode::BAD_REQUEST, error), "{change:?}");
    }
    let (status, json) = stage.token(&redeem(&other, &code)).await;
    assert_eq!((status, text(&json, "error").as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"));
    // None of this spoiled the code for its owner.
    assert_eq!(stage.token(&redeem(&app, &code)).await.0, StatusCode::OK);
}

/// AS-7
#[tokio::test]
async fn a_code_lives_for_a_minute() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let [early, late] = [stage.code(&app).await, stage.code(&app).await];
    stage.clock.advance(Duration::from_secs(59));
    assert_eq!(stage.token(&redeem(&app, &early)).await.0, StatusCode::OK);
    stage.clock.advance(Duration::from_secs(1));
    let (status, json) = stage.token(&redeem(&app, &late)).await;
    assert_eq!((status, text(&json, "error").as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"));
}

/// AS-7: only where the request is otherwise valid (OAuth 2.1 §7.5.2).
#[tokio::test]
async fn a_used_code_revokes_what_came_of_it() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let code = stage.code(&app).await;
    let (_, tokens) = stage.token(&redeem(&app, &code)).await;
    // A thief without the verifier revokes nothing.
    let wrong = "x".repeat(43);
    stage.token(&changed(redeem(&app, &code), ("code_verifier", &wrong))).await;
    let (status, refreshed) = stage.token(&refresh(&app, &text(&tokens, "refresh_token"))).await;
    assert_eq!(status, StatusCode::OK);
    let (status, json) = stage.token(&redeem(&app, &code)).await;
    assert_eq!((status, text(&json, "error").as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"));
    let (status, json) = stage.token(&refresh(&app, &text(&refreshed, "refresh_token"))).await;
    assert_eq!((status, text(&json, "error").as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"));
}

/// AS-14
#[tokio::test]
async fn refresh_tokens_rotate_and_a_used_one_ends_the_family() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let other = stage.add("web", &["accounts"]).await;
    let (_, tokens) = stage.token(&redeem(&app, &stage.code(&app).await)).await;
    let first = text(&tokens, "refresh_token");
    for (fields, error) in [
        (refresh(&other, &first), "invalid_grant"),
        (refresh(&app, "rt_unknown"), "invalid_grant"),
        (refresh(&app, ""), "invalid_request"),
        (changed(refresh(&app, &first), ("scope", "accounts payments")), "invalid_scope"),
    ] {
        let (status, json) = stage.token(&fields).await;
        assert_eq!((status, text(&json, "error").as_str()), (StatusCode::BAD_REQUEST, error), "{fields:?}");
    }
    let (status, tokens) = stage.token(&refresh(&app, &first)).await;
    let second = text(&tokens, "refresh_token");
    assert_eq!((status, second != first, text(&tokens, "scope").as_str()), (StatusCode::OK, true, "accounts"));
    for token in [&first, &second] {
        let (status, json) = stage.token(&refresh(&app, token)).await;
        assert_eq!((status, text(&json, "error").as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"));
    }
}

/// AS-14
#[tokio::test]
async fn an_idle_refresh_token_expires() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let (_, tokens) = stage.token(&redeem(&app, &stage.code(&app).await)).await;
    stage.clock.advance(Duration::from_hours(23));
    let (status, tokens) = stage.token(&refresh(&app, &text(&tokens, "refresh_token"))).await;
    assert_eq!(status, StatusCode::OK);
    stage.clock.advance(Duration::from_hours(24));
    assert_eq!(stage.token(&refresh(&app, &text(&tokens, "refresh_token"))).await.0, StatusCode::BAD_REQUEST);
}

/// AS-5, AS-9
#[tokio::test]
async fn applications_without_a_secret_have_only_pkce() {
    let stage = Stage::start().await;
    let app = stage.add("mobile", &["accounts"]).await;
    assert_eq!(app.secret, "");
    let (status, tokens) = stage.token(&redeem(&app, &stage.code(&app).await)).await;
    assert_eq!((status, tokens["refresh_token"].is_string()), (StatusCode::OK, true));
    let fields = [("grant_type", "client_credentials"), ("client_id", &app.id)];
    let (status, json) = stage.token(&fields).await;
    assert_eq!((status, text(&json, "error").as_str()), (StatusCode::BAD_REQUEST, "unauthorized_client"));
    let code = stage.code(&app).await;
    let (status, json) = stage.token(&changed(redeem(&app, &code), ("client_secret", "made-up"))).await;
    assert_eq!((status, text(&json, "error").as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
}

/// AS-1, AS-3, AS-16
#[tokio::test]
async fn faulty_requests_are_named_as_rfc_6749_says() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let good = || vec![("grant_type", "client_credentials"), ("client_id", &*app.id), ("client_secret", &*app.secret)];
    for (change, status, error) in [
        (("grant_type", ""), 400, "invalid_request"),
        (("grant_type", "password"), 400, "unsupported_grant_type"),
        (("grant_type", "implicit"), 400, "unsupported_grant_type"),
        (("scope", "payments"), 400, "invalid_scope"),
        (("scope", "accounts payments"), 400, "invalid_scope"),
        (("scope", "everything"), 400, "invalid_scope"),
        (("scope", "accounts  "), 400, "invalid_scope"),
        (("client_id", ""), 401, "invalid_client"),
        (("client_id", "app_unknown"), 401, "invalid_client"),
        (("client_secret", ""), 401, "invalid_client"),
        (("client_secret", "wrong"), 401, "invalid_client"),
        (("client_assertion", "eyJ"), 400, "invalid_request"),
    ] {
        let (got, json) = stage.token(&changed(good(), change)).await;
        assert_eq!((got.as_u16(), text(&json, "error").as_str()), (status, error), "{change:?}");
    }
    let mut twice = good();
    twice.push(("scope", "accounts"));
    twice.push(("scope", "accounts"));
    let (status, json) = stage.token(&twice).await;
    assert_eq!((status, text(&json, "error").as_str()), (StatusCode::BAD_REQUEST, "invalid_request"));
    assert_eq!(stage.token(&changed(good(), ("unknown", "ignored"))).await.0, StatusCode::OK);
}

/// AS-2, AS-3, AS-4
#[tokio::test]
async fn clients_authenticate_in_one_way_and_never_in_the_address() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("{}:{secret}", app.id)));
    let (right, wrong) = (basic(&app.secret), basic("wrong"));
    let own = "grant_type=client_credentials";
    let in_form = format!("{own}&client_id={}&client_secret={}", app.id, app.secret);
    let query = format!("?client_id={}&client_secret={}", app.id, app.secret);
    for (authorization, query, body, status, error) in [
        (Some(&right), "", own, 200, ""),
        (Some(&right), "?trace=1", own, 200, ""),
        (Some(&wrong), "", own, 401, "invalid_client"),
        (Some(&"Bearer abc".to_owned()), "", own, 401, "invalid_client"),
        (Some(&right), "", in_form.as_str(), 400, "invalid_request"),
        (Some(&right), "", &format!("{own}&client_id=another"), 400, "invalid_request"),
        (None, query.as_str(), own, 400, "invalid_request"),
        (Some(&right), "?code=abc", own, 400, "invalid_request"),
        (None, "", own, 401, "invalid_client"),
    ] {
        let mut request = Request::post(stage.url(&format!("/token{query}"))).header("content-type", FORM);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let answer = stage.send(request, body).await;
        let (got, json) = read(&answer);
        assert_eq!((got.as_u16(), text(&json, "error").as_str()), (status, error), "{authorization:?} {query} {body}");
        assert_eq!(
            (&answer.headers()["cache-control"], &answer.headers()["pragma"]),
            (&"no-store".parse().unwrap(), &"no-cache".parse().unwrap())
        );
        let is_challenged = status == 401 && authorization.is_some();
        assert_eq!(answer.headers().contains_key("www-authenticate"), is_challenged);
    }
}

/// AS-1
#[tokio::test]
async fn other_methods_and_other_bodies_are_refused() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let answer = stage.send(Request::get(stage.url("/token?grant_type=client_credentials")), "").await;
    assert_eq!(
        (answer.status(), &answer.headers()["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
    );
    let body = format!("grant_type=client_credentials&client_id={}&client_secret={}", app.id, app.secret);
    for media_type in ["application/json", "text/plain", "multipart/form-data"] {
        let answer = stage.send(Request::post(stage.url("/token")).header("content-type", media_type), &body).await;
        assert_eq!(
            (answer.status(), text(&read(&answer).1, "error").as_str()),
            (StatusCode::BAD_REQUEST, "invalid_request")
        );
    }
    let request = Request::post(stage.url("/token")).header("content-type", format!("{FORM}; charset=UTF-8"));
    assert_eq!(stage.send(request, &body).await.status(), StatusCode::OK);
    let long = format!("{body}&padding={}", "x".repeat(9000));
    let answer = stage.send(Request::post(stage.url("/token")).header("content-type", FORM), &long).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

/// UI-7
#[tokio::test]
async fn the_eleventh_wrong_secret_waits() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let fields =
        |secret| [("grant_type", "client_credentials"), ("client_id", app.id.as_str()), ("client_secret", secret)];
    for _ in 0..10 {
        assert_eq!(stage.token(&fields("wrong")).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(stage.token(&fields(&app.secret)).await.0, StatusCode::TOO_MANY_REQUESTS);
    stage.clock.advance(Duration::from_mins(1));
    assert_eq!(stage.token(&fields(&app.secret)).await.0, StatusCode::OK);
}

/// AS-11, AS-26, AS-27
#[tokio::test]
async fn metadata_and_keys_are_public_and_hold_no_secret() {
    let stage = Stage::start().await;
    let answer = stage.browser().open(&stage.url("/.well-known/oauth-authorization-server")).await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let (status, metadata) = read(&answer);
    assert_eq!((status, text(&metadata, "issuer")), (StatusCode::OK, stage.portal.clone()));
    assert_eq!(metadata["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    let (_, keys) = read(&stage.browser().open(&text(&metadata, "jwks_uri")).await.unwrap());
    let key = &keys["keys"][0];
    assert_eq!((key.get("d"), text(key, "alg"), text(key, "x").len()), (None, "ES256".to_owned(), 43));
}
