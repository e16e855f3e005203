//! Why the token endpoint gives no token, in the words of RFC 6749 §5.2.

use super::code_grant::CodeFault;
use super::refresh_grant::RefreshFault;
use crate::sandbox::store::StoreFault;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// Every "no" of the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenFault {
    /// Not `application/x-www-form-urlencoded`, or broken.
    NotAForm,
    /// A parameter stands there twice.
    Repeated,
    /// A parameter is not there; the text says which.
    Missing(&'static str),
    /// A secret stands in the address.
    InQuery,
    /// Two ways of authentication at once.
    TwoAuthentications,
    /// No such client, or not with this secret: which of them is not said.
    ClientUnknown(Scheme),
    /// Too many wrong secrets; seconds until the next try.
    TooManyAttempts(i64),
    /// An application without a secret asked for a token of its own.
    ClientNotAllowed,
    /// Another grant than the three.
    GrantUnsupported,
    /// A scope that does not exist, or a malformed scope string.
    ScopeUnknown,
    /// A scope beyond the application's APIs.
    ScopeNotRegistered,
    /// The authorization code is at fault.
    Code(CodeFault),
    /// The refresh token is at fault.
    Refresh(RefreshFault),
    /// Ours: the store did not answer.
    Store(StoreFault),
}

/// How the client tried to authenticate: Basic is answered with a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// In `Authorization`.
    Basic,
    /// In the form, or not at all.
    Form,
}

impl From<StoreFault> for TokenFault {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<CodeFault> for TokenFault {
    fn from(fault: CodeFault) -> Self {
        Self::Code(fault)
    }
}

impl From<RefreshFault> for TokenFault {
    fn from(fault: RefreshFault) -> Self {
        Self::Refresh(fault)
    }
}

impl TokenFault {
    /// The answer.
    pub(super) fn answer(self) -> Response {
        let body = json!({ "error": self.code(), "error_description": self.text() });
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        if let Self::ClientUnknown(Scheme::Basic) = self {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"sandbox\""));
        }
        if let Self::TooManyAttempts(seconds) = self {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn status(self) -> StatusCode {
        match self {
            Self::ClientUnknown(_) => StatusCode::UNAUTHORIZED,
            Self::TooManyAttempts(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotAForm
            | Self::Repeated
            | Self::Missing(_)
            | Self::InQuery
            | Self::TwoAuthentications
            | Self::ClientNotAllowed
            | Self::GrantUnsupported
            | Self::ScopeUnknown
            | Self::ScopeNotRegistered
            | Self::Code(_)
            | Self::Refresh(_) => StatusCode::BAD_REQUEST,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::NotAForm | Self::Repeated | Self::Missing(_) | Self::InQuery | Self::TwoAuthentications => {
                "invalid_request"
            }
            // RFC 6749 has no word for it; the status says what to do.
            Self::ClientUnknown(_) | Self::TooManyAttempts(_) => "invalid_client",
            Self::ClientNotAllowed => "unauthorized_client",
            Self::Store(_) => "temporarily_unavailable",
            Self::GrantUnsupported => "unsupported_grant_type",
            Self::ScopeUnknown | Self::ScopeNotRegistered | Self::Refresh(RefreshFault::ScopeWider) => "invalid_scope",
            Self::Code(_)
            | Self::Refresh(
                RefreshFault::Unknown
                | RefreshFault::Expired
                | RefreshFault::Revoked
                | RefreshFault::Reused
                | RefreshFault::Raced,
            ) => "invalid_grant",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::NotAForm => "Send the parameters as application/x-www-form-urlencoded",
            Self::Repeated => "A parameter is repeated",
            Self::Missing(text) => text,
            Self::InQuery => "Secrets do not belong into the address: send them in the body or by Basic",
            Self::TwoAuthentications => "Authenticate in one way: by Basic or in the body",
            Self::ClientUnknown(_) => "Client authentication failed",
            Self::TooManyAttempts(_) => "Client authentication failed too often: wait, then try again",
            Self::ClientNotAllowed => "Applications without a secret cannot get a token of their own",
            Self::GrantUnsupported => "Supported are authorization_code, client_credentials and refresh_token",
            Self::ScopeUnknown => "scope names something other than accounts and payments",
            Self::ScopeNotRegistered => "scope goes beyond the APIs that the application was registered for",
            Self::Code(fault) => code_text(fault),
            Self::Refresh(fault) => refresh_text(fault),
            Self::Store(_) => "The sandbox cannot look this up now: try again",
        }
    }
}

fn code_text(fault: CodeFault) -> &'static str {
    match fault {
        CodeFault::Unknown => "The code is unknown",
        CodeFault::Expired => "The code expired",
        CodeFault::RedirectUri => "redirect_uri is not the one of the authorization request",
        CodeFault::VerifierMissing => "code_verifier is missing",
        CodeFault::VerifierWrong => "code_verifier does not belong to the code_challenge",
        CodeFault::Revoked => "The customer took it back: ask the customer again",
        CodeFault::Used => "The code was used before: its tokens are revoked",
    }
}

fn refresh_text(fault: RefreshFault) -> &'static str {
    match fault {
        RefreshFault::Unknown => "The refresh token is unknown",
        RefreshFault::Expired => "The refresh token expired: ask the customer again",
        RefreshFault::Revoked => "The refresh token was revoked: ask the customer again",
        RefreshFault::Reused => "The refresh token was used before: all its successors are revoked",
        RefreshFault::Raced => {
            "Another request uses this refresh token at this moment: only that one gets its successor"
        }
        RefreshFault::ScopeWider => "scope goes beyond what the customer granted",
    }
}
