//! A JSON Web Signature in compact form (RFC 7515), read strictly: what JWT libraries forgive (`crit`, duplicate
//! members, arrays for objects, padding) is a fault here.

use super::algorithm::Algorithm;
use super::jwk::Key;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Why a text is no JWS of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwsFault {
    /// Segments, base64url, UTF-8, JSON, a member twice.
    Unreadable,
    /// It wants an extension to be understood; we understand none.
    Extended,
}

/// The three parts of a JWS in compact form, still encoded (RFC 7515 §7.1).
pub struct Jws<'t> {
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
    signed: &'t str,
}

impl<'t> Jws<'t> {
    /// Exactly three segments of the base64url alphabet, none of header and signature empty. A JWE has five.
    pub fn split(token: &'t [u8]) -> Result<Self, JwsFault> {
        let is_base64url = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let token = std::str::from_utf8(token).map_err(|_| JwsFault::Unreadable)?;
        let (signed, signature) = token.rsplit_once('.').ok_or(JwsFault::Unreadable)?;
        let (header, payload) = signed.split_once('.').ok_or(JwsFault::Unreadable)?;
        let all_good = [header, payload, signature].iter().all(|part| part.as_bytes().iter().all(is_base64url));
        if all_good && !header.is_empty() && !signature.is_empty() {
            Ok(Self { header, payload, signature, signed })
        } else {
            Err(JwsFault::Unreadable)
        }
    }

    /// The header, its members checked for what changes the meaning of the rest.
    pub fn header(&self) -> Result<Header, JwsFault> {
        let header: Header = serde_json::from_str(&text(self.header)?).map_err(|_| JwsFault::Unreadable)?;
        if header.is_extended { Err(JwsFault::Extended) } else { Ok(header) }
    }

    /// Whether the signature is `key`'s by `algorithm`: never, where they do not fit.
    pub fn is_signed_by(&self, key: &Key, algorithm: Algorithm) -> bool {
        let signature = URL_SAFE_NO_PAD.decode(self.signature);
        signature.is_ok_and(|signature| key.has_signed(algorithm, self.signed.as_bytes(), &signature))
    }

    /// What is signed beside the header: text, so that JSON can be read from it.
    pub fn payload(&self) -> Result<String, JwsFault> {
        text(self.payload)
    }
}

/// The members that decide. `jku`, `x5u` and `x5c` are never read: an issuer's keys come from its set alone.
#[derive(Default)]
pub struct Header {
    /// The algorithm's name.
    pub alg: String,
    /// The key's id.
    pub kid: Option<String>,
    /// What kind of JWT it says that it is.
    pub typ: Option<String>,
    /// The key that it says it is signed with. Only a DPoP proof may bring its own: nobody else looks here.
    pub jwk: Option<Box<RawValue>>,
    is_extended: bool,
}

/// An object, and no member of it twice (RFC 7515 §4): what a derived reader would also take is an array.
impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Header, A::Error> {
        let mut header = Header::default();
        let mut names: Vec<String> = Vec::new();
        while let Some(name) = members.next_key::<String>()? {
            if names.contains(&name) || names.len() == MEMBERS_MAX {
                return Err(de::Error::custom("a member twice, or too many"));
            }
            match name.as_str() {
                "alg" => header.alg = members.next_value()?,
                "kid" => header.kid = Some(members.next_value()?),
                "jwk" => header.jwk = Some(members.next_value()?),
                "typ" => header.typ = Some(members.next_value()?),
                // RFC 7515 §4.1.11: we understand no extension, so none may be critical, whatever the value is;
                // RFC 7797 changes what is signed.
                "crit" | "b64" => {
                    members.next_value::<IgnoredAny>()?;
                    header.is_extended = true;
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
            names.push(name);
        }
        if names.iter().any(|name| name == "alg") { Ok(header) } else { Err(de::Error::missing_field("alg")) }
    }
}

fn text(base64url: &str) -> Result<String, JwsFault> {
    let octets = URL_SAFE_NO_PAD.decode(base64url).map_err(|_| JwsFault::Unreadable)?;
    String::from_utf8(octets).map_err(|_| JwsFault::Unreadable)
}

/// Members of one header; certificate-bound ones have a dozen.
const MEMBERS_MAX: usize = 32;
