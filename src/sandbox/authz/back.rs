//! The way back to the application: a redirect with the answer, the state and our name (RFC 9207).

use crate::sandbox::form;
use crate::sandbox::store::Question;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderValue, header};

/// Where an answer goes. Made only of a redirect URI that was found registered.
#[derive(Debug)]
pub(super) struct Back<'a> {
    /// The redirect URI, as it was asked for.
    pub(super) redirect_uri: &'a str,
    /// The application's note, returned as it came.
    pub(super) state: Option<&'a str>,
    /// The authorization server's own name: tells the application who answers (RFC 9207 §2).
    pub(super) issuer: &'a str,
}

impl<'a> Back<'a> {
    /// The way back that an accepted request named.
    pub(super) fn of(question: &'a Question, issuer: &'a str) -> Self {
        Self { redirect_uri: &question.redirect_uri, state: question.state.as_deref(), issuer }
    }

    /// The customer agreed.
    pub(super) fn with_code(&self, code: &str) -> Response {
        redirect(&self.address(&[("code", code)]))
    }

    /// Nothing will come of it (RFC 6749 §4.1.2.1).
    pub(super) fn with_error(&self, error: &str, description: &str) -> Response {
        redirect(&self.error_address(error, description))
    }

    /// Where the application learns that nothing will come of it, for a link.
    pub(super) fn error_address(&self, error: &str, description: &str) -> String {
        self.address(&[("error", error), ("error_description", description)])
    }

    fn address(&self, answer: &[(&str, &str)]) -> String {
        let mut pairs = answer.to_vec();
        pairs.extend(self.state.map(|state| ("state", state)));
        pairs.push(("iss", self.issuer));
        let separator = if self.redirect_uri.contains('?') { '&' } else { '?' };
        format!("{}{separator}{}", self.redirect_uri, form::join(&pairs))
    }
}

fn redirect(target: &str) -> Response {
    // 303, never 307: the browser must not send the password form on to the application (RFC 9700 §4.12).
    let mut response = Redirect::to(target).into_response();
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
