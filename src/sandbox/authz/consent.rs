//! `/consent`: the customer sees what the application asks for, and allows or refuses it.

use super::back::Back;
use super::login::{LoginFault, Visit};
use crate::clock::UnixSeconds;
use crate::sandbox::Site;
use crate::sandbox::bank::{self, AccountLine};
use crate::sandbox::customer::Customer;
use crate::sandbox::page;
use crate::sandbox::scopes::{Api, Scopes};
use crate::sandbox::secret;
use crate::sandbox::store::{Acr, Ask, Authorization, NewCode, StoreFault};
use askama::Template;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "consent.html", config = "src/sandbox/askama.toml")]
struct ConsentPage<'a> {
    application: &'a str,
    description: &'a str,
    customer: &'a str,
    accounts: Vec<AccountLine>,
    reads: bool,
    pays: bool,
    returns_to: &'a str,
    ask: &'a str,
    form_token: &'a str,
}

/// Shows what is asked. Never skipped, also for a customer who allowed the same before (RFC 8252 §8.6).
pub(super) async fn get(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    match Visit::of(&site, query.as_bytes(), &headers) {
        Ok(visit) => match visit.session.customer {
            Some(customer) => match bank::accounts_of(&site.store, customer.subject, site.clock.now()).await {
                Ok(accounts) => show(&visit, customer, accounts),
                Err(fault) => fault.into_response(),
            },
            None => visit.go("/login", &visit.cookie),
        },
        Err(fault) => fault.answer(None),
    }
}

/// Takes the customer's answer.
pub(super) async fn post(State(site): State<Arc<Site>>, headers: HeaderMap, body: Bytes) -> Response {
    let visit = match Visit::of_form(&site, &body, &headers) {
        Ok(visit) => visit,
        Err(fault) => return fault.answer(None),
    };
    match decide(&site, &visit).await {
        Ok(response) => response,
        Err(fault) => fault.answer(&visit, &site.issuer),
    }
}

async fn decide(site: &Site, visit: &Visit) -> Result<Response, ConsentFault> {
    let customer = visit.session.customer.ok_or(ConsentFault::LoggedOut)?;
    let allows = match visit.value("decision") {
        "allow" => true,
        "refuse" => false,
        _ => return Err(ConsentFault::Undecided),
    };
    let now = site.clock.now();
    // Taken here, so that one question has one answer however often the form is sent.
    let ask = site.store.take_ask(&visit.ask_id, &visit.session, now).ok_or(ConsentFault::Answered)?;
    if !allows {
        return Err(ConsentFault::Refused);
    }
    let lifetime = i64::try_from(site.lifetimes.code.as_secs()).unwrap_or(0);
    let new = code_for(ask, customer, now, lifetime);
    // What the bank shows for it: every account, since none can be chosen yet.
    let lines = bank::accounts_of(&site.store, customer.subject, now).await?;
    let accounts: Vec<_> = lines.iter().map(|line| line.id.to_owned()).collect();
    let whose = (customer.subject, accounts.as_slice());
    let (client_id, id) = (&new.authorization.client_id, &new.authorization.id);
    let mut transaction = site.store.begin().await?;
    transaction.create_implied_account_consent(client_id, id, whose, now).await?;
    let code = transaction.issue_code(&new).await?;
    transaction.commit().await?;
    Ok(Back::of(&visit.ask, &site.issuer).with_code(&code))
}

fn code_for(ask: Ask, customer: &'static Customer, now: UnixSeconds, lifetime: i64) -> NewCode {
    let authorization = Authorization {
        id: secret::name("authz_"),
        client_id: ask.application.client_id.clone(),
        subject: customer.subject.to_owned(),
        scopes: ask.scopes,
        acr: Acr::Password,
        authenticated: now,
        created: now,
        revoked: None,
        details: None,
    };
    let expires = UnixSeconds(now.0 + lifetime);
    NewCode { authorization, redirect_uri: ask.redirect_uri, challenge: ask.challenge, dpop_jkt: ask.dpop_jkt, expires }
}

fn show(visit: &Visit, customer: &Customer, accounts: Vec<AccountLine>) -> Response {
    let Ask { application, scopes, redirect_uri, .. } = &visit.ask;
    let origin = origin_of(visit);
    let page = ConsentPage {
        application: &application.name,
        description: &application.description,
        customer: customer.name,
        accounts,
        reads: asks(scopes, Api::AccountInformation),
        pays: asks(scopes, Api::PaymentInitiation),
        returns_to: host_of(redirect_uri),
        ask: &visit.ask_id,
        form_token: &visit.session.form_token,
    };
    page::allow_form_to(page::show(StatusCode::OK, &page), &origin)
}

fn asks(scopes: &Scopes, api: Api) -> bool {
    scopes.contains(api)
}

/// The origin of the redirect URI that was asked for, whose port may differ from the registered one.
fn origin_of(visit: &Visit) -> String {
    let asked = crate::sandbox::redirect_uri::RedirectUri::parse(&visit.ask.redirect_uri);
    asked.map_or_else(|_| String::new(), |uri| uri.origin().to_owned())
}

fn host_of(redirect_uri: &str) -> &str {
    let rest = redirect_uri.split_once("//").map_or(redirect_uri, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest)
}

/// Why there is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConsentFault {
    /// Nobody is logged in.
    LoggedOut,
    /// Neither button was pressed.
    Undecided,
    /// Answered before, or too old.
    Answered,
    /// The customer said no.
    Refused,
    /// Ours: the store did not answer.
    Store(StoreFault),
}

impl From<StoreFault> for ConsentFault {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl ConsentFault {
    fn answer(self, visit: &Visit, issuer: &str) -> Response {
        match self {
            Self::LoggedOut => visit.go("/login", &visit.cookie),
            Self::Undecided => Redirect::to(&format!("/consent?ask={}", visit.ask_id)).into_response(),
            Self::Answered => LoginFault::Gone.answer(None),
            Self::Store(fault) => fault.into_response(),
            Self::Refused => Back::of(&visit.ask, issuer).with_error("access_denied", "The customer refused"),
        }
    }
}
