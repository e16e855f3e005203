//! Why an endpoint does not do what an application asks, in the words of RFC 6749 §5.2.

use super::code_grant::CodeFault;
use super::proof::ProofFault;
use super::question::AskFault;
use super::refresh_grant::RefreshFault;
use crate::sandbox::store::StoreFault;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// Every "no" of the endpoints that applications call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum TokenFault {
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
    /// The DPoP proof is at fault.
    Proof(ProofFault),
    /// The application's tokens are bound to a client certificate, and none was shown.
    CertificateMissing,
    /// A pushed authorization request is at fault.
    Ask(AskFault),
    /// More pushed requests of one application than are kept at once.
    TooManyPushed,
    /// A pushed request that names a pushed request (RFC 9126 §2.1).
    PushedTwice,
    /// A pushed request whose redirect URI is missing or not registered.
    RedirectUri,
    /// Ours: the gateway could not be told.
    GatewayAway,
    /// Ours: the store did not answer.
    Store(StoreFault),
}

/// How the client tried to authenticate: Basic is answered with a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Scheme {
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

impl From<ProofFault> for TokenFault {
    fn from(fault: ProofFault) -> Self {
        Self::Proof(fault)
    }
}

impl IntoResponse for TokenFault {
    fn into_response(self) -> Response {
        self.answer()
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
        if matches!(self, Self::GatewayAway | Self::TooManyPushed) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        }
        response
    }

    pub(in crate::sandbox) fn status(self) -> StatusCode {
        match self {
            Self::ClientUnknown(_) => StatusCode::UNAUTHORIZED,
            Self::TooManyAttempts(_) | Self::TooManyPushed => StatusCode::TOO_MANY_REQUESTS,
            Self::Store(_) | Self::GatewayAway => StatusCode::SERVICE_UNAVAILABLE,
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
            | Self::Refresh(_)
            | Self::Proof(_)
            | Self::CertificateMissing
            | Self::Ask(_)
            | Self::PushedTwice
            | Self::RedirectUri => StatusCode::BAD_REQUEST,
        }
    }

    pub(in crate::sandbox) fn code(self) -> &'static str {
        match self {
            Self::NotAForm
            | Self::Repeated
            | Self::Missing(_)
            | Self::InQuery
            | Self::TwoAuthentications
            | Self::CertificateMissing
            | Self::PushedTwice
            | Self::RedirectUri => "invalid_request",
            Self::Proof(_) => "invalid_dpop_proof",
            Self::Ask(fault) => fault.code(),
            // RFC 6749 has no word for it; the status says what to do.
            Self::ClientUnknown(_) | Self::TooManyAttempts(_) => "invalid_client",
            Self::ClientNotAllowed => "unauthorized_client",
            Self::Store(_) | Self::GatewayAway | Self::TooManyPushed => "temporarily_unavailable",
            Self::GrantUnsupported => "unsupported_grant_type",
            Self::ScopeUnknown | Self::ScopeNotRegistered | Self::Refresh(RefreshFault::ScopeWider) => "invalid_scope",
            Self::Code(_)
            | Self::Refresh(
                RefreshFault::Unknown
                | RefreshFault::KeyWrong
                | RefreshFault::Expired
                | RefreshFault::Revoked
                | RefreshFault::Reused
                | RefreshFault::Raced,
            ) => "invalid_grant",
        }
    }

    pub(in crate::sandbox) fn text(self) -> &'static str {
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
            Self::ScopeUnknown => "scope names something other than accounts, payments and fundsconfirmations",
            Self::ScopeNotRegistered => "scope goes beyond the APIs that the application was registered for",
            Self::Code(fault) => code_text(fault),
            Self::Refresh(fault) => refresh_text(fault),
            Self::Proof(fault) => proof_text(fault),
            Self::CertificateMissing => "Show the client certificate that the application's tokens are bound to",
            Self::Ask(fault) => fault.text(),
            Self::TooManyPushed => "Too many requests were pushed and not used: wait until they expire",
            Self::PushedTwice => "A pushed request cannot name another one: request_uri is not for this endpoint",
            Self::RedirectUri => "redirect_uri is missing or not one that the application registered",
            Self::GatewayAway => "It is revoked here, and the gateway will be told as soon as it answers: ask again",
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
        CodeFault::KeyWrong => "The DPoP proof is not by the key that the authorization request named",
        CodeFault::Revoked => "The customer took it back: ask the customer again",
        CodeFault::Used => "The code was used before: its tokens are revoked",
    }
}

fn refresh_text(fault: RefreshFault) -> &'static str {
    match fault {
        RefreshFault::Unknown => "The refresh token is unknown",
        RefreshFault::KeyWrong => "The refresh token is bound to a key or certificate that was not shown",
        RefreshFault::Expired => "The refresh token expired: ask the customer again",
        RefreshFault::Revoked => "The refresh token was revoked: ask the customer again",
        RefreshFault::Reused => "The refresh token was used before: all its successors are revoked",
        RefreshFault::Raced => {
            "Another request uses this refresh token at this moment: only that one gets its successor"
        }
        RefreshFault::ScopeWider => "scope goes beyond what the customer granted",
    }
}

fn proof_text(fault: ProofFault) -> &'static str {
    match fault {
        ProofFault::Missing => "The application's tokens are bound to a key: send a DPoP proof",
        ProofFault::Unreadable => {
            "Send one DPoP proof: a JWT of type dpop+jwt, signed with the key that it brings by ES256, PS256 or EdDSA"
        }
        ProofFault::Misplaced => "The DPoP proof was made for another request: htm must be POST, htu this endpoint",
        ProofFault::Stale => "The DPoP proof was not made just now",
        ProofFault::Replayed => "The DPoP proof was used before",
        ProofFault::KeyWrong => "The DPoP proof is not by the key that dpop_jkt names",
    }
}

/// By then the gateway was tried again, and some pushed requests expired.
const RETRY_SECONDS: i64 = 5;
