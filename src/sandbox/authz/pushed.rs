//! `POST /par` (RFC 9126): an application sends its authorization request by itself, authenticated, before it sends the
//! customer, who then brings only its name.

use super::call::Call;
use super::proof::{self, ProofFault};
use super::token_fault::TokenFault;
use super::{client, question};
use crate::clock::UnixSeconds;
use crate::sandbox::Site;
use crate::sandbox::form::{self, Params};
use crate::sandbox::secret::{self, Digest};
use crate::sandbox::store::{PushedRequest, StoreFault};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;

/// RFC 9126 §2.2
#[derive(Debug, Serialize)]
pub(super) struct Pushed {
    request_uri: String,
    expires_in: i64,
}

/// Keeps a request that would be accepted if the customer brought it.
pub(super) async fn post(State(site): State<Arc<Site>>, call: Call) -> Result<(StatusCode, Json<Pushed>), TokenFault> {
    let application = client::authenticate(&site, &call).await?;
    let params = &call.params;
    if params.get("request_uri").is_some() {
        return Err(TokenFault::PushedTwice);
    }
    let redirect_uri = params.get("redirect_uri").ok_or(TokenFault::RedirectUri)?;
    if !application.redirect_uris.iter().any(|registered| registered.matches(redirect_uri)) {
        return Err(TokenFault::RedirectUri);
    }
    question::check(params, &application, redirect_uri.to_owned()).map_err(TokenFault::Ask)?;
    let key = proof::key(&site, &call, PATH).await?;
    let form = kept(params, &application.client_id, key.as_deref())?;
    let request = PushedRequest { client_id: application.client_id.clone(), form };
    let name = secret::fresh("");
    let expires = UnixSeconds(site.clock.now().0 + LIFETIME_SECONDS);
    if !site.store.push(Digest::of(&name), &request, expires).await? {
        return Err(TokenFault::TooManyPushed);
    }
    let pushed = Pushed { request_uri: format!("{PREFIX}{name}"), expires_in: LIFETIME_SECONDS };
    Ok((StatusCode::CREATED, Json(pushed)))
}

/// The request as the authorization endpoint reads it: without what authenticated it, and with the key of its proof
/// (RFC 9449 §10.1), which must be the one that it names itself.
fn kept(params: &Params, client_id: &str, key: Option<&str>) -> Result<String, ProofFault> {
    let named = params.get("dpop_jkt");
    if named.is_some() && key.is_some() && named != key {
        return Err(ProofFault::KeyWrong);
    }
    let mut pairs: Vec<_> = params.pairs().filter(|(name, _)| !NOT_KEPT.contains(name)).collect();
    pairs.push(("client_id", client_id));
    pairs.extend(key.or(named).map(|key| ("dpop_jkt", key)));
    Ok(form::join(&pairs))
}

/// An authorization request as the customer brought it, or as it was pushed.
pub(super) struct Opened {
    pub(super) params: Params,
    /// What whoever answers a pushed request uses up.
    pub(super) pushed: Option<Digest>,
}

/// Takes what the customer brought for the request that was pushed, if it names one. None: nobody pushed it, or another
/// application did, or too long ago, or it is answered. Whatever else the customer brought does not count (RFC 9126 §4).
pub(super) async fn open(site: &Site, params: Params) -> Result<Option<Opened>, StoreFault> {
    let Some(uri) = params.get("request_uri") else { return Ok(Some(Opened { params, pushed: None })) };
    let Some(name) = uri.strip_prefix(PREFIX).map(Digest::of) else { return Ok(None) };
    let request = site.store.pushed(name, site.clock.now()).await?;
    let Some(request) = request.filter(|request| params.get("client_id") == Some(request.client_id.as_str())) else {
        return Ok(None);
    };
    let params = Params::parse(request.form.as_bytes()).map_err(|_| StoreFault)?;
    Ok(Some(Opened { params, pushed: Some(name) }))
}

/// Where this endpoint is.
pub(super) const PATH: &str = "/par";
/// RFC 9126 §2.2
pub(in crate::sandbox) const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// From the application's request to the customer's, which follows at once; FAPI 2.0 §5.3.2.2-12 wants less than 600.
pub(in crate::sandbox) const LIFETIME_SECONDS: i64 = 90;
const NOT_KEPT: [&str; 5] = ["client_id", "client_secret", "client_assertion", "client_assertion_type", "dpop_jkt"];
