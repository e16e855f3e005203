//! `POST /introspect` (RFC 7662): tells the bank's own resource server what a token is. Nobody else learns anything, and
//! of a token that is none of ours, is over or is revoked it learns only that.

use super::access_token::{self, Claims};
use super::call::Call;
use super::client;
use super::token_fault::TokenFault;
use crate::sandbox::Site;
use crate::sandbox::store::{AccessToken, Authorization, StoreFault};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// RFC 7662 §2.2
#[derive(Debug, Serialize)]
struct Answer<'a> {
    active: bool,
    token_type: &'static str,
    #[serde(flatten)]
    claims: Claims<'a>,
}

/// Answers a resource server.
pub(super) async fn post(State(site): State<Arc<Site>>, call: Call) -> Result<Response, TokenFault> {
    client::authenticate_resource_server(&site, &call)?;
    let text = call.params.get("token").ok_or(TokenFault::Missing("token is missing"))?;
    let Some((token, authorization)) = find(&site, text).await? else {
        return Ok(Json(json!({ "active": false })).into_response());
    };
    let claims = Claims::of(&site, &token, authorization.as_ref());
    Ok(Json(Answer { active: true, token_type: token.binding.token_type(), claims }).into_response())
}

/// A token that is good at this moment. Of the two kinds of tokens only one is for resource servers.
async fn find(site: &Site, text: &str) -> Result<Option<(AccessToken, Option<Authorization>)>, StoreFault> {
    let Some(id) = access_token::id_of(text) else { return Ok(None) };
    let Some(token) = site.store.access_token(&id, text).await? else { return Ok(None) };
    if token.expires <= site.clock.now() {
        return Ok(None);
    }
    let Some(id) = &token.authorization_id else { return Ok(Some((token, None))) };
    let authorization = site.store.authorization(id).await?.filter(|authorization| authorization.revoked.is_none());
    Ok(authorization.map(|authorization| (token, Some(authorization))))
}
