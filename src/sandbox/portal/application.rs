//! `GET /applications` and `GET /applications/{client_id}`: what was added, and the one next step with it.

use super::choices::{self, Choice};
use super::moment;
use super::secrets::{self, SecretLine};
use super::snippets::{self, Snippet};
use super::tokens;
use super::visitor::{Frame, SignedIn};
use crate::sandbox::scopes::Api;
use crate::sandbox::store::{Application, Authentication, Sender, StoreFault, TestToken};
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "applications.html", config = "src/sandbox/askama.toml")]
struct ListPage {
    frame: Frame,
    applications: Vec<Application>,
}

#[derive(Template)]
#[template(path = "application.html", config = "src/sandbox/askama.toml")]
struct ApplicationPage<'a> {
    frame: Frame,
    application: &'a Application,
    shown: Shown<'a>,
    secrets: Vec<SecretLine>,
    settings: [(&'static str, Choice); 4],
    lifetime: String,
    next: Next,
    tokens: Vec<TokenLine>,
    bound: Option<Snippet>,
    snippets: Vec<Snippet>,
}

/// What is told on this page once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown<'a> {
    /// The secret that was just made.
    pub(super) secret: Option<&'a str>,
    /// Whether the application was just added.
    pub(super) is_new: bool,
    /// Whether a third secret was wished.
    pub(super) has_two_secrets: bool,
}

/// The most that the portal can do with an application, and so what is offered first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Payment,
    Accounts,
    Token,
    /// Its tokens are bound to what it alone holds, or it needs a consent that it makes itself.
    Nothing,
}

/// A test token in the list.
#[derive(Debug)]
struct TokenLine {
    id: String,
    title: &'static str,
    scopes: String,
    state: String,
    /// For the script that counts down.
    seconds_left: Option<i64>,
}

/// Lists the developer's applications.
pub(super) async fn list(State(site): State<Arc<Site>>, signed_in: SignedIn) -> Response {
    match site.store.applications_of(&signed_in.developer.id).await {
        Ok(applications) => {
            page::show(StatusCode::OK, &ListPage { frame: signed_in.frame("/applications"), applications })
        }
        Err(fault) => fault.into_response(),
    }
}

/// Shows one application; its secret is not known any more.
pub(super) async fn get(
    State(site): State<Arc<Site>>,
    signed_in: SignedIn,
    Path(client_id): Path<String>,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    Ok(show(&site, &signed_in, StatusCode::OK, &application, Shown::default()).await?)
}

/// The developer's application with this id. Another's is answered as one that never was.
pub(super) async fn owned(site: &Site, signed_in: &SignedIn, client_id: &str) -> Result<Arc<Application>, Refused> {
    let application = site.store.application(client_id).await?;
    application.filter(|application| application.developer_id == signed_in.developer.id).ok_or(Refused::Unknown)
}

/// Where the page of an application is.
pub(super) fn address(client_id: &str) -> String {
    format!("/applications/{client_id}")
}

/// The application's page; a secret is handed in by whoever just made it.
pub(super) async fn show(
    site: &Site,
    signed_in: &SignedIn,
    status: StatusCode,
    application: &Application,
    shown: Shown<'_>,
) -> Result<Response, StoreFault> {
    let tokens = site.store.test_tokens(&signed_in.developer.id).await?;
    let tokens = tokens.iter().filter(|token| token.client_id == application.client_id);
    let secrets = match application.authentication {
        Authentication::Secret => secrets::lines(site, &application.client_id).await?,
        Authentication::PrivateKey | Authentication::None => Vec::new(),
    };
    let page = ApplicationPage {
        frame: signed_in.frame("/applications"),
        application,
        shown,
        secrets,
        settings: [
            ("Proves itself by", choices::authentication(application.authentication)),
            ("Access tokens are", choices::token_format(application.token_format)),
            ("Tokens are bound to", choices::sender(application.sender)),
            ("Refresh tokens", choices::refresh(application.refresh)),
        ],
        lifetime: moment::span(i64::try_from(application.access_lifetime.as_secs()).unwrap_or(i64::MAX)),
        next: Next::of(application),
        tokens: tokens.map(|token| TokenLine::of(token, site)).collect(),
        bound: snippets::bound(site, application),
        snippets: snippets::fill(site, application, shown.secret),
    };
    Ok(page::show(status, &page))
}

impl Next {
    fn of(application: &Application) -> Self {
        let has = |api| application.scopes.contains(api);
        match (application.sender, application.is_confidential()) {
            (Sender::Bearer, true) if has(Api::PaymentInitiation) => Self::Payment,
            (Sender::Bearer, _) if has(Api::AccountInformation) => Self::Accounts,
            (Sender::Bearer, true) => Self::Token,
            (Sender::Bearer, false) | (Sender::Dpop | Sender::Certificate, _) => Self::Nothing,
        }
    }
}

impl ApplicationPage<'_> {
    fn has_accounts(&self) -> bool {
        self.application.scopes.contains(Api::AccountInformation)
    }

    fn has_payments(&self) -> bool {
        self.application.scopes.contains(Api::PaymentInitiation)
    }
}

impl TokenLine {
    fn of(token: &TestToken, site: &Site) -> Self {
        let seconds_left = tokens::seconds_left(token, site.clock.now());
        let state = match (token.revoked, seconds_left) {
            (Some(_), _) => "Revoked".to_owned(),
            (None, Some(seconds)) => format!("Expires in {}", moment::span(seconds)),
            (None, None) => "Expired".to_owned(),
        };
        let (id, title, scopes) = (token.id.clone(), token.kind.title(), token.scopes.to_string());
        Self { id, title, scopes, state, seconds_left }
    }
}

/// Why there is nothing to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No such application: never added, deleted, or another developer's.
    Unknown,
    /// No such token or walk, or no longer.
    Gone,
    /// Too much is asked at once.
    TooMany,
    /// Ours.
    Store(StoreFault),
}

impl From<StoreFault> for Refused {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown => page::fault(
                StatusCode::NOT_FOUND,
                "There is no such application",
                "It was deleted, or it belongs to another account. Your applications stand on the Applications page.",
            ),
            Self::Gone => page::fault(
                StatusCode::NOT_FOUND,
                "This is no longer here",
                "Test tokens and payments leave this page after a day. Begin a new one from your application’s page.",
            ),
            Self::TooMany => page::fault(
                StatusCode::TOO_MANY_REQUESTS,
                "Too much at once",
                "Nothing was done. Wait a minute, then try again.",
            ),
            Self::Store(fault) => fault.into_response(),
        }
    }
}
