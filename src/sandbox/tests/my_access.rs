//! What customers allowed, and how they end it.

use super::consent::payment;
use super::*;
use crate::net::serve::Serving;
use crate::sandbox::bank::consent::Status;
use crate::sandbox::customer::AMARA;
use axum::Router;
use axum::routing::post;
use hyper_util::service::TowerToHyperService;
use std::sync::Mutex;
use tokio::net::TcpListener;

/// What a gateway's admin listener is told.
async fn gateway() -> (Arc<Mutex<Vec<Value>>>, Serving) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&told);
    let revoke = move |body: axum::Json<Value>| {
        kept.lock().unwrap().push(body.0);
        async { StatusCode::NO_CONTENT }
    };
    let router: Router = Router::new().route("/revoke", post(revoke));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (told, Serving::start(listener, None, TowerToHyperService::new(router)).unwrap())
}

impl Stage {
    /// A browser whose customer came by themselves, at the list.
    pub(super) async fn at_access(&self, customer: &Customer) -> (Agent, Answer) {
        let mut browser = self.browser();
        let login = self.follow(&mut browser, &self.url("/my/access")).await;
        let token = agent::hidden(agent::text(&login), "form_token").unwrap().to_owned();
        let fields = [("form_token", token.as_str()), ("user", customer.user), ("password", customer.password)];
        let answer = browser.submit(&self.url("/login"), &fields).await.unwrap();
        assert_eq!(agent::location(&answer), "/my/access");
        let page = self.follow(&mut browser, &self.url("/my/access")).await;
        (browser, page)
    }
}

#[tokio::test]
async fn a_customer_sees_what_they_allowed_and_withdraws_it_at_once() {
    let (told, gateway) = gateway().await;
    let clock = Clock::manual(1_772_366_405);
    let admin = format!("http://{}", gateway.address());
    let sandbox = Sandbox::start(Options { admin, ..options(clock.clone()).await }).await.unwrap();
    let portal = format!("http://{}", sandbox.portal());
    let stage = Stage { sandbox, clock, portal, fetcher: plain_fetcher() };
    let app = stage.add("web", &["accounts", "payments"]).await;
    let (_, empty) = stage.at_access(&DEMO).await;
    assert!(agent::text(&empty).contains("No application may do anything"));

    let id = stage.payment_consent(&app, &payment("12.50", "EUR")).await;
    let request = stage.authorize(&app, &[("scope", "accounts payments"), ("consent_id", &id)]);
    let code = stage.code_of(&request).await;
    let grant = [
        ("grant_type", "authorization_code"),
        ("client_id", app.id.as_str()),
        ("client_secret", app.secret.as_str()),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let (status, tokens) = stage.token(&grant).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");

    let (mut browser, page) = stage.at_access(&DEMO).await;
    let html = agent::text(&page);
    for words in
        ["Tally", "Pay €12.50 to Ada Books from Everyday", "See Everyday, Savings", "30 May 2026", "1 March 2026"]
    {
        assert!(html.contains(words), "{words}: {html}");
    }
    let authorization = agent::hidden(html, "authorization").unwrap().to_owned();
    let token = agent::hidden(html, "form_token").unwrap().to_owned();
    let fields = [("form_token", token.as_str()), ("authorization", authorization.as_str())];

    let (mut stranger, strangers) = stage.at_access(&AMARA).await;
    assert!(!agent::text(&strangers).contains(&authorization));
    let own = agent::hidden(agent::text(&strangers), "form_token").unwrap().to_owned();
    let stolen = [("form_token", own.as_str()), ("authorization", authorization.as_str())];
    let answer = stranger.submit(&stage.url("/my/access"), &stolen).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);

    let answer = browser.submit(&stage.url("/my/access"), &fields).await.unwrap();
    let after = stage.follow(&mut browser, &stage.url(agent::location(&answer))).await;
    assert!(agent::text(&after).contains("You withdrew what you allowed"), "{}", agent::text(&after));
    assert!(agent::text(&after).contains("No application may do anything"));
    let store = &stage.sandbox.site.store;
    assert_eq!(store.consent(&id).await.unwrap().unwrap().status, Status::Cancelled);
    let told: Vec<_> = told.lock().unwrap().iter().map(|body| body["consent_id"].clone()).collect();
    assert_eq!(told, [authorization.as_str()], "the gateway knows before the customer sees the page");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", app.id.as_str()),
        ("client_secret", app.secret.as_str()),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    assert_eq!(stage.token(&refresh).await.1["error"], "invalid_grant");
    // Twice is once.
    let again = browser.submit(&stage.url("/my/access"), &fields).await.unwrap();
    assert_eq!(again.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_list_is_shown_to_whoever_logged_in_and_nobody_else() {
    let stage = Stage::start().await;
    let (mut browser, page) = stage.at_access(&DEMO).await;
    let token = agent::hidden(agent::text(&page), "form_token").unwrap();
    let left = browser.submit(&stage.url("/logout"), &[("form_token", token)]).await.unwrap();
    assert_eq!(agent::location(&left), "/login");
    let answer = browser.open(&stage.url("/my/access")).await.unwrap();
    assert_eq!(agent::location(&answer), "/login");
}
