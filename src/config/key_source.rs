//! `issuers[].jwks`: where an issuer's public keys are. Without a word they are where the issuer's metadata says.

use super::address::{self, Transport};
use super::fault::Problem;
use super::reader::{Section, Value};
use super::{bounds, file, quantity, tls};
use crate::oauth::metadata::Places;
use crate::oauth::origin;
use http::Uri;
use rustls::pki_types::CertificateDer;
use std::path::PathBuf;
use std::time::Duration;

/// Where an issuer's public keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Nowhere: it is asked about its tokens.
    None,
    /// A JWK set in a file, read again on reload.
    File(PathBuf),
    /// A JWK set behind `https:`, or `http:` on loopback.
    Uri(Uri, Fetching),
    /// A JWK set whose address stands in the issuer's metadata (RFC 8414).
    Discovered(Places, Fetching),
}

impl KeySource {
    /// Whether the same keys are there, however they are fetched.
    pub fn is_same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::File(one), Self::File(two)) => one == two,
            (Self::Uri(one, _), Self::Uri(two, _)) => one == two,
            (Self::Discovered(one, _), Self::Discovered(two, _)) => one == two,
            (Self::None | Self::File(_) | Self::Uri(..) | Self::Discovered(..), _) => false,
        }
    }

    /// How keys are fetched that are not here.
    pub fn fetching(&self) -> Option<&Fetching> {
        match self {
            Self::None | Self::File(_) => None,
            Self::Uri(_, fetching) | Self::Discovered(_, fetching) => Some(fetching),
        }
    }
}

/// How a key set is fetched, again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetching {
    /// Roots trusted instead of the system's.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    /// Time between two fetches: a key that was withdrawn is refused after this at the latest.
    pub refresh: Duration,
    /// The shortest time between two fetches that unknown key ids cause.
    pub refetch: Duration,
    /// How long keys are used that cannot be fetched anew.
    pub stale_max: Duration,
}

impl Default for Fetching {
    fn default() -> Self {
        Self { authorities: None, refresh: REFRESH_DEFAULT, refetch: REFETCH_DEFAULT, stale_max: STALE_MAX_DEFAULT }
    }
}

/// `jwks:` of the issuer with this identifier, which is `None` where it could not be read.
pub(super) fn read(value: &Value<'_>, issuer: Option<&str>) -> Option<KeySource> {
    let section = value.section(&["file", "uri", "discover", "ca_file", "refresh", "refetch", "stale_max"])?;
    match (section.find("file"), section.find("uri"), section.find("discover")) {
        (Some(path), None, None) => {
            for needless in ["ca_file", "refresh", "refetch", "stale_max"].iter().filter_map(|key| section.find(key)) {
                needless.refuse(
                    Problem::new("concerns keys that are fetched")
                        .hint("the file is read again when the configuration is"),
                );
            }
            key_file(&path)
        }
        (None, Some(uri), None) => {
            let (uri, fetching) = (uri.parse(key_set_uri), fetching(&section));
            Some(KeySource::Uri(uri?, fetching?))
        }
        (None, None, Some(value)) => {
            let (places, fetching) = (discovered(&value, issuer), fetching(&section));
            Some(KeySource::Discovered(places?, fetching?))
        }
        _ => {
            let problem = Problem::new("needs exactly one of `file`, `uri` and `discover`");
            section.whole().refuse(problem.hint(
                "write `jwks: { file: jwks.json }` or `jwks: { uri: https://… }`, or leave `jwks` out to find the keys \
                 through the issuer's metadata",
            ));
            None
        }
    }
}

/// The keys of an issuer of whose keys nothing is said.
pub(super) fn unsaid(section: &Section<'_>, issuer: &str) -> Option<KeySource> {
    let Some(places) = Places::of(issuer) else {
        let problem = Problem::new("the key `jwks` is missing");
        section.whole().refuse(problem.hint("only an issuer whose `issuer` is an https URL has metadata that says it"));
        return None;
    };
    Some(KeySource::Discovered(places, Fetching::default()))
}

fn discovered(value: &Value<'_>, issuer: Option<&str>) -> Option<Places> {
    if !value.truth()? {
        value.refuse(Problem::new("says nothing").hint("leave it out, and name `file` or `uri`"));
        return None;
    }
    let places = Places::of(issuer?);
    if places.is_none() {
        let problem = Problem::new("`issuer` is not an address that metadata could be found by");
        value.refuse(problem.hint("it must be an https URL without query and fragment; http is for loopback only"));
    }
    places
}

fn fetching(section: &Section<'_>) -> Option<Fetching> {
    let default = Fetching::default();
    let authorities = section.read_or("ca_file", None, |value| tls::authorities(&value).map(Some));
    let interval = |key, default| {
        let within =
            |text: &str| quantity::within(quantity::duration(text)?, bounds::JWKS_INTERVAL_MIN, bounds::TIMEOUT_MAX);
        section.read_or(key, default, |value| value.parse(within))
    };
    let (refresh, refetch) = (interval("refresh", default.refresh), interval("refetch", default.refetch));
    let stale_max = interval("stale_max", default.stale_max);
    Some(Fetching { authorities: authorities?, refresh: refresh?, refetch: refetch?, stale_max: stale_max? })
}

/// Only whether this is a key set at all; which keys are fit is decided where they are compiled.
fn key_file(value: &Value<'_>) -> Option<KeySource> {
    let (path, bytes) = file::read(value, bounds::JWKS_BYTES_MAX)?;
    let document: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    let is_key_set =
        document.as_ref().and_then(|document| document.get("keys")).is_some_and(serde_json::Value::is_array);
    if !is_key_set {
        let problem = Problem::new("the file is not a JWK set");
        value.refuse(problem.hint("it must be a JSON object with a list `keys` (RFC 7517 §5)"));
        return None;
    }
    Some(KeySource::File(path))
}

/// Keys decide whom we believe: over a network they come encrypted.
fn key_set_uri(text: &str) -> Result<Uri, Problem> {
    let (uri, host, transport) = address::absolute(text)?;
    if transport == Transport::Plain && !origin::is_loopback(&host) {
        return Err(
            Problem::new("would fetch keys in plain text over a network").hint("use https; http is for loopback only")
        );
    }
    Ok(uri)
}

/// A key that was withdrawn is refused after this long at the latest.
const REFRESH_DEFAULT: Duration = Duration::from_mins(5);
/// However many unknown key ids arrive, the issuer is asked twice a minute.
const REFETCH_DEFAULT: Duration = Duration::from_secs(30);
/// An outage of the issuer's ends before its customers notice; a stolen key does not serve for longer.
const STALE_MAX_DEFAULT: Duration = Duration::from_hours(1);
