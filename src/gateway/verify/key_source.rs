//! Brings an issuer's key set: out of a file, from its address, or from where the issuer's metadata says that it is
//! (RFC 8414). Nothing is followed but what the issuer itself names, and an absurd answer is no key set.

use crate::config::bounds::{JWKS_BYTES_MAX, JWKS_FETCH_TIMEOUT, JWKS_KEYS_MAX, METADATA_BYTES_MAX};
use crate::config::issuers::Issuer;
use crate::config::key_source::{Fetching, KeySource};
use crate::net::fetch::{Bounds, Fetcher};
use crate::oauth::jwk::KeySet;
use crate::oauth::metadata::{self, Places};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where and how a key set is fetched.
pub struct FetchPlan {
    /// How often.
    pub fetching: Fetching,
    place: Place,
    /// The client to use, with its trust roots.
    fetcher: Fetcher,
}

enum Place {
    /// There.
    Known(Uri),
    /// Where the metadata of the issuer with this identifier says.
    Told(Arc<str>, Places),
}

/// How looking for metadata went.
#[derive(Debug, Default)]
pub struct DiscoveryCounts {
    /// It told where the keys are.
    pub good: AtomicU64,
    /// There was none to be had.
    pub failed: AtomicU64,
    /// It was not believed: another issuer's, unreadable, or leading astray.
    pub refused: AtomicU64,
}

/// Why a key set could not be had.
#[derive(Debug)]
pub struct KeyFault(String);

/// Reads a set from a file.
pub fn read_file(path: &Path) -> Result<KeySet, KeyFault> {
    let json = std::fs::read(path).map_err(|fault| KeyFault(format!("cannot be read: {fault}")))?;
    usable(&json)
}

impl FetchPlan {
    /// `None` where nothing is fetched.
    pub fn new(issuer: &Issuer, fetcher: Fetcher) -> Option<Self> {
        let (place, fetching) = match &issuer.keys {
            KeySource::None | KeySource::File(_) => return None,
            KeySource::Uri(uri, fetching) => (Place::Known(uri.clone()), fetching),
            KeySource::Discovered(places, fetching) => {
                (Place::Told(Arc::clone(&issuer.issuer), places.clone()), fetching)
            }
        };
        Some(Self { fetching: fetching.clone(), place, fetcher })
    }

    /// The set as it is now. The metadata is asked every time: so a set that moves is found again, and an address that
    /// the issuer no longer confirms is as stale as keys that it no longer confirms. It is one small call in minutes.
    pub(super) async fn key_set(&self, counts: &DiscoveryCounts) -> Result<KeySet, KeyFault> {
        let uri = match &self.place {
            Place::Known(uri) => Cow::Borrowed(uri),
            Place::Told(issuer, places) => Cow::Owned(self.discover(issuer, places, counts).await?),
        };
        let answer = self.get(&uri, "application/jwk-set+json, application/json", JWKS_BYTES_MAX).await?;
        usable(&good(answer)?)
    }

    async fn discover(&self, issuer: &str, places: &Places, counts: &DiscoveryCounts) -> Result<Uri, KeyFault> {
        let json = self.metadata(places).await.inspect_err(|_| count(&counts.failed))?;
        match metadata::key_set_of(issuer, &json) {
            Ok(uri) => {
                count(&counts.good);
                Ok(uri)
            }
            Err(unfit) => {
                count(&counts.refused);
                Err(KeyFault(unfit.to_string()))
            }
        }
    }

    /// From its first place, or from the second where the first has none. Any other answer of the first stands: an issuer
    /// that has both must not be read differently because one was in trouble.
    async fn metadata(&self, places: &Places) -> Result<Bytes, KeyFault> {
        let get = |uri| self.get(uri, "application/json", METADATA_BYTES_MAX);
        let mut answer = get(&places.inserted).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            answer = get(&places.appended).await?;
        }
        good(answer)
    }

    async fn get(&self, uri: &Uri, accept: &'static str, body_bytes_max: usize) -> Result<Response<Bytes>, KeyFault> {
        let request = Request::get(uri)
            .header(header::ACCEPT, accept)
            .body(Bytes::new())
            .map_err(|fault| KeyFault(fault.to_string()))?;
        let bounds = Bounds { total: JWKS_FETCH_TIMEOUT, body_bytes_max };
        self.fetcher.send(request, bounds).await.map_err(|fault| KeyFault(fault.to_string()))
    }
}

fn good(answer: Response<Bytes>) -> Result<Bytes, KeyFault> {
    match answer.status() {
        StatusCode::OK => Ok(answer.into_body()),
        other => Err(KeyFault(format!("the issuer answered {other}"))),
    }
}

/// A set with at least one usable key.
fn usable(json: &[u8]) -> Result<KeySet, KeyFault> {
    let set = KeySet::parse(json, JWKS_KEYS_MAX).map_err(|fault| KeyFault(fault.to_string()))?;
    if set.keys.is_empty() {
        let reasons: Vec<_> = set.left_out.iter().map(ToString::to_string).collect();
        return Err(KeyFault(format!("no usable key in the set: {}", reasons.join("; "))));
    }
    Ok(set)
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyFault {}
