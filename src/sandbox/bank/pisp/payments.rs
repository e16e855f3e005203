//! `domestic-payments`: the one payment of a consent, made once however often it is sent.

use super::super::answer::{Answer, insert};
use super::super::fault::{Code, Fault, Refusal};
use super::super::order::Given;
use super::super::stage::{self, Stage};
use super::super::switches::{self, Course, Switch};
use super::super::vouched::Caller;
use super::super::{Bank, books, date};
use super::consents::given;
use super::{Once, other_body};
use crate::clock::UnixSeconds;
use crate::sandbox::bank::consent::{Consent, Kind};
use crate::sandbox::scopes::Api;
use crate::sandbox::secret;
use crate::sandbox::store::payments::{KeyClaim, Outcome, Payment};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::HeaderMap;
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /domestic-payments`
pub(super) async fn submit(
    State(bank): State<Arc<Bank>>,
    Extension(caller): Extension<Caller>,
    Extension(switch): Extension<Option<Switch>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Refusal> {
    let (consent_id, order) = Given::submission(&body)?;
    let words = json!({ "ConsentId": consent_id, "Order": order.words });
    let once = Once::read(&headers, &caller, "domestic-payments", &words)?;
    let course = Course::of(order.order.amount);
    match course {
        Course::Fails => return Err(Refusal::ours()),
        Course::Slow => switches::slowly().await,
        Course::Natural | Course::Ends(_) => (),
    }
    let consent = bank.granted(&caller, (Kind::Payment, &consent_id), switch).await;
    // Asked after the consent was read: who took that with this key meanwhile has left the key too.
    if let Some(earlier) = repeated(&bank, &caller, once).await? {
        return Ok(show(&bank, &earlier, Answer::created));
    }
    let consent = consent?;
    if let Some(path) = order.difference(given(&consent)?) {
        return Err(Fault::new(Code::ConsentMismatch, "it is not what the customer consented to").at(path).into());
    }
    let payment = decide(&bank, &consent, (order, course)).await?;
    let mut transaction = bank.site.store.begin().await?;
    match transaction.claim_key((once.key, once.body), &payment.id, payment.created).await? {
        KeyClaim::Fresh => (),
        KeyClaim::Used(id) => {
            drop(transaction);
            return Ok(show(&bank, &own(&bank, &caller, &id).await?, Answer::created));
        }
        KeyClaim::OtherBody => return Err(other_body().into()),
    }
    // Only now: of two submissions of one consent, one finds it.
    let authorization = caller.authorization_id.as_deref().unwrap_or_default();
    if !transaction.consume_consent(&consent.id, authorization, payment.created).await? {
        return Err(Fault::new(Code::ConsentStatus, "the consent was used, or its time is over").into());
    }
    transaction.add_payment(&payment).await?;
    transaction.commit().await?;
    Ok(show(&bank, &payment, Answer::created))
}

/// `GET /domestic-payments/{DomesticPaymentId}`
pub(super) async fn read(
    State(bank): State<Arc<Bank>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Answer, Refusal> {
    Ok(show(&bank, &own(&bank, &caller, &id).await?, Answer::ok))
}

/// The payment that this request made when it came before.
async fn repeated(bank: &Bank, caller: &Caller, once: Once) -> Result<Option<Payment>, Refusal> {
    match bank.site.store.used_key((once.key, once.body), bank.site.clock.now()).await? {
        KeyClaim::Fresh => Ok(None),
        KeyClaim::Used(id) => own(bank, caller, &id).await.map(Some),
        KeyClaim::OtherBody => Err(other_body().into()),
    }
}

/// The payment `id`, for the application that submitted it (OB-8).
async fn own(bank: &Bank, caller: &Caller, id: &str) -> Result<Payment, Refusal> {
    let payment = bank.site.store.payment(id).await?.ok_or_else(|| Refusal::not_found("there is no such payment"))?;
    if payment.client_id == caller.client_id {
        Ok(payment)
    } else {
        Err(Refusal::forbidden(Code::ConsentMismatch, "the payment is another application's"))
    }
}

/// What becomes of an order, by what the account holds.
async fn decide(bank: &Bank, consent: &Consent, (given, course): (Given, Course)) -> Result<Payment, Refusal> {
    let now = bank.site.clock.now();
    let account = consent.accounts.first().and_then(|id| books::account(id)).ok_or_else(Refusal::ours)?;
    let amount = given.order.amount;
    let available = bank.statement(account, now).await?.available;
    let outcome = match course {
        Course::Ends(outcome) => outcome,
        _ if account.currency != amount.currency => Outcome::WrongCurrency,
        _ if amount.minor > available => Outcome::InsufficientFunds,
        Course::Natural | Course::Slow | Course::Fails => Outcome::Settles,
    };
    let creditor = books::numbered(given.order.creditor.scheme, &given.order.creditor.number);
    let creditor = creditor.filter(|creditor| creditor.currency == amount.currency);
    Ok(Payment {
        id: secret::fresh_id("dp-"),
        consent_id: consent.id.clone(),
        client_id: consent.client_id.clone(),
        subject: consent.subject.clone().ok_or_else(Refusal::ours)?,
        account_id: account.id.to_owned(),
        creditor_account_id: creditor.map(|creditor| creditor.id.to_owned()),
        given,
        outcome,
        created: now,
    })
}

/// `OBWriteDomesticResponse5`
fn show(bank: &Bank, payment: &Payment, answer: fn(Value, &str) -> Answer) -> Answer {
    let (stage, since) = Stage::of(payment, bank.site.clock.now());
    let mut data = json!({
        "DomesticPaymentId": payment.id,
        "ConsentId": payment.consent_id,
        "CreationDateTime": date::print(payment.created),
        "Status": stage.as_str(),
        "StatusUpdateDateTime": date::print(since),
        "Initiation": payment.given.initiation(),
    });
    if let Stage::Rejected(outcome) = stage {
        let reason =
            json!([{ "StatusReasonCode": outcome.as_str(), "StatusReasonDescription": stage::reason(outcome) }]);
        insert(&mut data, "StatusReason", Some(reason));
    } else {
        let settled = date::print(UnixSeconds(payment.created.0 + stage::SETTLED));
        insert(&mut data, "ExpectedExecutionDateTime", Some(settled.clone()));
        insert(&mut data, "ExpectedSettlementDateTime", Some(settled));
    }
    if let Some((account, (scheme, number))) =
        books::account(&payment.account_id).and_then(|account| Some((account, account.numbered_by()?)))
    {
        let debtor = json!({ "SchemeName": scheme.as_str(), "Identification": number, "Name": account.holder });
        insert(&mut data, "Debtor", Some(debtor));
    }
    answer(data, &bank.link(Api::PaymentInitiation, &format!("/domestic-payments/{}", payment.id)))
}
