//! Access tokens: what they say (RFC 9068 §2.2), how they are made, and how one is recognised that comes back.

use crate::clock::UnixSeconds;
use crate::oauth::grant::Grant;
use crate::oauth::jws::Jws;
use crate::sandbox::Site;
use crate::sandbox::secret;
use crate::sandbox::store::{AccessToken, Application, Authorization, Binding, TokenFormat};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A token that is about to be given out, once it is kept.
#[derive(Debug)]
pub(super) struct NewToken {
    /// What the application gets.
    pub(super) text: String,
    /// What is kept of it.
    pub(super) kept: AccessToken,
}

/// What a token says: its claims, and what introspection answers. `gty` and `consent_id` are words of ours.
#[derive(Debug, Serialize)]
pub(super) struct Claims<'a> {
    iss: &'a str,
    aud: Audience,
    exp: i64,
    iat: i64,
    jti: &'a str,
    sub: &'a str,
    client_id: &'a str,
    scope: String,
    gty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_details: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation<'a>>,
}

/// RFC 7519 §4.1.3: one as a string, several as an array.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Serialize)]
struct Confirmation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<&'a str>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    certificate: Option<&'a str>,
}

/// A token of `application` that came of `authorization`; without one, the application's own.
pub(super) fn make(
    site: &Site,
    application: &Application,
    authorization: Option<&Authorization>,
    kept: AccessToken,
) -> NewToken {
    let text = match application.token_format {
        TokenFormat::Jwt => site.keys.sign(&Claims::of(site, &kept, authorization), kept.issued),
        TokenFormat::Opaque => secret::fresh(&format!("{OPAQUE_PREFIX}{}.", kept.id)),
    };
    NewToken { text, kept }
}

impl<'a> Claims<'a> {
    /// What `token` says, which came of `authorization`.
    pub(super) fn of(site: &'a Site, token: &'a AccessToken, authorization: Option<&'a Authorization>) -> Self {
        let grant = authorization.map_or(Grant::ClientCredentials, |_| Grant::AuthorizationCode);
        let details = authorization.and_then(|authorization| authorization.details.as_deref());
        Self {
            iss: &site.issuer,
            aud: Audience::of(site, token),
            exp: token.expires.0,
            iat: token.issued.0,
            jti: &token.id,
            sub: authorization.map_or(&token.client_id, |authorization| &authorization.subject),
            client_id: &token.client_id,
            scope: token.scopes.to_string(),
            gty: grant.as_str(),
            consent_id: authorization.map(|authorization| authorization.id.as_str()),
            acr: authorization.map(|authorization| authorization.acr.as_str()),
            auth_time: authorization.map(|authorization| authorization.authenticated.0),
            authorization_details: details.and_then(raw),
            cnf: Confirmation::of(&token.binding),
        }
    }
}

impl Audience {
    fn of(site: &Site, token: &AccessToken) -> Self {
        let mut all: Vec<_> = token.scopes.iter().map(|api| api.audience(&site.gateway)).collect();
        if all.len() == 1 { Self::One(all.swap_remove(0)) } else { Self::Several(all) }
    }
}

impl<'a> Confirmation<'a> {
    fn of(binding: &'a Binding) -> Option<Self> {
        let (jkt, certificate) = (binding.dpop_jkt.as_deref(), binding.certificate.as_deref());
        (jkt.is_some() || certificate.is_some()).then_some(Self { jkt, certificate })
    }
}

/// JSON as it was kept; what is none is left out.
pub(super) fn raw(json: &str) -> Option<&RawValue> {
    serde_json::from_str(json).ok()
}

/// A name for a token that is made `now`: the time first, then what nobody guesses.
pub(super) fn new_id(now: UnixSeconds) -> String {
    secret::name(&format!("{:08x}", now.0))
}

/// The name that a text gives itself, if it looks like an access token of ours. Whether it is one, the store says.
pub(in crate::sandbox) fn id_of(text: &str) -> Option<String> {
    let id = match text.strip_prefix(OPAQUE_PREFIX) {
        Some(rest) => rest.split_once('.')?.0.to_owned(),
        None => jti_of(text)?,
    };
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (id.len() <= ID_BYTES_MAX && id.bytes().all(is_name)).then_some(id)
}

fn jti_of(jwt: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        jti: String,
    }
    let jws = Jws::read(jwt.as_bytes()).ok()?;
    serde_json::from_str(jws.payload().ok()?).ok().map(|Named { jti }| jti)
}

const OPAQUE_PREFIX: &str = "at_";
/// A time of eight digits and 128 bits in base64url have 30; in the far future times have more digits.
const ID_BYTES_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    fn jwt(payload: &str) -> String {
        format!("e30.{}.AA", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn a_token_names_itself() {
        let id = new_id(UnixSeconds(1_772_366_405));
        assert_eq!((id.len(), &id[..8]), (30, "69a42a45"));
        assert_eq!(id_of(&format!("at_{id}.secret")), Some(id.clone()));
        assert_eq!(id_of(&jwt(&format!(r#"{{"jti":"{id}","exp":1}}"#))), Some(id));
        let long = "a".repeat(ID_BYTES_MAX + 1);
        for none in ["", "at_", "at_a", "at_a b.c", &format!("at_{long}.s"), "a.b.c", &jwt("{}"), &jwt(r#"{"jti":1}"#)]
        {
            assert_eq!(id_of(none), None, "{none}");
        }
        assert_eq!(id_of(&jwt(r#"{"jti":"a\"b"}"#)), None);
        assert_eq!(id_of(&format!("at_{}.s", &long[1..])).map(|id| id.len()), Some(ID_BYTES_MAX));
    }

    #[test]
    fn names_made_later_sort_later() {
        let ids = [5, 1_772_366_405, 1_772_366_406, 0xffff_ffff].map(|now| new_id(UnixSeconds(now)));
        assert!(ids.is_sorted(), "{ids:?}");
    }

    proptest! {
        #[test]
        fn whatever_is_shown_names_a_token_or_nothing(text in ".{0,200}") {
            for text in [text.clone(), format!("at_{text}"), jwt(&text)] {
                if let Some(id) = id_of(&text) {
                    prop_assert!(id.len() <= ID_BYTES_MAX && id.is_ascii());
                }
            }
        }
    }
}
