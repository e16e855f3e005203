//! The authorization endpoint: what an application may ask, and who hears of it when it may not.

use super::consent::payment;
use super::*;

#[tokio::test]
async fn without_a_trustworthy_return_address_nobody_is_redirected() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    for change in [
        ("client_id", ""),
        ("client_id", "app_unknown"),
        ("redirect_uri", ""),
        ("redirect_uri", "https://tally.example/cb"),
        ("redirect_uri", "https://tally.example/cb?from=bank&x=1"),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", "javascript:alert(1)"),
    ] {
        let answer = stage.browser().open(&stage.authorize(&app, &[change])).await.unwrap();
        assert_eq!((answer.status(), agent::location(&answer)), (StatusCode::BAD_REQUEST, ""), "{change:?}");
    }
    for more in ["&client_id=x", "&redirect_uri=https://evil.example/", "&a=%zz"] {
        let answer = stage.browser().open(&(stage.authorize(&app, &[]) + more)).await.unwrap();
        assert_eq!((answer.status(), agent::location(&answer)), (StatusCode::BAD_REQUEST, ""), "{more}");
    }
}

#[tokio::test]
async fn other_faults_go_back_with_error_state_and_issuer() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    for (name, value, error) in [
        ("response_type", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "code id_token", "unsupported_response_type"),
        ("response_mode", "fragment", "invalid_request"),
        ("scope", "payments", "invalid_scope"),
        ("scope", "accounts payments", "invalid_scope"),
        ("scope", "openid", "invalid_scope"),
        ("scope", " accounts", "invalid_scope"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
        ("dpop_jkt", "short", "invalid_request"),
        ("max_age", "-1", "invalid_request"),
        ("max_age", "soon", "invalid_request"),
        ("prompt", "none", "interaction_required"),
        ("prompt", "none login", "interaction_required"),
        ("prompt", "create", "invalid_request"),
        ("acr_values", "urn:other:face", "unmet_authentication_requirements"),
        ("consent_id", "xc-1", "invalid_request"),
        ("consent_id", "aac-unknown", "invalid_authorization_details"),
        ("authorization_details", "{}", "invalid_authorization_details"),
        ("authorization_details", r#"[{"type":"face_scan","consent_id":"aac-1"}]"#, "invalid_authorization_details"),
        (
            "authorization_details",
            r#"[{"type":"account_access","consent_id":"aac-unknown"}]"#,
            "invalid_authorization_details",
        ),
        ("authorization_details", r#"[{"type":"payment","consent_id":"pc-1"}]"#, "invalid_scope"),
    ] {
        let answer = stage.browser().open(&stage.authorize(&app, &[(name, value)])).await.unwrap();
        let back = returned(&answer);
        assert_eq!(back.get("error"), Some(error), "{name}={value}");
        assert_eq!((back.get("state"), back.get("iss")), (Some("s t&ate"), Some(stage.portal.as_str())));
        assert_eq!((back.get("code"), back.get("from")), (None, Some("bank")));
    }
    let answer = stage.browser().open(&(stage.authorize(&app, &[]) + "&scope=accounts")).await.unwrap();
    assert_eq!(returned(&answer).get("error"), Some("invalid_request"));
    let long = "x".repeat(513);
    let answer = stage.browser().open(&stage.authorize(&app, &[("state", &long)])).await.unwrap();
    assert_eq!(returned(&answer).get("error"), Some("invalid_request"));
}

#[tokio::test]
async fn the_endpoint_answers_no_script_and_no_post() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let answer = stage.send(Request::get(stage.authorize(&app, &[])).header("origin", "https://a.example"), "").await;
    assert!(answer.headers().get("access-control-allow-origin").is_none());
    let answer = stage.send(Request::post(stage.authorize(&app, &[])), "").await;
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn payments_need_a_consent_of_the_applications_own_that_awaits_an_answer() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts", "payments", "fundsconfirmations"]).await;
    let other = stage.add("web", &["payments"]).await;
    let error = async |app: &App, changes: &[(&str, &str)]| {
        let answer = stage.browser().open(&stage.authorize(app, changes)).await.unwrap();
        let back = returned(&answer);
        (back.get("error").unwrap_or_default().to_owned(), back.get("error_description").unwrap_or_default().to_owned())
    };
    for scope in ["payments", "fundsconfirmations", "accounts payments", ""] {
        let (code, text) = error(&app, &[("scope", scope)]).await;
        assert!(code == "invalid_request" && text.contains("consents first"), "{scope}: {code} {text}");
    }
    let own = stage.payment_consent(&app, &payment("12.50", "EUR")).await;
    let details = format!(r#"[{{"type":"payment","consent_id":"{own}"}}]"#);
    let mistyped = format!(r#"[{{"type":"account_access","consent_id":"{own}"}}]"#);
    let both = [("scope", "payments"), ("consent_id", own.as_str()), ("authorization_details", details.as_str())];
    assert_eq!(error(&app, &both).await.0, "invalid_request");
    let unlike = [("authorization_details", mistyped.as_str())];
    assert_eq!(error(&app, &unlike).await.0, "invalid_authorization_details");
    let stolen = [("scope", "payments"), ("authorization_details", details.as_str())];
    assert_eq!(error(&other, &stolen).await.0, "invalid_authorization_details");
    let outside = [("scope", "accounts"), ("consent_id", own.as_str())];
    assert_eq!(error(&app, &outside).await.0, "invalid_scope");
    for good in [("consent_id", own.as_str()), ("authorization_details", details.as_str())] {
        let answer = stage.browser().open(&stage.authorize(&app, &[("scope", ""), good])).await.unwrap();
        assert!(agent::location(&answer).starts_with("/login?"), "{good:?}");
    }
    stage.code_of(&stage.authorize(&app, &[("scope", "payments"), ("consent_id", &own)])).await;
    assert_eq!(error(&app, &[("scope", "payments"), ("consent_id", &own)]).await.0, "invalid_authorization_details");
}

/// AS-32
#[tokio::test]
async fn a_login_of_before_does_only_where_the_application_says_nothing_else() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let (mut browser, _) = stage.at_consent(&app).await;
    stage.clock.advance(Duration::from_mins(1));
    for (change, next) in [
        (("state", "x"), "/consent?"),
        (("max_age", "60"), "/consent?"),
        (("max_age", "59"), "/login?"),
        (("max_age", "0"), "/login?"),
        (("prompt", "login"), "/login?"),
        (("prompt", "consent login"), "/login?"),
        (("prompt", "consent"), "/consent?"),
        (("acr_values", "urn:scopegate:acr:password"), "/consent?"),
    ] {
        let answer = browser.open(&stage.authorize(&app, &[change])).await.unwrap();
        assert!(agent::location(&answer).starts_with(next), "{change:?} {}", agent::location(&answer));
        if next == "/login?" {
            // Nor does going on by hand.
            let consent = stage.url(&agent::location(&answer).replace("/login", "/consent"));
            assert!(agent::location(&browser.open(&consent).await.unwrap()).starts_with("/login?"), "{change:?}");
        }
    }
    let mut page = stage.follow(&mut browser, &stage.authorize(&app, &[("prompt", "login")])).await;
    let fields = filled(&page, &[("user", DEMO.user), ("password", DEMO.password)]);
    page = stage.press(&mut browser, "/login", &fields).await;
    assert!(agent::text(&page).contains("wants to see your accounts"));
}
