//! A refresh token for tokens (RFC 6749 §6). It gives its successor and is worthless, and when it returns all that came
//! of the authorization is revoked (RFC 9700 §4.14.2); or it stays, for applications that are bound by other means.

use super::code_grant::REFRESH_TOKEN_PREFIX;
use super::token::{Presenter, Tokens};
use super::token_fault::TokenFault;
use super::under_way::Showing;
use super::{gateway, token};
use crate::sandbox::Site;
use crate::sandbox::form::Params;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::secret;
use crate::sandbox::store::{Refresh, RefreshToken};

/// Why a refresh token gives no access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum RefreshFault {
    /// Never given out, or to another client.
    Unknown,
    /// Bound to a key or certificate that was not shown.
    KeyWrong,
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

/// A token that a request shows, and what is kept of it.
pub(in crate::sandbox) struct Shown<'a> {
    showing: Showing<'a>,
    found: Option<RefreshToken>,
}

/// Looks up the token that a request shows, before anything else is: what happens meanwhile is a race.
pub(in crate::sandbox) async fn find<'a>(site: &'a Site, params: &Params) -> Result<Shown<'a>, TokenFault> {
    let token = params.get("refresh_token").ok_or(TokenFault::Missing("refresh_token is missing"))?;
    let showing = site.refreshing.begin(token);
    Ok(Shown { showing, found: site.store.refresh_token(token).await? })
}

/// Takes a refresh token for an access token, and its successor if it does not stay.
pub(in crate::sandbox) async fn refresh(
    site: &Site,
    presenter: &Presenter,
    Shown { showing, found }: Shown<'_>,
    params: &Params,
) -> Result<Tokens, TokenFault> {
    let text = params.get("refresh_token").unwrap_or_default();
    let narrower = token::asked(params)?;
    let found = found.ok_or(RefreshFault::Unknown)?;
    let now = presenter.now;
    if found.authorization.client_id != presenter.application.client_id {
        return Err(RefreshFault::Unknown.into());
    }
    if !found.binding.is_met_by(&presenter.binding) {
        return Err(RefreshFault::KeyWrong.into());
    }
    if found.authorization.revoked.is_some() {
        return Err(RefreshFault::Revoked.into());
    }
    if found.is_used {
        if showing.was_overtaken() {
            return Err(RefreshFault::Raced.into());
        }
        gateway::revoke_authorization(site, &found.authorization.id).await?;
        return Err(RefreshFault::Reused.into());
    }
    if now >= found.expires {
        return Err(RefreshFault::Expired.into());
    }
    let authorization = found.authorization;
    let scopes = scopes(&authorization.scopes, &presenter.application.scopes, narrower)?;
    let access = presenter.token(site, Some(&authorization), scopes);
    let idle_until = presenter.idle_until(site);
    if presenter.application.refresh == Refresh::Rotate {
        showing.uses();
    }
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
            transaction.add_refresh_token(&successor, &authorization.id, &found.binding, idle_until).await?;
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

/// What is given. What the developer took from the application since is not any more, whatever the customer agreed to.
fn scopes(granted: &Scopes, registered: &Scopes, asked: Option<Scopes>) -> Result<Scopes, TokenFault> {
    let left: Scopes = granted.iter().filter(|api| registered.contains(*api)).collect();
    let scopes = asked.unwrap_or_else(|| left.clone());
    if !scopes.within(granted) {
        return Err(RefreshFault::ScopeWider.into());
    }
    if scopes.is_empty() || !scopes.within(&left) {
        return Err(TokenFault::ScopeNotRegistered);
    }
    Ok(scopes)
}
