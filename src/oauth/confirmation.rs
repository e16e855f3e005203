//! What a token is bound to (RFC 7800 `cnf`): a client's certificate (RFC 8705 §3.1), its key (RFC 9449 §6.1), or both.

use crate::digest::sha256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// SHA-256 of a certificate's DER or of a key's canonical form (RFC 7638).
pub type Thumbprint = [u8; 32];

/// The claim `cnf`. All that it names must be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confirmation {
    /// `x5t#S256`
    pub certificate: Option<Thumbprint>,
    /// `jkt`
    pub key: Option<Thumbprint>,
    /// It names another way, or none at all: nobody can show what we do not understand.
    pub is_foreign: bool,
}

/// Of a certificate in DER.
pub fn of_certificate(der: &[u8]) -> Thumbprint {
    sha256(der)
}

/// Exactly 43 characters of base64url: no padding, no hexadecimal, no other digest.
pub fn thumbprint(text: &str) -> Option<Thumbprint> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

impl<'de> Deserialize<'de> for Confirmation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ConfirmationVisitor)
    }
}

struct ConfirmationVisitor;

impl<'de> Visitor<'de> for ConfirmationVisitor {
    type Value = Confirmation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a confirmation object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Confirmation, A::Error> {
        let mut confirmation = Confirmation::default();
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            let place = match &*name {
                "x5t#S256" => &mut confirmation.certificate,
                "jkt" => &mut confirmation.key,
                _ => {
                    members.next_value::<IgnoredAny>()?;
                    confirmation.is_foreign = true;
                    continue;
                }
            };
            let text = members.next_value::<Cow<'de, str>>()?;
            let read = thumbprint(&text).ok_or_else(|| de::Error::custom("not a SHA-256 thumbprint"))?;
            if place.replace(read).is_some() {
                return Err(de::Error::custom("duplicate member"));
            }
        }
        confirmation.is_foreign |= confirmation.certificate.is_none() && confirmation.key.is_none();
        Ok(confirmation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0";

    #[test]
    fn thumbprints_have_one_form() {
        assert!(thumbprint(GOOD).is_some());
        for bad in [
            "",
            &format!("{GOOD}="),
            &format!(" {GOOD}"),
            &GOOD[1..],
            // The last character holds two bits that must be zero.
            "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2",
            "bwcK0esc3ACC3DB2Y5/lESsXE8o9ltc05O89jdN+dg0",
            "A94A8FE5CCB19BA61C4C0873D391E987982FBBD3",
            "6f070ad1eb1cdc0082dc3076639fe5112b1713ca3d96d734e4ef3d8dd37e760d",
        ] {
            assert!(thumbprint(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_understood_is_remembered() {
        let read = |json: &str| serde_json::from_str::<Confirmation>(json);
        assert!(!read(&format!(r#"{{"jkt":"{GOOD}"}}"#)).unwrap().is_foreign);
        let both = read(&format!(r#"{{"jkt":"{GOOD}","x5t#S256":"{GOOD}"}}"#)).unwrap();
        assert!(both.certificate.is_some() && both.key.is_some() && !both.is_foreign);
        for foreign in ["{}".to_owned(), r#"{"kid":"a"}"#.to_owned(), format!(r#"{{"jkt":"{GOOD}","new":1}}"#)] {
            assert!(read(&foreign).unwrap().is_foreign, "{foreign}");
        }
        for bad in ["null", "[]", "1", r#"{"jkt":1}"#, r#"{"jkt":"x"}"#, r#"{"x5t#S256":null}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&format!(r#"{{"jkt":"{GOOD}","jkt":"{GOOD}"}}"#)).is_err());
    }
}
