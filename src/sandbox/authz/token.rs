//! `POST /token` (RFC 6749 §3.2): trades a grant for tokens.

use super::client;
use super::keys::Claims;
use super::token_fault::TokenFault;
use crate::clock::UnixSeconds;
use crate::net::serve::PeerAddress;
use crate::oauth::grant::Grant;
use crate::sandbox::Site;
use crate::sandbox::form::Params;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::secret;
use crate::sandbox::store::{Application, CodeClaim, Consent, RefreshClaim};
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, header};
use serde::Serialize;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A successful answer (RFC 6749 §5.1).
#[derive(Debug, Serialize)]
struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// Answers with tokens or with an error of RFC 6749 §5.2.
pub(super) async fn post(
    State(site): State<Arc<Site>>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = match trade(&site, &headers, &query.unwrap_or_default(), &body, peer).await {
        Ok(tokens) => Json(tokens).into_response(),
        Err(fault) => fault.answer(),
    };
    // `Pragma` is for what still asks for RFC 6749 §5.1 to the letter.
    ([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], answer).into_response()
}

async fn trade(site: &Site, headers: &HeaderMap, query: &str, body: &[u8], peer: IpAddr) -> Result<Tokens, TokenFault> {
    let params = read(headers, query, body)?;
    let application = client::authenticate(site, headers, &params, peer).await?;
    match params.get("grant_type") {
        Some("client_credentials") => own_token(site, &application, &params),
        Some("authorization_code") => redeem(site, &application, &params),
        Some("refresh_token") => refresh(site, &application, &params),
        Some(_) => Err(TokenFault::GrantUnsupported),
        None => Err(TokenFault::Missing("grant_type is missing")),
    }
}

fn read(headers: &HeaderMap, query: &str, body: &[u8]) -> Result<Params, TokenFault> {
    // Addresses end up in logs, and a server that reads secrets there teaches clients to write them there.
    let query = Params::parse(query.as_bytes()).map_err(|_| TokenFault::NotAForm)?;
    if NEVER_IN_QUERY.iter().any(|name| query.get(name).is_some()) {
        return Err(TokenFault::InQuery);
    }
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(TokenFault::NotAForm);
    }
    let params = Params::parse(body).map_err(|_| TokenFault::NotAForm)?;
    if params.repeats_any() { Err(TokenFault::Repeated) } else { Ok(params) }
}

/// RFC 6749 §4.4: the application's own token, without a customer and without a refresh token.
fn own_token(site: &Site, application: &Application, params: &Params) -> Result<Tokens, TokenFault> {
    if !application.is_confidential() {
        return Err(TokenFault::ClientNotAllowed);
    }
    let scopes = asked(params)?.unwrap_or_else(|| application.scopes.clone());
    if !scopes.within(&application.scopes) {
        return Err(TokenFault::ScopeNotRegistered);
    }
    Ok(answer(site, application, &scopes, None))
}

/// RFC 6749 §4.1.3
fn redeem(site: &Site, application: &Application, params: &Params) -> Result<Tokens, TokenFault> {
    let claim = CodeClaim {
        client_id: &application.client_id,
        code: params.get("code").ok_or(TokenFault::Missing("code is missing"))?,
        redirect_uri: params.get("redirect_uri"),
        verifier: params.get("code_verifier"),
    };
    let (consent, refresh_token) =
        site.store.redeem_code(claim, idle_until(site), site.clock.now()).map_err(TokenFault::Code)?;
    let scopes = consent.scopes.clone();
    Ok(answer(site, application, &scopes, Some((consent, refresh_token))))
}

/// RFC 6749 §6
fn refresh(site: &Site, application: &Application, params: &Params) -> Result<Tokens, TokenFault> {
    let narrower = asked(params)?;
    let claim = RefreshClaim {
        client_id: &application.client_id,
        token: params.get("refresh_token").ok_or(TokenFault::Missing("refresh_token is missing"))?,
        scopes: narrower.as_ref(),
    };
    let (consent, refresh_token) =
        site.store.rotate(claim, idle_until(site), site.clock.now()).map_err(TokenFault::Refresh)?;
    let scopes = narrower.unwrap_or_else(|| consent.scopes.clone());
    Ok(answer(site, application, &scopes, Some((consent, refresh_token))))
}

fn asked(params: &Params) -> Result<Option<Scopes>, TokenFault> {
    params.get("scope").map(Scopes::parse).transpose().map_err(|_| TokenFault::ScopeUnknown)
}

fn idle_until(site: &Site) -> UnixSeconds {
    UnixSeconds(site.clock.now().0 + seconds(site.lifetimes.refresh_idle))
}

fn answer(site: &Site, application: &Application, scopes: &Scopes, granted: Option<(Consent, String)>) -> Tokens {
    let now = site.clock.now().0;
    let consent = granted.as_ref().map(|(consent, _)| consent);
    let grant = consent.map_or(Grant::ClientCredentials, |_| Grant::AuthorizationCode);
    let claims = Claims {
        iss: &site.issuer,
        aud: &site.gateway,
        exp: now + seconds(application.access_lifetime),
        iat: now,
        jti: secret::fresh(""),
        sub: consent.map_or(application.client_id.as_str(), |consent| consent.subject),
        client_id: &application.client_id,
        scope: scopes.to_string(),
        gty: grant.as_str(),
        consent_id: consent.map(|consent| consent.id.as_str()),
    };
    Tokens {
        access_token: site.key.sign(&claims),
        token_type: "Bearer",
        expires_in: application.access_lifetime.as_secs(),
        scope: claims.scope,
        refresh_token: granted.map(|(_, refresh_token)| refresh_token),
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / 2)
}

/// What is secret, or leads to something secret.
const NEVER_IN_QUERY: [&str; 6] =
    ["client_secret", "client_assertion", "code", "code_verifier", "refresh_token", "password"];
