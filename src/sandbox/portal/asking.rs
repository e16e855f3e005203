//! The portal as a third party: it sends the customer with PKCE and `state`, and takes the answer at a page that is a
//! redirect URI of every application (RFC 6749 §4.1, RFC 7636, RFC 9207).

use super::application::{Refused, owned};
use super::tokens::{self, NoToken};
use super::trouble::Trouble;
use super::visitor::{SignedForm, SignedIn};
use super::walk;
use crate::clock::UnixSeconds;
use crate::sandbox::Site;
use crate::sandbox::authz::{self, Challenge};
use crate::sandbox::form::{self, Params};
use crate::sandbox::scopes::Api;
use crate::sandbox::secret::{self, Digest};
use crate::sandbox::store::{Application, PushedRequest, Sender, TestRequest, TokenKind};
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderValue, StatusCode, header};
use std::sync::Arc;

/// What a customer is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// For what.
    pub(super) api: Api,
    /// The consent that was created for it.
    pub(super) consent_id: Option<&'a str>,
    /// What goes on with the token.
    pub(super) walk_id: Option<&'a str>,
}

/// Asks a customer for access to accounts.
pub(super) async fn post(
    State(site): State<Arc<Site>>,
    Path(client_id): Path<String>,
    SignedForm { signed_in, .. }: SignedForm,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    let asked = Asked { api: Api::AccountInformation, consent_id: None, walk_id: None };
    ask(&site, &signed_in, &application, asked).await
}

/// Sends the customer to the authorization endpoint; there and back on the same origin.
pub(super) async fn ask(
    site: &Site,
    signed_in: &SignedIn,
    application: &Application,
    asked: Asked<'_>,
) -> Result<Response, Refused> {
    if application.sender != Sender::Bearer {
        return Ok(NoToken::Bound.trouble(application).show(signed_in));
    }
    let (state, verifier) = (secret::fresh(""), secret::fresh(""));
    let (challenge, callback) = (Challenge::of(&verifier), application.own_callback(&site.issuer));
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", application.client_id.as_str()),
        ("redirect_uri", &callback),
        ("scope", asked.api.scope()),
        ("state", &state),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    pairs.extend(asked.consent_id.map(|id| ("consent_id", id)));
    let mut query = form::join(&pairs);
    if application.requires_pushed {
        query = push(site, application, query).await?;
    }
    let request = TestRequest {
        developer_id: signed_in.developer.id.clone(),
        client_id: application.client_id.clone(),
        verifier,
        walk_id: asked.walk_id.map(str::to_owned),
    };
    site.store.add_test_request(&state, signed_in.cookie(), &request, site.clock.now()).await?;
    Ok(Redirect::to(&format!("/authorize?{query}")).into_response())
}

/// As the application would push it (RFC 9126 §2), but for its authentication.
async fn push(site: &Site, application: &Application, form: String) -> Result<String, Refused> {
    let name = secret::fresh("");
    let request = PushedRequest { client_id: application.client_id.clone(), form };
    let expires = UnixSeconds(site.clock.now().0 + authz::PUSHED_SECONDS);
    if !site.store.push(Digest::of(&name), &request, expires).await? {
        return Err(Refused::TooMany);
    }
    let uri = format!("{}{name}", authz::PUSHED_PREFIX);
    Ok(form::join(&[("client_id", &application.client_id), ("request_uri", &uri)]))
}

/// Takes the customer's answer.
pub(super) async fn answer(
    State(site): State<Arc<Site>>,
    signed_in: SignedIn,
    Path(client_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let mut response = receive(&site, &signed_in, &application, &params).await?;
    // The address may hold a code that nobody used.
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

async fn receive(
    site: &Site,
    signed_in: &SignedIn,
    application: &Arc<Application>,
    params: &Params,
) -> Result<Response, Refused> {
    let trouble = |title, text| Trouble { status: StatusCode::BAD_REQUEST, title, text, application, detail: None };
    let state = params.get("state").unwrap_or_default();
    let request = site.store.take_test_request(state, signed_in.cookie(), site.clock.now()).await?;
    let Some(request) = request.filter(|request| request.client_id == application.client_id) else {
        return Ok(trouble("This answers no question of yours", FOREIGN).show(signed_in));
    };
    // RFC 9207 §2.4: another server's answer must not get our code, nor ours another's.
    if params.repeats_any() || params.get("iss") != Some(site.issuer.as_str()) {
        return Ok(trouble("This answer is not from this bank", MIXED_UP).show(signed_in));
    }
    let Some(code) = params.get("code") else {
        let error = params.get("error").unwrap_or("no code, and no error");
        if let Some(walk_id) = &request.walk_id {
            return walk::refused(site, application, walk_id, error).await;
        }
        let (title, text) = match error {
            "access_denied" => ("The customer refused", REFUSED),
            _ => ("The question was not put", params.get("error_description").unwrap_or(NO_REASON)),
        };
        let detail = Some(error);
        return Ok(Trouble { status: StatusCode::OK, title, text, application, detail }.show(signed_in));
    };
    let callback = application.own_callback(&site.issuer);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &callback),
        ("code_verifier", &request.verifier),
    ];
    let redeemed = tokens::redeem(site, application, &form).await;
    if let Some(walk_id) = &request.walk_id {
        return walk::allowed(site, application, walk_id, (&form, redeemed)).await;
    }
    match redeemed {
        Ok(tokens) => {
            let token = tokens::keep(site, application, TokenKind::Customer, &tokens).await?;
            // Not here: who loads this page again would bring a used code, and the address holds it.
            Ok(Redirect::to(&tokens::address(&token)).into_response())
        }
        Err(fault) => Ok(fault.trouble(application).show(signed_in)),
    }
}

const FOREIGN: &str = "It was answered before, waited too long, or was asked from another browser: its state is none that \
    this browser was given. That is what state is for. Ask again from your application’s page.";
const MIXED_UP: &str =
    "Its iss names another issuer. Somebody may be mixing up two servers, so the code was not used. Ask again.";
const REFUSED: &str = "Your application would receive this error and should say so kindly: nothing was allowed, and no \
    token exists. Ask again whenever the customer wants to.";
const NO_REASON: &str = "The authorization server gave no reason.";
