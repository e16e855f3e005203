//! The banking APIs themselves, the gateway's upstream, modelled on UK Open Banking 4.0. They check no token: they believe
//! what the gateway asserts, and answer nobody who comes without it.

pub mod date;
pub mod fault;
pub mod money;
pub mod number;
pub mod order;
pub mod permissions;
pub mod routes;

mod aisp;
mod answer;
mod body;
mod books;
pub(in crate::sandbox) mod cbpii;
pub(in crate::sandbox) mod consent;
mod gate;
pub(in crate::sandbox) mod openapi;
mod pisp;
mod stage;
mod statement;
pub(in crate::sandbox) mod switches;
mod vouched;

pub use vouched::AUDIENCE;

use super::Site;
use super::authz;
use super::scopes::Api;
use super::store::{Store, StoreFault};
use crate::clock::UnixSeconds;
use axum::Router;
use axum::middleware;
use books::{Account, Books};
use consent::{Consent, Kind, Status};
use date::Day;
use fault::{Code, Refusal};
use http::StatusCode;
use number::Scheme;
use serde_json::{Value, json};
use statement::Statement;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use switches::Switch;
use vouched::{Caller, Vouching};

/// What the APIs share.
#[derive(Debug)]
struct Bank {
    site: Arc<Site>,
    vouching: Vouching,
    books: Books,
    /// When it was last forgotten what is over.
    swept: AtomicI64,
}

/// An account as its owner reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccountLine {
    /// What a consent names it by.
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) number: String,
    pub(super) currency: money::Currency,
    /// What can be spent.
    pub(super) balance: String,
    /// Whether payments can come out of it.
    pub(super) pays: bool,
}

/// The three APIs at their paths.
pub(super) fn router(site: Arc<Site>) -> Router {
    let vouching = Vouching::new(Arc::clone(&site));
    let bank = Arc::new(Bank { site, vouching, books: Books::default(), swept: AtomicI64::new(0) });
    Router::new()
        .nest(Api::AccountInformation.path(), aisp::routes())
        .nest(Api::PaymentInitiation.path(), pisp::routes())
        .nest(Api::FundsConfirmation.path(), cbpii::routes())
        .fallback(async || Refusal::with(StatusCode::NOT_FOUND, Code::NotFound, "there is no such operation"))
        .layer(middleware::from_fn_with_state(Arc::clone(&bank), gate::guard))
        .with_state(bank)
}

/// The accounts of a customer as the consent pages list them.
pub(super) async fn accounts_of(
    store: &Store,
    subject: &str,
    now: UnixSeconds,
) -> Result<Vec<AccountLine>, StoreFault> {
    let books = Books::default();
    let mut lines = Vec::new();
    for account in books::accounts_of(subject) {
        let payments = store.payments_of(account.id).await?;
        let statement = Statement::draw(account, &books.history(account, now), &payments, now);
        lines.push(AccountLine {
            id: account.id,
            name: account.name,
            number: account.number_text(),
            currency: account.currency,
            balance: account.money(statement.available).text(),
            pays: account.numbered_by().is_some(),
        });
    }
    Ok(lines)
}

/// The customer's account that a third party named: an id, if it is theirs.
pub(super) fn account_numbered(subject: &str, scheme: Scheme, number: &str) -> Option<&'static str> {
    books::numbered(scheme, number).filter(|account| account.owner == subject).map(|account| account.id)
}

impl Bank {
    /// The address of a resource, as third parties know it.
    fn link(&self, api: Api, path: &str) -> String {
        format!("{}{path}", api.audience(&self.site.gateway))
    }

    /// One account now.
    async fn statement(&self, account: &'static Account, now: UnixSeconds) -> Result<Statement, StoreFault> {
        let payments = self.site.store.payments_of(account.id).await?;
        Ok(Statement::draw(account, &self.books.history(account, now), &payments, now))
    }

    /// The consent `id`, for the application that created it (OB-8).
    async fn own_consent(&self, caller: &Caller, (kind, id): (Kind, &str)) -> Result<Consent, Refusal> {
        let consent = self.site.store.consent(id).await?.filter(|consent| consent.kind == kind);
        let consent = consent.ok_or_else(|| Refusal::not_found("there is no such consent"))?;
        if consent.client_id != caller.client_id {
            return Err(Refusal::forbidden(Code::ConsentMismatch, "the consent is another application's"));
        }
        Ok(consent)
    }

    /// The consent `id`, for the customer's token that came of it, while it is good.
    async fn granted(
        &self,
        caller: &Caller,
        (kind, id): (Kind, &str),
        switch: Option<Switch>,
    ) -> Result<Consent, Refusal> {
        let consent = self.own_consent(caller, (kind, id)).await?;
        if consent.status_at(self.site.clock.now()) != Status::Authorised || switch == Some(Switch::ExpiredConsent) {
            return Err(Refusal::with(StatusCode::BAD_REQUEST, Code::ConsentStatus, "the consent is not authorised"));
        }
        if consent.authorization_id.is_none() || consent.authorization_id != caller.authorization_id {
            return Err(Refusal::forbidden(Code::ConsentMismatch, "the token came of another consent"));
        }
        Ok(consent)
    }

    /// Keeps a new consent.
    async fn keep(&self, consent: &Consent) -> Result<(), Refusal> {
        let mut transaction = self.site.store.begin().await?;
        if !transaction.add_consent(consent).await? {
            return Err(too_many());
        }
        transaction.commit().await?;
        self.sweep().await
    }

    /// Deletes a consent, and with it whatever was given out for it.
    async fn delete(&self, caller: &Caller, (kind, id): (Kind, &str)) -> Result<StatusCode, Refusal> {
        let now = self.site.clock.now();
        let consent = self.own_consent(caller, (kind, id)).await?;
        let mut transaction = self.site.store.begin().await?;
        let deleted = transaction.delete_consent(&consent.id, &caller.client_id, now).await?;
        let authorization = deleted.ok_or_else(|| Refusal::not_found("there is no such consent"))?;
        if let Some(authorization) = &authorization {
            transaction.revoke_authorization(authorization, now).await?;
        }
        transaction.commit().await?;
        if let Some(authorization) = &authorization {
            // Told later if not now; until then the bank itself serves nothing under it.
            authz::revoke_at_gateway(&self.site, authorization).await?;
        }
        Ok(StatusCode::NO_CONTENT)
    }

    /// Forgets what is over, now and then.
    async fn sweep(&self) -> Result<(), Refusal> {
        let now = self.site.clock.now();
        let last = self.swept.load(Ordering::Relaxed);
        let is_due = now.0 - last >= SWEEP_SECONDS;
        let is_ours = is_due && self.swept.compare_exchange(last, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_ours {
            let kept = Day { year: Day::of(now).year - 1, month: 1, day: 1 };
            self.site.store.sweep_bank(kept.begins(), now).await?;
        }
        Ok(())
    }
}

/// What every kind of consent says of itself.
fn status_json(consent: &Consent, now: UnixSeconds) -> Value {
    let status = consent.status_at(now);
    let mut data = json!({
        "ConsentId": consent.id,
        "CreationDateTime": date::print(consent.created),
        "Status": status.as_str(),
        "StatusUpdateDateTime": date::print(consent.updated_at(now)),
    });
    let reason = match status {
        Status::Authorised => None,
        Status::AwaitingAuthorisation => Some(("U036", "The customer has not answered yet")),
        Status::Rejected => Some(("U037", "The customer refused")),
        Status::Consumed => Some(("U038", "The payment was submitted")),
        Status::Cancelled | Status::Deleted => Some(("U042", "The consent was ended")),
        Status::Expired => Some(("U042", "The consent's time is over")),
    };
    let reason = reason.map(|(code, text)| json!([{ "StatusReasonCode": code, "StatusReasonDescription": text }]));
    answer::insert(&mut data, "StatusReason", reason);
    data
}

/// The direction of an amount, which has no sign on the wire.
fn credit_or_debit(minor: i64) -> &'static str {
    if minor < 0 { "Debit" } else { "Credit" }
}

/// What stands in the store cannot be had: our fault, which was logged there.
impl From<StoreFault> for Refusal {
    fn from(_: StoreFault) -> Self {
        Self::ours()
    }
}

fn too_many() -> Refusal {
    Refusal::with(StatusCode::TOO_MANY_REQUESTS, Code::Other, "too many consents of this application await an answer")
}

const SWEEP_SECONDS: i64 = 600;
