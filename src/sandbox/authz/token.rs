//! `POST /token` (RFC 6749 §3.2): trades a grant for tokens.

use super::access_token::{self, NewToken};
use super::call::Call;
use super::proof::{self, ProofFault};
use super::token_fault::TokenFault;
use super::{client, code_grant, refresh_grant};
use crate::clock::UnixSeconds;
use crate::oauth::confirmation;
use crate::sandbox::Site;
use crate::sandbox::form::Params;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::store::{AccessToken, Application, Authorization, Binding, Sender};
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// A successful answer (RFC 6749 §5.1).
#[derive(Debug, Serialize)]
pub(in crate::sandbox) struct Tokens {
    pub(in crate::sandbox) access_token: String,
    token_type: &'static str,
    pub(in crate::sandbox) expires_in: u64,
    pub(in crate::sandbox) scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_details: Option<Box<RawValue>>,
}

/// The application that asks for tokens, and what they are bound to.
#[derive(Debug)]
pub(in crate::sandbox) struct Presenter {
    pub(in crate::sandbox) application: Arc<Application>,
    pub(in crate::sandbox) binding: Binding,
    pub(in crate::sandbox) now: UnixSeconds,
}

/// Answers with tokens or with an error of RFC 6749 §5.2.
pub(super) async fn post(State(site): State<Arc<Site>>, call: Call) -> Result<Json<Tokens>, TokenFault> {
    let params = &call.params;
    let grant = params.get("grant_type").ok_or(TokenFault::Missing("grant_type is missing"))?;
    if grant == "refresh_token" {
        let shown = refresh_grant::find(&site, params).await?;
        let presenter = Presenter::of(&site, &call).await?;
        return refresh_grant::refresh(&site, &presenter, shown, params).await.map(Json);
    }
    let presenter = Presenter::of(&site, &call).await?;
    match grant {
        "client_credentials" => own_token(&site, &presenter, params).await.map(Json),
        "authorization_code" => code_grant::redeem(&site, &presenter, params).await.map(Json),
        _ => Err(TokenFault::GrantUnsupported),
    }
}

/// RFC 6749 §4.4: the application's own token, without a customer and without a refresh token.
pub(in crate::sandbox) async fn own_token(
    site: &Site,
    presenter: &Presenter,
    params: &Params,
) -> Result<Tokens, TokenFault> {
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
    async fn of(site: &Site, call: &Call) -> Result<Self, TokenFault> {
        let application = client::authenticate(site, call).await?;
        let dpop_jkt = proof::key(site, call, PATH).await?;
        let certificate =
            call.certificate.0.as_ref().map(|der| URL_SAFE_NO_PAD.encode(confirmation::of_certificate(der)));
        let binding = match application.sender {
            Sender::Dpop if dpop_jkt.is_none() => return Err(ProofFault::Missing.into()),
            Sender::Certificate if certificate.is_none() => return Err(TokenFault::CertificateMissing),
            Sender::Certificate => Binding { dpop_jkt, certificate },
            // Browsers show certificates unasked: only whoever wished it is bound to one.
            Sender::Bearer | Sender::Dpop => Binding { dpop_jkt, certificate: None },
        };
        Ok(Self { application, binding, now: site.clock.now() })
    }

    /// What a refresh token is bound to: a client that authenticates needs nothing else (RFC 9449 §5, RFC 8705 §4).
    pub(super) fn refresh_binding(&self) -> Binding {
        if self.application.is_confidential() { Binding::default() } else { self.binding.clone() }
    }

    /// A new access token, to be kept before it is given out.
    pub(super) fn token(&self, site: &Site, authorization: Option<&Authorization>, scopes: Scopes) -> NewToken {
        let kept = AccessToken {
            id: access_token::new_id(self.now),
            client_id: self.application.client_id.clone(),
            authorization_id: authorization.map(|authorization| authorization.id.clone()),
            scopes,
            binding: self.binding.clone(),
            issued: self.now,
            expires: self.now.later(self.application.access_lifetime),
        };
        access_token::make(site, &self.application, authorization, kept)
    }

    /// When a refresh token is worthless that is given out now and never used.
    pub(super) fn idle_until(&self, site: &Site) -> UnixSeconds {
        self.now.later(site.lifetimes.refresh_idle)
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
            token_type: token.kept.binding.token_type(),
            expires_in: self.application.access_lifetime.as_secs(),
            scope: token.kept.scopes.to_string(),
            refresh_token,
            authorization_details: details.and_then(access_token::raw).map(ToOwned::to_owned),
        }
    }
}

/// Where this endpoint is.
pub(super) const PATH: &str = "/token";
