//! `domestic-payment-consents`: a payment that a third party asks a customer to let it make.

use super::super::answer::{Answer, insert};
use super::super::fault::{Code, Fault, Refusal};
use super::super::order::Given;
use super::super::switches::Switch;
use super::super::vouched::Caller;
use super::super::{Bank, books, date, status_json, too_many};
use super::{Once, other_body};
use crate::sandbox::bank::consent::{Consent, Kind, Request};
use crate::sandbox::scopes::Api;
use crate::sandbox::store::payments::KeyClaim;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::HeaderMap;
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /domestic-payment-consents`
pub(super) async fn create(
    State(bank): State<Arc<Bank>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Refusal> {
    let given = Given::consent(&body)?;
    let once = Once::read(&headers, &caller, "domestic-payment-consents", &given.words)?;
    let now = bank.site.clock.now();
    let consent = Consent::new(&caller.client_id, Request::Payment(Box::new(given)), now);
    let mut transaction = bank.site.store.begin().await?;
    let consent = match transaction.claim_key((once.key, once.body), &consent.id, now).await? {
        KeyClaim::Fresh => {
            if !transaction.add_consent(&consent).await? {
                return Err(too_many());
            }
            transaction.commit().await?;
            bank.sweep().await?;
            consent
        }
        KeyClaim::Used(id) => {
            drop(transaction);
            bank.own_consent(&caller, (Kind::Payment, &id)).await?
        }
        KeyClaim::OtherBody => return Err(other_body().into()),
    };
    show(&bank, &consent, Answer::created)
}

/// `GET /domestic-payment-consents/{ConsentId}`
pub(super) async fn read(
    State(bank): State<Arc<Bank>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Answer, Refusal> {
    show(&bank, &bank.own_consent(&caller, (Kind::Payment, &id)).await?, Answer::ok)
}

/// `GET /domestic-payment-consents/{ConsentId}/funds-confirmation`
pub(super) async fn funds(
    State(bank): State<Arc<Bank>>,
    Extension(caller): Extension<Caller>,
    Extension(switch): Extension<Option<Switch>>,
    Path(id): Path<String>,
) -> Result<Answer, Refusal> {
    let consent = bank.granted(&caller, (Kind::Payment, &id), switch).await?;
    let given = given(&consent)?;
    let account = consent.accounts.first().and_then(|id| books::account(id)).ok_or_else(Refusal::ours)?;
    let now = bank.site.clock.now();
    let available = bank.statement(account, now).await?.available;
    let amount = given.order.amount;
    let suffices = account.currency == amount.currency && amount.minor <= available;
    let result = json!({ "FundsAvailableDateTime": date::print(now), "FundsAvailable": suffices });
    let path = format!("/domestic-payment-consents/{id}/funds-confirmation");
    Ok(Answer::ok(json!({ "FundsAvailableResult": result }), &bank.link(Api::PaymentInitiation, &path)))
}

/// What was ordered under `consent`.
pub(super) fn given(consent: &Consent) -> Result<&Given, Refusal> {
    match &consent.request {
        Request::Payment(given) => Ok(given),
        Request::AccountAccess | Request::FundsConfirmation(_) => {
            Err(Fault::new(Code::NotFound, "there is no such consent").into())
        }
    }
}

/// `OBWriteDomesticConsentResponse5`
fn show(bank: &Bank, consent: &Consent, answer: fn(Value, &str) -> Answer) -> Result<Answer, Refusal> {
    let given = given(consent)?;
    let mut data = status_json(consent, bank.site.clock.now());
    insert(&mut data, "Initiation", Some(given.initiation().clone()));
    let path = format!("/domestic-payment-consents/{}", consent.id);
    Ok(answer(data, &bank.link(Api::PaymentInitiation, &path)).risk(given.risk().clone()))
}
