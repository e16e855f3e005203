//! The metadata of an authorization server (RFC 8414): where it is, and where it says that the keys are. Everything else
//! in it is left alone: what is accepted from an issuer is the operator's to say, not the issuer's.

use super::origin;
use http::Uri;
use http::uri::Scheme;
use serde::de::{self, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// Where an issuer's metadata may be, the likelier place first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// RFC 8414 §3.1: inserted before the path.
    pub inserted: Uri,
    /// `OpenID` Connect Discovery 1.0 §4: appended to the path.
    pub appended: Uri,
}

/// Why a document is not believed. The text names nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Not one JSON object, with a member twice, or with a text that is none.
    NotMetadata,
    /// Of another issuer than was asked: somebody mixed them up (RFC 8414 §3.3, §6.2).
    OtherIssuer,
    /// Without `jwks_uri`.
    NoKeys,
    /// With a `jwks_uri` that is no https URL.
    InsecureKeys,
}

impl Places {
    /// Of an issuer whose identifier is an https URL, or an http one on loopback, without query and fragment.
    pub fn of(issuer: &str) -> Option<Self> {
        let uri = secure(issuer, Plain::OnLoopback).filter(|uri| uri.query().is_none())?;
        let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
        let path = uri.path().trim_end_matches('/');
        Some(Self {
            inserted: format!("{origin}/.well-known/oauth-authorization-server{path}").parse().ok()?,
            appended: format!("{origin}{path}/.well-known/openid-configuration").parse().ok()?,
        })
    }
}

/// Where the keys of `issuer` are, by the metadata that was found for it.
pub fn key_set_of(issuer: &str, json: &[u8]) -> Result<Uri, Unfit> {
    // Members that are not looked at are text all the same (RFC 8259 §8.1).
    let json = std::str::from_utf8(json).map_err(|_| Unfit::NotMetadata)?;
    let metadata = Metadata::parse(json).map_err(|_| Unfit::NotMetadata)?;
    // Character by character: one that differs in a slash is another one (RFC 8414 §3.3, §4).
    if metadata.issuer.as_deref() != Some(issuer) {
        return Err(Unfit::OtherIssuer);
    }
    let uri = metadata.jwks_uri.ok_or(Unfit::NoKeys)?;
    // An issuer that is reached by TLS has no reason to lead us to what listens on this machine.
    let plain = if issuer.starts_with("http://") { Plain::OnLoopback } else { Plain::Never };
    secure(&uri, plain).ok_or(Unfit::InsecureKeys)
}

/// What is read of a document.
#[derive(Debug, Default)]
struct Metadata {
    issuer: Option<String>,
    jwks_uri: Option<String>,
}

impl Metadata {
    fn parse(json: &str) -> Result<Self, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let metadata = reader.deserialize_map(Members)?;
        reader.end()?;
        Ok(metadata)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a metadata object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Metadata, A::Error> {
        let mut metadata = Metadata::default();
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            match &*name {
                "issuer" => metadata.issuer = Some(members.next_value()?),
                "jwks_uri" => metadata.jwks_uri = Some(members.next_value()?),
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
            // Two readers of the same document must not see two documents.
            if !seen.insert(name) {
                return Err(de::Error::custom("duplicate member"));
            }
        }
        Ok(metadata)
    }
}

/// Whether `http:` is good enough.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plain {
    OnLoopback,
    Never,
}

/// An absolute URI that leads where it seems to, and over TLS.
fn secure(text: &str, plain: Plain) -> Option<Uri> {
    // The parser drops fragments without a word.
    let uri: Uri = Some(text).filter(|text| !text.contains('#'))?.parse().ok()?;
    let (scheme, authority) = (uri.scheme()?, uri.authority()?);
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let is_secure =
        *scheme == Scheme::HTTPS || *scheme == Scheme::HTTP && plain == Plain::OnLoopback && origin::is_loopback(host);
    (is_secure && !host.is_empty() && !authority.as_str().contains('@')).then_some(uri)
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotMetadata => "its metadata is not readable",
            Self::OtherIssuer => "its metadata is that of another issuer",
            Self::NoKeys => "its metadata has no `jwks_uri`",
            Self::InsecureKeys => "its metadata has a `jwks_uri` that is not https",
        })
    }
}

impl std::error::Error for Unfit {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// META-5.
    #[test]
    fn the_well_known_path_is_inserted_or_appended() {
        for (issuer, inserted, appended) in [
            ("https://a.example", "https://a.example{}", "https://a.example"),
            ("https://a.example/", "https://a.example{}", "https://a.example"),
            ("https://a.example/tenant", "https://a.example{}/tenant", "https://a.example/tenant"),
            ("https://a.example:8443/t/u/", "https://a.example:8443{}/t/u", "https://a.example:8443/t/u"),
            ("http://127.0.0.1:1/t", "http://127.0.0.1:1{}/t", "http://127.0.0.1:1/t"),
            ("http://[::1]:1", "http://[::1]:1{}", "http://[::1]:1"),
        ] {
            let places = Places::of(issuer).unwrap();
            assert_eq!(
                places.inserted.to_string(),
                inserted.replace("{}", "/.well-known/oauth-authorization-server"),
                "{issuer}"
            );
            assert_eq!(places.appended.to_string(), format!("{appended}/.well-known/openid-configuration"), "{issuer}");
        }
        for bad in [
            "",
            "bank",
            "urn:bank",
            "//a.example",
            "http://a.example",
            "http://127.0.0.1.example",
            "ftp://a.example",
            "https://",
            "https://u@a.example",
            "https://a.example?t=1",
            "https://a.example/#t",
            "https://a.example/a b",
        ] {
            assert_eq!(Places::of(bad), None, "{bad}");
        }
    }

    /// META-5.
    #[test]
    fn only_the_metadata_of_the_issuer_itself_leads_to_keys() {
        let issuer = "https://a.example/t";
        let read = |json: &str| key_set_of(issuer, json.as_bytes());
        for good in [
            r#"{"issuer":"https://a.example/t","jwks_uri":"https://keys.example/k?v=1"}"#,
            r#" {"x":{"issuer":"b"},"jwks_uri":"https:\/\/keys.example/k?v=1","issu\u0065r":"https://a.example/t"} "#,
        ] {
            assert_eq!(read(good).unwrap(), "https://keys.example/k?v=1", "{good}");
        }
        for other in ["https://a.example/t/", "https://a.example", "https://A.example/t", "https://a.example:443/t", ""]
        {
            let json = format!(r#"{{"issuer":"{other}","jwks_uri":"https://a.example/k"}}"#);
            assert_eq!(read(&json), Err(Unfit::OtherIssuer), "{other}");
        }
        for (members, fault) in [
            ("", Unfit::NoKeys),
            (r#","jwks_uri":"http://a.example/k""#, Unfit::InsecureKeys),
            (r#","jwks_uri":"http://127.0.0.1/k""#, Unfit::InsecureKeys),
            (r#","jwks_uri":"https://u:p@a.example/k""#, Unfit::InsecureKeys),
            (r#","jwks_uri":"https://a.example/k#f""#, Unfit::InsecureKeys),
            (r#","jwks_uri":"/k""#, Unfit::InsecureKeys),
            (r#","jwks_uri":"""#, Unfit::InsecureKeys),
            (r#","jwks_uri":"file:///k""#, Unfit::InsecureKeys),
            (r#","jwks_uri":null"#, Unfit::NotMetadata),
            (r#","jwks_uri":["https://a.example/k"]"#, Unfit::NotMetadata),
            (r#","issuer":"https://a.example/t""#, Unfit::NotMetadata),
            (r#","x":1,"\u0078":2"#, Unfit::NotMetadata),
            (r#","jwks_uri":"https://a.example/k","jwks_uri":"https://b.example/k""#, Unfit::NotMetadata),
        ] {
            assert_eq!(read(&format!(r#"{{"issuer":"{issuer}"{members}}}"#)), Err(fault), "{members}");
        }
        for absurd in
            ["", "null", "[]", r#"["https://a.example/t","https://a.example/k"]"#, "{}x", "<html>", "\"a\"", "{"]
        {
            assert_eq!(read(absurd), Err(Unfit::NotMetadata), "{absurd}");
        }
        assert_eq!(read("{}"), Err(Unfit::OtherIssuer));
        assert_eq!(key_set_of(issuer, b"{\"x\":\"\xff\"}"), Err(Unfit::NotMetadata), "not text");
        let plain = r#"{"issuer":"http://127.0.0.1:1","jwks_uri":"http://[::1]:2/k"}"#;
        assert_eq!(key_set_of("http://127.0.0.1:1", plain.as_bytes()).unwrap(), "http://[::1]:2/k");
        let abroad = r#"{"issuer":"http://127.0.0.1:1","jwks_uri":"http://a.example/k"}"#;
        assert_eq!(key_set_of("http://127.0.0.1:1", abroad.as_bytes()), Err(Unfit::InsecureKeys));
    }

    proptest! {
        /// What is accepted is what another reader of JSON sees; nothing panics.
        #[test]
        fn arbitrary_members_lead_nowhere_else(
            issuer in "(https://a\\.example/t|https://a\\.example|[a-z:/.\"\\\\]{0,12})",
            uri in "((https?|ftp)://(a\\.example|127\\.0\\.0\\.1|\\[::1\\]|u@a|)(:[0-9]{0,6})?(/[a-z%#?]{0,6})?|\\PC{0,12})",
        ) {
            let json = serde_json::json!({"issuer": issuer, "jwks_uri": uri}).to_string();
            if let Ok(found) = key_set_of("https://a.example/t", json.as_bytes()) {
                prop_assert_eq!(issuer, "https://a.example/t");
                prop_assert_eq!(found.scheme_str(), Some("https"));
                prop_assert!(uri.to_ascii_lowercase().starts_with("https://") && !uri.contains(['@', '#']), "{}", uri);
            }
        }

        #[test]
        fn arbitrary_bytes_are_no_metadata(json in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(key_set_of("https://a.example/t", &json).is_err());
        }
    }
}
