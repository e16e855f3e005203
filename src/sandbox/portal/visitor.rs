//! Who is at the browser. A handler asks for a `Visitor` or for `SignedIn`; a form comes as `Form` or `SignedForm`,
//! which are made only of forms that carry the browser's own token.

use super::next::Next;
use crate::sandbox::cookie::Jar;
use crate::sandbox::form::Params;
use crate::sandbox::secret::{self, Digest};
use crate::sandbox::store::{Developer, StoreFault};
use crate::sandbox::{Site, page};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{Method, StatusCode};
use std::sync::Arc;

/// Somebody at a browser, signed in or not.
#[derive(Debug)]
pub(super) struct Visitor {
    /// Who, if signed in.
    pub(super) developer: Option<Developer>,
    /// The browser's word; a new one if it brought none.
    pub(super) cookie: String,
    jar: Jar,
}

/// A developer at a browser. Others are sent to the sign-in page, and back from there.
#[derive(Debug)]
pub(super) struct SignedIn {
    /// Who.
    pub(super) developer: Developer,
    cookie: String,
}

/// A form that the visitor's own browser sent.
#[derive(Debug)]
pub(super) struct Form {
    /// Who sent it.
    pub(super) visitor: Visitor,
    /// Its fields.
    pub(super) params: Params,
}

/// A form that a developer's own browser sent.
#[derive(Debug)]
pub(super) struct SignedForm {
    /// Who sent it.
    pub(super) signed_in: SignedIn,
    /// Its fields.
    pub(super) params: Params,
}

/// What `portal.html`, the frame around each page, needs to know.
#[derive(Debug)]
pub(super) struct Frame {
    /// Who is signed in.
    pub(super) developer: Option<Developer>,
    /// Stands in every form.
    pub(super) form_token: String,
    place: &'static str,
}

/// Why a form is not taken.
#[derive(Debug)]
pub(super) enum FormFault {
    /// Nobody is signed in: the way to the sign-in page.
    SignedOut(Next),
    /// It does not carry the browser's token.
    Forged,
    /// It cannot be read, or is too large.
    NotAForm,
    /// Ours.
    Store(StoreFault),
}

impl Visitor {
    async fn of(site: &Site, parts: &Parts) -> Result<Self, StoreFault> {
        let jar = site.developers_cookie();
        match jar.read(&parts.headers) {
            Some(cookie) => {
                let developer = site.store.signed_in(cookie, site.clock.now()).await?;
                Ok(Self { developer, cookie: cookie.to_owned(), jar })
            }
            None => Ok(Self { developer: None, cookie: secret::fresh(""), jar }),
        }
    }

    /// What the frame needs on a page at `place`.
    pub(super) fn frame(&self, place: &'static str) -> Frame {
        Frame { developer: self.developer.clone(), form_token: form_token(&self.cookie), place }
    }

    /// Hands the browser its word together with a page that holds a form.
    pub(super) fn keep(&self, response: Response) -> Response {
        self.jar.set(response, &self.cookie)
    }
}

impl SignedIn {
    /// What the frame needs on a page at `place`.
    pub(super) fn frame(&self, place: &'static str) -> Frame {
        Frame { developer: Some(self.developer.clone()), form_token: form_token(&self.cookie), place }
    }

    /// The browser's word.
    pub(super) fn cookie(&self) -> &str {
        &self.cookie
    }
}

impl Frame {
    /// Whether the page stands at `place` of the navigation.
    pub(super) fn is_at(&self, place: &str) -> bool {
        self.place == place
    }
}

impl FromRequestParts<Arc<Site>> for Visitor {
    type Rejection = StoreFault;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, StoreFault> {
        Self::of(site, parts).await
    }
}

impl FromRequestParts<Arc<Site>> for SignedIn {
    type Rejection = FormFault;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, FormFault> {
        let Visitor { developer, cookie, .. } = Visitor::of(site, parts).await?;
        let next = if parts.method == Method::GET { Next::of(parts.uri.path_and_query()) } else { Next::default() };
        developer.map(|developer| Self { developer, cookie }).ok_or(FormFault::SignedOut(next))
    }
}

impl FromRequest<Arc<Site>> for Form {
    type Rejection = FormFault;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, FormFault> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, site).await?;
        let params = own_form(Request::from_parts(parts, body), &visitor.cookie, site).await?;
        Ok(Self { visitor, params })
    }
}

impl FromRequest<Arc<Site>> for SignedForm {
    type Rejection = FormFault;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, FormFault> {
        let (mut parts, body) = request.into_parts();
        let signed_in = SignedIn::from_request_parts(&mut parts, site).await?;
        let params = own_form(Request::from_parts(parts, body), &signed_in.cookie, site).await?;
        Ok(Self { signed_in, params })
    }
}

/// Reads a form and holds its token against the browser's cookie.
async fn own_form(request: Request, cookie: &str, site: &Arc<Site>) -> Result<Params, FormFault> {
    let body = Bytes::from_request(request, site).await.map_err(|_| FormFault::NotAForm)?;
    let params = Params::parse(&body).map_err(|_| FormFault::NotAForm)?;
    let token = params.get("form_token").unwrap_or_default();
    if secret::equal(token.as_bytes(), form_token(cookie).as_bytes()) { Ok(params) } else { Err(FormFault::Forged) }
}

/// Follows from the cookie, so nothing has to be kept for browsers that nobody signed in at; and the cookie does not
/// follow from it.
fn form_token(cookie: &str) -> String {
    Digest::of(&format!("form token of {cookie}")).base64url()
}

impl From<StoreFault> for FormFault {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl IntoResponse for FormFault {
    fn into_response(self) -> Response {
        match self {
            Self::SignedOut(next) => Redirect::to(&next.after("/signin")).into_response(),
            Self::Forged => page::fault(
                StatusCode::FORBIDDEN,
                "Nothing was changed",
                "The form did not come from a page of yours, or you signed in or out after it was opened. Open the page again and repeat it.",
            ),
            Self::NotAForm => page::fault(
                StatusCode::BAD_REQUEST,
                "Nothing was changed",
                "The form could not be read. Go back and send it again.",
            ),
            Self::Store(fault) => fault.into_response(),
        }
    }
}
