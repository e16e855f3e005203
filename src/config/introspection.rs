//! `issuers[].introspection`: whom to ask about opaque tokens (RFC 7662), who we are there, and the bounds of asking.

use super::address::{self, Transport};
use super::fault::Problem;
use super::reader::{Section, Value};
use super::routes::Known;
use super::secret::{self, Secret, SecretKey};
use super::{bounds, quantity, tls};
use crate::oauth::algorithm::Algorithm;
use crate::oauth::origin;
use http::Uri;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use std::time::Duration;

/// How an issuer is asked about its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// The endpoint: `https:`, or `http:` on loopback.
    pub endpoint: Uri,
    /// Our client id at the issuer.
    pub client_id: Arc<str>,
    /// How we prove to be that client.
    pub authentication: Authentication,
    /// Roots trusted instead of the system's.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    /// Which form of answer is accepted.
    pub answers: Answers,
    /// How long an answer holds, and so how long a revocation may go unnoticed. Zero: every request asks.
    pub cache: Duration,
    /// How long a refusal is remembered.
    pub negative_cache: Duration,
    /// From the question to its answer, waiting for a free call included.
    pub timeout: Duration,
    /// Calls at a time.
    pub calls_max: usize,
}

/// How the gateway authenticates to the issuer (RFC 7662 §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// `client_secret_basic` (RFC 6749 §2.3.1).
    Secret(Secret),
    /// `private_key_jwt` (RFC 7523 §2.2).
    PrivateKey {
        /// The key as PKCS #8.
        key: Secret,
        /// What it signs with.
        algorithm: Algorithm,
        /// Its id at the issuer.
        key_id: Option<Box<str>>,
    },
    /// `tls_client_auth` or `self_signed_tls_client_auth` (RFC 8705 §2).
    Certificate {
        /// The chain in PEM form, leaf first.
        chain: Vec<CertificateDer<'static>>,
        /// Its key in DER form with its kind.
        key: SecretKey,
    },
}

/// The form of the answers that are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// JSON (RFC 7662 §2.2).
    Plain,
    /// A JWT signed by the issuer (RFC 9701), and nothing else.
    Signed,
}

/// How often a route asks about an opaque token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Introspect {
    /// When nothing is remembered.
    #[default]
    Once,
    /// For every request.
    Always,
}

/// `introspection:` of one issuer.
pub(super) fn read(value: &Value<'_>) -> Option<Introspection> {
    let section = value.section(&KEYS)?;
    let endpoint = section.need("endpoint").and_then(|value| value.parse(endpoint));
    let client_id = section.need("client_id").and_then(|value| Some(Arc::from(&*value.text()?.value)));
    let authentication = authentication(&section);
    let authorities = section.read_or("ca_file", None, |value| tls::authorities(&value).map(Some));
    let answers = section
        .read_or("signed", Answers::Plain, |value| Some(if value.truth()? { Answers::Signed } else { Answers::Plain }));
    let bounded = |key, default, least, most| {
        section
            .read_or(key, default, |value| value.parse(|text| quantity::within(quantity::duration(text)?, least, most)))
    };
    let cache = bounded("cache", CACHE_DEFAULT, Duration::ZERO, bounds::INTROSPECTION_CACHE_MAX);
    let negative_cache =
        bounded("negative_cache", NEGATIVE_DEFAULT, Duration::ZERO, bounds::INTROSPECTION_NEGATIVE_CACHE_MAX);
    let timeout = bounded("timeout", TIMEOUT_DEFAULT, bounds::TIMEOUT_MIN, bounds::INTROSPECTION_TIMEOUT_MAX);
    let calls_max =
        section.read_or("calls", CALLS_DEFAULT, |value| value.whole_number(1, bounds::INTROSPECTION_CALLS_MOST));
    Some(Introspection {
        endpoint: endpoint?,
        client_id: client_id?,
        authentication: authentication?,
        authorities: authorities?,
        answers: answers?,
        cache: cache?,
        negative_cache: negative_cache?,
        timeout: timeout?,
        calls_max: calls_max?,
    })
}

/// Tokens and our own credentials go there: over a network only encrypted (RFC 7662 §4).
fn endpoint(text: &str) -> Result<Uri, Problem> {
    let (uri, host, transport) = address::absolute(text)?;
    if transport == Transport::Plain && !origin::is_loopback(&host) {
        return Err(
            Problem::new("would send tokens in plain text over a network").hint("use https; http is for loopback only")
        );
    }
    Ok(uri)
}

/// `introspect:` of a route that accepts the tokens of these issuers, all if the list is empty. An opaque token names
/// no issuer, so there must be one to ask at most: asking one after the other would show each the others' tokens.
pub(super) fn of_route(section: &Section<'_>, known: &Known<'_>, issuers: &[usize]) -> Option<Introspect> {
    let introspect = section.read_or("introspect", Introspect::Once, |value| {
        value.parse(|text| match text {
            "once" => Ok(Introspect::Once),
            "always" => Ok(Introspect::Always),
            _ => Err(Problem::new("is not a way to ask").did_you_mean(text, ["once", "always"].into_iter())),
        })
    })?;
    // What could not be read has had its fault.
    let asked =
        known.asked.unwrap_or_default().iter().enumerate().filter(|(place, issuer)| {
            issuer.introspection.is_some() && (issuers.is_empty() || issuers.contains(place))
        });
    let names: Vec<&str> = asked.map(|(_, issuer)| &*issuer.name).collect();
    if names.len() > 1 {
        let problem = Problem::new(format!("an opaque token could be of {}, and names neither", names.join(" or ")));
        let value = section.find("issuers");
        let hint = "name one of them under `issuers`; the others' opaque tokens go by routes of their own";
        value.as_ref().unwrap_or(section.whole()).refuse(problem.hint(hint));
        return None;
    }
    if let (Introspect::Always, true, Some(value), Some(_)) =
        (introspect, names.is_empty(), section.find("introspect"), known.asked)
    {
        let problem = Problem::new("there is nobody to ask: no issuer of this route has an `introspection`");
        value.refuse(problem.hint("add one to an issuer, or remove this"));
        return None;
    }
    Some(introspect)
}

fn authentication(section: &Section<'_>) -> Option<Authentication> {
    match (section.find("client_secret"), section.find("private_key"), section.find("certificate")) {
        (Some(secret), None, None) => {
            refuse_needless(section, &["algorithm", "key_id", "key"], "client_secret");
            Some(Authentication::Secret(secret::read(&secret)?))
        }
        (None, Some(key), None) => {
            refuse_needless(section, &["key"], "private_key");
            let algorithm = section.need("algorithm").and_then(|value| value.parse(secret::signing_algorithm));
            let key_id = section.read_or("key_id", None, |value| Some(Some(Box::from(&*value.text()?.value))));
            let (algorithm, key_id) = (algorithm?, key_id?);
            Some(Authentication::PrivateKey { key: secret::signing_key(&key, algorithm)?, algorithm, key_id })
        }
        (None, None, Some(certificate)) => {
            refuse_needless(section, &["algorithm", "key_id"], "certificate");
            let (chain, key) = tls::certificate_and_key(Some(&certificate), section.need("key").as_ref())?;
            Some(Authentication::Certificate { chain, key: SecretKey::new(key) })
        }
        (_, _, _) => {
            let problem = Problem::new("needs exactly one of `client_secret`, `private_key` and `certificate`");
            section.whole().refuse(problem.hint("an introspection endpoint answers only clients that it knows"));
            None
        }
    }
}

fn refuse_needless(section: &Section<'_>, keys: &[&str], beside: &str) {
    for needless in keys.iter().filter_map(|key| section.find(key)) {
        needless.refuse(Problem::new(format!("does not concern `{beside}`")).hint("remove it"));
    }
}

const KEYS: [&str; 14] = [
    "endpoint",
    "client_id",
    "client_secret",
    "private_key",
    "algorithm",
    "key_id",
    "certificate",
    "key",
    "ca_file",
    "signed",
    "cache",
    "negative_cache",
    "timeout",
    "calls",
];
/// What a bank's revocation may take; longer is the operator's decision.
const CACHE_DEFAULT: Duration = Duration::from_secs(30);
/// A token that the issuer did not know yet when it was first seen.
const NEGATIVE_DEFAULT: Duration = Duration::from_secs(5);
/// An issuer that needs longer holds up every new token.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(3);
/// At 10 ms a call: 1,600 new tokens a second.
const CALLS_DEFAULT: usize = 16;
