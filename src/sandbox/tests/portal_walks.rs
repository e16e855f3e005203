//! *Make a test payment* and *Read the accounts*, with a gateway that only plays one.

use super::authz::claims;
use super::portal_applications::{developer_with, press};
use super::portal_tokens::{decide, land};
use super::*;
use crate::net::serve::Serving;
use crate::sandbox::Site;
use crate::sandbox::bank::consent::{Consent, Request as Wanted};
use crate::sandbox::bank::order::Given;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::HeaderMap;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use std::sync::Mutex;
use tokio::net::TcpListener;

/// Answers as bank and gateway would, writes down what it was asked, and may be in a mood.
struct Gateway {
    origin: String,
    desk: Arc<Desk>,
    _serving: Serving,
}

#[derive(Default)]
struct Desk {
    /// Where it keeps consents, as the bank does: the authorization server looks for them.
    site: Mutex<Option<(Arc<Site>, String)>>,
    asked: Mutex<Vec<Value>>,
    refuses: Mutex<Option<StatusCode>>,
}

impl Gateway {
    async fn start() -> Self {
        let desk = Arc::<Desk>::default();
        let router = Router::new()
            .route("/open-banking/v4.0/pisp/domestic-payment-consents", post(create))
            .route("/open-banking/v4.0/pisp/domestic-payments", post(pay))
            .route("/open-banking/v4.0/pisp/domestic-payments/dp-1", get(follow))
            .route("/open-banking/v4.0/aisp/accounts", get(accounts))
            .route("/open-banking/v4.0/aisp/balances", get(balances))
            .with_state(Arc::clone(&desk));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let serving = Serving::start(listener, None, TowerToHyperService::new(router)).unwrap();
        Self { origin: format!("http://{}", serving.address()), desk, _serving: serving }
    }

    /// A sandbox behind it, a developer and their application.
    async fn stage(&self, more: &[(&str, &str)]) -> (Stage, Agent, App) {
        let stage = Stage::start_with(|options| options.gateway = self.origin.clone()).await;
        let (developer, app) = developer_with(&stage, more).await;
        *self.desk.site.lock().unwrap() = Some((Arc::clone(&stage.sandbox.site), app.id.clone()));
        (stage, developer, app)
    }

    /// What it was asked since it was asked last.
    fn asked(&self) -> Vec<Value> {
        std::mem::take(&mut self.desk.asked.lock().unwrap())
    }

    fn refuse(&self, status: Option<StatusCode>) {
        *self.desk.refuses.lock().unwrap() = status;
    }
}

impl Desk {
    fn take(&self, headers: &HeaderMap, body: &Value) -> Result<(), (StatusCode, Json<Value>)> {
        let field = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let token = field("authorization").strip_prefix("Bearer ").unwrap().to_owned();
        let gty = claims(&token)["gty"].clone();
        let asked = json!({ "gty": gty, "key": field("x-idempotency-key"), "body": body, "token": token });
        self.asked.lock().unwrap().push(asked);
        match *self.refuses.lock().unwrap() {
            Some(status) => Err((status, Json(json!({ "Errors": [{ "Message": "<b>not today</b>" }] })))),
            None => Ok(()),
        }
    }
}

type Answered = Result<(StatusCode, Json<Value>), (StatusCode, Json<Value>)>;

async fn create(State(desk): State<Arc<Desk>>, headers: HeaderMap, Json(body): Json<Value>) -> Answered {
    desk.take(&headers, &body)?;
    let (site, client_id) = desk.site.lock().unwrap().clone().unwrap();
    let given = Given::consent(body.to_string().as_bytes()).unwrap();
    let consent = Consent::new(&client_id, Wanted::Payment(Box::new(given)), site.clock.now());
    let mut transaction = site.store.begin().await.unwrap();
    assert!(transaction.add_consent(&consent).await.unwrap());
    transaction.commit().await.unwrap();
    Ok((StatusCode::CREATED, Json(json!({ "Data": { "ConsentId": consent.id, "Status": "AWAU" } }))))
}

async fn pay(State(desk): State<Arc<Desk>>, headers: HeaderMap, Json(body): Json<Value>) -> Answered {
    desk.take(&headers, &body)?;
    Ok((StatusCode::CREATED, Json(json!({ "Data": { "DomesticPaymentId": "dp-1", "Status": "RCVD" } }))))
}

async fn follow(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Answered {
    desk.take(&headers, &Value::Null)?;
    Ok((StatusCode::OK, Json(json!({ "Data": { "DomesticPaymentId": "dp-1", "Status": "ACSC" } }))))
}

async fn accounts(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Answered {
    desk.take(&headers, &Value::Null)?;
    let account = json!({ "AccountId": "1", "Nickname": "Ever<y>day", "Account": [{ "Identification": "DE89" }] });
    Ok((StatusCode::OK, Json(json!({ "Data": { "Account": [account] } }))))
}

async fn balances(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Answered {
    desk.take(&headers, &Value::Null)?;
    let amount = json!({ "Amount": "1204.50", "Currency": "EUR" });
    let balance = json!({ "AccountId": "1", "CreditDebitIndicator": "Debit", "Amount": amount });
    Ok((StatusCode::OK, Json(json!({ "Data": { "Balance": [balance] } }))))
}

const PAYMENTS: [(&str, &str); 1] = [("api", "payments")];
const ORDER: [(&str, &str); 4] =
    [("amount", "12.50"), ("payee", "Ada <Books>"), ("account", "08080021325698"), ("reference", "Order 77")];

/// The walk's own address, off a form of its page.
fn here(page: &Answer) -> String {
    let html = agent::text(page);
    let (_, rest) = html.split_once("/payment/").unwrap_or_else(|| panic!("{html}"));
    format!("/payment/{}", rest.split('/').next().unwrap())
}

async fn create_consent(stage: &Stage, developer: &mut Agent, app: &App) -> Answer {
    let form = stage.url(&format!("/applications/{}/payment", app.id));
    let answer = developer.fill(&form, &form, &ORDER).await.unwrap();
    land(stage, developer, answer).await
}

/// UI-8, UI-9: consent, customer, payment, each through the gateway with the token that it needs.
#[tokio::test]
async fn a_payment_is_made_step_by_step() {
    let gateway = Gateway::start().await;
    let (stage, mut developer, app) = gateway.stage(&PAYMENTS).await;
    let page = developer.open(&stage.url(&format!("/applications/{}", app.id))).await.unwrap();
    assert!(agent::text(&page).contains("Make a test payment"));
    let page = create_consent(&stage, &mut developer, &app).await;
    let html = agent::text(&page);
    assert!(html.contains("Ask the customer") && html.contains("201 Created"), "{html}");
    assert!(html.contains("Ada &#60;Books&#62;") && !html.contains("Ada <Books>"), "{html}");
    let asked = gateway.asked();
    assert_eq!((asked.len(), &asked[0]["gty"]), (1, &json!("client_credentials")));
    let walk = here(&page);
    let page = press(&stage, &mut developer, &app, &format!("{walk}/ask")).await;
    let page = decide(&stage, &mut developer, page, allowing).await;
    assert!(agent::text(&page).contains(">Pay</button>"), "{}", agent::text(&page));
    let page = press(&stage, &mut developer, &app, &format!("{walk}/pay")).await;
    assert!(agent::text(&page).contains("Received") && agent::text(&page).contains("Refresh status"));
    // Once more, as by a second press: the same key and the same words.
    press(&stage, &mut developer, &app, &format!("{walk}/pay")).await;
    let [first, second] = gateway.asked().try_into().unwrap();
    assert_eq!((&first["key"], &first["body"]), (&second["key"], &second["body"]));
    assert_eq!(first["gty"], "authorization_code");
    assert!(first["body"]["Data"]["ConsentId"].as_str().unwrap().starts_with("pc-"));
    let page = press(&stage, &mut developer, &app, &format!("{walk}/follow")).await;
    let html = agent::text(&page);
    assert!(html.contains("<b>Paid</b>") && html.contains("ACSC") && !html.contains("Refresh status"), "{html}");
    assert_eq!(gateway.asked()[0]["gty"], "client_credentials");
    for token in [&first["token"], &asked[0]["token"]] {
        assert!(!html.contains(token.as_str().unwrap()), "a whole token stands on the page");
    }
    let mut other = stage.developer().await;
    let theirs = other.open(&stage.url(&format!("/applications/{}{walk}", app.id))).await.unwrap();
    assert_eq!(theirs.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_refused_payment_is_told_and_begins_again() {
    let gateway = Gateway::start().await;
    let (stage, mut developer, app) = gateway.stage(&PAYMENTS).await;
    let page = create_consent(&stage, &mut developer, &app).await;
    let page = press(&stage, &mut developer, &app, &format!("{}/ask", here(&page))).await;
    let page = decide(&stage, &mut developer, page, |page| filled(page, &[("decision", "refuse")])).await;
    let html = agent::text(&page);
    assert!(html.contains("The customer refused") && html.contains("Begin again"), "{html}");
    assert!(!html.contains(">Pay</button>"));
}

#[tokio::test]
async fn what_the_gateway_refuses_is_shown_as_it_came() {
    let gateway = Gateway::start().await;
    let (stage, mut developer, app) = gateway.stage(&PAYMENTS).await;
    gateway.refuse(Some(StatusCode::FORBIDDEN));
    let page = create_consent(&stage, &mut developer, &app).await;
    let html = agent::text(&page);
    assert_eq!(page.status(), StatusCode::BAD_GATEWAY);
    assert!(html.contains("403 Forbidden") && html.contains("&#60;b&#62;not today"), "{html}");
    assert!(html.contains("value=\"12.50\""), "{html}");
    gateway.refuse(None);
    let form = stage.url(&format!("/applications/{}/payment", app.id));
    let page = developer.fill(&form, &form, &[("amount", "12,50"), ("payee", "Ada")]).await.unwrap();
    let html = agent::text(&page);
    assert!(html.contains("id=\"amount-fault\"") && html.contains("id=\"account-fault\"") && html.contains("12,50"));
    // A payment that is refused can be tried again.
    let page = create_consent(&stage, &mut developer, &app).await;
    let walk = here(&page);
    let page = press(&stage, &mut developer, &app, &format!("{walk}/ask")).await;
    decide(&stage, &mut developer, page, allowing).await;
    gateway.refuse(Some(StatusCode::SERVICE_UNAVAILABLE));
    let page = press(&stage, &mut developer, &app, &format!("{walk}/pay")).await;
    let html = agent::text(&page);
    assert!(html.contains("503 Service Unavailable") && html.contains(">Pay</button>"), "{html}");
}

#[tokio::test]
async fn a_token_that_is_over_is_refreshed_before_it_pays() {
    let gateway = Gateway::start().await;
    let (stage, mut developer, app) = gateway.stage(&[("api", "payments"), ("lifetime", "short")]).await;
    let page = create_consent(&stage, &mut developer, &app).await;
    let walk = here(&page);
    let page = press(&stage, &mut developer, &app, &format!("{walk}/ask")).await;
    decide(&stage, &mut developer, page, allowing).await;
    gateway.asked();
    stage.clock.advance(Duration::from_mins(10));
    press(&stage, &mut developer, &app, &format!("{walk}/pay")).await;
    let token = gateway.asked()[0]["token"].as_str().unwrap().to_owned();
    assert_eq!(claims(&token)["iat"], NOW + 600);
}

/// UI-9
#[tokio::test]
async fn accounts_are_read_once_the_customer_picked_them() {
    let gateway = Gateway::start().await;
    let (stage, mut developer, app) = gateway.stage(&[]).await;
    let page = press(&stage, &mut developer, &app, "/accounts").await;
    let page = decide(&stage, &mut developer, page, allowing).await;
    let html = agent::text(&page);
    assert!(html.contains("Ever&#60;y&#62;day") && html.contains("−€1,204.50"), "{html}");
    assert!(gateway.asked().iter().all(|call| call["gty"] == "authorization_code"));
    gateway.refuse(Some(StatusCode::UNAUTHORIZED));
    let (_, rest) = html.split_once("/accounts/").unwrap();
    let walk = format!("/accounts/{}/read", rest.split('/').next().unwrap());
    let page = press(&stage, &mut developer, &app, &walk).await;
    assert!(agent::text(&page).contains("Nothing was read") && agent::text(&page).contains("401 Unauthorized"));
    let refused = press(&stage, &mut developer, &app, "/accounts").await;
    let page = decide(&stage, &mut developer, refused, |page| filled(page, &[("decision", "refuse")])).await;
    assert!(agent::text(&page).contains("The customer refused"));
}

#[tokio::test]
async fn an_application_that_cannot_is_told_why_and_what_to_change() {
    let gateway = Gateway::start().await;
    let (stage, mut developer, app) = gateway.stage(&[]).await;
    let page = developer.open(&stage.url(&format!("/applications/{}/payment", app.id))).await.unwrap();
    assert_eq!(page.status(), StatusCode::CONFLICT);
    assert!(agent::text(&page).contains("tick Payment Initiation") && agent::text(&page).contains("/edit"));
    let more = [("name", "Pocket"), ("kind", "mobile"), ("redirect_uris", REDIRECT_URI), ("api", "payments")];
    let (mut developer, page) = stage.register(&more).await;
    let id = agent::element(agent::text(&page), "client-id").unwrap().to_owned();
    for (path, why) in [("payment", "with a token of its own"), ("accounts", "tick Account Information")] {
        let page = developer.open(&stage.url(&format!("/applications/{id}/{path}"))).await.unwrap();
        assert!(page.status() == StatusCode::CONFLICT && agent::text(&page).contains(why), "{path}");
    }
}

/// Nobody listens at the gateway: the page says so instead of failing.
#[tokio::test]
async fn a_gateway_that_is_away_is_told_as_such() {
    let stage = Stage::start_with(|options| options.gateway = "http://127.0.0.1:9".to_owned()).await;
    let (mut developer, app) = developer_with(&stage, &PAYMENTS).await;
    let page = create_consent(&stage, &mut developer, &app).await;
    assert!(agent::text(&page).contains("no answer") && agent::text(&page).contains("cannot connect"));
}
