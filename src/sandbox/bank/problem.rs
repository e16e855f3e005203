//! Why the bank does not do what it was asked, as a problem document (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

/// Every "no" of the banking APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The gateway's headers are missing: somebody reached us past the door. Never 401, which would blame a token.
    NotBehindGateway,
    /// No customer stands behind the token.
    NoCustomer,
    /// Not the customer's, or not there: which of them is not said.
    AccountUnknown,
    /// Likewise.
    PaymentUnknown,
    /// The body is not a payment; the text says where.
    PaymentMalformed(&'static str),
    /// The idempotency key is empty or too long.
    KeyMalformed,
    /// The key was used for another payment.
    KeyReused,
}

impl Problem {
    fn status(self) -> StatusCode {
        match self {
            Self::NotBehindGateway => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NoCustomer => StatusCode::FORBIDDEN,
            Self::AccountUnknown | Self::PaymentUnknown => StatusCode::NOT_FOUND,
            Self::PaymentMalformed(_) | Self::KeyMalformed => StatusCode::BAD_REQUEST,
            Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Self::NotBehindGateway => "not behind the gateway: X-Auth-Client-Id is missing",
            Self::NoCustomer => "the token stands for no customer of this bank",
            Self::AccountUnknown => "no such account",
            Self::PaymentUnknown => "no such payment",
            Self::PaymentMalformed(text) => text,
            Self::KeyMalformed => "x-idempotency-key must have 1 to 64 visible characters",
            Self::KeyReused => "x-idempotency-key was used for another payment",
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let title = status.canonical_reason().unwrap_or_default();
        let body = json!({ "title": title, "status": status.as_u16(), "detail": self.detail() });
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
    }
}
