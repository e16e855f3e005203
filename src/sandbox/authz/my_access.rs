//! `/my/access`: what the customer allowed, and the button that ends it at once.

use super::visit::{self, Guest, VisitFault};
use super::{gateway, words};
use crate::sandbox::Site;
use crate::sandbox::bank::consent::{Consent, Request, Status};
use crate::sandbox::bank::{self, AccountLine};
use crate::sandbox::customer::Customer;
use crate::sandbox::page;
use crate::sandbox::store::{Authorization, StoreFault};
use askama::Template;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "my_access.html", config = "src/sandbox/askama.toml")]
struct AccessPage<'a> {
    customer: &'a str,
    form_token: &'a str,
    /// What just ended.
    withdrawn: Option<Allowed>,
    allowed: Vec<Allowed>,
}

/// What one application was allowed.
#[derive(Debug)]
struct Allowed {
    id: String,
    application: String,
    since: String,
    lines: Vec<String>,
}

/// Shows the list.
pub(super) async fn get(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    let shown = async {
        let guest = match Guest::of(&site, query.as_bytes(), &headers).await {
            Err(VisitFault::Unknown) => return Ok(visit::redirect(visit::LOGIN, None)),
            found => found?,
        };
        match guest.session.login {
            Some(login) => show(&site, &guest, login.customer).await,
            None => Ok(visit::redirect(visit::LOGIN, None)),
        }
    };
    shown.await.unwrap_or_else(VisitFault::answer)
}

/// Ends one authorization.
pub(super) async fn post(State(site): State<Arc<Site>>, headers: HeaderMap, body: Bytes) -> Response {
    let taken = async {
        let guest = Guest::of_form(&site, &body, &headers).await?;
        let Some(login) = guest.session.login else { return Ok(visit::redirect(visit::LOGIN, None)) };
        let authorization = site.store.authorization(guest.value("authorization")).await?;
        // Somebody else's is as unknown as none.
        let authorization = authorization.filter(|held| held.subject == login.customer.subject);
        let authorization = authorization.ok_or(VisitFault::Unknown)?;
        withdraw(&site, &authorization).await?;
        Ok(Redirect::to(&format!("{}?withdrawn={}", visit::MY_ACCESS, authorization.id)).into_response())
    };
    taken.await.unwrap_or_else(VisitFault::answer)
}

async fn withdraw(site: &Site, authorization: &Authorization) -> Result<(), StoreFault> {
    // A gateway that cannot be told now is told later; the bank serves nothing under it any more.
    gateway::revoke_authorization(site, &authorization.id).await.map(drop)
}

async fn show(site: &Site, guest: &Guest, customer: &Customer) -> Result<Response, VisitFault> {
    let withdrawn = site.store.authorization(guest.value("withdrawn")).await?;
    let withdrawn = match withdrawn.filter(|held| held.subject == customer.subject && held.revoked.is_some()) {
        Some(authorization) => Some(allowed(site, authorization, &[]).await?),
        None => None,
    };
    let accounts = bank::accounts_of(&site.store, customer.subject, site.clock.now()).await?;
    let mut list = Vec::new();
    for authorization in site.store.authorizations_of(customer.subject, site.clock.now()).await? {
        list.push(allowed(site, authorization, &accounts).await?);
    }
    let form_token = &guest.session.form_token;
    let page = AccessPage { customer: customer.name, form_token, withdrawn, allowed: list };
    Ok(page::show(StatusCode::OK, &page))
}

async fn allowed(site: &Site, authorization: Authorization, accounts: &[AccountLine]) -> Result<Allowed, StoreFault> {
    let application = site.store.application(&authorization.client_id).await?;
    let consents = site.store.consents_of_authorization(&authorization.id).await?;
    let line = |consent: &Consent| {
        let chosen = accounts.iter().filter(|account| consent.accounts.iter().any(|id| id == account.id));
        let names: Vec<_> = chosen.map(|account| account.name).collect();
        line(consent, &names.join(", "), consent.status_at(site.clock.now()))
    };
    Ok(Allowed {
        lines: consents.iter().map(line).collect(),
        application: application.map_or_else(|| "a deleted application".to_owned(), |one| one.name.clone()),
        since: words::day(authorization.created),
        id: authorization.id,
    })
}

fn line(consent: &Consent, accounts: &str, status: Status) -> String {
    let over = match status {
        Status::Authorised | Status::AwaitingAuthorisation => "",
        Status::Consumed => " It was made.",
        Status::Expired | Status::Rejected | Status::Cancelled | Status::Deleted => " It is over.",
    };
    let words = match &consent.request {
        Request::AccountAccess => format!("See {accounts}. {}", words::until(consent.expires)),
        Request::Payment(given) => format!("Pay {} from {accounts}.", words::sum(&given.order)),
        Request::FundsConfirmation(_) => {
            format!("Ask whether {accounts} holds enough. {}", words::until(consent.expires))
        }
    };
    words + over
}
