//! `POST /token` (RFC 6749 §3.2): trades a grant for tokens.

use super::access_token::{self, NewToken};
use super::token_fault::TokenFault;
use super::{client, code_grant, refresh_grant, request};
use crate::clock::UnixSeconds;
use crate::net::serve::PeerAddress;
use crate::sandbox::Site;
use crate::sandbox::form::Params;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::store::{AccessToken, Application, Authorization, Binding};
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::HeaderMap;
use serde::Serialize;
use serde_json::value::RawValue;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A successful answer (RFC 6749 §5.1).
#[derive(Debug, Serialize)]
pub(super) struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_details: Option<Box<RawValue>>,
}

/// The application that asks for tokens, and what they are bound to.
#[derive(Debug)]
pub(super) struct Presenter {
    pub(super) application: Arc<Application>,
    pub(super) binding: Binding,
    pub(super) now: UnixSeconds,
}

/// Answers with tokens or with an error of RFC 6749 §5.2.
pub(super) async fn post(
    State(site): State<Arc<Site>>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match trade(&site, &headers, &query.unwrap_or_default(), &body, peer).await {
        Ok(tokens) => Json(tokens).into_response(),
        Err(fault) => fault.answer(),
    }
}

async fn trade(site: &Site, headers: &HeaderMap, query: &str, body: &[u8], peer: IpAddr) -> Result<Tokens, TokenFault> {
    let params = request::read(headers, query, body)?;
    let grant = params.get("grant_type").ok_or(TokenFault::Missing("grant_type is missing"))?;
    let shown = if grant == "refresh_token" { refresh_grant::find(site, &params).await? } else { None };
    let application = client::authenticate(site, headers, &params, peer).await?;
    let presenter = Presenter { application, binding: Binding::default(), now: site.clock.now() };
    match grant {
        "client_credentials" => own_token(site, &presenter, &params).await,
        "authorization_code" => code_grant::redeem(site, &presenter, &params).await,
        "refresh_token" => refresh_grant::refresh(site, &presenter, shown, &params).await,
        _ => Err(TokenFault::GrantUnsupported),
    }
}

/// RFC 6749 §4.4: the application's own token, without a customer and without a refresh token.
async fn own_token(site: &Site, presenter: &Presenter, params: &Params) -> Result<Tokens, TokenFault> {
    let application = &presenter.application;
    if !application.is_confidential() {
        return Err(TokenFault::ClientNotAllowed);
    }
    let scopes = asked(params)?.unwrap_or_else(|| application.scopes.clone());
    if !scopes.within(&application.scopes) {
        return Err(TokenFault::ScopeNotRegistered);
    }
    let token = presenter.token(site, None, scopes);
    site.store.add_access_token(&token.kept, &token.text).await?;
    Ok(presenter.tokens(token, None, None))
}

/// The scopes that a token request names.
pub(super) fn asked(params: &Params) -> Result<Option<Scopes>, TokenFault> {
    params.get("scope").map(Scopes::parse).transpose().map_err(|_| TokenFault::ScopeUnknown)
}

impl Presenter {
    /// A new access token, to be kept before it is given out.
    pub(super) fn token(&self, site: &Site, authorization: Option<&Authorization>, scopes: Scopes) -> NewToken {
        let kept = AccessToken {
            id: access_token::new_id(self.now),
            client_id: self.application.client_id.clone(),
            authorization_id: authorization.map(|authorization| authorization.id.clone()),
            scopes,
            binding: self.binding.clone(),
            issued: self.now,
            expires: later(self.now, self.application.access_lifetime),
        };
        access_token::make(site, &self.application, authorization, kept)
    }

    /// When a refresh token is worthless that is given out now and never used.
    pub(super) fn idle_until(&self, site: &Site) -> UnixSeconds {
        later(self.now, site.lifetimes.refresh_idle)
    }

    /// The answer that hands over `token`.
    pub(super) fn tokens(
        &self,
        token: NewToken,
        authorization: Option<&Authorization>,
        refresh_token: Option<String>,
    ) -> Tokens {
        let details = authorization.and_then(|authorization| authorization.details.as_deref());
        Tokens {
            access_token: token.text,
            token_type: "Bearer",
            expires_in: self.application.access_lifetime.as_secs(),
            scope: token.kept.scopes.to_string(),
            refresh_token,
            authorization_details: details.and_then(access_token::raw).map(ToOwned::to_owned),
        }
    }
}

fn later(time: UnixSeconds, by: Duration) -> UnixSeconds {
    UnixSeconds(time.0.saturating_add(i64::try_from(by.as_secs()).unwrap_or(i64::MAX)))
}
