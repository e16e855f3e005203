//! The answer of an introspection endpoint (RFC 7662 §2.2), in the clear or signed (RFC 9701 §5). Only the JSON
//! boolean `active` counts; an answer that is not exactly one is the issuer's fault and says nothing about the token.

use super::claims::{self, Claims, Names};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What the issuer says about a token.
#[derive(Debug)]
pub enum Introspected<'j> {
    /// It is good, with these claims.
    Active(Box<Claims<'j>>),
    /// It is expired, revoked or unknown.
    Inactive,
}

/// The outer claims of a signed answer, and the answer in it.
#[derive(Debug)]
pub struct Envelope<'j> {
    /// `iss`, `aud` and `iat` of the JWT itself.
    pub claims: Claims<'j>,
    /// The member `token_introspection`.
    pub answer: Introspected<'j>,
}

/// Not an introspection answer. The text names no value of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absurd;

/// Reads an answer in JSON.
pub fn parse<'j>(json: &'j str, names: Names<'_>) -> Result<Introspected<'j>, Absurd> {
    // A derived reader would take an array for the struct.
    if !json.trim_start().starts_with('{') {
        return Err(Absurd);
    }
    let marks: Marks = serde_json::from_str(json).map_err(|_| Absurd)?;
    if !marks.active {
        return Ok(Introspected::Inactive);
    }
    let claims = claims::parse(json, names).map_err(|_| Absurd)?;
    Ok(Introspected::Active(Box::new(claims)))
}

/// Reads the payload of a signed answer.
pub fn parse_signed<'j>(payload: &'j str, names: Names<'_>) -> Result<Envelope<'j>, Absurd> {
    let claims = claims::parse(payload, Names::default()).map_err(|_| Absurd)?;
    let inner: Inner<'_> = serde_json::from_str(payload).map_err(|_| Absurd)?;
    Ok(Envelope { claims, answer: parse(inner.token_introspection.get(), names)? })
}

/// Whether an active answer is about an access token, as far as it says (RFC 7662 §2.2, `token_type`).
pub fn is_access_token(token_type: Option<&str>) -> bool {
    token_type.is_none_or(|kind| ["bearer", "dpop"].iter().any(|known| kind.eq_ignore_ascii_case(known)))
}

/// `active` twice, absent, or anything but a boolean is a fault.
#[derive(Deserialize)]
struct Marks {
    active: bool,
}

#[derive(Deserialize)]
struct Inner<'p> {
    #[serde(borrow)]
    token_introspection: &'p RawValue,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Introspected<'_>, Absurd> {
        parse(json, Names::default())
    }

    /// INT-2.
    #[test]
    fn only_the_boolean_counts() {
        assert!(matches!(read(r#"{"active":true}"#), Ok(Introspected::Active(_))));
        assert!(matches!(read(r#" {"active":false} "#), Ok(Introspected::Inactive)));
        assert!(matches!(read(r#"{"active":false,"exp":"?"}"#), Ok(Introspected::Inactive)));
        for absurd in [
            "",
            "true",
            "{}",
            "[true]",
            "[false]",
            "null",
            r#"{"active":"true"}"#,
            r#"{"active":"false"}"#,
            r#"{"active":1}"#,
            r#"{"active":null}"#,
            r#"{"active":[true]}"#,
            r#"{"Active":true}"#,
            r#"{"active":true,"active":true}"#,
            r#"{"active":false,"active":true}"#,
            r#"{"active":true,"exp":"1"}"#,
            r#"{"active":true,"scope":["a"]}"#,
            r#"{"active":true,"sub":null}"#,
            r#"{"active":true}x"#,
            r#"{"active":true"#,
            "<html>active</html>",
        ] {
            assert_eq!(read(absurd).err(), Some(Absurd), "{absurd}");
        }
    }

    #[test]
    fn the_answer_stands_within_the_signed_one() {
        let signed = |text| parse_signed(text, Names::default());
        let good = signed(r#"{"iss":"i","aud":"g","iat":5,"token_introspection":{"active":true,"sub":"s"}}"#).unwrap();
        assert_eq!(good.claims.issuer.as_deref(), Some("i"));
        assert!(matches!(good.answer, Introspected::Active(claims) if claims.subject.as_deref() == Some("s")));
        for absurd in [
            r#"{"iss":"i","active":true}"#,
            r#"{"iss":"i","token_introspection":"{\"active\":true}"}"#,
            r#"{"iss":"i","token_introspection":{"active":1}}"#,
            r#"{"iss":"i","token_introspection":{"active":true},"token_introspection":{"active":true}}"#,
            r#"[{"active":true}]"#,
        ] {
            assert!(signed(absurd).is_err(), "{absurd}");
        }
    }

    #[test]
    fn other_tokens_than_access_tokens_are_told_apart_where_the_issuer_says_so() {
        for (kind, good) in [
            (None, true),
            (Some("Bearer"), true),
            (Some("bearer"), true),
            (Some("DPoP"), true),
            (Some("refresh_token"), false),
            (Some("N_A"), false),
            (Some("mac"), false),
            (Some(""), false),
        ] {
            assert_eq!(is_access_token(kind), good, "{kind:?}");
        }
    }
}
