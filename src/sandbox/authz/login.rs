//! `/login` and `/logout`: the customer proves who they are to the bank, and to nobody else.

use super::cookie;
use crate::net::serve::PeerAddress;
use crate::sandbox::Site;
use crate::sandbox::attempts::Wait;
use crate::sandbox::customer;
use crate::sandbox::form::{self, Params};
use crate::sandbox::page;
use crate::sandbox::secret;
use crate::sandbox::store::{Ask, Session};
use askama::Template;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "login.html", config = "src/sandbox/askama.toml")]
struct LoginPage<'a> {
    application: &'a str,
    ask: &'a str,
    form_token: &'a str,
    user: &'a str,
    fault: Option<String>,
    demo: &'static customer::Customer,
}

/// Shows the form.
pub(super) async fn get(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    match Visit::of(&site, query.as_bytes(), &headers) {
        Ok(visit) => visit.page(StatusCode::OK, None),
        Err(fault) => fault.answer(None),
    }
}

/// Checks user name and password.
pub(super) async fn post(
    State(site): State<Arc<Site>>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let visit = match Visit::of_form(&site, &body, &headers) {
        Ok(visit) => visit,
        Err(fault) => return fault.answer(None),
    };
    let (user, password) = (visit.value("user"), visit.value("password"));
    let now = site.clock.now();
    if let Err(wait) = site.attempts.spend(user, peer, now) {
        return LoginFault::TooMany(wait).answer(Some(&visit));
    }
    let Some(customer) = customer::with_password(user, password) else {
        return LoginFault::WrongPassword.answer(Some(&visit));
    };
    site.attempts.forgive(user, peer);
    match site.store.renew_session(&visit.cookie, Some(customer), now) {
        Some(cookie) => visit.go("/consent", &cookie),
        None => LoginFault::Gone.answer(None),
    }
}

/// Ends the session; what was asked stays, for whoever logs in next at this browser.
pub(super) async fn leave(State(site): State<Arc<Site>>, headers: HeaderMap, body: Bytes) -> Response {
    let left = Visit::of_form(&site, &body, &headers).and_then(|visit| {
        let cookie = site.store.renew_session(&visit.cookie, None, site.clock.now()).ok_or(LoginFault::Gone)?;
        Ok(visit.go("/login", &cookie))
    });
    left.unwrap_or_else(|fault| fault.answer(None))
}

/// A browser that came with an application's question.
pub(super) struct Visit {
    pub(super) cookie: String,
    pub(super) session: Session,
    pub(super) ask_id: String,
    pub(super) ask: Ask,
    params: Params,
}

impl Visit {
    /// Finds session and question by cookie and `ask`.
    pub(super) fn of(site: &Site, params: &[u8], headers: &HeaderMap) -> Result<Self, LoginFault> {
        let now = site.clock.now();
        let params = Params::parse(params).map_err(|_| LoginFault::NotAForm)?;
        let (cookie, session) = cookie::session(&site.store, headers, now).ok_or(LoginFault::Gone)?;
        let ask_id = params.get("ask").unwrap_or_default().to_owned();
        let ask = site.store.ask(&ask_id, &session, now).ok_or(LoginFault::Gone)?;
        Ok(Self { cookie, session, ask_id, ask, params })
    }

    /// As `of`, for a form, which must carry the session's token: another site cannot send it for the customer.
    pub(super) fn of_form(site: &Site, body: &[u8], headers: &HeaderMap) -> Result<Self, LoginFault> {
        let visit = Self::of(site, body, headers)?;
        let token = visit.value("form_token");
        if secret::equal(token.as_bytes(), visit.session.form_token.as_bytes()) {
            Ok(visit)
        } else {
            Err(LoginFault::Forged)
        }
    }

    /// A field of the form; empty if it is not there.
    pub(super) fn value(&self, name: &str) -> &str {
        self.params.get(name).unwrap_or_default()
    }

    /// On to the next page.
    pub(super) fn go(&self, path: &str, cookie: &str) -> Response {
        let next = format!("{path}?{}", form::join(&[("ask", &self.ask_id)]));
        cookie::set(Redirect::to(&next).into_response(), cookie)
    }

    fn page(&self, status: StatusCode, fault: Option<String>) -> Response {
        let page = LoginPage {
            application: &self.ask.application.name,
            ask: &self.ask_id,
            form_token: &self.session.form_token,
            user: self.value("user"),
            fault,
            demo: &customer::DEMO,
        };
        page::show(status, &page)
    }
}

/// Why nobody is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoginFault {
    NotAForm,
    Gone,
    Forged,
    WrongPassword,
    TooMany(Wait),
}

impl LoginFault {
    /// The page that says so: the form again where trying again helps.
    pub(super) fn answer(self, visit: Option<&Visit>) -> Response {
        match (visit, self) {
            (Some(visit), Self::WrongPassword | Self::TooMany(_)) => visit.page(self.status(), Some(self.text())),
            (_, fault) => page::fault(fault.status(), "This did not work", &fault.text()),
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::NotAForm | Self::Gone => StatusCode::BAD_REQUEST,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::WrongPassword => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn text(self) -> String {
        match self {
            Self::NotAForm => "The form could not be read.".to_owned(),
            Self::Gone => {
                "This page is too old or was answered before. Go back to the application and start again.".into()
            }
            Self::Forged => "The form did not come from this page. Go back to the application and start again.".into(),
            Self::WrongPassword => "User name and password do not belong together. The demo ones stand below.".into(),
            Self::TooMany(Wait(seconds)) => format!("Too many tries. Wait {seconds} seconds, then try again."),
        }
    }
}
