//! `funds-confirmation-consents`: the account about which a third party asks a customer to let it ask.

use super::super::answer::{Answer, insert};
use super::super::body::{self, Faults, Fields};
use super::super::date;
use super::super::fault::{Fault, Refusal};
use super::super::order::{self, Name, Party};
use super::super::vouched::Caller;
use super::super::{Bank, status_json};
use crate::clock::UnixSeconds;
use crate::sandbox::bank::consent::{Consent, Kind, Request};
use crate::sandbox::scopes::Api;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::Value;
use std::sync::Arc;

/// The account, with the words in which it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Asked {
    /// What they say.
    pub(in crate::sandbox) account: Party,
    /// `DebtorAccount`
    pub(in crate::sandbox) words: Value,
}

impl Asked {
    /// Reads words that were kept.
    pub(in crate::sandbox) fn kept(words: &str) -> Option<Self> {
        let words: Value = serde_json::from_str(words).ok()?;
        let faults = Faults::default();
        let account = order::party(Fields::root(words.as_object()?, &faults), Name::Optional);
        let account = faults.check(account).ok()?;
        Some(Self { account, words })
    }
}

/// `POST /funds-confirmation-consents`
pub(super) async fn create(
    State(bank): State<Arc<Bank>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Answer, Refusal> {
    let now = bank.site.clock.now();
    let (asked, expires) = read_body(&body, now)?;
    let request = Request::FundsConfirmation(Box::new(asked));
    let consent = Consent { expires, ..Consent::new(&caller.client_id, request, now) };
    bank.keep(&consent).await?;
    Ok(show(&bank, &consent, Answer::created))
}

/// `GET /funds-confirmation-consents/{ConsentId}`
pub(super) async fn read(
    State(bank): State<Arc<Bank>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Answer, Refusal> {
    let consent = bank.own_consent(&caller, (Kind::FundsConfirmation, &id)).await?;
    Ok(show(&bank, &consent, Answer::ok))
}

/// `DELETE /funds-confirmation-consents/{ConsentId}`
pub(super) async fn delete(
    State(bank): State<Arc<Bank>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    bank.delete(&caller, (Kind::FundsConfirmation, &id)).await
}

/// `OBFundsConfirmationConsent1`
fn read_body(bytes: &[u8], now: UnixSeconds) -> Result<(Asked, Option<UnixSeconds>), Vec<Fault>> {
    let members = body::object(bytes)?;
    let faults = Faults::default();
    let root = Fields::root(&members, &faults);
    let words = members.get("Data").and_then(|data| data.get("DebtorAccount")).cloned().unwrap_or_default();
    let read = root.object("Data").and_then(|data| {
        let expires = data.optional_parsed("ExpirationDateTime", |text| date::ahead(text, now));
        let account = data.object("DebtorAccount").and_then(|fields| order::party(fields, Name::Optional));
        data.close();
        Some((Asked { account: account?, words }, expires))
    });
    root.close();
    faults.check(read)
}

/// `OBFundsConfirmationConsentResponse1`
fn show(bank: &Bank, consent: &Consent, answer: fn(Value, &str) -> Answer) -> Answer {
    let mut data = status_json(consent, bank.site.clock.now());
    insert(&mut data, "ExpirationDateTime", consent.expires.map(date::print));
    if let Request::FundsConfirmation(asked) = &consent.request {
        insert(&mut data, "DebtorAccount", Some(asked.words.clone()));
    }
    let path = format!("/funds-confirmation-consents/{}", consent.id);
    answer(data, &bank.link(Api::FundsConfirmation, &path))
}
