//! Test tokens: the application's own, a customer's, and what becomes of them.

use super::authz::*;
use super::portal_applications::{developer_with, owner, press};
use super::*;
use crate::sandbox::store::TestToken;
use serde_json::json;

/// Follows our own redirects, also those that name the whole address.
pub(super) async fn land(stage: &Stage, browser: &mut Agent, mut answer: Answer) -> Answer {
    for _ in 0..6 {
        let next = agent::location(&answer).to_owned();
        let url = match next.strip_prefix('/') {
            Some(_) => stage.url(&next),
            None if next.starts_with(&stage.portal) => next,
            None => break,
        };
        answer = browser.open(&url).await.unwrap();
    }
    answer
}

/// The customer at the same browser logs in and allows, or does what `decide` says; then the portal has its answer.
pub(super) async fn decide(
    stage: &Stage,
    browser: &mut Agent,
    page: Answer,
    decide: impl FnOnce(&Answer) -> Vec<(String, String)>,
) -> Answer {
    let mut page = land(stage, browser, page).await;
    if agent::text(&page).contains("Log in to your bank") {
        let fields = filled(&page, &[("user", DEMO.user), ("password", DEMO.password)]);
        page = stage.press(browser, "/login", &fields).await;
    }
    if let Some(code) = sent_code(&page) {
        page = stage.press(browser, "/one-time-code", &filled(&page, &[("code", &code)])).await;
    }
    let answer = browser.submit(&stage.url("/consent"), &pairs(&decide(&page))).await.unwrap();
    land(stage, browser, answer).await
}

fn refusing(page: &Answer) -> Vec<(String, String)> {
    filled(page, &[("decision", "refuse")])
}

fn token_on(page: &Answer, id: &str) -> String {
    agent::element(agent::text(page), id).unwrap_or_else(|| panic!("{}", agent::text(page))).to_owned()
}

async fn kept(stage: &Stage, app: &App) -> Vec<TestToken> {
    stage.sandbox.site.store.test_tokens(&owner(stage, app).await).await.unwrap()
}

#[tokio::test]
async fn one_click_gives_the_applications_own_token() {
    let stage = Stage::start().await;
    let (mut developer, app) = developer_with(&stage, &[]).await;
    let page = press(&stage, &mut developer, &app, "/tokens").await;
    let token = token_on(&page, "access-token");
    assert_eq!(stage.introspect(&token).await["gty"], "client_credentials");
    assert!(agent::text(&page).contains("Expires in 5 minutes") && agent::text(&page).contains("?token="));
    let id = kept(&stage, &app).await[0].id.clone();
    // What tries it out gets it by its name, and only for its developer.
    let try_it = stage.url(&format!("/apis/accounts/CreateAccountAccessConsent?token={id}"));
    assert!(agent::text(&page).contains(&format!("/apis/accounts/CreateAccountAccessConsent?token={id}")));
    assert!(agent::text(&developer.open(&try_it).await.unwrap()).contains(&token));
    assert!(!agent::text(&stage.developer().await.open(&try_it).await.unwrap()).contains(&token));
    let page = press(&stage, &mut developer, &app, &format!("/tokens/{id}/revoke")).await;
    assert!(agent::text(&page).contains("Revoked") && !agent::text(&page).contains("?token="));
    assert!(!stage.is_active(&token).await);
}

#[tokio::test]
async fn a_customers_token_comes_the_real_way_and_is_refreshed_and_revoked() {
    let admin = Admin::start().await;
    let stage = Stage::start_with(|options| options.admin = admin.origin.clone()).await;
    let (mut developer, app) = developer_with(&stage, &[]).await;
    let asked = press(&stage, &mut developer, &app, "/ask").await;
    let page = decide(&stage, &mut developer, asked, allowing).await;
    let (first, first_refresh) = (token_on(&page, "access-token"), token_on(&page, "refresh-token"));
    let introspected = stage.introspect(&first).await;
    assert_eq!((&introspected["gty"], &introspected["scope"]), (&json!("authorization_code"), &json!("accounts")));
    let id = kept(&stage, &app).await[0].id.clone();
    let page = press(&stage, &mut developer, &app, &format!("/tokens/{id}/refresh")).await;
    let (second, second_refresh) = (token_on(&page, "access-token"), token_on(&page, "refresh-token"));
    assert!(first != second && first_refresh != second_refresh && stage.is_active(&second).await);
    let page = press(&stage, &mut developer, &app, &format!("/tokens/{id}/revoke")).await;
    assert!(agent::text(&page).contains("Ask the customer again"));
    assert!(!stage.is_active(&first).await && !stage.is_active(&second).await);
    assert_eq!(admin.told()[0]["consent_id"], introspected["consent_id"]);
    // Once more is answered as once.
    let again = press(&stage, &mut developer, &app, &format!("/tokens/{id}/refresh")).await;
    assert_eq!(again.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_gateway_that_is_away_is_told_later_and_the_page_says_so() {
    let admin = Admin::start().await;
    let stage = Stage::start_with(|options| options.admin = admin.origin.clone()).await;
    let (mut developer, app) = developer_with(&stage, &[]).await;
    press(&stage, &mut developer, &app, "/tokens").await;
    let id = kept(&stage, &app).await[0].id.clone();
    admin.go_away(true);
    let page = press(&stage, &mut developer, &app, &format!("/tokens/{id}/revoke")).await;
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(agent::text(&page).contains("as soon as it answers"));
}

#[tokio::test]
async fn a_refused_customer_ends_on_a_page_that_says_so() {
    let stage = Stage::start().await;
    let (mut developer, app) = developer_with(&stage, &[]).await;
    let asked = press(&stage, &mut developer, &app, "/ask").await;
    let page = decide(&stage, &mut developer, asked, refusing).await;
    let html = agent::text(&page);
    assert!(html.contains("The customer refused") && html.contains("error=access_denied"), "{html}");
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    assert!(kept(&stage, &app).await.is_empty());
}

/// RFC 9700 §4.7 and RFC 9207: an answer to no question of this browser is not taken, nor one of another issuer, nor
/// the same one twice.
#[tokio::test]
async fn only_the_answer_to_a_question_of_this_browser_is_taken() {
    let stage = Stage::start().await;
    let (mut developer, app) = developer_with(&stage, &[]).await;
    let asked = async |developer: &mut Agent| {
        let page = stage.url(&format!("/applications/{}", app.id));
        let answer = developer.fill(&page, &format!("{page}/ask"), &[]).await.unwrap();
        let query = agent::location(&answer).split_once('?').unwrap().1.to_owned();
        Params::parse(query.as_bytes()).unwrap().get("state").unwrap().to_owned()
    };
    let answer = async |browser: &mut Agent, word: &str, iss: &str| {
        let query = form::join(&[("code", "made-up"), ("state", word), ("iss", iss)]);
        let page = browser.open(&stage.url(&format!("/applications/{}/callback?{query}", app.id))).await.unwrap();
        (page.status().as_u16(), agent::text(&page).to_owned())
    };
    let issuer = stage.portal.clone();
    let word = asked(&mut developer).await;
    assert!(answer(&mut developer, "other", &issuer).await.1.contains("answers no question of yours"));
    let mut other = stage.developer().await;
    assert_eq!(answer(&mut other, &word, &issuer).await.0, 404);
    let (status, html) = answer(&mut developer, &word, &issuer).await;
    assert!(status == 400 && html.contains("error=invalid_grant"), "{html}");
    assert!(answer(&mut developer, &word, &issuer).await.1.contains("answers no question of yours"));
    let word = asked(&mut developer).await;
    assert!(answer(&mut developer, &word, "https://evil.example").await.1.contains("not from this bank"));
    let word = asked(&mut developer).await;
    stage.clock.advance(Duration::from_mins(30));
    assert!(answer(&mut developer, &word, &issuer).await.1.contains("answers no question of yours"));
    // Signed out, the answer waits behind the sign-in page, and belongs to nobody then.
    let signed_out = stage.browser().open(&stage.url(&format!("/applications/{}/callback?state=x", app.id))).await;
    assert!(agent::location(&signed_out.unwrap()).starts_with("/signin?next="));
}

#[tokio::test]
async fn an_application_that_must_push_is_asked_for_by_a_pushed_request() {
    let stage = Stage::start().await;
    let more = [("requires_pushed", "yes"), ("token_format", "opaque"), ("refresh", "keep")];
    let (mut developer, app) = developer_with(&stage, &more).await;
    let asked = press(&stage, &mut developer, &app, "/ask").await;
    let page = decide(&stage, &mut developer, asked, allowing).await;
    let refresh_token = token_on(&page, "refresh-token");
    assert!(token_on(&page, "access-token").starts_with("at_"));
    let id = kept(&stage, &app).await[0].id.clone();
    let page = press(&stage, &mut developer, &app, &format!("/tokens/{id}/refresh")).await;
    assert_eq!(token_on(&page, "refresh-token"), refresh_token);
}

#[tokio::test]
async fn what_is_bound_to_a_key_is_not_given_to_the_portal() {
    let stage = Stage::start().await;
    let (mut developer, app) = developer_with(&stage, &[("sender", "dpop")]).await;
    let page = developer.open(&stage.url(&format!("/applications/{}", app.id))).await.unwrap();
    assert!(agent::text(&page).contains("oauth4webapi"));
    for path in ["/tokens", "/ask", "/accounts"] {
        assert_eq!(press(&stage, &mut developer, &app, path).await.status(), StatusCode::CONFLICT, "{path}");
    }
    assert!(kept(&stage, &app).await.is_empty());
    // An application without a secret has no token of its own either.
    let fields = [("name", "Pocket"), ("kind", "mobile"), ("redirect_uris", REDIRECT_URI), ("api", "accounts")];
    let (mut developer, page) = stage.register(&fields).await;
    let app = App { id: token_on(&page, "client-id"), secret: String::new() };
    let page = press(&stage, &mut developer, &app, "/tokens").await;
    assert!(page.status() == StatusCode::BAD_REQUEST && agent::text(&page).contains("error=unauthorized_client"));
    let asked = press(&stage, &mut developer, &app, "/ask").await;
    let page = decide(&stage, &mut developer, asked, allowing).await;
    assert!(stage.is_active(&token_on(&page, "access-token")).await);
}
