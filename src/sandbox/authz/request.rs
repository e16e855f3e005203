//! What every request of an application to the endpoints has in common: a form, in the body alone, no name twice.

use super::token_fault::TokenFault;
use crate::sandbox::form::Params;
use http::{HeaderMap, header};

/// The form that a request brings (RFC 6749 §3.2, appendix B).
pub(super) fn read(headers: &HeaderMap, query: &str, body: &[u8]) -> Result<Params, TokenFault> {
    // Addresses end up in logs, and a server that reads secrets there teaches clients to write them there.
    let query = Params::parse(query.as_bytes()).map_err(|_| TokenFault::NotAForm)?;
    if NEVER_IN_QUERY.iter().any(|name| query.get(name).is_some()) {
        return Err(TokenFault::InQuery);
    }
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(TokenFault::NotAForm);
    }
    let params = Params::parse(body).map_err(|_| TokenFault::NotAForm)?;
    if params.repeats_any() { Err(TokenFault::Repeated) } else { Ok(params) }
}

/// What is secret, or leads to something secret.
const NEVER_IN_QUERY: [&str; 7] =
    ["client_secret", "client_assertion", "code", "code_verifier", "refresh_token", "token", "password"];
