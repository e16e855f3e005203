//! The page of a test token: what it is, how long it lives, and what can be done with it.

use super::visitor::{Frame, SignedIn};
use super::{moment, tokens};
use crate::oauth::jws::Jws;
use crate::sandbox::authz::TokenFault;
use crate::sandbox::scopes::Api;
use crate::sandbox::store::{Application, TestToken, TokenKind};
use crate::sandbox::{Site, page};
use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

#[derive(Template)]
#[template(path = "test_token.html", config = "src/sandbox/askama.toml")]
struct TokenPage<'a> {
    frame: Frame,
    application: &'a Application,
    token: &'a TestToken,
    seconds_left: Option<i64>,
    state: String,
    claims: Option<String>,
    try_address: Option<String>,
    fault: Option<&'static str>,
}

impl TokenPage<'_> {
    /// Whether a customer can be asked for it without a consent.
    fn for_accounts(&self) -> bool {
        self.token.scopes.contains(Api::AccountInformation)
    }
}

/// Shows it, and why the last thing that was done with it did not work.
pub(super) fn show(
    site: &Site,
    signed_in: &SignedIn,
    application: &Application,
    token: &TestToken,
    fault: Option<TokenFault>,
) -> Response {
    let seconds_left = tokens::seconds_left(token, site.clock.now());
    let state = match (token.revoked, seconds_left) {
        (Some(_), _) => "Revoked: the gateway refuses it from now on".to_owned(),
        (None, Some(seconds)) => format!("Expires in {}", moment::span(seconds)),
        (None, None) => "Expired".to_owned(),
    };
    let page = TokenPage {
        frame: signed_in.frame("/applications"),
        application,
        token,
        seconds_left,
        state,
        claims: claims(&token.access_token),
        try_address: try_address(token).filter(|_| seconds_left.is_some()),
        fault: fault.map(TokenFault::text),
    };
    page::show(fault.map_or(StatusCode::OK, TokenFault::status), &page)
}

/// What a JWT says, for reading.
fn claims(token: &str) -> Option<String> {
    let jws = Jws::read(token.as_bytes()).ok()?;
    let json: Value = serde_json::from_str(jws.payload().ok()?).ok()?;
    serde_json::to_string_pretty(&json).ok()
}

/// Where it can be tried: at the first operation that takes it.
fn try_address(token: &TestToken) -> Option<String> {
    let api = token.scopes.iter().next()?;
    let operation = match (token.kind, api) {
        (TokenKind::Customer, Api::AccountInformation) => "GetAccounts",
        (TokenKind::Customer, Api::PaymentInitiation) => "CreateDomesticPayment",
        (TokenKind::Customer, Api::FundsConfirmation) => "CreateFundsConfirmation",
        (TokenKind::Client, Api::AccountInformation) => "CreateAccountAccessConsent",
        (TokenKind::Client, Api::PaymentInitiation) => "CreateDomesticPaymentConsent",
        (TokenKind::Client, Api::FundsConfirmation) => "CreateFundsConfirmationConsent",
    };
    Some(format!("/apis/{}/{operation}?token={}", api.scope(), token.id))
}
