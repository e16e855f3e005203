//! `GET /authorize` (RFC 6749 §4.1.1): checks what an application asks, then sends the customer to log in or consent.
//! A request whose client or redirect URI is wrong ends on a page of ours: redirecting it would help an attacker.

use super::back::Back;
use super::pushed::{self, Opened};
use super::question::{self, AskFault, Freshness};
use super::{matter, visit};
use crate::sandbox::Site;
use crate::sandbox::form::Params;
use crate::sandbox::page;
use crate::sandbox::store::{Application, NewAsk, Question, StoreFault};
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

/// Takes the customer in.
pub(super) async fn get(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    let (Opened { params, pushed }, application, redirect_uri) = match identify(&site, &query).await {
        Ok(identified) => identified,
        Err(PageFault::Store(fault)) => return fault.into_response(),
        Err(fault) => return page::fault(StatusCode::BAD_REQUEST, "This link does not work", fault.text()),
    };
    let back = Back { redirect_uri: &redirect_uri, state: params.get("state"), issuer: &site.issuer };
    let checked = if application.requires_pushed && pushed.is_none() {
        Err(AskFault::NotPushed)
    } else {
        question::check(&params, &application, redirect_uri.clone())
    };
    let taken = match checked {
        Ok((question, freshness)) => {
            let question = Question { pushed, ..question };
            welcome(&site, &headers, &application, &question, freshness).await
        }
        Err(fault) => Err(fault.into()),
    };
    match taken {
        Ok(response) => response,
        Err(RequestFault::Ask(fault)) => back.with_error(fault.code(), fault.text()),
        Err(RequestFault::Store(fault)) => fault.into_response(),
    }
}

/// Whom the answer may go to at all.
async fn identify(site: &Site, query: &str) -> Result<(Opened, Arc<Application>, String), PageFault> {
    let params = Params::parse(query.as_bytes()).map_err(|_| PageFault::NotAForm)?;
    if ["client_id", "redirect_uri", "request_uri"].iter().any(|name| params.repeats(name)) {
        return Err(PageFault::Repeated);
    }
    let opened = pushed::open(site, params).await.map_err(PageFault::Store)?.ok_or(PageFault::NotPushed)?;
    let params = &opened.params;
    let client_id = params.get("client_id").ok_or(PageFault::ClientMissing)?;
    let application =
        site.store.application(client_id).await.map_err(PageFault::Store)?.ok_or(PageFault::ClientUnknown)?;
    let asked = params.get("redirect_uri").ok_or(PageFault::RedirectMissing)?.to_owned();
    if !application.returns_to(&asked, &site.issuer) {
        return Err(PageFault::RedirectUnknown);
    }
    Ok((opened, application, asked))
}

async fn welcome(
    site: &Site,
    headers: &HeaderMap,
    application: &Application,
    question: &Question,
    freshness: Freshness,
) -> Result<Response, RequestFault> {
    if matter::awaited(site, &application.client_id, question).await?.is_none() {
        return Err(AskFault::DetailsConsent.into());
    }
    let now = site.clock.now();
    let (cookie, session) = match visit::session(site, headers).await? {
        Some(session) => (None, session),
        None => site.store.open_session(now).await.map(|(cookie, session)| (Some(cookie), session))?,
    };
    let login_needed = freshness.needs_login(session.login.as_ref(), now);
    let ask = NewAsk { application, question, session: &session, login_needed };
    let id = site.store.keep_ask(ask, now).await?;
    let next = if session.login.is_none() || login_needed { visit::LOGIN } else { visit::CONSENT };
    let welcome = visit::redirect(next, Some(&id));
    Ok(match cookie {
        Some(cookie) => site.customers_cookie().set(welcome, &cookie),
        None => welcome,
    })
}

/// Why a request whose sender is known leads nowhere.
enum RequestFault {
    Ask(AskFault),
    Store(StoreFault),
}

impl From<AskFault> for RequestFault {
    fn from(fault: AskFault) -> Self {
        Self::Ask(fault)
    }
}

impl From<StoreFault> for RequestFault {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

/// Faults that the customer sees, because there is nobody trustworthy to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PageFault {
    NotAForm,
    Repeated,
    ClientMissing,
    ClientUnknown,
    RedirectMissing,
    RedirectUnknown,
    NotPushed,
    /// Nobody's here but ours.
    Store(StoreFault),
}

impl PageFault {
    fn text(self) -> &'static str {
        match self {
            Self::NotAForm => "The address holds a broken escape or is not UTF-8. Tell the application's developer.",
            Self::Repeated => "The address names the application or its return address twice.",
            Self::ClientMissing => "The address names no application: client_id is missing.",
            Self::ClientUnknown => "No application with this client_id is registered here.",
            Self::RedirectMissing => "The address names no return address: redirect_uri is missing.",
            Self::NotPushed => {
                "The address names a request that is unknown, too old or answered. Go back to the application and start again."
            }
            Self::Store(_) => "The sandbox cannot look this up now.",
            Self::RedirectUnknown => {
                "The return address is not one that the application registered. You were not sent there, for your safety."
            }
        }
    }
}
