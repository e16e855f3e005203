//! `events`: whose security events (RFC 8417) are taken on the admin listener, and from whom.

use super::fault::Problem;
use super::issuers::Issuer;
use super::key_source::KeySource;
use super::names::Names;
use super::reader::{Value, distinct};
use super::secret::{self, Secret};
use crate::oauth::bearer;

/// Which events are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// One of these must stand in `aud`.
    pub audiences: Vec<Box<str>>,
    /// Indexes into `Settings::issuers`: whose are taken, each signed by its own keys.
    pub issuers: Vec<usize>,
    /// What the sender must show as a bearer token; `None`: the signature is enough.
    pub token: Option<Secret>,
}

impl Events {
    /// `issuers` is `None` where those could not be read.
    pub(super) fn read(value: &Value<'_>, names: &Names, issuers: Option<&[Issuer]>) -> Option<Self> {
        let section = value.section(&["audience", "issuers", "token"])?;
        let audiences = section
            .need("audience")
            .and_then(|value| distinct(value.one_or_list()?, |item| Some(Box::from(&*item.text()?.value))));
        let issuers = section
            .need("issuers")
            .and_then(|value| distinct(value.list()?, |item| with_keys(item, names.find(item)?, issuers)));
        let token = section.read_or("token", None, |value| Some(Some(token(&value)?)));
        Some(Self { audiences: audiences?, issuers: issuers?, token: token? })
    }
}

/// An event is believed for its signature.
fn with_keys(item: &Value<'_>, place: usize, issuers: Option<&[Issuer]>) -> Option<usize> {
    if issuers.and_then(|issuers| issuers.get(place)).is_some_and(|issuer| issuer.keys == KeySource::None) {
        let problem = Problem::new("this issuer has no keys to verify its events with");
        item.refuse(problem.hint("add `jwks` and `algorithms` to it"));
        return None;
    }
    Some(place)
}

/// RFC 6750 §2.1 says what can be sent; FAPI 2.0 §5.4.1 what cannot be guessed.
fn token(value: &Value<'_>) -> Option<Secret> {
    let token = secret::read(value)?;
    if !is_token(token.expose()) {
        let problem = Problem::new(format!("is no bearer token of at least {TOKEN_BYTES_MIN} characters"));
        value.refuse(problem.hint("letters, digits and `-._~+/`; `openssl rand -hex 32` makes a good one"));
        return None;
    }
    Some(token)
}

fn is_token(token: &[u8]) -> bool {
    bearer::is_b64token(token) && token.len() >= TOKEN_BYTES_MIN
}

/// 128 bits in base64url.
const TOKEN_BYTES_MIN: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_can_be_sent_and_not_be_guessed() {
        assert!(is_token(&[b'a'; TOKEN_BYTES_MIN]) && !is_token(&[b'a'; TOKEN_BYTES_MIN - 1]));
        for bad in ["abcdefghijkl mnopqrstuvwxyz", "abcdefghijkl,mnopqrstuvwxyz", "=======================", ""] {
            assert!(!is_token(bad.as_bytes()), "{bad}");
        }
    }
}
