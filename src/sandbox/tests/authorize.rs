//! The authorization endpoint, login and consent.

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
async fn a_customer_who_refuses_sends_back_access_denied() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let (mut browser, consent) = stage.at_consent(&app).await;
    let fields = filled(&consent, &[("decision", "refuse")]);
    let answer = browser.submit(&stage.url("/consent"), &pairs(&fields)).await.unwrap();
    let back = returned(&answer);
    assert_eq!((back.get("error"), back.get("code")), (Some("access_denied"), None));
    assert_eq!((back.get("state"), back.get("iss")), (Some("s t&ate"), Some(stage.portal.as_str())));
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    let again = browser.submit(&stage.url("/consent"), &pairs(&fields)).await.unwrap();
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_question_is_answered_once_and_only_in_its_own_browser() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let (mut browser, consent) = stage.at_consent(&app).await;
    let (mut other, others_consent) = stage.at_consent(&app).await;
    let fields = filled(&consent, &[("decision", "allow")]);
    let mut mixed = filled(&others_consent, &[("decision", "allow")]);
    mixed[0] = fields[0].clone();
    for stolen in [&fields, &mixed] {
        let answer = other.submit(&stage.url("/consent"), &pairs(stolen)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
    let answer = browser.submit(&stage.url("/consent"), &pairs(&fields)).await.unwrap();
    assert!(returned(&answer).get("code").is_some());
    let again = browser.submit(&stage.url("/consent"), &pairs(&fields)).await.unwrap();
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn forged_forms_are_refused() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let (mut browser, consent) = stage.at_consent(&app).await;
    let mut fields = filled(&consent, &[("decision", "allow")]);
    let good = fields.clone();
    for token in ["", "wrong"] {
        fields[1].1 = token.to_owned();
        for path in ["/consent", "/login", "/logout"] {
            let answer = browser.submit(&stage.url(path), &pairs(&fields)).await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
        }
    }
    for path in ["/consent", "/login", "/logout", "/applications"] {
        let request =
            Request::post(stage.url(path)).header("content-type", FORM).header("origin", "https://evil.example");
        let answer = stage.send(request, &form::join(&pairs(&good))).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn consent_needs_a_login_and_an_answer() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let mut browser = stage.browser();
    let answer = browser.open(&stage.authorize(&app, &[])).await.unwrap();
    let login = browser.open(&stage.url(agent::location(&answer))).await.unwrap();
    let fields = filled(&login, &[("decision", "allow")]);
    let answer = browser.submit(&stage.url("/consent"), &pairs(&fields)).await.unwrap();
    assert!(agent::location(&answer).starts_with("/login?"));
    let answer = browser.open(&stage.url(&agent::location(&answer).replace("/login", "/consent"))).await.unwrap();
    assert!(agent::location(&answer).starts_with("/login?"));

    let (mut browser, consent) = stage.at_consent(&app).await;
    let fields = filled(&consent, &[("decision", "perhaps")]);
    let answer = browser.submit(&stage.url("/consent"), &pairs(&fields)).await.unwrap();
    assert!(agent::location(&answer).starts_with("/consent?"));
}

#[tokio::test]
async fn the_eleventh_wrong_password_waits() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let mut browser = stage.browser();
    let answer = browser.open(&stage.authorize(&app, &[])).await.unwrap();
    let login = browser.open(&stage.url(agent::location(&answer))).await.unwrap();
    let wrong = filled(&login, &[("user", DEMO.user), ("password", "guess")]);
    for _ in 0..10 {
        let answer = browser.submit(&stage.url("/login"), &pairs(&wrong)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    let right = filled(&login, &[("user", DEMO.user), ("password", DEMO.password)]);
    let answer = browser.submit(&stage.url("/login"), &pairs(&right)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    stage.clock.advance(Duration::from_mins(1));
    let answer = browser.submit(&stage.url("/login"), &pairs(&right)).await.unwrap();
    assert!(agent::location(&answer).starts_with("/consent?"));
}

#[tokio::test]
async fn login_gives_a_new_cookie_and_logout_ends_it() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let mut browser = stage.browser();
    let first = browser.open(&stage.authorize(&app, &[])).await.unwrap();
    let cookie = |answer: &Answer| answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie(&first).ends_with("; Path=/; HttpOnly; SameSite=Lax"));
    let login = browser.open(&stage.url(agent::location(&first))).await.unwrap();
    let fields = filled(&login, &[("user", DEMO.user), ("password", DEMO.password)]);
    let second = browser.submit(&stage.url("/login"), &pairs(&fields)).await.unwrap();
    assert_ne!(cookie(&first), cookie(&second));
    let planted = Request::get(stage.url(agent::location(&second))).header("cookie", cookie(&first));
    assert_eq!(stage.send(planted, "").await.status(), StatusCode::BAD_REQUEST);

    let consent = browser.open(&stage.url(agent::location(&second))).await.unwrap();
    let left = browser.submit(&stage.url("/logout"), &pairs(&filled(&consent, &[]))).await.unwrap();
    assert!(agent::location(&left).starts_with("/login?"));
    let old = Request::get(stage.url(agent::location(&second))).header("cookie", cookie(&second));
    assert_eq!(stage.send(old, "").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_consent_page_escapes_names_and_lets_its_form_return_to_the_application() {
    let stage = Stage::start().await;
    let fields = [
        ("name", "<img src=x onerror=alert(1)>"),
        ("description", "\"><script>alert(2)</script>"),
        ("kind", "single-page"),
        ("redirect_uris", "http://127.0.0.1:1/cb"),
        ("api", "accounts"),
    ];
    let (_, page) = stage.register(&fields).await;
    let app = App { id: agent::element(agent::text(&page), "client-id").unwrap().to_owned(), secret: String::new() };
    let mut browser = stage.browser();
    let changed = stage.authorize(&app, &[("redirect_uri", "http://127.0.0.1:49152/cb")]);
    let answer = browser.open(&changed).await.unwrap();
    let login = browser.open(&stage.url(agent::location(&answer))).await.unwrap();
    let fields = filled(&login, &[("user", DEMO.user), ("password", DEMO.password)]);
    let answer = browser.submit(&stage.url("/login"), &pairs(&fields)).await.unwrap();
    let consent = browser.open(&stage.url(agent::location(&answer))).await.unwrap();
    for page in [&page, &login, &consent] {
        assert!(
            !agent::text(page).contains("<img") && !agent::text(page).contains("<script>"),
            "{}",
            agent::text(page)
        );
        assert_eq!(page.headers()["x-frame-options"], "DENY");
        assert_eq!(page.headers()["cache-control"], "no-store");
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    }
    let policy = consent.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.ends_with("form-action 'self' http://127.0.0.1:49152"), "{policy}");
}
