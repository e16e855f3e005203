//! An authorization code for tokens (RFC 6749 §4.1.3): only for the client that asked for it, with the secret of its
//! PKCE challenge, and once.

use super::gateway;
use super::token::{Presenter, Tokens};
use super::token_fault::TokenFault;
use crate::sandbox::Site;
use crate::sandbox::form::Params;
use crate::sandbox::secret;
use crate::sandbox::store::NewCode;

/// Why a code gives no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum CodeFault {
    /// Never given out, or long ago, or to another client: a stranger learns nothing more.
    Unknown,
    /// Its minute is over.
    Expired,
    /// Sent from another redirect URI, or from none.
    RedirectUri,
    /// No PKCE verifier.
    VerifierMissing,
    /// The verifier does not belong to the challenge.
    VerifierWrong,
    /// The request names a key, and its proof is not by that one.
    KeyWrong,
    /// It gave a token before; everything that came of it is revoked.
    Used,
    /// The customer took it back before it was used.
    Revoked,
}

/// Takes a code for an access token and the first refresh token.
pub(in crate::sandbox) async fn redeem(
    site: &Site,
    presenter: &Presenter,
    params: &Params,
) -> Result<Tokens, TokenFault> {
    let text = params.get("code").ok_or(TokenFault::Missing("code is missing"))?;
    let code = site.store.code(text).await?.ok_or(CodeFault::Unknown)?;
    check(&code.content, presenter, params)?;
    let authorization = code.content.authorization;
    if code.is_used {
        return Err(end_all(site, &authorization.id).await);
    }
    if presenter.now >= code.content.expires {
        return Err(CodeFault::Expired.into());
    }
    let token = presenter.token(site, Some(&authorization), authorization.scopes.clone());
    let refresh_token = secret::fresh(REFRESH_TOKEN_PREFIX);
    let idle_until = presenter.idle_until(site);
    let mut transaction = site.store.begin().await?;
    if !transaction.use_code(text, presenter.now).await? {
        drop(transaction);
        return Err(end_all(site, &authorization.id).await);
    }
    if !transaction.extend_authorization(&authorization.id, token.kept.expires, idle_until).await? {
        return Err(CodeFault::Revoked.into());
    }
    let bound_to = presenter.refresh_binding();
    transaction.add_refresh_token(&refresh_token, &authorization.id, &bound_to, idle_until).await?;
    transaction.add_access_token(&token.kept, &token.text).await?;
    transaction.commit().await?;
    Ok(presenter.tokens(token, Some(&authorization), Some(refresh_token)))
}

fn check(code: &NewCode, presenter: &Presenter, params: &Params) -> Result<(), CodeFault> {
    if code.authorization.client_id != presenter.application.client_id {
        return Err(CodeFault::Unknown);
    }
    if params.get("redirect_uri") != Some(code.redirect_uri.as_str()) {
        return Err(CodeFault::RedirectUri);
    }
    let verifier = params.get("code_verifier").ok_or(CodeFault::VerifierMissing)?;
    if !code.challenge.is_met_by(verifier) {
        return Err(CodeFault::VerifierWrong);
    }
    // RFC 9449 §10: whoever stole code and verifier does not have the key.
    let has_key = code.dpop_jkt.is_none() || code.dpop_jkt == presenter.binding.dpop_jkt;
    if has_key { Ok(()) } else { Err(CodeFault::KeyWrong) }
}

/// Two parties held the code, and which one is the thief cannot be told (RFC 6749 §4.1.2). The request is otherwise
/// valid here, so a stranger cannot revoke with a leaked code alone (OAuth 2.1 §7.5.2).
async fn end_all(site: &Site, authorization_id: &str) -> TokenFault {
    match gateway::revoke_authorization(site, authorization_id).await {
        Ok(_) => CodeFault::Used.into(),
        Err(fault) => fault.into(),
    }
}

/// Lets people and scanners recognise it.
pub(super) const REFRESH_TOKEN_PREFIX: &str = "rt_";
