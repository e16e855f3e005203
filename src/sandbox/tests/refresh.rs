//! Refresh tokens beyond one after the other: at once, kept, and after a restart; and the sweep.

use super::authz::*;
use super::*;
use crate::sandbox::store::{Authentication, Location, Refresh};

/// AS-14: requests that are under way at once are no theft, and one of them wins.
#[tokio::test]
async fn of_parallel_refreshes_exactly_one_survives() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let old = text(&stage.tokens(&app).await, "refresh_token");
    let fields = refresh(&app, &old);
    // A third that is still under way, so that however slow this machine is the two are, too.
    let third = stage.sandbox.site.refreshing.begin(&old);
    let (left, right) = tokio::join!(stage.token(&fields), stage.token(&fields));
    let statuses = [left.0.as_u16(), right.0.as_u16()];
    assert!(statuses == [200, 400] || statuses == [400, 200], "{left:?} {right:?}");
    let (won, lost) = if statuses[0] == 200 { (left.1, right.1) } else { (right.1, left.1) };
    assert!(text(&lost, "error_description").starts_with("Another request uses"), "{lost}");
    let (status, next) = stage.token(&refresh(&app, &text(&won, "refresh_token"))).await;
    assert_eq!(status, StatusCode::OK, "{next}");
    assert!(stage.is_active(&text(&won, "access_token")).await);
    drop(third);
    assert_eq!(stage.token(&fields).await.0, StatusCode::BAD_REQUEST);
    assert!(!stage.is_active(&text(&won, "access_token")).await);
}

/// AS-7: of two requests with one code at most one gets tokens.
#[tokio::test]
async fn of_parallel_uses_of_a_code_at_most_one_gets_tokens() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let code = stage.granted(&app, |_| ()).await;
    let fields = redeem(&app, &code);
    let (left, right) = tokio::join!(stage.token(&fields), stage.token(&fields));
    let won: Vec<_> = [left, right].into_iter().filter(|(status, _)| *status == StatusCode::OK).collect();
    assert!(won.len() <= 1, "{won:?}");
    for (_, tokens) in won {
        // Two held the code: who won has nothing of it.
        assert!(!stage.is_active(&text(&tokens, "access_token")).await);
    }
}

/// AS-15
#[tokio::test]
async fn an_application_that_is_bound_by_other_means_may_keep_its_refresh_token() {
    let stage = Stage::start().await;
    let app = stage.put(|application| application.refresh = Refresh::Keep).await;
    let tokens = stage.tokens(&app).await;
    let token = text(&tokens, "refresh_token");
    for _ in 0..3 {
        stage.clock.advance(Duration::from_hours(23));
        let (status, next) = stage.token(&refresh(&app, &token)).await;
        assert_eq!((status, next.get("refresh_token")), (StatusCode::OK, None), "{next}");
    }
    stage.clock.advance(Duration::from_hours(24));
    let (_, json) = stage.token(&refresh(&app, &token)).await;
    assert_eq!(text(&json, "error"), "invalid_grant");
}

/// AS-14: what a refresh narrows is narrow for that token alone.
#[tokio::test]
async fn a_narrower_refresh_does_not_narrow_the_authorization() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let both = crate::sandbox::scopes::Scopes::parse("accounts payments").unwrap();
    let code = stage.granted(&app, |code| code.authorization.scopes = both).await;
    let (_, tokens) = stage.token(&redeem(&app, &code)).await;
    let narrow = changed(refresh(&app, tokens["refresh_token"].as_str().unwrap()), ("scope", "payments"));
    let (_, tokens) = stage.token(&narrow).await;
    assert_eq!(text(&tokens, "scope"), "payments");
    let (_, tokens) = stage.token(&refresh(&app, &text(&tokens, "refresh_token"))).await;
    assert_eq!(text(&tokens, "scope"), "accounts payments");
}

/// Two APIs were granted; one of them is taken from the application.
#[tokio::test]
async fn a_refresh_gives_nothing_that_was_taken_from_the_application() {
    let stage = Stage::start().await;
    let app = stage.put(|_| ()).await;
    let scopes = |text| crate::sandbox::scopes::Scopes::parse(text).unwrap();
    let code = stage.granted(&app, |code| code.authorization.scopes = scopes("accounts payments")).await;
    let (_, tokens) = stage.token(&redeem(&app, &code)).await;
    let store = &stage.sandbox.site.store;
    let mut application = (*store.application(&app.id).await.unwrap().unwrap()).clone();
    let fields = refresh(&app, tokens["refresh_token"].as_str().unwrap());
    application.scopes = scopes("fundsconfirmations");
    assert!(store.change_application(&application).await.unwrap());
    assert_eq!(stage.token(&fields).await.1["error"], "invalid_scope");
    application.scopes = scopes("accounts");
    assert!(store.change_application(&application).await.unwrap());
    assert_eq!(stage.token(&changed(fields.clone(), ("scope", "payments"))).await.1["error"], "invalid_scope");
    let (_, tokens) = stage.token(&fields).await;
    assert_eq!(text(&tokens, "scope"), "accounts");
}

/// What was given out is there after the process ended at any moment, and what was used up stays used up.
#[tokio::test]
async fn a_restart_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let here = || Location::Folder(folder.path().to_owned());
    let stage = Stage::start_with(|options| options.store = here()).await;
    let app = stage.put(|_| ()).await;
    let [used, unused] = [stage.granted(&app, |_| ()).await, stage.granted(&app, |_| ()).await];
    let (_, tokens) = stage.token(&redeem(&app, &used)).await;
    let old = text(&tokens, "refresh_token");
    let (_, tokens) = stage.token(&refresh(&app, &old)).await;
    let access = text(&tokens, "access_token");
    let keys = stage.browser().open(&stage.url("/jwks.json")).await.unwrap();
    // Nobody stops this one: what it did not write down is lost.
    let Stage { sandbox, portal, .. } = stage;
    let port = sandbox.portal();
    drop(sandbox);

    let stage = Stage::start_with(|options| {
        options.store = here();
        options.portal = port;
    })
    .await;
    assert_ne!(stage.portal, "");
    let again = stage.browser().open(&stage.url("/jwks.json")).await.unwrap();
    assert_eq!((again.body(), portal.is_empty()), (keys.body(), false));
    assert!(stage.is_active(&access).await);
    assert_eq!(stage.token(&redeem(&app, &unused)).await.0, StatusCode::OK);
    assert_eq!(stage.token(&redeem(&app, &used)).await.0, StatusCode::BAD_REQUEST);
    assert!(!stage.is_active(&access).await);
    assert_eq!(stage.token(&refresh(&app, &old)).await.0, StatusCode::BAD_REQUEST);
}

/// Nothing that strangers can add to stays for ever.
#[tokio::test]
async fn what_expired_is_swept_in_steps() {
    let stage = Stage::start().await;
    let app = stage.put(|application| application.authentication = Authentication::Secret).await;
    let store = &stage.sandbox.site.store;
    let tokens = stage.tokens(&app).await;
    for number in 0..600 {
        assert!(store.show_once(&number.to_string(), UnixSeconds(NOW + 60)).await.unwrap());
    }
    assert!(!store.show_once("0", UnixSeconds(NOW + 60)).await.unwrap());
    assert_eq!(store.sweep(UnixSeconds(NOW + 59)).await.unwrap(), 0);
    assert_eq!(store.sweep(UnixSeconds(NOW + 60)).await.unwrap(), 600);
    assert!(store.show_once("0", UnixSeconds(NOW + 60)).await.unwrap());
    // The access token; later the code and the refresh token; then their authorization.
    assert_eq!(store.sweep(UnixSeconds(NOW + 300)).await.unwrap(), 2);
    assert!(!stage.is_active(&text(&tokens, "access_token")).await);
    assert_eq!(store.sweep(UnixSeconds(NOW + 2 * 24 * 60 * 60)).await.unwrap(), 3);
}
