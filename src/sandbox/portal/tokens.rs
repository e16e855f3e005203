//! Test tokens: the portal acts as the application of a developer who is signed in, by the same code that answers the
//! application itself. It needs no secret for that, and it cannot hold the keys that some tokens are bound to.

use super::application::{Refused, owned};
use super::token_page::show;
use super::trouble::Trouble;
use super::visitor::{SignedForm, SignedIn};
use crate::clock::UnixSeconds;
use crate::sandbox::authz::{self, Presenter, TokenFault, Tokens, Told};
use crate::sandbox::form::{self, Params};
use crate::sandbox::scopes::Scopes;
use crate::sandbox::store::{Application, Binding, Sender, StoreFault, TestToken, TokenKind};
use crate::sandbox::{Site, secret};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use std::sync::Arc;

/// Why the portal gets no token for an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoToken {
    /// It would be bound to what only the application holds.
    Bound,
    /// The token endpoint's answer.
    Fault(TokenFault),
}

/// Gets the application's own token.
pub(super) async fn post(
    State(site): State<Arc<Site>>,
    Path(client_id): Path<String>,
    SignedForm { signed_in, .. }: SignedForm,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    match own(&site, &application, &application.scopes).await {
        Ok(tokens) => {
            let token = keep(&site, &application, TokenKind::Client, &tokens).await?;
            Ok(Redirect::to(&address(&token)).into_response())
        }
        Err(fault) => Ok(fault.trouble(&application).show(&signed_in)),
    }
}

/// Shows a token to its developer.
pub(super) async fn get(
    State(site): State<Arc<Site>>,
    signed_in: SignedIn,
    Path((client_id, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    let token = of(&site, &application, &id).await?.ok_or(Refused::Gone)?;
    Ok(show(&site, &signed_in, &application, &token, None))
}

/// Trades the refresh token for a new pair.
pub(super) async fn refresh(
    State(site): State<Arc<Site>>,
    Path((client_id, id)): Path<(String, String)>,
    SignedForm { signed_in, .. }: SignedForm,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    let token = of(&site, &application, &id).await?.ok_or(Refused::Gone)?;
    match renew(&site, &application, &token).await? {
        Ok(token) => Ok(Redirect::to(&address(&token)).into_response()),
        Err(NoToken::Fault(fault)) => Ok(show(&site, &signed_in, &application, &token, Some(fault))),
        Err(fault @ NoToken::Bound) => Ok(fault.trouble(&application).show(&signed_in)),
    }
}

/// Gives a token back; a customer's with all that came of the same yes.
pub(super) async fn revoke(
    State(site): State<Arc<Site>>,
    Path((client_id, id)): Path<(String, String)>,
    SignedForm { signed_in, .. }: SignedForm,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    let token = of(&site, &application, &id).await?.ok_or(Refused::Gone)?;
    let told = match (&token.refresh_token, authz::id_of(&token.access_token)) {
        (Some(refresh_token), _) => authz::end_authorization(&site, &application, refresh_token).await?,
        (None, Some(id)) => authz::end_access_token(&site, &application, &id, &token.access_token).await?,
        (None, None) => Told::Now,
    };
    site.store.note_revoked(&token.id, site.clock.now()).await?;
    match told {
        Told::Now => Ok(Redirect::to(&address(&token)).into_response()),
        Told::Later => {
            let token = of(&site, &application, &id).await?.ok_or(Refused::Gone)?;
            Ok(show(&site, &signed_in, &application, &token, Some(TokenFault::GatewayAway)))
        }
    }
}

/// The application's own token for `scopes`.
pub(super) async fn own(site: &Site, application: &Arc<Application>, scopes: &Scopes) -> Result<Tokens, NoToken> {
    let presenter = presenter(site, application)?;
    let params = params(&[("scope", &scopes.to_string())]);
    authz::own_token(site, &presenter, &params).await.map_err(NoToken::Fault)
}

/// What a code is worth that a customer brought back to the portal.
pub(super) async fn redeem(
    site: &Site,
    application: &Arc<Application>,
    pairs: &[(&str, &str)],
) -> Result<Tokens, NoToken> {
    let presenter = presenter(site, application)?;
    authz::redeem(site, &presenter, &params(pairs)).await.map_err(NoToken::Fault)
}

/// A token that is good for the next call: `token`, or what its refresh token gives if it is over or about to be.
pub(super) async fn fresh(
    site: &Site,
    application: &Arc<Application>,
    token: TestToken,
) -> Result<Result<TestToken, NoToken>, StoreFault> {
    let is_over = seconds_left(&token, site.clock.now()).is_none_or(|seconds| seconds <= 1);
    if is_over && token.refresh_token.is_some() { renew(site, application, &token).await } else { Ok(Ok(token)) }
}

/// Keeps a token for its developer.
pub(super) async fn keep(
    site: &Site,
    application: &Application,
    kind: TokenKind,
    tokens: &Tokens,
) -> Result<TestToken, StoreFault> {
    let now = site.clock.now();
    let mut token = TestToken {
        id: secret::name(""),
        developer_id: application.developer_id.clone(),
        client_id: application.client_id.clone(),
        kind,
        scopes: Scopes::default(),
        access_token: String::new(),
        refresh_token: None,
        created: now,
        expires: now,
        revoked: None,
        forgotten: now,
    };
    take_in(&mut token, tokens, site)?;
    site.store.add_test_token(&token).await?;
    Ok(token)
}

/// The test token `id` of an application.
pub(super) async fn of(site: &Site, application: &Application, id: &str) -> Result<Option<TestToken>, StoreFault> {
    let token = site.store.test_token(id, &application.developer_id).await?;
    Ok(token.filter(|token| token.client_id == application.client_id))
}

/// Where a token's page is.
pub(super) fn address(token: &TestToken) -> String {
    format!("/applications/{}/tokens/{}", token.client_id, token.id)
}

/// How long the access token lives on, if it does.
pub(super) fn seconds_left(token: &TestToken, now: UnixSeconds) -> Option<i64> {
    token.is_good(now).then_some(token.expires.0 - now.0)
}

fn presenter(site: &Site, application: &Arc<Application>) -> Result<Presenter, NoToken> {
    match application.sender {
        Sender::Bearer => {
            let application = Arc::clone(application);
            Ok(Presenter { application, binding: Binding::default(), now: site.clock.now() })
        }
        Sender::Dpop | Sender::Certificate => Err(NoToken::Bound),
    }
}

/// Who comes second while somebody else refreshes gets the token as it then is.
async fn renew(
    site: &Site,
    application: &Arc<Application>,
    token: &TestToken,
) -> Result<Result<TestToken, NoToken>, StoreFault> {
    let claimed = site.store.claim_test_token(&token.id, &token.developer_id, site.clock.now()).await?;
    let Some(mut token) = claimed else { return Ok(Ok(token.clone())) };
    let renewed = async {
        let presenter = presenter(site, application)?;
        let params = params(&[("refresh_token", token.refresh_token.as_deref().unwrap_or_default())]);
        let found = authz::find(site, &params).await.map_err(NoToken::Fault)?;
        authz::refresh(site, &presenter, found, &params).await.map_err(NoToken::Fault)
    };
    let renewed = renewed.await;
    if let Ok(tokens) = &renewed {
        take_in(&mut token, tokens, site)?;
    }
    site.store.renew_test_token(&token).await?;
    Ok(renewed.map(|_| token))
}

/// A refresh token that stays is not given out again.
fn take_in(token: &mut TestToken, tokens: &Tokens, site: &Site) -> Result<(), StoreFault> {
    let now = site.clock.now();
    let after = |seconds: u64| UnixSeconds(now.0.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX)));
    token.scopes = Scopes::parse(&tokens.scope).map_err(|_| StoreFault)?;
    token.access_token.clone_from(&tokens.access_token);
    if tokens.refresh_token.is_some() {
        token.refresh_token.clone_from(&tokens.refresh_token);
    }
    token.expires = after(tokens.expires_in);
    token.forgotten = after(tokens.expires_in.max(site.lifetimes.refresh_idle.as_secs()));
    Ok(())
}

fn params(pairs: &[(&str, &str)]) -> Params {
    Params::parse(form::join(pairs).as_bytes()).expect("what `join` writes reads back")
}

impl NoToken {
    /// The page that says so.
    pub(super) fn trouble(self, application: &Application) -> Trouble<'_> {
        match self {
            Self::Bound => Trouble {
                status: StatusCode::CONFLICT,
                title: "The portal cannot hold this token",
                text: "Tokens of this application are bound to a key or a certificate of its own, which never leaves \
                    it. Its page shows how to get one from your machine.",
                application,
                detail: None,
            },
            Self::Fault(fault) => Trouble {
                status: fault.status(),
                title: "The token endpoint said no",
                text: fault.text(),
                application,
                detail: Some(fault.code()),
            },
        }
    }

    /// In one sentence.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Bound => "Its tokens are bound to a key or certificate that the portal does not hold.",
            Self::Fault(fault) => fault.text(),
        }
    }
}
