//! Builds `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1): each attribute at most once, never a bare scheme.

use super::algorithm::Algorithm;
use super::bearer::Scheme;
use super::scope::ScopeToken;
use http::HeaderValue;
use std::sync::Arc;
use std::time::Duration;

/// The `error` codes of RFC 6750 §3.1, RFC 9449 §7.1 and RFC 9470 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The request is malformed; 400.
    InvalidRequest,
    /// The token is expired, revoked, malformed or otherwise bad; 401.
    InvalidToken,
    /// The token lacks a scope that would help; 403.
    InsufficientScope,
    /// The DPoP proof is missing or bad (RFC 9449 §7.1); 401.
    InvalidDpopProof,
    /// The DPoP proof needs a nonce of ours (RFC 9449 §9); 401.
    UseDpopNonce,
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
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
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

/// What a challenge says of one refusal: `, name="value"` after `, name="value"`. Every text is a constant of ours, a
/// realm, a scope or another checked word: none can hold `"` or `\`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes(Arc<str>);

impl Attributes {
    /// `error` and `error_description`. The description is ours, never the client's.
    pub fn error(code: ErrorCode, description: &'static str) -> Self {
        let mut text = String::new();
        push(&mut text, "error", code.as_str());
        push(&mut text, "error_description", description);
        Self(text.into())
    }

    /// As `error` for a missing scope, naming exactly the scopes that the route needs.
    pub fn insufficient_scope<'a>(description: &'static str, needed: impl Iterator<Item = &'a ScopeToken>) -> Self {
        let scopes: Vec<&str> = needed.map(ScopeToken::as_str).collect();
        Self::error(ErrorCode::InsufficientScope, description).with("scope", &scopes.join(" "))
    }

    /// As `error` for an authentication that is too weak or too old (RFC 9470 §3), naming what the route needs.
    pub fn step_up(description: &'static str, acr_values: &[Box<str>], max_age: Option<Duration>) -> Self {
        let mut all = Self::error(ErrorCode::InsufficientUserAuthentication, description);
        if !acr_values.is_empty() {
            all = all.with("acr_values", &acr_values.join(" "));
        }
        if let Some(max_age) = max_age {
            all = all.with("max_age", &max_age.as_secs().to_string());
        }
        all
    }

    fn with(&self, name: &str, value: &str) -> Self {
        let mut text = self.0.to_string();
        push(&mut text, name, value);
        Self(text.into())
    }
}

/// The challenges of one protection space.
#[derive(Clone, Debug)]
pub struct Challenges {
    /// `realm="R"`, and where the resource's metadata is (RFC 9728 §5.1).
    space: Box<str>,
    /// `algs="…"` (RFC 9449 §7.1), where that scheme is accepted.
    dpop: Option<Box<str>>,
    /// What most who ask for nothing but a reaction get: made once.
    bare: HeaderValue,
}

impl Challenges {
    /// `dpop` are the algorithms of proofs, where there are any; `metadata` is a URL without `"` and `\`.
    pub fn new(realm: &Realm, dpop: Option<&[Algorithm]>, metadata: Option<&str>) -> Self {
        let mut space = format!("realm=\"{}\"", realm.as_str());
        if let Some(url) = metadata {
            push(&mut space, "resource_metadata", url);
        }
        let names = |all: &[Algorithm]| all.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(" ");
        let dpop: Option<Box<str>> = dpop.map(|all| format!("algs=\"{}\"", names(all)).into());
        let bare = advertised(format!("Bearer {space}"), dpop.as_deref());
        Self { space: space.into(), dpop, bare }
    }

    /// For a request without credentials: no error attribute (RFC 6750 §3.1), and every scheme that is accepted.
    pub fn bare(&self) -> HeaderValue {
        self.bare.clone()
    }

    /// In the scheme by which the token was presented.
    pub fn refusing(&self, scheme: Scheme, attributes: &Attributes) -> HeaderValue {
        match (scheme, &self.dpop) {
            (Scheme::Dpop, Some(algorithms)) => {
                finish(&["DPoP ", &self.space, &attributes.0, ", ", algorithms].concat())
            }
            (Scheme::Dpop, None) | (Scheme::Bearer, _) => finish(&self.bearer(attributes)),
        }
    }

    /// As Bearer, and naming the scheme that is wanted instead.
    pub fn refusing_bearer(&self, attributes: &Attributes) -> HeaderValue {
        advertised(self.bearer(attributes), self.dpop.as_deref())
    }

    /// Where it is not clear which scheme was meant: the same in each (RFC 9449 §7.2).
    pub fn refusing_all(&self, attributes: &Attributes) -> HeaderValue {
        let bearer = self.bearer(attributes);
        match &self.dpop {
            Some(algorithms) => finish(&[&bearer, ", DPoP ", algorithms, &attributes.0].concat()),
            None => finish(&bearer),
        }
    }

    fn bearer(&self, attributes: &Attributes) -> String {
        ["Bearer ", &self.space, &attributes.0].concat()
    }
}

/// A challenge for Bearer, and beside it the other scheme that is accepted.
fn advertised(mut bearer: String, dpop: Option<&str>) -> HeaderValue {
    if let Some(algorithms) = dpop {
        bearer.extend([", DPoP ", algorithms]);
    }
    finish(&bearer)
}

fn push(text: &mut String, name: &str, value: &str) {
    text.extend([", ", name, "=\"", value, "\""]);
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
    fn challenges_have_the_shapes_of_rfc_6750_and_rfc_9449() {
        let realm = Realm::new("bank api").unwrap();
        let plain = Challenges::new(&realm, None, None);
        let both = Challenges::new(&realm, Some(&[Algorithm::Es256, Algorithm::Ps256]), Some("https://a/m"));
        let expired = Attributes::error(ErrorCode::InvalidToken, "x");
        assert_eq!(plain.bare(), r#"Bearer realm="bank api""#);
        let meta = r#"realm="bank api", resource_metadata="https://a/m""#;
        let error = r#"error="invalid_token", error_description="x""#;
        let algs = r#"algs="ES256 PS256""#;
        assert_eq!(both.bare(), format!("Bearer {meta}, DPoP {algs}"));
        assert_eq!(plain.refusing(Scheme::Bearer, &expired), format!("Bearer realm=\"bank api\", {error}"));
        assert_eq!(both.refusing(Scheme::Bearer, &expired), format!("Bearer {meta}, {error}"));
        assert_eq!(both.refusing(Scheme::Dpop, &expired), format!("DPoP {meta}, {error}, {algs}"));
        assert_eq!(both.refusing_bearer(&expired), format!("Bearer {meta}, {error}, DPoP {algs}"));
        assert_eq!(both.refusing_all(&expired), format!("Bearer {meta}, {error}, DPoP {algs}, {error}"));
        let needed = ["accounts".parse().unwrap(), "payments".parse().unwrap()];
        assert_eq!(
            plain.refusing(Scheme::Bearer, &Attributes::insufficient_scope("x", needed.iter())),
            r#"Bearer realm="bank api", error="insufficient_scope", error_description="x", scope="accounts payments""#
        );
    }
}
