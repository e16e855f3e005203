//! The keys that sign access tokens, and the set that publishes their public halves (RFC 7517). They are kept in the
//! store and change by themselves: the next one is published before it signs, the last one until nothing that it signed
//! is good any more.

use crate::clock::UnixSeconds;
use crate::oauth::algorithm::Algorithm;
use crate::oauth::signer::{PrivateKey, Signer};
use crate::sandbox::Site;
use crate::sandbox::store::{KeptKey, Store, StoreFault};
use arc_swap::ArcSwap;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// All keys that are published.
pub(in crate::sandbox) struct Keys(ArcSwap<Vec<Key>>);

/// An ES256 key, ready to sign.
struct Key {
    signs_from: UnixSeconds,
    public: Value,
    signer: Signer,
}

/// `GET /jwks.json`
pub(super) async fn get(State(site): State<Arc<Site>>) -> Response {
    let public: Vec<_> = site.keys.0.load().iter().map(|key| key.public.clone()).collect();
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(json!({ "keys": public }))).into_response()
}

impl Keys {
    /// The keys of `store`; the first one is made here.
    pub(in crate::sandbox) async fn open(store: &Store, now: UnixSeconds) -> Result<Self, StoreFault> {
        let keys = Self(ArcSwap::default());
        keys.tend(store, now).await?;
        Ok(keys)
    }

    /// Makes the next key when it is time, forgets those that are of no use, and loads what others made.
    pub(in crate::sandbox) async fn tend(&self, store: &Store, now: UnixSeconds) -> Result<(), StoreFault> {
        let starts: Vec<_> = store.signing_keys().await?.iter().map(|key| key.signs_from).collect();
        if let Some((next, last)) = next_start(&starts, now) {
            store.add_signing_key(&generate(next), last).await?;
        }
        // The one that signed when the oldest token was made which may still be good, and all that came after it.
        let first_used = starts.iter().rev().find(|start| start.0 <= now.0 - KEPT_SECONDS);
        if let Some(first_used) = first_used {
            store.forget_signing_keys(*first_used).await?;
        }
        let keys = store.signing_keys().await?.into_iter().map(Key::read).collect::<Result<_, _>>()?;
        self.0.store(Arc::new(keys));
        Ok(())
    }

    /// Signs an access token that is made `now`.
    pub(super) fn sign(&self, claims: &impl Serialize, now: UnixSeconds) -> String {
        let keys = self.0.load();
        let key = keys.iter().rev().find(|key| key.signs_from <= now).or(keys.first());
        let claims = serde_json::to_string(claims).expect("claims are text and numbers");
        key.and_then(|key| key.signer.sign(&claims)).expect("there is always a key, and an ES256 key signs")
    }
}

/// When the next key signs, if one has to be made now, and when the last one began.
fn next_start(starts: &[UnixSeconds], now: UnixSeconds) -> Option<(UnixSeconds, UnixSeconds)> {
    let Some(last) = starts.last() else { return Some((now, UnixSeconds(i64::MIN))) };
    let due = last.0.saturating_add(SIGNS_SECONDS);
    let is_time = now.0 >= due - PUBLISHED_SECONDS;
    is_time.then(|| (UnixSeconds(due.max(now.0 + PUBLISHED_SECONDS)), *last))
}

fn generate(signs_from: UnixSeconds) -> KeptKey {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
        .expect("AWS-LC ends the process rather than return without randomness");
    let private = pair.to_pkcs8v1().expect("a key that was just made can be written");
    let read = PrivateKey::read(private.as_ref(), ALGORITHM);
    let (_, id) = read.and_then(|key| key.public(None)).expect("what was just written can be read");
    KeptKey { id, private: STANDARD.encode(private.as_ref()), signs_from }
}

impl Key {
    fn read(kept: KeptKey) -> Result<Self, StoreFault> {
        let private = STANDARD.decode(kept.private).map_err(|_| StoreFault)?;
        let key = PrivateKey::read(&private, ALGORITHM).ok_or(StoreFault)?;
        let (public, id) = key.public(None).ok_or(StoreFault)?;
        Ok(Self { signs_from: kept.signs_from, public, signer: Signer::new(key, "at+jwt", Some(&id)) })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.load().len())
    }
}

const ALGORITHM: Algorithm = Algorithm::Es256;
/// How long a key signs.
const SIGNS_SECONDS: i64 = 24 * 60 * 60;
/// How long it is published before: whoever caches the set for five minutes, or fetches it every ten, has it in time.
const PUBLISHED_SECONDS: i64 = 60 * 60;
/// How long it is published after: no access token lives longer.
const KEPT_SECONDS: i64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_key_is_made_an_hour_before_it_signs() {
        let start = |seconds| UnixSeconds(1_000_000 + seconds);
        assert_eq!(next_start(&[], start(0)), Some((start(0), UnixSeconds(i64::MIN))));
        for (now, next) in [
            (0, None),
            (SIGNS_SECONDS - PUBLISHED_SECONDS - 1, None),
            (SIGNS_SECONDS - PUBLISHED_SECONDS, Some(SIGNS_SECONDS)),
            // After a pause of a week it is not hurried.
            (7 * SIGNS_SECONDS, Some(7 * SIGNS_SECONDS + PUBLISHED_SECONDS)),
        ] {
            assert_eq!(next_start(&[start(0)], start(now)), next.map(|next| (start(next), start(0))), "{now}");
        }
        assert_eq!(next_start(&[start(0), start(SIGNS_SECONDS)], start(SIGNS_SECONDS)), None);
    }
}
