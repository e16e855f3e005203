//! *Make a test payment*: the application creates a consent, the customer agrees to it, the application pays.

use super::order::{Draft, Faults};
use super::{WalkKind, address, begin, find, get, hindrance, own_token, post, token_of};
use crate::sandbox::portal::application::{Refused, owned};
use crate::sandbox::portal::asking::{self, Asked};
use crate::sandbox::portal::exchange::{self, Exchange};
use crate::sandbox::portal::visitor::{Frame, SignedForm, SignedIn};
use crate::sandbox::scopes::Api;
use crate::sandbox::store::{Application, Walk};
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "payment_form.html", config = "src/sandbox/askama.toml")]
struct FormPage<'a> {
    frame: Frame,
    application: &'a Application,
    draft: &'a Draft,
    faults: Faults,
    /// Why there is no consent, if it was tried.
    exchanges: Vec<Exchange>,
}

#[derive(Template)]
#[template(path = "payment.html", config = "src/sandbox/askama.toml")]
struct PaymentPage<'a> {
    frame: Frame,
    application: &'a Application,
    walk: &'a Walk,
    draft: Draft,
    here: String,
    step: Step,
    stage: Option<Stage>,
    exchanges: Vec<Exchange>,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Ask,
    Pay,
    Follow,
}

/// How far the payment has come, in the bank's word and in ours.
#[derive(Debug)]
struct Stage {
    word: String,
    title: &'static str,
    text: String,
    is_over: bool,
    is_paid: bool,
}

/// Shows the first step, filled in.
pub(in crate::sandbox::portal) async fn form(
    State(site): State<Arc<Site>>,
    signed_in: SignedIn,
    Path(client_id): Path<String>,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    if let Some(page) = hindrance(&signed_in, &application, WalkKind::Payment) {
        return Ok(page);
    }
    Ok(ask_again(&signed_in, &application, &Draft::example(), (StatusCode::OK, Faults::default(), Vec::new())))
}

/// Creates the consent, with a token of the application's own.
pub(in crate::sandbox::portal) async fn create(
    State(site): State<Arc<Site>>,
    Path(client_id): Path<String>,
    SignedForm { signed_in, params }: SignedForm,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    if let Some(page) = hindrance(&signed_in, &application, WalkKind::Payment) {
        return Ok(page);
    }
    let draft = Draft::read(&params);
    let faults = draft.faults();
    if faults != Faults::default() {
        let told = (StatusCode::UNPROCESSABLE_ENTITY, faults, Vec::new());
        return Ok(ask_again(&signed_in, &application, &draft, told));
    }
    let mut walk = begin(&application, WalkKind::Payment, site.clock.now());
    let body = draft.consent(&walk.id);
    let (exchange, token) =
        own_token(&site, &application, ("Get the application’s own token", Api::PaymentInitiation)).await;
    let mut exchanges = vec![exchange];
    let mut answer = None;
    if let Ok(token) = token {
        let key = format!("{}-consent", walk.id);
        let call = post(&site, "Create the consent", CONSENTS, &token.access_token, (&key, &body));
        let (exchange, json) = call.make(&site).await;
        exchanges.push(exchange);
        answer = json;
    }
    let Some(consent_id) = answer.as_ref().and_then(|json| text(json, "ConsentId")) else {
        let told = (StatusCode::BAD_GATEWAY, Faults::default(), exchanges);
        return Ok(ask_again(&signed_in, &application, &draft, told));
    };
    walk.consent_id = Some(consent_id.to_owned());
    walk.request = body.to_string();
    walk.exchanges = exchange::add(&walk.exchanges, exchanges);
    site.store.add_walk(&walk).await?;
    Ok(Redirect::to(&address(&walk)).into_response())
}

/// Shows where the payment stands.
pub(in crate::sandbox::portal) async fn show(
    State(site): State<Arc<Site>>,
    signed_in: SignedIn,
    Path((client_id, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let (application, walk) = find(&site, &signed_in, (&client_id, &id), WalkKind::Payment).await?;
    let step = match (&walk.token_id, &walk.payment_id) {
        (_, Some(_)) => Step::Follow,
        (Some(_), None) => Step::Pay,
        (None, None) => Step::Ask,
    };
    let page = PaymentPage {
        frame: signed_in.frame("/applications"),
        application: &application,
        draft: Draft::of(&walk),
        here: address(&walk),
        step,
        stage: Stage::of(&walk),
        exchanges: exchange::read(&walk.exchanges),
        walk: &walk,
    };
    Ok(page::show(StatusCode::OK, &page))
}

/// Sends the customer to agree.
pub(in crate::sandbox::portal) async fn ask(
    State(site): State<Arc<Site>>,
    Path((client_id, id)): Path<(String, String)>,
    SignedForm { signed_in, .. }: SignedForm,
) -> Result<Response, Refused> {
    let (application, walk) = find(&site, &signed_in, (&client_id, &id), WalkKind::Payment).await?;
    let api = Api::PaymentInitiation;
    let asked = Asked { api, consent_id: walk.consent_id.as_deref(), walk_id: Some(&walk.id) };
    asking::ask(&site, &signed_in, &application, asked).await
}

/// Pays, with the customer's token. Pressed twice it is done once: the idempotency key is the walk's.
pub(in crate::sandbox::portal) async fn pay(
    State(site): State<Arc<Site>>,
    Path((client_id, id)): Path<(String, String)>,
    SignedForm { signed_in, .. }: SignedForm,
) -> Result<Response, Refused> {
    let (application, mut walk) = find(&site, &signed_in, (&client_id, &id), WalkKind::Payment).await?;
    let token = match token_of(&site, &application, &walk).await? {
        Ok(token) => token,
        Err(fault) => return Ok(fault.trouble(&application).show(&signed_in)),
    };
    let body = submission(&walk);
    let key = walk.id.clone();
    let call = post(&site, "Submit the payment", PAYMENTS, &token.access_token, (&key, &body));
    let (exchange, json) = call.make(&site).await;
    take_in(&mut walk, vec![exchange], json.as_ref());
    site.store.go_on(&walk).await?;
    Ok(Redirect::to(&address(&walk)).into_response())
}

/// Asks how far the payment has come, with a token of the application's own.
pub(in crate::sandbox::portal) async fn follow(
    State(site): State<Arc<Site>>,
    Path((client_id, id)): Path<(String, String)>,
    SignedForm { signed_in, .. }: SignedForm,
) -> Result<Response, Refused> {
    let (application, mut walk) = find(&site, &signed_in, (&client_id, &id), WalkKind::Payment).await?;
    let payment_id = walk.payment_id.clone().ok_or(Refused::Gone)?;
    let (exchange, token) = own_token(&site, &application, ("Get another, to ask with", Api::PaymentInitiation)).await;
    let mut exchanges = vec![exchange];
    let mut answer = None;
    if let Ok(token) = token {
        let path = format!("{}/{payment_id}", PAYMENTS.1);
        let call = get(&site, "Ask for its status", (PAYMENTS.0, &path), &token.access_token);
        let (exchange, json) = call.make(&site).await;
        exchanges.push(exchange);
        answer = json;
    }
    take_in(&mut walk, exchanges, answer.as_ref());
    site.store.go_on(&walk).await?;
    Ok(Redirect::to(&address(&walk)).into_response())
}

fn ask_again(
    signed_in: &SignedIn,
    application: &Application,
    draft: &Draft,
    (status, faults, exchanges): (StatusCode, Faults, Vec<Exchange>),
) -> Response {
    let frame = signed_in.frame("/applications");
    page::show(status, &FormPage { frame, application, draft, faults, exchanges })
}

/// Notes what was answered. The payment's id stands in an address of ours: it is taken only if it can.
fn take_in(walk: &mut Walk, exchanges: Vec<Exchange>, answer: Option<&Value>) {
    walk.exchanges = exchange::add(&walk.exchanges, exchanges);
    let Some(json) = answer else { return };
    let is_id =
        |id: &&str| id.len() <= ID_BYTES_MAX && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if let Some(id) = text(json, "DomesticPaymentId").filter(is_id) {
        walk.payment_id = Some(id.to_owned());
        let data = json.get("Data").unwrap_or(&Value::Null);
        walk.found = json!({ "Status": data.get("Status"), "StatusReason": data.get("StatusReason") }).to_string();
    }
}

/// `Data.ConsentId` and its like.
fn text<'j>(json: &'j Value, member: &str) -> Option<&'j str> {
    json.get("Data")?.get(member)?.as_str()
}

/// What the consent was created with, and its id.
fn submission(walk: &Walk) -> Value {
    let mut body: Value = serde_json::from_str(&walk.request).unwrap_or_default();
    if let Some(data) = body.get_mut("Data").and_then(Value::as_object_mut) {
        data.insert("ConsentId".to_owned(), json!(walk.consent_id));
    }
    body
}

impl Stage {
    fn of(walk: &Walk) -> Option<Self> {
        let found: Value = serde_json::from_str(&walk.found).ok()?;
        let word = found.get("Status")?.as_str()?.to_owned();
        let reason = found.pointer("/StatusReason/0/StatusReasonDescription").and_then(Value::as_str);
        let (title, text) = match word.as_str() {
            "RCVD" => ("Received", "The bank has it. It settles within seconds.".to_owned()),
            "PDNG" => ("Waiting", "The bank holds it back for now.".to_owned()),
            "ACSP" => ("On its way", "The bank accepted it and is settling it.".to_owned()),
            "ACSC" => ("Paid", "The money has arrived. It also stands in the customer’s transactions.".to_owned()),
            "RJCT" => ("Not paid", reason.map_or_else(String::new, |reason| format!("{reason}."))),
            _ => ("Under way", String::new()),
        };
        let (is_paid, is_over) = (word == "ACSC", matches!(word.as_str(), "ACSC" | "RJCT"));
        Some(Self { word, title, text, is_over, is_paid })
    }
}

impl PaymentPage<'_> {
    /// The steps, each with whether it is done and whether it is the one to do.
    fn steps(&self) -> [(&'static str, bool, bool); 3] {
        let is_paid = self.stage.as_ref().is_some_and(|stage| stage.is_paid);
        let (asks, pays) = (self.step == Step::Ask, self.step == Step::Pay);
        [("Consent", true, false), ("Customer", !asks, asks), ("Payment", is_paid, pays || !asks && !is_paid)]
    }

    fn asks(&self) -> bool {
        self.step == Step::Ask
    }

    fn pays(&self) -> bool {
        self.step == Step::Pay
    }
}

const CONSENTS: (Api, &str) = (Api::PaymentInitiation, "/domestic-payment-consents");
const PAYMENTS: (Api, &str) = (Api::PaymentInitiation, "/domestic-payments");
/// `DomesticPaymentId`
const ID_BYTES_MAX: usize = 40;
