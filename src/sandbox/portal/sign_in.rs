//! `/signin` and `/signout`. A wrong e-mail and a wrong password are one fault, in words and in time.

use super::next::Next;
use super::passwords::Busy;
use super::visitor::{Form, Frame, SignedForm, Visitor};
use crate::net::serve::PeerAddress;
use crate::sandbox::attempts::Wait;
use crate::sandbox::form::Params;
use crate::sandbox::store::StoreFault;
use crate::sandbox::{Site, page, secret};
use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use std::net::IpAddr;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "signin.html", config = "src/sandbox/askama.toml")]
struct SignInPage<'a> {
    frame: Frame,
    email: &'a str,
    fault: Option<String>,
    next: &'a str,
    sign_up: String,
}

/// Shows the form, unless the visitor is signed in already.
pub(super) async fn get(visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let next = Next::parse(params.get("next").unwrap_or_default());
    if visitor.developer.is_some() {
        return Redirect::to(next.as_str()).into_response();
    }
    show(&visitor, StatusCode::OK, "", &next, None)
}

/// Checks e-mail and password, and goes where the developer wanted to.
pub(super) async fn post(
    State(site): State<Arc<Site>>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    Form { visitor, params }: Form,
) -> Response {
    let next = Next::parse(params.get("next").unwrap_or_default());
    let email = params.get("email").unwrap_or_default().trim();
    match check(&site, &email.to_lowercase(), params.get("password").unwrap_or_default(), peer).await {
        Ok(developer_id) => {
            enter(&site, &visitor, &developer_id, &next).await.unwrap_or_else(IntoResponse::into_response)
        }
        Err(SignInFault::Store(fault)) => fault.into_response(),
        Err(fault) => show(&visitor, fault.status(), email, &next, Some(fault.text())),
    }
}

/// Ends the session here and at the server; the browser gets a new word.
pub(super) async fn leave(State(site): State<Arc<Site>>, SignedForm { signed_in, .. }: SignedForm) -> Response {
    match site.store.sign_out(signed_in.cookie()).await {
        Ok(()) => site.developers_cookie().set(Redirect::to("/").into_response(), &secret::fresh("")),
        Err(fault) => fault.into_response(),
    }
}

/// Signs in under a new cookie: whoever planted the old one gains nothing (session fixation).
pub(super) async fn enter(
    site: &Site,
    visitor: &Visitor,
    developer_id: &str,
    next: &Next,
) -> Result<Response, StoreFault> {
    site.store.sign_out(&visitor.cookie).await?;
    let cookie = site.store.sign_in(developer_id, site.clock.now()).await?;
    Ok(site.developers_cookie().set(Redirect::to(next.as_str()).into_response(), &cookie))
}

async fn check(site: &Site, email: &str, password: &str, peer: IpAddr) -> Result<String, SignInFault> {
    // Longer than any that can be chosen: no work is done for it.
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(SignInFault::Wrong);
    }
    let watched = format!("developer {email}");
    site.attempts.spend(&watched, peer, site.clock.now()).map_err(SignInFault::TooMany)?;
    let found = site.store.developer_to_sign_in(email).await?;
    let (developer, kept) = found.unzip();
    let fits = site.passwords.fits(password, kept.as_deref()).await.map_err(|Busy| SignInFault::Busy)?;
    let developer = developer.filter(|_| fits).ok_or(SignInFault::Wrong)?;
    site.attempts.forgive(&watched, peer);
    Ok(developer.id)
}

fn show(visitor: &Visitor, status: StatusCode, email: &str, next: &Next, fault: Option<String>) -> Response {
    let page = SignInPage {
        frame: visitor.frame("/signin"),
        email,
        fault,
        next: next.as_str(),
        sign_up: next.after("/signup"),
    };
    visitor.keep(page::show(status, &page))
}

/// Why nobody is signed in.
#[derive(Debug, PartialEq, Eq)]
enum SignInFault {
    /// No such e-mail, or not with this password.
    Wrong,
    /// Too many wrong tries.
    TooMany(Wait),
    /// Too many sign in at once.
    Busy,
    /// Ours.
    Store(StoreFault),
}

impl From<StoreFault> for SignInFault {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl SignInFault {
    fn status(&self) -> StatusCode {
        match self {
            Self::Wrong => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Wrong => "E-mail and password do not belong together. Check both, then try again.".to_owned(),
            Self::TooMany(Wait(seconds)) => format!("Too many tries. Wait {seconds} seconds, then try again."),
            Self::Busy | Self::Store(_) => "Many are signing in right now. Try again in a moment.".to_owned(),
        }
    }
}

/// Of UTF-8; what is chosen may be half as long.
pub(super) const PASSWORD_BYTES_MAX: usize = 1024;
