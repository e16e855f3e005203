//! What the upstream is told of a token's holder: the identity headers, made once for each token.

use super::Issuer;
use super::token::Holder;
use crate::gateway::forward::headers;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::claims::Claims;
use crate::oauth::grant::Grant;
use http::HeaderValue;

/// What is written on every request, in one piece of memory: with many tokens, each further piece is one more that the
/// processor does not have at hand.
#[derive(Debug)]
pub(super) struct Texts {
    all: Box<str>,
    /// Where the identity headers end, from the start.
    identity_end: usize,
    /// Where the log's fields end, from there.
    line_end: usize,
}

impl Texts {
    pub(super) fn new(identity: &str, line: &str, scope: &str) -> Self {
        let line_end = identity.len() + line.len();
        Self { all: [identity, line, scope].concat().into(), identity_end: identity.len(), line_end }
    }

    pub(super) fn identity(&self) -> &str {
        self.all.get(..self.identity_end).unwrap_or_default()
    }

    pub(super) fn line(&self) -> &str {
        self.all.get(self.identity_end..self.line_end).unwrap_or_default()
    }

    pub(super) fn scope(&self) -> &str {
        self.all.get(self.line_end..).unwrap_or_default()
    }

    /// What the upstream is told under `name`.
    pub(super) fn identity_field(&self, name: &str) -> Option<&str> {
        find(self.identity(), name)
    }
}

/// What the upstream is told under `name` by these headers.
pub(in crate::gateway) fn find<'h>(headers: &'h str, name: &str) -> Option<&'h str> {
    headers.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The headers as they stand in a request, one line each. A value that cannot stand in a header field as it is
/// (RFC 9110 §5.5) makes the token invalid: encoding it would give the API another identity than the issuer named.
pub(super) fn block(issuer: &Issuer, claims: &Claims, holder: Holder) -> Result<Vec<u8>, Refusal> {
    let (subject, subject_type) = match holder {
        Holder::Customer(_) => (claims.subject.as_deref(), "user"),
        // RFC 9700 §4.15: a client's own subject must never be mistaken for a customer.
        Holder::Client => (None, "client"),
    };
    let scope = Some(claims.scope.scopes().as_str()).filter(|scope| !scope.is_empty());
    let mut block = Vec::new();
    for (name, value) in [
        (CLIENT_ID, claims.client_id.as_deref()),
        (SUBJECT, subject),
        (SUBJECT_TYPE, Some(subject_type)),
        (SCOPE, scope),
        (ISSUER, Some(&*issuer.settings.issuer)),
        (GRANT, holder.grant().map(Grant::as_str)),
        (CONSENT_ID, claims.consent.as_deref()),
        (TOKEN_ID, claims.token_id.as_deref()),
    ] {
        if let Some(value) = value {
            headers::field(&mut block, name, &field(value)?);
        }
    }
    Ok(block)
}

/// Visible ASCII and inner spaces only: what every HTTP library reads alike.
fn field(value: &str) -> Result<HeaderValue, Refusal> {
    let is_plain = !value.is_empty()
        && value.bytes().all(|b| matches!(b, 0x20..=0x7E))
        && !value.starts_with(' ')
        && !value.ends_with(' ');
    match HeaderValue::from_str(value) {
        Ok(field) if is_plain => Ok(field),
        Ok(_) | Err(_) => Err(Reason::ClaimInvalid.into()),
    }
}

/// Every identity header begins so; inbound fields that do are removed.
pub const IDENTITY_PREFIX: &str = "x-auth-";
pub(super) const CLIENT_ID: &str = "x-auth-client-id";
pub(in crate::gateway) const SUBJECT: &str = "x-auth-subject";
pub(super) const SUBJECT_TYPE: &str = "x-auth-subject-type";
pub(super) const SCOPE: &str = "x-auth-scope";
pub(in crate::gateway) const ISSUER: &str = "x-auth-issuer";
pub(super) const GRANT: &str = "x-auth-grant";
pub(super) const CONSENT_ID: &str = "x-auth-consent-id";
/// Of the client's certificate, not of the token.
pub const ORGANISATION_ID: &str = "x-auth-organisation-id";
pub(super) const TOKEN_ID: &str = "x-auth-token-id";
