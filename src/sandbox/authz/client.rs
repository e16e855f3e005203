//! Client authentication (RFC 6749 §2.3): by a secret, in Basic or in the form; by an assertion signed with the client's
//! own key; or by PKCE alone, for applications that can keep neither. One way per request, never in the address.

use super::call::Call;
use super::proof::EARLY_SECONDS_MAX;
use super::token_fault::{Scheme, TokenFault};
use crate::clock::UnixSeconds;
use crate::oauth::client_assertion::{Assertion, Shown};
use crate::oauth::jwk::KeySet;
use crate::sandbox::Site;
use crate::sandbox::form::{self, Params};
use crate::sandbox::secret::{self, Digest};
use crate::sandbox::store::{Application, Authentication, ClientSecret, StoreFault};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use std::sync::Arc;

/// What the request says about who sent it.
#[derive(Debug, PartialEq, Eq)]
struct Claimed {
    client_id: String,
    evidence: Evidence,
    scheme: Scheme,
}

#[derive(Debug, PartialEq, Eq)]
enum Evidence {
    /// Nothing but its name.
    None,
    /// RFC 6749 §2.3.1
    Secret(String),
    /// RFC 7523 §2.2
    Assertion(String),
}

/// The application that sent the request.
pub(super) async fn authenticate(site: &Site, call: &Call) -> Result<Arc<Application>, TokenFault> {
    let claimed = Claimed::read(&call.headers, &call.params)?;
    let now = site.clock.now();
    site.attempts.check(&claimed.client_id, call.peer, now).map_err(|wait| TokenFault::TooManyAttempts(wait.0))?;
    let (application, secrets) = site.store.application_and_secrets(&claimed.client_id).await?;
    let is_right = match &claimed.evidence {
        Evidence::None => is_public(application.as_deref()),
        Evidence::Secret(secret) => has_secret(site, application.as_deref(), &secrets, secret, now).await?,
        Evidence::Assertion(text) => has_signed(site, application.as_deref(), text, now).await?,
    };
    match application.filter(|_| is_right) {
        Some(application) => {
            site.attempts.forgive(&claimed.client_id, call.peer);
            Ok(application)
        }
        None => {
            site.attempts.fail(&claimed.client_id, call.peer, now);
            Err(TokenFault::ClientUnknown(claimed.scheme))
        }
    }
}

/// Refuses everybody but the bank's own resource server: tokens are no business of other clients (RFC 7662 §4).
pub(super) fn authenticate_resource_server(site: &Site, call: &Call) -> Result<(), TokenFault> {
    let claimed = Claimed::read(&call.headers, &call.params)?;
    let shown = match &claimed.evidence {
        Evidence::Secret(shown) => Digest::of(shown),
        Evidence::None | Evidence::Assertion(_) => return Err(TokenFault::ClientUnknown(claimed.scheme)),
    };
    let is_named = secret::equal(claimed.client_id.as_bytes(), site.resource_server.client_id.as_bytes());
    // First, and whatever went before: who guesses in its name must not lock the gateway out.
    if is_named & shown.equals(&Digest::of(&site.resource_server.secret)) {
        return Ok(());
    }
    let now = site.clock.now();
    site.attempts.check(&claimed.client_id, call.peer, now).map_err(|wait| TokenFault::TooManyAttempts(wait.0))?;
    site.attempts.fail(&claimed.client_id, call.peer, now);
    Err(TokenFault::ClientUnknown(claimed.scheme))
}

fn is_public(application: Option<&Application>) -> bool {
    application.is_some_and(|application| application.authentication == Authentication::None)
}

/// Digested also for unknown clients: how long the answer takes must not tell which ids exist.
async fn has_secret(
    site: &Site,
    application: Option<&Application>,
    secrets: &[ClientSecret],
    shown: &str,
    now: UnixSeconds,
) -> Result<bool, StoreFault> {
    let shown = Digest::of(shown);
    let right = secrets.iter().find(|held| shown.equals(&held.digest));
    let may_pass = application.is_some_and(|application| application.authentication == Authentication::Secret);
    match right.filter(|_| may_pass) {
        Some(secret) => site.store.note_use(secret, now).await.map(|()| true),
        None => Ok(false),
    }
}

/// FAPI 2.0 §5.3.2.1-8: for us alone, not for long, and once.
async fn has_signed(
    site: &Site,
    application: Option<&Application>,
    text: &str,
    now: UnixSeconds,
) -> Result<bool, StoreFault> {
    let may_pass = |application: &&Application| application.authentication == Authentication::PrivateKey;
    let keys = application.filter(may_pass).and_then(|application| application.keys.as_deref());
    let keys = keys.and_then(|keys| KeySet::parse(keys.as_bytes(), KEYS_MAX).ok());
    let Some(assertion) = keys.and_then(|keys| Shown::read(text.as_bytes())?.verify(&keys)) else { return Ok(false) };
    if assertion.audience != site.issuer || !is_timely(&assertion, now) {
        return Ok(false);
    }
    site.store.show_once(&format!("assertion {} {}", assertion.client_id, assertion.id), assertion.expires).await
}

fn is_timely(assertion: &Assertion, now: UnixSeconds) -> bool {
    let has_begun = |date: UnixSeconds| date.0 <= now.0.saturating_add(EARLY_SECONDS_MAX);
    let lasts = assertion.expires.0.saturating_sub(now.0);
    (1..=ASSERTION_SECONDS_MAX + EARLY_SECONDS_MAX).contains(&lasts)
        && assertion.issued.is_none_or(has_begun)
        && assertion.not_before.is_none_or(has_begun)
}

impl Claimed {
    fn read(headers: &HeaderMap, params: &Params) -> Result<Self, TokenFault> {
        let mut fields = headers.get_all(header::AUTHORIZATION).iter();
        let field = fields.next();
        let (secret, assertion) = (params.get("client_secret"), params.get("client_assertion"));
        let ways = [field.is_some(), fields.next().is_some(), secret.is_some(), assertion.is_some()];
        if ways.into_iter().filter(|is_used| *is_used).count() > 1 {
            return Err(TokenFault::TwoAuthentications);
        }
        let named = params.get("client_id");
        let claimed = match (field, assertion) {
            (Some(field), _) => Self::of_basic(field.as_bytes()).ok_or(TokenFault::ClientUnknown(Scheme::Basic))?,
            (None, Some(text)) => Self::of_assertion(params, text).ok_or(TokenFault::ClientUnknown(Scheme::Form))?,
            (None, None) => Self {
                client_id: named.ok_or(TokenFault::ClientUnknown(Scheme::Form))?.to_owned(),
                evidence: secret.map_or(Evidence::None, |secret| Evidence::Secret(secret.to_owned())),
                scheme: Scheme::Form,
            },
        };
        if named.is_some_and(|id| id != claimed.client_id) {
            return Err(TokenFault::TwoAuthentications);
        }
        Ok(claimed)
    }

    /// RFC 6749 §2.3.1: id and secret are form-encoded before they are joined, so that `:` may stand in both.
    fn of_basic(field: &[u8]) -> Option<Self> {
        let (scheme, credentials) = field.split_at_checked(BASIC.len())?;
        if !scheme.eq_ignore_ascii_case(BASIC) {
            return None;
        }
        let pair = STANDARD.decode(credentials.trim_ascii()).ok()?;
        let colon = pair.iter().position(|b| *b == b':')?;
        let (client_id, secret) = pair.split_at(colon);
        let [client_id, secret] = [client_id, secret.get(1..)?].map(|text| form::decode(text).ok());
        let evidence = secret.map(|secret| if secret.is_empty() { Evidence::None } else { Evidence::Secret(secret) });
        Some(Self { client_id: client_id?, evidence: evidence?, scheme: Scheme::Basic })
    }

    /// RFC 7521 §4.2: the client's name may be left out, because the assertion says it.
    fn of_assertion(params: &Params, text: &str) -> Option<Self> {
        let client_id = Shown::read(text.as_bytes())?.client_id().to_owned();
        let is_jwt = params.get("client_assertion_type") == Some(ASSERTION_TYPE);
        is_jwt.then(|| Self { client_id, evidence: Evidence::Assertion(text.to_owned()), scheme: Scheme::Form })
    }
}

const BASIC: &[u8] = b"basic ";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Keys of one application that are tried.
const KEYS_MAX: usize = 10;
/// There are libraries that give an assertion an hour.
const ASSERTION_SECONDS_MAX: i64 = 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn basic(pair: &str) -> Option<(String, Option<String>)> {
        let field = format!("Basic {}", STANDARD.encode(pair));
        Claimed::of_basic(field.as_bytes()).map(|claimed| match claimed.evidence {
            Evidence::Secret(secret) => (claimed.client_id, Some(secret)),
            Evidence::None | Evidence::Assertion(_) => (claimed.client_id, None),
        })
    }

    /// AS-4
    #[test]
    fn id_and_secret_are_form_encoded() {
        for (pair, id, secret) in [
            ("app:secret", "app", Some("secret")),
            ("a%3Ab:p%2Bq", "a:b", Some("p+q")),
            ("a+b:100%25:x", "a b", Some("100%:x")),
            ("%C3%A7:%C5%9F", "ç", Some("ş")),
            ("app:", "app", None),
        ] {
            assert_eq!(basic(pair), Some((id.to_owned(), secret.map(str::to_owned))), "{pair}");
        }
    }

    #[test]
    fn what_is_not_basic_is_refused() {
        for pair in ["no-colon", "a%:b", "a:%zz"] {
            assert_eq!(basic(pair), None, "{pair}");
        }
        for field in ["Bearer abc", "Basic", "Basic !!!", "Basicabc"] {
            assert!(Claimed::of_basic(field.as_bytes()).is_none(), "{field}");
        }
    }

    proptest! {
        #[test]
        fn whatever_id_and_secret_are_they_are_read_back(id in ".{1,40}", secret in ".{1,40}") {
            let pair = format!("{}:{}", form::encode(&id), form::encode(&secret));
            prop_assert_eq!(basic(&pair), Some((id, Some(secret))));
        }

        #[test]
        fn no_field_is_too_strange(field in prop::collection::vec(any::<u8>(), 0..60)) {
            drop(Claimed::of_basic(&field));
        }
    }
}
