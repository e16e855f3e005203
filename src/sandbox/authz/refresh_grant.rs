//! A refresh token for tokens (RFC 6749 §6). It gives its successor and is worthless, and when it returns all that came
//! of the authorization is revoked (RFC 9700 §4.14.2); or it stays, for applications that are bound by other means.

use super::code_grant::REFRESH_TOKEN_PREFIX;
use super::token::{Presenter, Tokens};
use super::token_fault::TokenFault;
use super::{gateway, token};
use crate::sandbox::Site;
use crate::sandbox::form::Params;
use crate::sandbox::secret;
use crate::sandbox::store::{Refresh, RefreshToken};

/// Why a refresh token gives no access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshFault {
    /// Never given out, or to another client.
    Unknown,
    /// Not used for too long.
    Expired,
    /// The customer's consent is gone, or a token of the family was used twice before.
    Revoked,
    /// It was used before; the whole family is revoked now.
    Reused,
    /// Another request used it while this one was under way.
    Raced,
    /// More than the customer granted.
    ScopeWider,
}

/// The token that a request shows, looked up before anything else is. Two requests that are under way at once both find
/// it unused; the one that then comes second lost a race and is no thief. Whoever comes later is.
pub(super) async fn find(site: &Site, params: &Params) -> Result<Option<RefreshToken>, TokenFault> {
    match params.get("refresh_token") {
        Some(token) => Ok(site.store.refresh_token(token).await?),
        None => Err(TokenFault::Missing("refresh_token is missing")),
    }
}

/// Takes a refresh token for an access token, and its successor if it does not stay.
pub(super) async fn refresh(
    site: &Site,
    presenter: &Presenter,
    found: Option<RefreshToken>,
    params: &Params,
) -> Result<Tokens, TokenFault> {
    let text = params.get("refresh_token").unwrap_or_default();
    let narrower = token::asked(params)?;
    let found = found.ok_or(RefreshFault::Unknown)?;
    let now = presenter.now;
    if found.authorization.client_id != presenter.application.client_id {
        return Err(RefreshFault::Unknown.into());
    }
    if found.authorization.revoked.is_some() {
        return Err(RefreshFault::Revoked.into());
    }
    if found.is_used {
        gateway::revoke_authorization(site, &found.authorization.id).await?;
        return Err(RefreshFault::Reused.into());
    }
    if now >= found.expires {
        return Err(RefreshFault::Expired.into());
    }
    let authorization = found.authorization;
    let scopes = narrower.unwrap_or_else(|| authorization.scopes.clone());
    if !scopes.within(&authorization.scopes) {
        return Err(RefreshFault::ScopeWider.into());
    }
    let access = presenter.token(site, Some(&authorization), scopes);
    let idle_until = presenter.idle_until(site);
    let mut transaction = site.store.begin().await?;
    if !transaction.extend_authorization(&authorization.id, access.kept.expires, idle_until).await? {
        return Err(RefreshFault::Revoked.into());
    }
    let successor = match presenter.application.refresh {
        Refresh::Rotate => {
            if !transaction.use_refresh_token(text, now).await? {
                return Err(RefreshFault::Raced.into());
            }
            let successor = secret::fresh(REFRESH_TOKEN_PREFIX);
            let bound = found.dpop_jkt.as_deref();
            transaction.add_refresh_token(&successor, &authorization.id, bound, idle_until).await?;
            Some(successor)
        }
        Refresh::Keep => {
            if !transaction.extend_refresh_token(text, idle_until).await? {
                return Err(RefreshFault::Raced.into());
            }
            None
        }
    };
    transaction.add_access_token(&access.kept, &access.text).await?;
    transaction.commit().await?;
    Ok(presenter.tokens(access, Some(&authorization), successor))
}
