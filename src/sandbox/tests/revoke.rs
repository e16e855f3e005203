//! The revocation endpoint, and what the gateway is told.

use super::authz::*;
use super::*;
use crate::sandbox::authz as server;
use serde_json::json;

async fn stage(admin: &Admin) -> Stage {
    Stage::start_with(|options| options.admin = admin.origin.clone()).await
}

fn give_back<'a>(app: &'a App, token: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("client_id", &app.id), ("client_secret", &app.secret), ("token", token)]
}

/// AS-24
#[tokio::test]
async fn a_refresh_token_takes_all_of_its_authorization_with_it() {
    let admin = Admin::start().await;
    let stage = stage(&admin).await;
    let app = stage.put(|_| ()).await;
    let tokens = stage.tokens(&app).await;
    let [access, refresh_token] = ["access_token", "refresh_token"].map(|name| text(&tokens, name));
    let consent = stage.introspect(&access).await["consent_id"].clone();
    let fields = [give_back(&app, &refresh_token), vec![("token_type_hint", "access_token")]].concat();
    let answer = stage.post("/revoke", &fields, &[]).await;
    assert_eq!((answer.status(), answer.body().len()), (StatusCode::OK, 0));
    let until = NOW + 300 + 60;
    assert_eq!(admin.told(), [json!({ "issuer": stage.portal, "consent_id": consent, "until": until })]);
    assert!(!stage.is_active(&access).await);
    let (status, json) = stage.token(&refresh(&app, &refresh_token)).await;
    assert_eq!((status.as_u16(), text(&json, "error").as_str()), (400, "invalid_grant"));
    // Again is as well, and the gateway knows already.
    assert_eq!(stage.post("/revoke", &fields, &[]).await.status(), StatusCode::OK);
    assert!(admin.told().is_empty());
}

/// AS-24: RFC 7009 §2.1
#[tokio::test]
async fn an_access_token_goes_alone() {
    let admin = Admin::start().await;
    let stage = stage(&admin).await;
    let app = stage.put(|_| ()).await;
    let tokens = stage.tokens(&app).await;
    let access = text(&tokens, "access_token");
    let jti = claims(&access)["jti"].clone();
    assert_eq!(stage.post("/revoke", &give_back(&app, &access), &[]).await.status(), StatusCode::OK);
    assert_eq!(admin.told(), [json!({ "issuer": stage.portal, "token_id": jti, "until": NOW + 360 })]);
    assert!(!stage.is_active(&access).await);
    assert_eq!(stage.token(&refresh(&app, &text(&tokens, "refresh_token"))).await.0, StatusCode::OK);
}

/// AS-24
#[tokio::test]
async fn what_is_none_of_the_applications_stays_and_nobody_is_told() {
    let admin = Admin::start().await;
    let stage = stage(&admin).await;
    let (app, thief) = (stage.put(|_| ()).await, stage.put(|_| ()).await);
    let tokens = stage.tokens(&app).await;
    let [access, refresh_token] = ["access_token", "refresh_token"].map(|name| text(&tokens, name));
    for token in [&access, &refresh_token, "unknown", "at_unknown.x", "a.b.c"] {
        assert_eq!(stage.post("/revoke", &give_back(&thief, token), &[]).await.status(), StatusCode::OK, "{token}");
    }
    assert!(admin.told().is_empty() && stage.is_active(&access).await);
    for (fields, expected) in [
        (changed(give_back(&app, &access), ("client_secret", "wrong")), (401, "invalid_client")),
        (vec![("token", access.as_str())], (401, "invalid_client")),
        (changed(give_back(&app, &access), ("token", "")), (400, "invalid_request")),
    ] {
        let (status, code) = error(&stage.post("/revoke", &fields, &[]).await);
        assert_eq!((status, code.as_str()), expected);
    }
    assert!(stage.is_active(&access).await);
}

/// AS-7, AS-14: whatever ends an authorization is felt at the gateway.
#[tokio::test]
async fn replayed_codes_and_refresh_tokens_are_told_to_the_gateway() {
    let admin = Admin::start().await;
    let stage = stage(&admin).await;
    let app = stage.put(|_| ()).await;
    let code = stage.granted(&app, |_| ()).await;
    let (_, tokens) = stage.token(&redeem(&app, &code)).await;
    let first = claims(&text(&tokens, "access_token"))["consent_id"].clone();
    assert_eq!(stage.token(&redeem(&app, &code)).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(admin.told()[0]["consent_id"], first);

    let tokens = stage.tokens(&app).await;
    let (old, second) = (text(&tokens, "refresh_token"), claims(&text(&tokens, "access_token"))["consent_id"].clone());
    let (_, newer) = stage.token(&refresh(&app, &old)).await;
    assert_eq!(stage.token(&refresh(&app, &old)).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(admin.told()[0]["consent_id"], second);
    for tokens in [tokens, newer] {
        assert!(!stage.is_active(&text(&tokens, "access_token")).await);
    }
}

/// A gateway that is away is told later; until then the application learns that it is not done (RFC 7009 §2.2.1).
#[tokio::test]
async fn a_gateway_that_is_away_is_told_when_it_is_back() {
    let admin = Admin::start().await;
    let stage = stage(&admin).await;
    let app = stage.put(|_| ()).await;
    let access = text(&stage.tokens(&app).await, "access_token");
    admin.go_away(true);
    let answer = stage.post("/revoke", &give_back(&app, &access), &[]).await;
    assert_eq!(error(&answer), (503, "temporarily_unavailable".to_owned()));
    assert_eq!(answer.headers()["retry-after"], "5");
    assert!(!stage.is_active(&access).await);
    admin.go_away(false);
    server::tell_what_is_due(&stage.sandbox.site).await.unwrap();
    assert_eq!(admin.told()[0]["token_id"], claims(&access)["jti"]);
    server::tell_what_is_due(&stage.sandbox.site).await.unwrap();
    assert!(admin.told().is_empty());
    assert_eq!(stage.post("/revoke", &give_back(&app, &access), &[]).await.status(), StatusCode::OK);
}

/// Where the database is somebody else's, the gateway's own list does not survive the sandbox.
#[tokio::test]
async fn a_new_gateway_is_told_everything_that_can_still_stop_something() {
    let admin = Admin::start().await;
    let stage = stage(&admin).await;
    let app = stage.put(|_| ()).await;
    let tokens = stage.tokens(&app).await;
    stage.post("/revoke", &give_back(&app, &text(&tokens, "access_token")), &[]).await;
    stage.post("/revoke", &give_back(&app, &text(&tokens, "refresh_token")), &[]).await;
    let told = admin.told();
    assert_eq!(told.len(), 2);
    stage.sandbox.brief_gateway().await.unwrap();
    assert_eq!(sorted(&admin.told()), sorted(&told));
    stage.clock.advance(Duration::from_mins(6));
    let later = UnixSeconds(NOW + 360);
    assert!(stage.sandbox.site.store.sweep(later).await.unwrap() >= 2, "and nothing is kept of them");
    stage.sandbox.brief_gateway().await.unwrap();
    assert!(admin.told().is_empty());
}

fn sorted(told: &[Value]) -> Vec<String> {
    let mut texts: Vec<_> = told.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn what_would_stop_nothing_is_not_told_any_more() {
    let admin = Admin::start().await;
    let stage = stage(&admin).await;
    let app = stage.put(|_| ()).await;
    let access = text(&stage.tokens(&app).await, "access_token");
    admin.go_away(true);
    stage.post("/revoke", &give_back(&app, &access), &[]).await;
    admin.go_away(false);
    stage.clock.advance(Duration::from_mins(6));
    server::tell_what_is_due(&stage.sandbox.site).await.unwrap();
    assert!(admin.told().is_empty());
    assert!(stage.sandbox.site.store.revocations_due(None).await.unwrap().is_empty());
}
