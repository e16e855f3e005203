//! `account-access-consents`: what a third party asks a customer to let it see.

use super::super::answer::{Answer, insert};
use super::super::body::{self, Faults, Fields};
use super::super::date;
use super::super::fault::{Code, Fault, Refusal};
use super::super::permissions::Permissions;
use super::super::vouched::Caller;
use super::super::{Bank, status_json};
use crate::clock::UnixSeconds;
use crate::sandbox::bank::consent::{Consent, Kind, Request};
use crate::sandbox::scopes::Api;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// `OBReadData1`
#[derive(Debug)]
struct Asked {
    permissions: Permissions,
    expires: Option<UnixSeconds>,
    from: Option<UnixSeconds>,
    to: Option<UnixSeconds>,
}

/// `POST /account-access-consents`
pub(super) async fn create(
    State(bank): State<Arc<Bank>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Answer, Refusal> {
    let now = bank.site.clock.now();
    let asked = read_body(&body, now)?;
    let consent = Consent {
        permissions: asked.permissions,
        transactions_from: asked.from,
        transactions_to: asked.to,
        expires: asked.expires,
        ..Consent::new(&caller.client_id, Request::AccountAccess, now)
    };
    bank.keep(&consent).await?;
    Ok(show(&bank, &consent, Answer::created))
}

/// `GET /account-access-consents/{ConsentId}`
pub(super) async fn read(
    State(bank): State<Arc<Bank>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Answer, Refusal> {
    let consent = bank.own_consent(&caller, (Kind::AccountAccess, &id)).await?;
    Ok(show(&bank, &consent, Answer::ok))
}

/// `DELETE /account-access-consents/{ConsentId}`
pub(super) async fn delete(
    State(bank): State<Arc<Bank>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    bank.delete(&caller, (Kind::AccountAccess, &id)).await
}

fn read_body(bytes: &[u8], now: UnixSeconds) -> Result<Asked, Vec<Fault>> {
    let members = body::object(bytes)?;
    let faults = Faults::default();
    let root = Fields::root(&members, &faults);
    if let Some(risk) = root.object("Risk") {
        risk.close();
    }
    let asked = root.object("Data").and_then(|data| asked(data, now));
    root.close();
    faults.check(asked)
}

fn asked(data: Fields<'_>, now: UnixSeconds) -> Option<Asked> {
    let expires = data.optional_parsed("ExpirationDateTime", |text| date::ahead(text, now));
    let from = data.optional_parsed("TransactionFromDateTime", date::in_body);
    let to = data.optional_parsed("TransactionToDateTime", date::in_body);
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        data.refuse("TransactionToDateTime", Fault::new(Code::DateInvalid, "it lies before TransactionFromDateTime"));
    }
    let permissions = data.list("Permissions").and_then(|names| {
        let names: Option<Vec<_>> = names.iter().map(Value::as_str).collect();
        let names = names.ok_or(Fault::new(Code::FieldInvalid, "permissions are texts"));
        names.and_then(Permissions::parse).map_err(|fault| data.refuse("Permissions", fault)).ok()
    });
    data.close();
    Some(Asked { permissions: permissions?, expires, from, to })
}

/// `OBReadConsentResponse1`
fn show(bank: &Bank, consent: &Consent, answer: fn(Value, &str) -> Answer) -> Answer {
    let mut data = status_json(consent, bank.site.clock.now());
    insert(&mut data, "Permissions", Some(consent.permissions.names().collect::<Vec<_>>()));
    insert(&mut data, "ExpirationDateTime", consent.expires.map(date::print));
    insert(&mut data, "TransactionFromDateTime", consent.transactions_from.map(date::print));
    insert(&mut data, "TransactionToDateTime", consent.transactions_to.map(date::print));
    let path = format!("/account-access-consents/{}", consent.id);
    answer(data, &bank.link(Api::AccountInformation, &path)).risk(json!({}))
}
