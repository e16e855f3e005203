//! Whether a request came through the gateway: its assertion says so, signed, for this method and path. The identity
//! headers beside it must say the same. Without it nobody is answered, and no token is blamed.

use crate::clock::UnixSeconds;
use crate::net::fetch::Bounds;
use crate::oauth::algorithm::Algorithm;
use crate::oauth::json;
use crate::oauth::jwk::KeySet;
use crate::oauth::jws::Jws;
use crate::sandbox::Site;
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Verifies assertions of one gateway.
pub(super) struct Vouching {
    site: Arc<Site>,
    known: ArcSwapOption<Known>,
    /// One fetch at a time: whoever comes meanwhile waits for its keys instead of fetching them again.
    fetching: Mutex<()>,
}

/// Who stands behind a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// The application.
    pub(super) client_id: String,
    /// The customer whose token it is, if it is one's.
    pub(super) subject: Option<String>,
    /// What the customer's yes is called: `X-Auth-Consent-Id`.
    pub(super) authorization_id: Option<String>,
}

/// Why a request is not the gateway's.
#[derive(Debug)]
pub(super) enum Unvouched {
    /// It carries no assertion.
    Missing,
    /// Not signed by the gateway, for somebody else, or past.
    Wrong(&'static str),
    /// The gateway's keys cannot be had.
    NoKeys,
}

struct Known {
    keys: KeySet,
    since: Instant,
}

impl Vouching {
    /// Of the gateway that stands before the sandbox.
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site, known: ArcSwapOption::empty(), fetching: Mutex::default() }
    }

    /// Who stands behind the request with this head.
    pub(super) async fn caller(&self, head: &Parts) -> Result<Caller, Unvouched> {
        let mut fields = head.headers.get_all("x-auth-assertion").iter();
        let (Some(jwt), None) = (fields.next(), fields.next()) else { return Err(Unvouched::Missing) };
        let claims = self.claims(jwt.as_bytes()).await?;
        self.check(&claims, head)?;
        let text = |name| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Caller {
            client_id: text("client_id").ok_or(Unvouched::Wrong("it names no client"))?,
            subject: text("sub"),
            authorization_id: text("consent_id"),
        })
    }

    /// What is asserted, if the gateway signed it.
    async fn claims(&self, jwt: &[u8]) -> Result<Map<String, Value>, Unvouched> {
        let jws = Jws::read(jwt).map_err(|_| Unvouched::Wrong("it is no JWT"))?;
        let header = jws.header().map_err(|_| Unvouched::Wrong("its header cannot be read"))?;
        // RFC 8725 §3.11: an access token is none, whoever signed it.
        if header.typ.as_deref() != Some(TYPE) {
            return Err(Unvouched::Wrong("it is a JWT of another type"));
        }
        let algorithm = header.alg.parse().ok().filter(|algorithm| ALGORITHMS.contains(algorithm));
        let algorithm = algorithm.ok_or(Unvouched::Wrong("its algorithm is not one of ours"))?;
        let kid = header.kid.as_deref().ok_or(Unvouched::Wrong("it names no key"))?;
        let known = self.keys(kid).await?;
        let mut named = known.keys.keys.iter().filter(|key| key.kid() == Some(kid));
        if !named.any(|key| jws.is_signed_by(key, algorithm)) {
            return Err(Unvouched::Wrong("the gateway did not sign it"));
        }
        let payload = jws.payload().ok().and_then(json::object);
        payload.ok_or(Unvouched::Wrong("its claims cannot be read"))
    }

    fn check(&self, claims: &Map<String, Value>, head: &Parts) -> Result<(), Unvouched> {
        let now = self.site.clock.now();
        let is = |name: &str, wanted: &str| claims.get(name).and_then(Value::as_str) == Some(wanted);
        let time = |name: &str| claims.get(name).and_then(Value::as_i64).map(UnixSeconds);
        if !is("iss", &self.site.gateway) || !is("aud", AUDIENCE) {
            return Err(Unvouched::Wrong("it is another gateway's, or for another API"));
        }
        if !is("method", head.method.as_str()) || !is("path", head.uri.path()) {
            return Err(Unvouched::Wrong("it is for another request"));
        }
        let is_young = time("iat").is_some_and(|issued| issued.0 <= now.0 + LEEWAY_SECONDS);
        if !is_young || time("exp").is_none_or(|ends| ends.0 + LEEWAY_SECONDS <= now.0) {
            return Err(Unvouched::Wrong("its time is over, or has not come"));
        }
        let differs = |(header, claim): &(&str, &str)| {
            field(&head.headers, header) != Ok(claims.get(*claim).and_then(Value::as_str))
        };
        if IDENTITY.iter().any(differs) {
            return Err(Unvouched::Wrong("the identity headers say something else"));
        }
        Ok(())
    }

    /// A set of keys with one of this id, fetched if there is none, or if it is old.
    async fn keys(&self, kid: &str) -> Result<Arc<Known>, Unvouched> {
        if let Some(known) = self.usable(kid) {
            return Ok(known);
        }
        let _one_at_a_time = self.fetching.lock().await;
        if let Some(known) = self.usable(kid) {
            return Ok(known);
        }
        // A forger with a new id each time must not make us fetch each time.
        let is_fresh = |known: &Arc<Known>| self.site.clock.instant().duration_since(known.since) < REFETCH;
        if let Some(known) = self.known.load_full().filter(is_fresh) {
            return Ok(known);
        }
        let keys = self.fetch().await?;
        let known = Arc::new(Known { keys, since: self.site.clock.instant() });
        self.known.store(Some(Arc::clone(&known)));
        Ok(known)
    }

    async fn fetch(&self) -> Result<KeySet, Unvouched> {
        let request = Request::get(format!("{}/jwks.json", self.site.admin)).body(Bytes::new());
        let request = request.map_err(|_| Unvouched::NoKeys)?;
        let answer = self.site.fetcher.send(request, KEYS_BOUNDS).await.map_err(|fault| {
            tracing::error!(%fault, "the gateway's keys cannot be fetched");
            Unvouched::NoKeys
        })?;
        let keys = Some(answer).filter(|answer| answer.status() == StatusCode::OK);
        let keys = keys.and_then(|answer| KeySet::parse(answer.body(), KEYS_MAX).ok());
        keys.ok_or(Unvouched::NoKeys)
    }

    fn usable(&self, kid: &str) -> Option<Arc<Known>> {
        let is_young = |known: &Arc<Known>| self.site.clock.instant().duration_since(known.since) < KEYS_AGE;
        let has_it = |known: &Arc<Known>| known.keys.keys.iter().any(|key| key.kid() == Some(kid));
        self.known.load_full().filter(is_young).filter(has_it)
    }
}

/// The one value of a header, or none; two are neither.
fn field<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(drop),
        (Some(_), Some(_)) => Err(()),
    }
}

impl fmt::Debug for Vouching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vouching").field("issuer", &self.site.gateway).finish_non_exhaustive()
    }
}

impl fmt::Display for Unvouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "it carries no X-Auth-Assertion",
            Self::Wrong(why) => why,
            Self::NoKeys => "the gateway's keys cannot be fetched",
        })
    }
}

/// Whom the gateway's assertions are for when they are for these APIs: the name of its upstream.
pub const AUDIENCE: &str = "bank";
const TYPE: &str = "scopegate-assertion+jwt";
/// What a gateway signs with by default, and the other that it may.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Es256, Algorithm::EdDsa];
/// Each identity header, and the claim that repeats it.
const IDENTITY: [(&str, &str); 8] = [
    ("x-auth-client-id", "client_id"),
    ("x-auth-subject", "sub"),
    ("x-auth-subject-type", "subject_type"),
    ("x-auth-scope", "scope"),
    ("x-auth-grant", "grant"),
    ("x-auth-consent-id", "consent_id"),
    ("x-auth-issuer", "token_iss"),
    ("x-auth-token-id", "token_id"),
];
/// Two processes of one machine.
const LEEWAY_SECONDS: i64 = 5;
/// As long as a copy of the set may be used.
const KEYS_AGE: Duration = Duration::from_mins(5);
/// On the same machine.
const KEYS_BOUNDS: Bounds = Bounds { total: Duration::from_secs(2), body_bytes_max: 64 * 1024 };
/// One signs, one is next, some were before.
const KEYS_MAX: usize = 16;
const REFETCH: Duration = Duration::from_secs(1);
