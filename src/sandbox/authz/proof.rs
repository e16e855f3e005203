//! DPoP proofs of requests that ask for tokens (RFC 9449 §5, §10.1): made for this endpoint, just now, and shown once.

use super::call::Call;
use super::token_fault::TokenFault;
use crate::clock::UnixSeconds;
use crate::oauth::dpop::{self, Proof};
use crate::oauth::origin::Origin;
use crate::oauth::signer;
use crate::sandbox::Site;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderName;

/// Why a proof proves nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum ProofFault {
    /// The application's tokens are bound to a key, and there is no proof of one.
    Missing,
    /// Two proofs, or no well-formed one, or not signed by the key that it brings.
    Unreadable,
    /// Made for another request.
    Misplaced,
    /// Too old, or from the future.
    Stale,
    /// Shown before.
    Replayed,
    /// Another key than the one that the request names.
    KeyWrong,
}

/// The thumbprint of the key that signed the request's proof, if it brings one.
pub(super) async fn key(site: &Site, call: &Call, path: &str) -> Result<Option<String>, TokenFault> {
    let mut fields = call.headers.get_all(DPOP).iter();
    let field = match (fields.next(), fields.next()) {
        (None, _) => return Ok(None),
        (Some(field), None) => field,
        (Some(_), Some(_)) => return Err(ProofFault::Unreadable.into()),
    };
    let proof = dpop::read(field.as_bytes(), &signer::ALGORITHMS).map_err(|_| ProofFault::Unreadable)?;
    let is_ours = Origin::parse(&site.issuer).is_some_and(|origin| origin.has(&proof.uri, path));
    if proof.method != "POST" || !is_ours {
        return Err(ProofFault::Misplaced.into());
    }
    check_time(&proof, site.clock.now())?;
    let key = URL_SAFE_NO_PAD.encode(proof.key);
    // By its key and its id, so that no client can use up another's ids. What costs comes last.
    let forgotten = UnixSeconds(proof.issued.0.saturating_add(AGE_SECONDS_MAX + 1));
    if !site.store.show_once(&format!("proof {key} {}", proof.id), forgotten).await? {
        return Err(ProofFault::Replayed.into());
    }
    Ok(Some(key))
}

fn check_time(proof: &Proof, now: UnixSeconds) -> Result<(), ProofFault> {
    let age = now.0.saturating_sub(proof.issued.0);
    let is_recent = (-EARLY_SECONDS_MAX..=AGE_SECONDS_MAX).contains(&age);
    let has_begun = proof.not_before.is_none_or(|date| date.0 <= now.0.saturating_add(EARLY_SECONDS_MAX));
    let has_ended = proof.expires.is_some_and(|date| date <= now);
    if is_recent && has_begun && !has_ended { Ok(()) } else { Err(ProofFault::Stale) }
}

/// The field that holds the proof.
const DPOP: HeaderName = HeaderName::from_static("dpop");
/// A proof is made for one request.
const AGE_SECONDS_MAX: i64 = 60;
/// FAPI 2.0 §5.3.2.1: up to 10 s ahead is another clock, not an attack.
pub(super) const EARLY_SECONDS_MAX: i64 = 10;
