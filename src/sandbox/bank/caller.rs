//! Who calls, according to the gateway. The headers are trusted: only the gateway can reach this listener.

use super::customer::{self, Customer};
use super::problem::Problem;
use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

/// The identity headers of one request.
#[derive(Debug)]
pub(super) struct Caller {
    /// The application.
    pub(super) client_id: String,
    /// The consent that the token came of.
    pub(super) consent_id: Option<String>,
    subject: Option<String>,
}

impl Caller {
    /// The customer whose token it is.
    pub(super) fn customer(&self) -> Result<&'static Customer, Problem> {
        self.subject.as_deref().and_then(customer::with_subject).ok_or(Problem::NoCustomer)
    }

    fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let value = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let client_id = value("x-auth-client-id").ok_or(Problem::NotBehindGateway)?;
        Ok(Self { client_id, consent_id: value("x-auth-consent-id"), subject: value("x-auth-subject") })
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(&parts.headers)
    }
}
