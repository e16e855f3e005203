//! Claims that pass are those that another reader of JSON sees.

use scopegate::oauth::claims::{self, Names};
use scopegate::oauth::status_list::Status;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// The target.
pub fn claims(data: &[u8]) {
    let Ok(json) = std::str::from_utf8(data) else { return };
    let Ok(claims) = claims::parse(json, NAMES) else { return };
    let Ok(seen) = serde_json::from_str::<Value>(json) else { return };
    let members = seen.as_object().expect("claims are an object");
    let Count(count) = serde_json::from_str(json).expect("it was read before");
    assert_eq!(count, members.len(), "a duplicate member");
    assert_eq!(claims::issuer(json).ok(), claims.issuer, "read first");
    for (name, value) in [
        ("iss", &claims.issuer),
        ("sub", &claims.subject),
        ("jti", &claims.token_id),
        ("client_id", &claims.client_id),
        ("gty", &claims.grant),
        ("consent_id", &claims.consent),
    ] {
        assert_eq!(members.get(name).map(|value| value.as_str().expect("a text")), value.as_deref(), "{name}");
    }
    for (name, date) in [("exp", claims.expires), ("nbf", claims.not_before), ("iat", claims.issued)] {
        let seen = members.get(name).map(|value| value.as_f64().expect("a number"));
        assert_eq!(seen.is_some(), date.is_some(), "{name}");
        assert!(date.is_none_or(|date| date.0 >= 0 && seen.is_some_and(|seen| date.0 as f64 <= seen)), "{name} grew");
    }
    assert_eq!(members.contains_key("cnf"), claims.confirmation.is_some());
    assert_eq!(members.contains_key("status"), claims.status.is_some());
    if let Some(Status::Listed(place)) = &claims.status {
        let seen = &members["status"]["status_list"];
        assert_eq!((seen["idx"].as_u64(), seen["uri"].as_str()), (Some(place.index), Some(&*place.uri)));
        assert_eq!(members["status"].as_object().map(|mechanisms| mechanisms.len()), Some(1));
    }
    let audiences = match members.get("aud") {
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        Some(one) => vec![one.as_str().expect("a text")],
        None => Vec::new(),
    };
    assert_eq!(claims.audiences, audiences);
}

/// How many members an object has, duplicates among them.
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// What an issuer calls what no standard names.
pub(crate) const NAMES: Names<'static> = Names {
    grant: Some("gty"),
    consent: Some("consent_id"),
    scopes: Some("scp"),
    frequency: Some("frequency"),
    has_status: true,
    required: &[],
};
