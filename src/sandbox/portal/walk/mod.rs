//! Guided walks: the portal does what the developer's program would do, one step a page, and shows what it sent and what
//! came back. Each step is a call through the gateway.

pub(super) mod accounts;
pub(super) mod payment;

mod order;

use super::application::{self, Refused, owned};
use super::exchange::{self, Call, Exchange};
use super::tokens::{self, NoToken};
use super::visitor::{Frame, SignedIn};
use crate::clock::UnixSeconds;
use crate::sandbox::authz::Tokens;
use crate::sandbox::scopes::{Api, Scopes};
use crate::sandbox::store::{Application, Sender, TestToken, TokenKind, Walk, WalkKind};
use crate::sandbox::{Site, page, secret};
use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::{Method, StatusCode};
use serde_json::Value;
use std::sync::Arc;

/// Why an application cannot walk this way, and what would help.
#[derive(Template)]
#[template(path = "walk_hindered.html", config = "src/sandbox/askama.toml")]
struct HinderedPage<'a> {
    frame: Frame,
    application: &'a Application,
    title: &'static str,
    text: &'static str,
}

/// The developer's walk with this id, and its application.
async fn find(
    site: &Site,
    signed_in: &SignedIn,
    (client_id, id): (&str, &str),
    kind: WalkKind,
) -> Result<(Arc<Application>, Walk), Refused> {
    let application = owned(site, signed_in, client_id).await?;
    let walk = site.store.walk(id, client_id, &signed_in.developer.id).await?;
    let walk = walk.filter(|walk| walk.kind == kind).ok_or(Refused::Gone)?;
    Ok((application, walk))
}

/// A walk at its first step.
fn begin(application: &Application, kind: WalkKind, now: UnixSeconds) -> Walk {
    Walk {
        id: secret::name("walk-"),
        developer_id: application.developer_id.clone(),
        client_id: application.client_id.clone(),
        kind,
        request: String::new(),
        consent_id: None,
        token_id: None,
        payment_id: None,
        found: String::new(),
        refusal: None,
        exchanges: "[]".to_owned(),
        created: now,
        forgotten: UnixSeconds(now.0 + WALK_SECONDS),
    }
}

/// The customer said no, or the question was not put: the walk's page tells.
pub(super) async fn refused(
    site: &Site,
    application: &Application,
    walk_id: &str,
    error: &str,
) -> Result<Response, Refused> {
    let mut walk = of(site, application, walk_id).await?;
    walk.refusal = Some(match error {
        "access_denied" => "The customer refused.".to_owned(),
        other => {
            format!("The authorization server answered {}.", other.chars().take(ERROR_CHARS_MAX).collect::<String>())
        }
    });
    site.store.go_on(&walk).await?;
    Ok(Redirect::to(&address(&walk)).into_response())
}

/// The customer said yes: the walk goes on with the token.
pub(super) async fn allowed(
    site: &Site,
    application: &Arc<Application>,
    walk_id: &str,
    (form, redeemed): (&[(&str, &str)], Result<Tokens, NoToken>),
) -> Result<Response, Refused> {
    let mut walk = of(site, application, walk_id).await?;
    let exchange = Exchange::of_token(site, application, ("Trade the code for tokens", form), &redeemed);
    walk.exchanges = exchange::add(&walk.exchanges, vec![exchange]);
    match redeemed {
        Ok(tokens) => {
            let token = tokens::keep(site, application, TokenKind::Customer, &tokens).await?;
            walk.token_id = Some(token.id.clone());
            walk.refusal = None;
            if walk.kind == WalkKind::Accounts {
                accounts::read_with(site, &token, &mut walk).await;
            }
        }
        Err(fault) => walk.refusal = Some(format!("The code gave no token: {}.", fault.text())),
    }
    site.store.go_on(&walk).await?;
    Ok(Redirect::to(&address(&walk)).into_response())
}

async fn of(site: &Site, application: &Application, walk_id: &str) -> Result<Walk, Refused> {
    let walk = site.store.walk(walk_id, &application.client_id, &application.developer_id).await?;
    walk.ok_or(Refused::Gone)
}

/// The customer's token of a walk, good for a call.
async fn token_of(
    site: &Site,
    application: &Arc<Application>,
    walk: &Walk,
) -> Result<Result<TestToken, NoToken>, Refused> {
    let Some(id) = &walk.token_id else { return Err(Refused::Gone) };
    let token = tokens::of(site, application, id).await?.ok_or(Refused::Gone)?;
    Ok(tokens::fresh(site, application, token).await?)
}

/// The application's own token for `api`, and how it came.
async fn own_token(
    site: &Site,
    application: &Arc<Application>,
    (title, api): (&str, Api),
) -> (Exchange, Result<Tokens, NoToken>) {
    let scopes: Scopes = [api].into_iter().collect();
    let result = tokens::own(site, application, &scopes).await;
    let form = [("grant_type", "client_credentials"), ("scope", api.scope())];
    (Exchange::of_token(site, application, (title, &form), &result), result)
}

fn get<'a>(site: &Site, title: &'static str, (api, path): (Api, &str), token: &'a str) -> Call<'a> {
    let url = format!("{}{}{path}", site.gateway, api.path());
    Call { title, method: Method::GET, url, token, key: None, body: None }
}

fn post<'a>(
    site: &Site,
    title: &'static str,
    (api, path): (Api, &str),
    token: &'a str,
    (key, body): (&'a str, &'a Value),
) -> Call<'a> {
    let method = Method::POST;
    Call { method, key: Some(key), body: Some(body), ..get(site, title, (api, path), token) }
}

/// The page that says why an application cannot go this way, if it cannot.
fn hindrance(signed_in: &SignedIn, application: &Application, kind: WalkKind) -> Option<Response> {
    let has = |api| application.scopes.contains(api);
    let (title, text) = match kind {
        _ if application.sender != Sender::Bearer => ("The portal cannot go this way for you", BOUND),
        WalkKind::Payment if !has(Api::PaymentInitiation) => ("Payments are not among its APIs", NO_PAYMENTS),
        WalkKind::Payment if !application.is_confidential() => ("It cannot create a payment consent", NO_SECRET),
        WalkKind::Accounts if !has(Api::AccountInformation) => ("Accounts are not among its APIs", NO_ACCOUNTS),
        WalkKind::Payment | WalkKind::Accounts => return None,
    };
    let page = HinderedPage { frame: signed_in.frame("/applications"), application, title, text };
    Some(page::show(StatusCode::CONFLICT, &page))
}

/// Where a walk goes on.
fn address(walk: &Walk) -> String {
    format!("{}/{}/{}", application::address(&walk.client_id), walk.kind.as_str(), walk.id)
}

/// A day: then its payment is history.
const WALK_SECONDS: i64 = 24 * 60 * 60;
/// An error code is a word; who makes a longer one up is cut off.
const ERROR_CHARS_MAX: usize = 60;
const BOUND: &str = "Tokens of this application are bound to a key or a certificate of its own, which the portal does not \
    hold. Walk with an application whose tokens are bound to nothing, or from your machine as its page shows.";
const NO_PAYMENTS: &str = "Change the application and tick Payment Initiation. The authorization server then gives it tokens \
    with the scope payments.";
const NO_ACCOUNTS: &str = "Change the application and tick Account Information. The authorization server then gives it \
    tokens with the scope accounts.";
const NO_SECRET: &str = "A payment begins with a consent that the application creates by itself, with a token of its own. \
    One without a secret gets none: in production your server would do this part. Add an application of the kind Web server.";
