//! What the upstream is told of a token's holder: the identity headers. What differs between tokens is made once for each
//! of them, what does not once for each issuer.

use super::token::Holder;
use crate::gateway::observe::line;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::claims::Claims;
use crate::oauth::grant::Grant;

/// What is written alike of all tokens of an issuer.
#[derive(Debug)]
pub(super) struct Alike {
    line: Box<[u8]>,
    customer: Option<Box<[u8]>>,
    customer_by_code: Option<Box<[u8]>>,
    client: Option<Box<[u8]>>,
}

impl Alike {
    /// Of the issuer of this name in the configuration, with this identifier.
    pub(super) fn new(name: &str, issuer: &str) -> Self {
        let of = |holder| alike(issuer, holder);
        Self {
            line: line::field("issuer", name.as_bytes()).into(),
            customer: of(Holder::Customer(None)),
            customer_by_code: of(Holder::Customer(Some(Grant::AuthorizationCode))),
            client: of(Holder::Client),
        }
    }

    /// The issuer's name, as a field of the log.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The identity headers of the holder's kind and of the issuer; `None` where they cannot be written.
    pub(super) fn identity(&self, holder: Holder) -> Option<&[u8]> {
        let block = match holder {
            Holder::Customer(None) => &self.customer,
            Holder::Customer(Some(Grant::AuthorizationCode)) => &self.customer_by_code,
            Holder::Customer(Some(Grant::ClientCredentials)) | Holder::Client => &self.client,
        };
        block.as_deref()
    }
}

fn alike(issuer: &str, holder: Holder) -> Option<Box<[u8]>> {
    let subject_type = match holder {
        Holder::Customer(_) => "user",
        Holder::Client => "client",
    };
    let mut block = Vec::new();
    for (name, value) in
        [(SUBJECT_TYPE, Some(subject_type)), (GRANT, holder.grant().map(Grant::as_str)), (ISSUER, Some(issuer))]
    {
        if let Some(value) = value {
            field(&mut block, name, value).ok()?;
        }
    }
    Some(block.into())
}

/// The headers of one token as they stand in a request, one line each, and where the first two end. A value that cannot
/// stand in a header field as it is (RFC 9110 §5.5) makes the token invalid: encoding it would give the API another
/// identity than the issuer named.
pub(super) fn block(claims: &Claims<'_>, holder: Holder) -> Result<(Vec<u8>, [usize; 2]), Refusal> {
    let subject = match holder {
        Holder::Customer(_) => claims.subject.as_deref(),
        // RFC 9700 §4.15: a client's own subject must never be mistaken for a customer.
        Holder::Client => None,
    };
    let scope = Some(claims.scope.scopes().as_str()).filter(|scope| !scope.is_empty());
    let mut block = Vec::with_capacity(BYTES_USUAL);
    let mut write = |name, value: Option<&str>| {
        value.map_or(Ok(()), |value| field(&mut block, name, value))?;
        Ok::<_, Refusal>(block.len())
    };
    let client_end = write(CLIENT_ID, claims.client_id.as_deref())?;
    let scope_end = write(SCOPE, scope)?;
    write(SUBJECT, subject)?;
    write(CONSENT_ID, claims.consent.as_deref())?;
    write(TOKEN_ID, claims.token_id.as_deref())?;
    Ok((block, [client_end, scope_end]))
}

/// What the upstream is told under `name` by these headers. No value has an end of line in it.
pub(super) fn find<'h>(headers: &'h [u8], name: &str) -> Option<&'h [u8]> {
    let mut rest = headers;
    while let Some(end) = memchr::memchr(b'\r', rest) {
        let (line, after) = rest.split_at(end);
        if let Some(value) = value(line, name) {
            return Some(value);
        }
        rest = after.strip_prefix(b"\r\n")?;
    }
    None
}

/// The value in this line, without its CRLF, if the name is this.
pub(super) fn value<'l>(line: &'l [u8], name: &str) -> Option<&'l [u8]> {
    line.strip_prefix(name.as_bytes())?.strip_prefix(b": ")
}

/// Appends a line. Visible ASCII and inner spaces only: what every HTTP library reads alike.
fn field(block: &mut Vec<u8>, name: &str, value: &str) -> Result<(), Refusal> {
    let is_plain = !value.is_empty()
        && value.bytes().all(|b| matches!(b, 0x20..=0x7E))
        && !value.starts_with(' ')
        && !value.ends_with(' ');
    if !is_plain {
        return Err(Reason::ClaimInvalid.into());
    }
    for piece in [name, ": ", value, "\r\n"] {
        block.extend_from_slice(piece.as_bytes());
    }
    Ok(())
}

/// Every identity header begins so; inbound fields that do are removed.
pub const IDENTITY_PREFIX: &str = "x-auth-";
pub(super) const CLIENT_ID: &str = "x-auth-client-id";
pub(in crate::gateway) const SUBJECT: &str = "x-auth-subject";
const SUBJECT_TYPE: &str = "x-auth-subject-type";
pub(super) const SCOPE: &str = "x-auth-scope";
pub(in crate::gateway) const ISSUER: &str = "x-auth-issuer";
const GRANT: &str = "x-auth-grant";
pub(super) const CONSENT_ID: &str = "x-auth-consent-id";
/// Of the client's certificate, not of the token.
pub const ORGANISATION_ID: &str = "x-auth-organisation-id";
pub(super) const TOKEN_ID: &str = "x-auth-token-id";
/// What the headers of a token take, unless its claims are long: room is made once.
const BYTES_USUAL: usize = 512;
