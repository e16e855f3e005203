//! `assertion`: what the gateway signs for upstreams that trust no network path, and with which key.

use super::fault::Problem;
use super::reader::{Section, Value};
use super::secret::{self, Secret};
use super::{Server, bounds, quantity};
use crate::oauth::algorithm::Algorithm;
use http::HeaderName;
use std::sync::Arc;
use std::time::Duration;

/// How requests are vouched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Who we say that we are.
    pub issuer: Arc<str>,
    /// What is signed with.
    pub key: KeySource,
    /// How long an assertion is good at most.
    pub lifetime: Duration,
    /// The field that carries it. Begins with `x-auth-`, so that no client's own gets through.
    pub header: HeaderName,
    /// Whom the assertions of each upstream are for, in the upstreams' order.
    pub audiences: Vec<Audience>,
}

/// Whom the assertions of one upstream are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// It gets none.
    Nobody,
    /// Stands in their `aud`.
    Named(Arc<str>),
}

/// Where the key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Made when we start, never written anywhere, and replaced now and then.
    Made {
        /// What it signs with.
        algorithm: Algorithm,
        /// How long each one signs.
        rotate: Duration,
    },
    /// A file, read again on reload.
    File {
        /// What it signs with.
        algorithm: Algorithm,
        /// The key as PKCS #8.
        key: Secret,
        /// Its id; `None`: its thumbprint (RFC 7638).
        key_id: Option<Arc<str>>,
    },
}

/// `assertion:`; whom they are for is the upstreams' to say. The issuer is by default what third parties call us, or our
/// pseudonym.
pub(super) fn read(value: &Value<'_>, server: Option<&Server>, audiences: Option<Vec<Audience>>) -> Option<Assertion> {
    let section = value.section(&["issuer", "algorithm", "key", "key_id", "lifetime", "rotate", "header"])?;
    let issuer = match section.find("issuer") {
        Some(value) => value.parse(string_or_uri),
        None => server.map(|server| match &server.public_origin {
            Some(origin) => Arc::from(origin.as_str()),
            None => Arc::from(&*server.pseudonym),
        }),
    };
    let key = key_source(&section);
    let lifetime = section.read_or("lifetime", LIFETIME_DEFAULT, |value| {
        let (least, most) = (bounds::ASSERTION_LIFETIME_MIN, bounds::ASSERTION_LIFETIME_MAX);
        value.parse(|text| quantity::within(quantity::duration(text)?, least, most))
    });
    let header = section.read_or("header", HEADER_DEFAULT, |value| value.parse(header));
    let (key, lifetime, header) = (key?, lifetime?, header?);
    Some(Assertion { issuer: issuer?, key, lifetime, header, audiences: audiences? })
}

/// Whom the assertions of one upstream are for, if it gets any: `assertion:` and `audience:` beside its name. With the
/// section `assertion:` all get them that do not say otherwise.
pub(super) fn audience(upstream: &Section<'_>, name: Option<&Arc<str>>, is_on: bool) -> Option<Audience> {
    let wanted = upstream.read_or("assertion", is_on, |value| {
        let wanted = value.truth()?;
        if wanted && !is_on {
            let problem = Problem::new("there is no section `assertion`");
            value.refuse(problem.hint("add one: `assertion: {}` is enough"));
            return None;
        }
        Some(wanted)
    });
    let audience = match upstream.find("audience") {
        None => name.cloned(),
        Some(value) if wanted == Some(false) => {
            value.refuse(Problem::new("says whom an assertion is for, and this upstream gets none").hint("remove it"));
            None
        }
        Some(value) => value.parse(string_or_uri),
    };
    if wanted? { audience.map(Audience::Named) } else { Some(Audience::Nobody) }
}

fn key_source(section: &Section<'_>) -> Option<KeySource> {
    let algorithm = section.read_or("algorithm", ALGORITHM_DEFAULT, |value| value.parse(secret::signing_algorithm));
    let needless = |key, problem: &str, hint: &str| {
        if let Some(value) = section.find(key) {
            value.refuse(Problem::new(problem).hint(hint));
        }
    };
    let Some(key) = section.find("key") else {
        needless(
            "key_id",
            "names a key that is not there",
            "add `key`; keys that we make are named by their thumbprint",
        );
        let rotate = section.read_or("rotate", ROTATE_DEFAULT, |value| {
            let (least, most) = (bounds::ASSERTION_ROTATE_MIN, bounds::ASSERTION_ROTATE_MAX);
            value.parse(|text| quantity::within(quantity::duration(text)?, least, most))
        });
        return Some(KeySource::Made { algorithm: algorithm?, rotate: rotate? });
    };
    needless("rotate", "concerns keys that we make", "a key in a file is replaced by you, and taken over on reload");
    let key_id = section.read_or("key_id", None, |value| value.parse(string_or_uri).map(Some));
    let key = key.section(&["file"])?.need("file");
    let (key, algorithm) = (key?, algorithm?);
    Some(KeySource::File { key: secret::signing_key(&key, algorithm)?, algorithm, key_id: key_id? })
}

/// A `StringOrURI` of RFC 7519 §2: verifiers compare it character by character.
fn string_or_uri(text: &str) -> Result<Arc<str>, Problem> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Problem::new("holds white space").hint("verifiers compare it character by character"));
    }
    Ok(text.into())
}

/// Whatever a client sends under `X-Auth-…` ends at the gateway, whether assertions are on or off. The end keeps it
/// apart from the identity headers.
fn header(text: &str) -> Result<HeaderName, Problem> {
    let lower = text.to_ascii_lowercase();
    let is_plain = lower.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match HeaderName::from_bytes(lower.as_bytes()) {
        Ok(name) if is_plain && lower.starts_with("x-auth-") && lower.ends_with("assertion") => Ok(name),
        Ok(_) | Err(_) => Err(Problem::new("cannot carry an assertion").hint(
            "a name that begins with `X-Auth-` and ends with `Assertion`: no client's own gets through under it",
        )),
    }
}

/// It signs fast, and every JOSE library verifies it; not all know Ed25519.
const ALGORITHM_DEFAULT: Algorithm = Algorithm::Es256;
const HEADER_DEFAULT: HeaderName = HeaderName::from_static("x-auth-assertion");
/// Clocks may differ by some of it, and who steals one has no time to look for a use.
const LIFETIME_DEFAULT: Duration = Duration::from_secs(30);
const ROTATE_DEFAULT: Duration = Duration::from_hours(24);
