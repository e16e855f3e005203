//! Account Information: consents, accounts, balances, transactions.

mod accounts;
mod balances;
mod consents;
mod transactions;

use super::books::{self, Account};
use super::fault::{Code, Refusal};
use super::permissions::Permission;
use super::switches::Switch;
use super::vouched::Caller;
use super::{Bank, books::accounts_of};
use crate::clock::UnixSeconds;
use crate::sandbox::bank::consent::{Consent, Kind, Status};
use axum::Router;
use axum::extract::FromRequestParts;
use axum::routing::{get, post};
use http::request::Parts;
use std::sync::Arc;

/// Behind the API's path.
pub(super) fn routes() -> Router<Arc<Bank>> {
    Router::new()
        .route("/account-access-consents", post(consents::create))
        .route("/account-access-consents/{ConsentId}", get(consents::read).delete(consents::delete))
        .route("/accounts", get(accounts::list))
        .route("/accounts/{AccountId}", get(accounts::one))
        .route("/accounts/{AccountId}/balances", get(balances::of_account))
        .route("/accounts/{AccountId}/transactions", get(transactions::of_account))
        .route("/balances", get(balances::of_all))
        .route("/transactions", get(transactions::of_all))
}

/// What a customer's token may see: the consent behind it, which is good now.
#[derive(Debug)]
struct Access {
    consent: Consent,
    now: UnixSeconds,
}

impl Access {
    /// Refuses where one of `permissions` is needed and none was given.
    fn need(&self, permissions: &[Permission]) -> Result<(), Refusal> {
        if self.consent.permissions.any(permissions) {
            return Ok(());
        }
        Err(Refusal::forbidden(Code::ConsentMismatch, "the consent has no permission for this"))
    }

    /// The accounts that the customer chose.
    fn accounts(&self) -> impl Iterator<Item = &'static Account> {
        let owned = accounts_of(self.consent.subject.as_deref().unwrap_or_default());
        owned.filter(|account| self.consent.accounts.iter().any(|chosen| chosen == account.id))
    }

    /// One of them.
    fn account(&self, id: &str) -> Result<&'static Account, Refusal> {
        let chosen = self.accounts().find(|account| account.id == id);
        chosen.ok_or_else(|| match books::account(id) {
            Some(_) => Refusal::forbidden(Code::ConsentMismatch, "the consent does not cover this account"),
            None => Refusal::not_found("there is no such account"),
        })
    }
}

impl FromRequestParts<Arc<Bank>> for Access {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, bank: &Arc<Bank>) -> Result<Self, Refusal> {
        let caller = head.extensions.get::<Caller>().cloned().ok_or_else(Refusal::ours)?;
        let switch = head.extensions.get::<Option<Switch>>().copied().flatten();
        let now = bank.site.clock.now();
        let none = || Refusal::forbidden(Code::ConsentMismatch, "the token came of no consent to account access");
        let authorization = caller.authorization_id.as_deref().ok_or_else(none)?;
        let consents = bank.site.store.consents_of_authorization(authorization).await?;
        let is_meant = |consent: &Consent| {
            consent.kind == Kind::AccountAccess
                && consent.client_id == caller.client_id
                && consent.subject == caller.subject
        };
        let consent = consents.into_iter().find(is_meant).ok_or_else(none)?;
        if consent.status_at(now) != Status::Authorised || switch == Some(Switch::ExpiredConsent) {
            return Err(Refusal::forbidden(Code::ConsentStatus, "the consent is not authorised, or no longer"));
        }
        Ok(Self { consent, now })
    }
}
