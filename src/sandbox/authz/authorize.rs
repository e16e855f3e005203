//! `GET /authorize` (RFC 6749 §4.1.1): checks what an application asks, then sends the customer to log in or consent.
//! A request whose client or redirect URI is wrong ends on a page of ours: redirecting it would help an attacker.

use super::back::Back;
use super::pushed::{self, Opened};
use super::{Challenge, cookie};
use crate::clock::UnixSeconds;
use crate::oauth::confirmation;
use crate::sandbox::Site;
use crate::sandbox::form::{self, Params};
use crate::sandbox::page;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::store::{Application, Ask, StoreFault};
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
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
        check(&params, &application)
    };
    match checked {
        Ok((scopes, challenge)) => {
            let state = params.get("state").map(str::to_owned);
            let expires = UnixSeconds(site.clock.now().0 + ASK_SECONDS);
            let dpop_jkt = params.get("dpop_jkt").map(str::to_owned);
            let browser = String::new();
            let ask = Ask { browser, application, redirect_uri, state, scopes, challenge, dpop_jkt, pushed, expires };
            welcome(&site, &headers, ask)
        }
        Err(fault) => back.with_error(fault.code(), fault.text()),
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
    if !application.redirect_uris.iter().any(|registered| registered.matches(&asked)) {
        return Err(PageFault::RedirectUnknown);
    }
    Ok((opened, application, asked))
}

/// What is asked, once it is known whom to answer.
pub(super) fn check(params: &Params, application: &Application) -> Result<(Scopes, Challenge), AskFault> {
    if params.repeats_any() {
        return Err(AskFault::Repeated);
    }
    if params.get("request").is_some() {
        return Err(AskFault::RequestObject);
    }
    if params.get("dpop_jkt").is_some_and(|key| confirmation::thumbprint(key).is_none()) {
        return Err(AskFault::KeyMalformed);
    }
    match params.get("response_type") {
        Some("code") => {}
        Some(_) => return Err(AskFault::ResponseType),
        None => return Err(AskFault::ResponseTypeMissing),
    }
    if params.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(AskFault::ResponseMode);
    }
    if params.get("state").is_some_and(|state| state.len() > STATE_BYTES_MAX) {
        return Err(AskFault::StateTooLong);
    }
    let scopes = match params.get("scope") {
        Some(text) => Scopes::parse(text).map_err(|_| AskFault::ScopeUnknown)?,
        // RFC 6749 §3.3: the default is what the application registered for; the consent page spells it out.
        None => application.scopes.clone(),
    };
    if !scopes.within(&application.scopes) {
        return Err(AskFault::ScopeNotRegistered);
    }
    let challenge = params.get("code_challenge").ok_or(AskFault::ChallengeMissing)?;
    // RFC 7636 §4.3: without a method it would be `plain`.
    if params.get("code_challenge_method") != Some("S256") {
        return Err(AskFault::ChallengeMethod);
    }
    Ok((scopes, Challenge::parse(challenge).ok_or(AskFault::ChallengeMalformed)?))
}

fn welcome(site: &Site, headers: &HeaderMap, mut ask: Ask) -> Response {
    let now = site.clock.now();
    let (cookie, session) = cookie::session(&site.store, headers, now).unwrap_or_else(|| site.store.open_session(now));
    ask.browser = session.browser;
    let id = site.store.keep_ask(ask);
    let next = if session.customer.is_some() { "/consent" } else { "/login" };
    cookie::set(Redirect::to(&format!("{next}?{}", form::join(&[("ask", &id)]))).into_response(), &cookie)
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

/// Faults that the application learns of (RFC 6749 §4.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskFault {
    Repeated,
    RequestObject,
    NotPushed,
    KeyMalformed,
    ResponseTypeMissing,
    ResponseType,
    ResponseMode,
    StateTooLong,
    ScopeUnknown,
    ScopeNotRegistered,
    ChallengeMissing,
    ChallengeMethod,
    ChallengeMalformed,
}

impl AskFault {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Repeated
            | Self::NotPushed
            | Self::KeyMalformed
            | Self::ResponseTypeMissing
            | Self::ResponseMode
            | Self::StateTooLong
            | Self::ChallengeMissing
            | Self::ChallengeMethod
            | Self::ChallengeMalformed => "invalid_request",
            Self::RequestObject => "request_not_supported",
            Self::ResponseType => "unsupported_response_type",
            Self::ScopeUnknown | Self::ScopeNotRegistered => "invalid_scope",
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Repeated => "A parameter is repeated",
            Self::RequestObject => "Request objects are not supported: send plain parameters",
            Self::NotPushed => "The application must push its requests: send them to /par first (RFC 9126)",
            Self::KeyMalformed => "dpop_jkt is not the SHA-256 thumbprint of a key (RFC 9449)",
            Self::ResponseTypeMissing => "response_type is missing: it must be code",
            Self::ResponseType => "Only response_type=code is supported",
            Self::ResponseMode => "Only response_mode=query is supported",
            Self::StateTooLong => "state is longer than 512 characters",
            Self::ScopeUnknown => "scope names something other than accounts and payments",
            Self::ScopeNotRegistered => "scope goes beyond the APIs that the application was registered for",
            Self::ChallengeMissing => "code_challenge is missing: PKCE is required (RFC 7636)",
            Self::ChallengeMethod => "code_challenge_method must be S256",
            Self::ChallengeMalformed => "code_challenge is not the base64url of a SHA-256",
        }
    }
}

/// How long a customer may think.
const ASK_SECONDS: i64 = 10 * 60;
/// Applications put an identifier there, not a document.
const STATE_BYTES_MAX: usize = 512;
