//! `POST /revoke` (RFC 7009): an application gives a token back. A refresh token takes all of its authorization with
//! it, an access token itself alone; both are felt at the gateway before the answer is sent.

use super::call::Call;
use super::gateway::{self, Told};
use super::token_fault::TokenFault;
use super::{access_token, client};
use crate::sandbox::Site;
use crate::sandbox::store::{Application, StoreFault};
use axum::extract::State;
use http::StatusCode;
use std::sync::Arc;

/// Takes a token back. What is none of this application's, or none at all, is over already as far as it can tell
/// (RFC 7009 §2.2). `token_type_hint` is not needed: a token shows what it is.
pub(super) async fn post(State(site): State<Arc<Site>>, call: Call) -> Result<StatusCode, TokenFault> {
    let application = client::authenticate(&site, &call).await?;
    let text = call.params.get("token").ok_or(TokenFault::Missing("token is missing"))?;
    let told = match access_token::id_of(text) {
        Some(id) => end_access_token(&site, &application, &id, text).await?,
        None => end_authorization(&site, &application, text).await?,
    };
    match told {
        Told::Now => Ok(StatusCode::OK),
        Told::Later => Err(TokenFault::GatewayAway),
    }
}

pub(in crate::sandbox) async fn end_access_token(
    site: &Site,
    application: &Application,
    id: &str,
    text: &str,
) -> Result<Told, StoreFault> {
    let token = site.store.access_token(id, text).await?;
    if token.is_some_and(|token| token.client_id == application.client_id) {
        let mut transaction = site.store.begin().await?;
        transaction.revoke_access_token(id).await?;
        transaction.commit().await?;
    }
    // Also where the token is gone: the gateway may not have been told when it went.
    gateway::revoke_at_gateway(site, id).await
}

pub(in crate::sandbox) async fn end_authorization(
    site: &Site,
    application: &Application,
    text: &str,
) -> Result<Told, StoreFault> {
    let token = site.store.refresh_token(text).await?;
    match token.filter(|token| token.authorization.client_id == application.client_id) {
        Some(token) => gateway::revoke_authorization(site, &token.authorization.id).await,
        None => Ok(Told::Now),
    }
}
