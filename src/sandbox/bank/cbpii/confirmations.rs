//! `funds-confirmations`: enough, or not. How much there is, nobody is told.

use super::super::answer::Answer;
use super::super::body::{self, Faults, Fields};
use super::super::fault::{Code, Fault, Refusal};
use super::super::money::Money;
use super::super::order::{self, ID_CHARS_MAX};
use super::super::switches::Switch;
use super::super::vouched::Caller;
use super::super::{Bank, books, date};
use crate::sandbox::bank::consent::Kind;
use crate::sandbox::scopes::Api;
use crate::sandbox::secret;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// `OBFundsConfirmationData1`
#[derive(Debug)]
struct Question {
    consent_id: String,
    reference: String,
    amount: Money,
}

/// `POST /funds-confirmations`
pub(super) async fn create(
    State(bank): State<Arc<Bank>>,
    Extension(caller): Extension<Caller>,
    Extension(switch): Extension<Option<Switch>>,
    body: Bytes,
) -> Result<Answer, Refusal> {
    let members = body::object(&body)?;
    let question = Question::read(&members)?;
    let consent = bank.granted(&caller, (Kind::FundsConfirmation, &question.consent_id), switch).await?;
    let account = consent.accounts.first().and_then(|id| books::account(id)).ok_or_else(Refusal::ours)?;
    if account.currency != question.amount.currency {
        let fault = Fault::new(Code::FieldInvalid, "the account holds another currency");
        return Err(fault.at("Data.InstructedAmount.Currency").into());
    }
    let now = bank.site.clock.now();
    let is_enough = question.amount.minor <= bank.statement(account, now).await?.available;
    let id = secret::fresh_id("fnd-");
    let words = members.get("Data").and_then(|data| data.get("InstructedAmount"));
    let data = json!({
        "FundsConfirmationId": id,
        "ConsentId": consent.id,
        "CreationDateTime": date::print(now),
        "FundsAvailable": is_enough,
        "Reference": question.reference,
        "InstructedAmount": words.unwrap_or(&Value::Null),
    });
    Ok(Answer::created(data, &bank.link(Api::FundsConfirmation, &format!("/funds-confirmations/{id}"))))
}

impl Question {
    fn read(members: &Map<String, Value>) -> Result<Self, Vec<Fault>> {
        let faults = Faults::default();
        let root = Fields::root(members, &faults);
        let question = root.object("Data").and_then(|data| {
            let consent_id = data.text("ConsentId", ID_CHARS_MAX).map(str::to_owned);
            let reference = data.text("Reference", 35).map(str::to_owned);
            let amount = data.object("InstructedAmount").and_then(order::money);
            data.close();
            Some(Self { consent_id: consent_id?, reference: reference?, amount: amount? })
        });
        root.close();
        faults.check(question)
    }
}
