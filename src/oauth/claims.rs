//! The claims of an access token (RFC 7519 §4.1, RFC 9068 §2.2), read strictly: a duplicate member, a wrong type
//! or an impossible date is a fault, never "absent".

use super::confirmation::Confirmation;
use super::numeric_date::NumericDate;
use super::scope::{BadScope, ScopeSet};
use super::status_list::Status;
use crate::clock::UnixSeconds;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// What the gateway reads of a token, where it stands. Absent members are `None`.
#[derive(Debug, Default)]
pub struct Claims<'j> {
    /// `iss`
    pub issuer: Option<Cow<'j, str>>,
    /// `sub`
    pub subject: Option<Cow<'j, str>>,
    /// `aud`, one or several.
    pub audiences: Vec<Cow<'j, str>>,
    /// `exp`
    pub expires: Option<UnixSeconds>,
    /// `nbf`
    pub not_before: Option<UnixSeconds>,
    /// `iat`
    pub issued: Option<UnixSeconds>,
    /// `jti`
    pub token_id: Option<Cow<'j, str>>,
    /// `client_id`
    pub client_id: Option<Cow<'j, str>>,
    /// `scope`, or what the issuer has in its place; absent is the empty set.
    pub scope: ScopeSet,
    /// `token_type`, which only introspection answers have (RFC 7662 §2.2).
    pub token_type: Option<Cow<'j, str>>,
    /// The issuer's claim for the grant.
    pub grant: Option<Cow<'j, str>>,
    /// The issuer's claim for the consent.
    pub consent: Option<Cow<'j, str>>,
    /// The issuer's claim for how often its consent may be used.
    pub frequency: Option<u32>,
    /// `acr`: how strongly the customer authenticated (RFC 9068 §2.2.1).
    pub acr: Option<Cow<'j, str>>,
    /// `auth_time`: when.
    pub authenticated: Option<UnixSeconds>,
    /// `authorization_details` (RFC 9396 §9.1).
    pub details: Vec<Detail>,
    /// `cnf`: what the token is bound to (RFC 7800).
    pub confirmation: Option<Confirmation>,
    /// `status`: where it can be seen that the token was revoked (draft-ietf-oauth-status-list §6).
    pub status: Option<Status>,
    /// Whether a claim is not there that the issuer's tokens must have.
    pub is_incomplete: bool,
}

/// The issuer's names for claims that no standard names, and whether it keeps to one that issuers used otherwise before
/// there was a standard.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'n> {
    /// The claim that holds the grant type.
    pub grant: Option<&'n str>,
    /// The claim that holds the consent's id.
    pub consent: Option<&'n str>,
    /// The claim that holds how often the consent may be used.
    pub frequency: Option<&'n str>,
    /// The claim that holds the scopes in place of `scope`, as text or as a list.
    pub scopes: Option<&'n str>,
    /// Whether `status` is read; where it is not, it may be anything.
    pub has_status: bool,
    /// Claims that must be there, beside those that a standard demands.
    pub required: &'n [Box<str>],
}

/// One of the `authorization_details`, as far as a rule can ask for it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Detail {
    /// What kind of access it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// What may be done.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Where.
    #[serde(default)]
    pub locations: Vec<String>,
}

/// The first `iss` of a claims set, and nothing behind it: by this it is known whose `Names` the whole is to be read with,
/// which finds a second one and what else is wrong.
pub fn issuer(json: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    let mut issuer = None;
    let stopped = serde_json::Deserializer::from_str(json).deserialize_map(First(&mut issuer));
    // An object that is left before its end is an error to the reader, if only for that.
    issuer.map_or_else(|| stopped.and(Err(de::Error::missing_field("iss"))), Ok)
}

struct First<'i, 'j>(&'i mut Option<Cow<'j, str>>);

impl<'de> Visitor<'de> for First<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<Text<'de>>()? {
            if name.0 == "iss" {
                *self.0 = Some(members.next_value::<Text<'de>>()?.0);
                break;
            }
            members.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// Reads a claims set. The error says which member, never its value.
pub fn parse<'j>(json: &'j str, names: Names<'_>) -> Result<Claims<'j>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let claims = names.deserialize(&mut reader)?;
    reader.end()?;
    Ok(claims)
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = Claims<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Claims<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = Claims<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claims<'de>, A::Error> {
        let mut claims = Claims::default();
        let mut own_scope = None;
        let mut seen = Vec::with_capacity(MEMBERS_USUAL);
        while let Some(Text(name)) = members.next_key()? {
            // RFC 7519 §4: duplicates may be refused. Two readers of the same token must not see two tokens.
            if seen.contains(&name) {
                return Err(de::Error::custom("duplicate member"));
            }
            if seen.len() == MEMBERS_MAX {
                return Err(de::Error::custom("too many members"));
            }
            if self.scopes == Some(&*name) {
                own_scope = Some(scopes(&members.next_value::<OneOrMany<'de>>()?.0).map_err(de::Error::custom)?);
            } else {
                self.read(&name, &mut members, &mut claims)?;
            }
            seen.push(name);
        }
        let is_there = |name: &str| seen.iter().any(|seen| seen == name);
        claims.is_incomplete = !self.required.iter().all(|name| is_there(name));
        if let Some(own) = own_scope {
            let is_alone = !is_there("scope");
            // Two claims that say different things are two tokens in one.
            if !is_alone && !own.scopes().is_same(claims.scope.scopes()) {
                return Err(de::Error::custom("two claims of different scopes"));
            }
            claims.scope = own;
        }
        Ok(claims)
    }
}

impl Names<'_> {
    fn read<'de, A: MapAccess<'de>>(
        self,
        name: &str,
        members: &mut A,
        claims: &mut Claims<'de>,
    ) -> Result<(), A::Error> {
        let text = |members: &mut A| members.next_value::<Text<'de>>().map(|text| Some(text.0));
        match name {
            "iss" => claims.issuer = text(members)?,
            "sub" => claims.subject = text(members)?,
            "aud" => claims.audiences = members.next_value::<OneOrMany<'de>>()?.0,
            "exp" => claims.expires = Some(members.next_value::<NumericDate>()?.0),
            "nbf" => claims.not_before = Some(members.next_value::<NumericDate>()?.0),
            "iat" => claims.issued = Some(members.next_value::<NumericDate>()?.0),
            "jti" => claims.token_id = text(members)?,
            "client_id" => claims.client_id = text(members)?,
            "scope" => claims.scope = members.next_value::<Text<'de>>()?.0.parse().map_err(de::Error::custom)?,
            "acr" => claims.acr = text(members)?,
            "auth_time" => claims.authenticated = Some(members.next_value::<NumericDate>()?.0),
            "authorization_details" => claims.details = members.next_value()?,
            "token_type" => claims.token_type = text(members)?,
            "cnf" => claims.confirmation = Some(members.next_value()?),
            "status" if self.has_status => claims.status = Some(members.next_value()?),
            own if self.grant == Some(own) => claims.grant = text(members)?,
            own if self.consent == Some(own) => claims.consent = text(members)?,
            own if self.frequency == Some(own) => claims.frequency = Some(members.next_value()?),
            _ => {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Each of the texts is one scope or several.
fn scopes(all: &[Cow<'_, str>]) -> Result<ScopeSet, BadScope> {
    all.join(" ").parse()
}

/// A text of a document, borrowed from it unless something in it is escaped: what serde makes of a `Cow` is always a copy.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'j>(#[serde(borrow)] pub(super) Cow<'j, str>);

/// `aud` (RFC 7519 §4.1.3): a string or an array of strings.
struct OneOrMany<'j>(Vec<Cow<'j, str>>);

impl<'de> Deserialize<'de> for OneOrMany<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_borrowed_str<E: de::Error>(self, one: &'de str) -> Result<OneOrMany<'de>, E> {
        Ok(OneOrMany(vec![Cow::Borrowed(one)]))
    }

    // Something in it is escaped.
    fn visit_str<E: de::Error>(self, one: &str) -> Result<OneOrMany<'de>, E> {
        Ok(OneOrMany(vec![Cow::Owned(one.to_owned())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut many: A) -> Result<OneOrMany<'de>, A::Error> {
        let mut all = Vec::new();
        while let Some(Text(one)) = many.next_element()? {
            all.push(one);
        }
        Ok(OneOrMany(all))
    }
}

/// Members of one claims set; the richest profiles stay below half of it.
const MEMBERS_MAX: usize = 64;
/// What most tokens stay below: room is made once.
const MEMBERS_USUAL: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Claims<'_>, serde_json::Error> {
        let names = Names {
            grant: Some("gty"),
            consent: Some("consent_id"),
            frequency: Some("frequencyPerDay"),
            scopes: Some("scp"),
            has_status: true,
            required: &[],
        };
        parse(json, names)
    }

    #[test]
    fn the_first_issuer_is_found_whatever_follows() {
        for json in
            [r#"{"iss":"a"}"#, r#" {"x":[{}],"i\u0073s":"a","iss":"b"}"#, r#"{"iss":"a", broken"#, r#"{"iss":"a"} x"#]
        {
            assert_eq!(issuer(json).unwrap(), "a", "{json}");
        }
        for json in [r#"{"iss":1}"#, "{}", r#"["iss","a"]"#, "1", r#"{"sub":{"iss":"a"}}"#] {
            assert!(issuer(json).unwrap_err().is_data(), "{json}");
        }
        for json in ["", "{", r#"{"iss""#, r#"{"iss":"#, r#"{"iss":"a"#, r#"{"sub":x,"iss":"a"}"#] {
            assert!(!issuer(json).unwrap_err().is_data(), "{json}");
        }
    }

    #[test]
    fn what_is_required_and_is_not_there_is_missed() {
        let required = ["jti".into(), "x".into()];
        let lacks =
            |json| parse(json, Names { required: &required, ..Names::default() }).map(|claims| claims.is_incomplete);
        assert!(!lacks(r#"{"jti":"a","x":null}"#).unwrap());
        for json in ["{}", r#"{"jti":"a"}"#, r#"{"x":1,"y":{"jti":"a"}}"#] {
            assert!(lacks(json).unwrap(), "{json}");
        }
    }

    /// SCOPE-3.
    #[test]
    fn an_issuers_own_claim_of_scopes_is_read_and_may_not_contradict() {
        let scopes = |json: &str| read(json).map(|claims| claims.scope.scopes().as_str().to_owned()).ok();
        for (json, expected) in [
            (r#"{"scp":["a","b"]}"#, Some("a b")),
            (r#"{"scp":"a b"}"#, Some("a b")),
            (r#"{"scp":[]}"#, Some("")),
            (r#"{"scp":["a"],"scope":"a"}"#, Some("a")),
            (r#"{"scope":"b a a","scp":["a","b"]}"#, Some("a b")),
            (r#"{"scp":["a"],"scope":"a b"}"#, None),
            (r#"{"scope":"","scp":["a"]}"#, None),
            (r#"{"scp":[""],"scope":""}"#, Some("")),
            (r#"{"scp":["a",""]}"#, None),
            (r#"{"scp":["a\""]}"#, None),
            (r#"{"scp":[1]}"#, None),
            (r#"{"scp":{"a":1}}"#, None),
            (r#"{"scp":null}"#, None),
            (r#"{"scp":["a"],"scp":["a"]}"#, None),
        ] {
            assert_eq!(scopes(json).as_deref(), expected, "{json}");
        }
        // Nobody asked for it by name: it means nothing.
        assert_eq!(parse(r#"{"scp":["a"]}"#, Names::default()).unwrap().scope, ScopeSet::default());
    }

    #[test]
    fn standard_and_named_claims_are_read() {
        let claims = read(r#"{"iss":"i","sub":"s","aud":["a","b"],"exp":2.9,"nbf":1,"scope":"x y","gty":"g","consent_id":"c","other":{"a":[1]}}"#).unwrap();
        assert_eq!(claims.issuer.as_deref(), Some("i"));
        assert_eq!(claims.audiences, ["a", "b"]);
        assert_eq!(claims.expires, Some(UnixSeconds(2)));
        assert_eq!(claims.scope.scopes().iter().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!((claims.grant.as_deref(), claims.consent.as_deref()), (Some("g"), Some("c")));
        assert!(claims.confirmation.is_none());
        assert!(read(r#"{"cnf":{}}"#).unwrap().confirmation.unwrap().is_foreign);
        let listed = r#"{"status":{"status_list":{"idx":7,"uri":"https://a/1"}}}"#;
        assert!(matches!(read(listed).unwrap().status, Some(Status::Listed(_))));
        assert!(parse(r#"{"status":"whatever"}"#, Names::default()).unwrap().status.is_none(), "it is not read");
    }

    #[test]
    fn wrong_types_and_impossible_dates_are_faults_not_absences() {
        for bad in [
            r#"{"exp":"1"}"#,
            r#"{"exp":null}"#,
            r#"{"exp":-1}"#,
            r#"{"exp":1e400}"#,
            r#"{"exp":1e99}"#,
            r#"{"exp":[1]}"#,
            r#"{"exp":253402300800}"#,
            r#"{"exp":18446744073709551615}"#,
            r#"{"exp":true}"#,
            r#"{"nbf":"0"}"#,
            r#"{"iat":{}}"#,
            r#"{"iss":1}"#,
            r#"{"iss":["i"]}"#,
            r#"{"aud":5}"#,
            r#"{"aud":[5]}"#,
            r#"{"aud":[["a"]]}"#,
            r#"{"aud":null}"#,
            r#"{"scope":["a"]}"#,
            r#"{"scope":"a  b"}"#,
            r#"{"scope":"a\"b"}"#,
            r#"{"sub":null}"#,
            r#"{"gty":1}"#,
            r#"{"acr":["a"]}"#,
            r#"{"auth_time":"1"}"#,
            r#"{"authorization_details":{"type":"a"}}"#,
            r#"{"authorization_details":[{"actions":["a"]}]}"#,
            r#"{"authorization_details":[{"type":"a","actions":"b"}]}"#,
            r#"{"authorization_details":["a"]}"#,
            r#"{"authorization_details":null}"#,
            r#"{"status":"active"}"#,
            r#"{"status":null}"#,
            r#"{"status":{"status_list":{"idx":-1,"uri":"https://a/1"}}}"#,
            r#"{"status":{},"status":{}}"#,
            r#"{"exp":1,"exp":2}"#,
            r#"{"x":1,"x":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            "[]",
            "1",
            "null",
            "",
            "{}x",
            "{\"a\":}",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn members_are_bounded() {
        let with =
            |count: usize| format!("{{{}}}", (0..count).map(|i| format!("\"m{i}\":0")).collect::<Vec<_>>().join(","));
        assert!(read(&with(MEMBERS_MAX)).is_ok());
        assert!(read(&with(MEMBERS_MAX + 1)).is_err());
    }
}
