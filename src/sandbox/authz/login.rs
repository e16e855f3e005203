//! `/login` and `/logout`: the customer proves who they are to the bank, and to nobody else.

use super::visit::{self, Guest, VisitFault};
use crate::net::serve::PeerAddress;
use crate::sandbox::Site;
use crate::sandbox::attempts::Wait;
use crate::sandbox::customer::{self, Customer};
use crate::sandbox::form::Params;
use crate::sandbox::page;
use crate::sandbox::store::Ask;
use askama::Template;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "login.html", config = "src/sandbox/askama.toml")]
struct LoginPage<'a> {
    application: Option<&'a str>,
    ask: &'a str,
    form_token: &'a str,
    user: &'a str,
    /// Only a demo customer's, who is chosen by a link.
    password: &'a str,
    fault: Option<String>,
    customers: &'static [Customer],
}

/// Shows the form, unless there is nothing to prove any more.
pub(super) async fn get(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    let guest = match Guest::of(&site, query.as_bytes(), &headers).await {
        Ok(guest) => guest,
        Err(VisitFault::Unknown) if !query.contains("ask=") => return first_visit(&site).await,
        Err(fault) => return fault.answer(),
    };
    match asked(&site, &guest).await {
        Ok(None) if guest.session.login.is_some() => visit::redirect(visit::MY_ACCESS, None),
        Ok(Some(ask)) if guest.session.login.is_some() && !ask.login_needed => {
            visit::redirect(visit::CONSENT, Some(&ask.id))
        }
        Ok(ask) => show(&guest, ask.as_ref(), StatusCode::OK, None),
        Err(fault) => fault.answer(),
    }
}

/// Checks user name and password.
pub(super) async fn post(
    State(site): State<Arc<Site>>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let guest = match Guest::of_form(&site, &body, &headers).await {
        Ok(guest) => guest,
        // Whoever pressed the button twice brings a cookie that the first time ended; the new one is on its way.
        Err(VisitFault::Unknown) => return again(&body),
        Err(fault) => return fault.answer(),
    };
    let ask = match asked(&site, &guest).await {
        Ok(ask) => ask,
        Err(fault) => return fault.answer(),
    };
    let (user, password) = (guest.value("user"), guest.value("password"));
    let entered = match site.attempts.spend(user, peer, site.clock.now()) {
        Ok(()) => customer::with_password(user, password).ok_or(LoginFault::WrongPassword),
        Err(wait) => Err(LoginFault::TooMany(wait)),
    };
    match entered {
        Ok(customer) => {
            site.attempts.forgive(user, peer);
            enter(&site, &guest, ask.as_ref(), customer).await.unwrap_or_else(VisitFault::answer)
        }
        Err(fault) => fault.answer(&guest, ask.as_ref()),
    }
}

/// Ends the session; what was asked stays, for whoever logs in next at this browser.
pub(super) async fn leave(State(site): State<Arc<Site>>, headers: HeaderMap, body: Bytes) -> Response {
    let guest = match Guest::of_form(&site, &body, &headers).await {
        Ok(guest) => guest,
        Err(fault) => return fault.answer(),
    };
    match site.store.renew_session(&guest.session, None, site.clock.now()).await {
        Ok(Some(cookie)) => {
            let ask_id = Some(guest.value("ask")).filter(|id| !id.is_empty());
            site.customers_cookie().set(visit::redirect(visit::LOGIN, ask_id), &cookie)
        }
        Ok(None) => VisitFault::Unknown.answer(),
        Err(fault) => VisitFault::Store(fault).answer(),
    }
}

/// The question, if the customer came with one.
async fn asked(site: &Site, guest: &Guest) -> Result<Option<Ask>, VisitFault> {
    if guest.value("ask").is_empty() { Ok(None) } else { guest.ask(site).await.map(Some) }
}

/// The page, for whoever it knows.
fn again(body: &[u8]) -> Response {
    let params = Params::parse(body).unwrap_or_default();
    visit::redirect(visit::LOGIN, params.get("ask"))
}

/// A customer who comes by themselves, to see what they allowed.
async fn first_visit(site: &Site) -> Response {
    match site.store.open_session(site.clock.now()).await {
        Ok((cookie, _)) => site.customers_cookie().set(visit::redirect(visit::LOGIN, None), &cookie),
        Err(fault) => VisitFault::Store(fault).answer(),
    }
}

async fn enter(
    site: &Site,
    guest: &Guest,
    ask: Option<&Ask>,
    customer: &'static Customer,
) -> Result<Response, VisitFault> {
    let cookie = site.store.renew_session(&guest.session, Some(customer), site.clock.now()).await?;
    let cookie = cookie.ok_or(VisitFault::Unknown)?;
    let next = match ask {
        Some(ask) => {
            site.store.note_login(ask).await?;
            visit::redirect(visit::CONSENT, Some(&ask.id))
        }
        None => visit::redirect(visit::MY_ACCESS, None),
    };
    Ok(site.customers_cookie().set(next, &cookie))
}

fn show(guest: &Guest, ask: Option<&Ask>, status: StatusCode, fault: Option<String>) -> Response {
    let chosen = customer::ALL.iter().find(|customer| customer.user == guest.value("as"));
    let page = LoginPage {
        application: ask.map(|ask| ask.application.name.as_str()),
        ask: ask.map_or("", |ask| ask.id.as_str()),
        form_token: &guest.session.form_token,
        user: chosen.map_or_else(|| guest.value("user"), |customer| customer.user),
        password: chosen.map_or("", |customer| customer.password),
        fault,
        customers: &customer::ALL,
    };
    page::show(status, &page)
}

/// Why nobody is logged in. Which of name and password was wrong is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoginFault {
    WrongPassword,
    TooMany(Wait),
}

impl LoginFault {
    /// The form again, with what went wrong.
    fn answer(self, guest: &Guest, ask: Option<&Ask>) -> Response {
        match self {
            Self::WrongPassword => {
                let text = "User name and password do not belong together. The demo ones stand below.";
                show(guest, ask, StatusCode::UNPROCESSABLE_ENTITY, Some(text.to_owned()))
            }
            Self::TooMany(Wait(seconds)) => {
                let text = format!("Too many tries. Wait {seconds} seconds, then try again.");
                let mut response = show(guest, ask, StatusCode::TOO_MANY_REQUESTS, Some(text));
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
        }
    }
}
