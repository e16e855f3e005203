//! Login and logout of the bank's customers.

use super::*;
use crate::sandbox::customer;

/// UI-7
#[tokio::test]
async fn the_eleventh_wrong_password_waits() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let mut browser = stage.browser();
    let login = stage.follow(&mut browser, &stage.authorize(&app, &[])).await;
    let wrong = filled(&login, &[("user", DEMO.user), ("password", "guess")]);
    for _ in 0..10 {
        let answer = browser.submit(&stage.url("/login"), &pairs(&wrong)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    let right = filled(&login, &[("user", DEMO.user), ("password", DEMO.password)]);
    let answer = browser.submit(&stage.url("/login"), &pairs(&right)).await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"60".parse().unwrap())
    );
    stage.clock.advance(Duration::from_mins(1));
    let answer = browser.submit(&stage.url("/login"), &pairs(&right)).await.unwrap();
    assert!(agent::location(&answer).starts_with("/consent?"));
}

/// UI-7
#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_look_the_same() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let mut browser = stage.browser();
    let login = stage.follow(&mut browser, &stage.authorize(&app, &[])).await;
    let mut pages = Vec::new();
    for (user, password) in
        [(DEMO.user, "guess"), ("nobody", DEMO.password), (customer::AMARA.user, DEMO.password), ("", "")]
    {
        let fields = filled(&login, &[("user", user), ("password", password)]);
        let answer = browser.submit(&stage.url("/login"), &pairs(&fields)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        pages.push(agent::text(&answer).replace(&format!("name=\"user\" value=\"{user}\""), ""));
    }
    assert!(pages.windows(2).all(|two| two[0] == two[1]));
    assert!(!pages.iter().any(|page| page.contains("guess")), "a wrong password is not sent back");
}

/// UI-5
#[tokio::test]
async fn login_gives_a_new_cookie_and_logout_ends_it() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let mut browser = stage.browser();
    let first = browser.open(&stage.authorize(&app, &[])).await.unwrap();
    let cookie = |answer: &Answer| answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie(&first).starts_with("scopegate_customer="));
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

/// UI-5
#[tokio::test]
async fn over_tls_the_cookie_is_secure_and_of_this_host_alone() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider));
    let tls = tls.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let tls = tls.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let trusting = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let fetcher = Fetcher::new(Arc::new(trusting.with_root_certificates(roots).with_no_client_auth()));
    let clock = Clock::manual(1_772_366_405);
    let options = Options { tls: Some(Arc::new(tls)), ..options(clock.clone()).await };
    let sandbox = Sandbox::start(options).await.unwrap();
    let portal = format!("https://{}", sandbox.portal());
    let stage = Stage { sandbox, clock, portal, fetcher };
    let answer = stage.browser().open(&stage.url("/login")).await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-scopegate_customer="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let app = stage.add("web", &["accounts"]).await;
    stage.code(&app).await;
}

#[tokio::test]
async fn a_login_that_is_sent_twice_goes_on() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let mut browser = stage.browser();
    let login = stage.follow(&mut browser, &stage.authorize(&app, &[])).await;
    let fields = filled(&login, &[("user", DEMO.user), ("password", DEMO.password)]);
    let mut late = browser.clone();
    browser.submit(&stage.url("/login"), &pairs(&fields)).await.unwrap();
    let second = late.submit(&stage.url("/login"), &pairs(&fields)).await.unwrap();
    let page = stage.follow(&mut browser, &stage.url(agent::location(&second))).await;
    assert!(agent::text(&page).contains("Which accounts may it see?"));
    assert_eq!(stage.follow(&mut late, &stage.url(agent::location(&second))).await.status(), StatusCode::BAD_REQUEST);
}

/// UI-2
#[tokio::test]
async fn forged_forms_are_refused_and_change_nothing() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let (mut browser, consent) = stage.at_consent(&app).await;
    let good = allowing(&consent);
    let paths = ["/consent", "/login", "/logout", "/one-time-code", "/my/access"];
    for token in ["", "wrong"] {
        let mut fields = good.clone();
        fields[1].1 = token.to_owned();
        for path in paths {
            let answer = browser.submit(&stage.url(path), &pairs(&fields)).await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
        }
    }
    for path in paths {
        for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            let request = Request::post(stage.url(path)).header("content-type", FORM).header(name, value);
            let answer = stage.send(request, &form::join(&pairs(&good))).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} {name}");
        }
    }
    let answer = browser.submit(&stage.url("/consent"), &pairs(&good)).await.unwrap();
    assert!(returned(&answer).get("code").is_some());
}

/// (EU) 2018/389, article 4(3)(d)
#[tokio::test]
async fn whoever_does_nothing_for_five_minutes_logs_in_again_and_returns_to_the_same_question() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    let (mut browser, mut consent) = stage.at_consent(&app).await;
    for _ in 0..3 {
        stage.clock.advance(Duration::from_secs(299));
        let ask = agent::hidden(agent::text(&consent), "ask").unwrap().to_owned();
        consent = stage.follow(&mut browser, &stage.url(&format!("/consent?ask={ask}"))).await;
        assert!(agent::text(&consent).contains("Which accounts"), "reading the page is doing something");
    }
    stage.clock.advance(Duration::from_mins(5));
    let login = stage.press(&mut browser, "/consent", &allowing(&consent)).await;
    assert!(agent::text(&login).contains("Log in to your bank"), "{}", agent::text(&login));
    let fields = filled(&login, &[("user", DEMO.user), ("password", DEMO.password)]);
    let again = stage.press(&mut browser, "/login", &fields).await;
    assert_eq!(agent::hidden(agent::text(&again), "ask"), agent::hidden(agent::text(&consent), "ask"));
    let answer = browser.submit(&stage.url("/consent"), &pairs(&allowing(&again))).await.unwrap();
    assert!(returned(&answer).get("code").is_some());
}

#[tokio::test]
async fn each_demo_customer_stands_on_the_login_page_and_can_log_in() {
    let stage = Stage::start().await;
    let app = stage.add("web", &["accounts"]).await;
    assert!(customer::ALL.len() >= 3);
    for customer in &customer::ALL {
        let mut browser = stage.browser();
        let login = stage.follow(&mut browser, &stage.authorize(&app, &[])).await;
        let (html, ask) = (agent::text(&login), agent::hidden(agent::text(&login), "ask").unwrap());
        assert!(html.contains(customer.name) && html.contains(customer.password));
        let filled_in = browser.open(&stage.url(&format!("/login?ask={ask}&as={}", customer.user))).await.unwrap();
        assert_eq!(agent::hidden(agent::text(&filled_in), "user"), Some(customer.user));
        let (_, consent) = stage.at_consent_as(&stage.authorize(&app, &[]), customer).await;
        assert!(agent::text(&consent).contains(&format!("Logged in as {}", customer.name)));
    }
}
