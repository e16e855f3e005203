//! Builds `WWW-Authenticate` (RFC 6750 §3): each attribute at most once, never a bare scheme.

use super::scope::ScopeToken;
use http::HeaderValue;
use std::fmt::Write as _;
use std::time::Duration;

/// The `error` codes of RFC 6750 §3.1 and RFC 9470 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The request is malformed; 400.
    InvalidRequest,
    /// The token is expired, revoked, malformed or otherwise bad; 401.
    InvalidToken,
    /// The token lacks a scope that would help; 403.
    InsufficientScope,
    /// The customer must authenticate anew (RFC 9470 §3); 401.
    InsufficientUserAuthentication,
}

impl ErrorCode {
    /// The code as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
        }
    }
}

/// The protection space named in every challenge: only what a quoted-string holds unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm(Box<str>);

impl Realm {
    /// Takes printable ASCII without `"` and `\`; anything else is `None`.
    pub fn new(text: &str) -> Option<Self> {
        let fits = |b: u8| matches!(b, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        (!text.is_empty() && text.bytes().all(fits)).then(|| Self(text.into()))
    }

    /// The realm's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `Bearer realm="R"`, for a request without credentials: no error attribute (RFC 6750 §3.1).
pub fn bare(realm: &Realm) -> HeaderValue {
    finish(&start(realm))
}

/// `Bearer realm="R", error="…", error_description="…"`. The description is ours, never the client's.
pub fn with_error(realm: &Realm, code: ErrorCode, description: &'static str) -> HeaderValue {
    let mut value = start(realm);
    push(&mut value, "error", code.as_str());
    push(&mut value, "error_description", description);
    finish(&value)
}

/// As `with_error` for a missing scope, naming exactly the scopes that the route needs.
pub fn insufficient_scope<'a>(
    realm: &Realm,
    description: &'static str,
    needed: impl Iterator<Item = &'a ScopeToken>,
) -> HeaderValue {
    let mut value = start(realm);
    push(&mut value, "error", ErrorCode::InsufficientScope.as_str());
    push(&mut value, "error_description", description);
    let mut scopes = String::new();
    for scope in needed {
        if !scopes.is_empty() {
            scopes.push(' ');
        }
        scopes.push_str(scope.as_str());
    }
    push(&mut value, "scope", &scopes);
    finish(&value)
}

/// As `with_error` for an authentication that is too weak or too old (RFC 9470 §3), naming what the route needs.
pub fn step_up(
    realm: &Realm,
    description: &'static str,
    acr_values: &[Box<str>],
    max_age: Option<Duration>,
) -> HeaderValue {
    let mut value = start(realm);
    push(&mut value, "error", ErrorCode::InsufficientUserAuthentication.as_str());
    push(&mut value, "error_description", description);
    if !acr_values.is_empty() {
        push(&mut value, "acr_values", &acr_values.join(" "));
    }
    if let Some(max_age) = max_age {
        push(&mut value, "max_age", &max_age.as_secs().to_string());
    }
    finish(&value)
}

fn start(realm: &Realm) -> String {
    format!("Bearer realm=\"{}\"", realm.as_str())
}

fn push(value: &mut String, name: &str, text: &str) {
    // Every text is a constant of ours, a realm, a scope or another checked word: none can hold `"` or `\`.
    write!(value, ", {name}=\"{text}\"").expect("writing to a String does not fail");
}

fn finish(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("realm, scopes and our own texts are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_cannot_break_out_of_its_quotes() {
        for bad in ["", "a\"b", "a\\b", "a\r\nb", "bankası"] {
            assert!(Realm::new(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn challenges_have_the_shapes_of_rfc_6750() {
        let realm = Realm::new("bank api").unwrap();
        assert_eq!(bare(&realm), "Bearer realm=\"bank api\"");
        assert_eq!(
            with_error(&realm, ErrorCode::InvalidToken, "The access token expired"),
            "Bearer realm=\"bank api\", error=\"invalid_token\", error_description=\"The access token expired\""
        );
        let needed = ["accounts".parse().unwrap(), "payments".parse().unwrap()];
        assert_eq!(
            insufficient_scope(&realm, "x", needed.iter()),
            "Bearer realm=\"bank api\", error=\"insufficient_scope\", error_description=\"x\", scope=\"accounts payments\""
        );
    }
}
