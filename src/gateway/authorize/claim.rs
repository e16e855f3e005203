//! A permit that waits for the other gateways' word: a proof is good once, wherever it is shown.

use super::permit::Permit;
use super::proof::Proofs;
use crate::clock::UnixSeconds;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::state::shared::ProofsAway;
use crate::state::shared::era::Era;
use crate::state::shared::link::{Link, Spent};
use std::sync::Arc;
use std::time::Duration;

/// What is left to ask about a proof that is good as far as this gateway knows.
#[derive(Debug)]
pub struct Claim {
    /// What it is remembered by.
    pub(super) mark: [u8; 32],
    /// How long others could accept it.
    pub(super) keep: Duration,
    /// What its nonce and its date were held against.
    pub(super) era: Option<Arc<Era>>,
}

/// A permit that is none yet.
#[derive(Debug)]
pub struct Asking<'p> {
    pub(super) permit: Permit<'p>,
    pub(super) claim: Claim,
}

impl<'p> Asking<'p> {
    /// Asks, and waits as long as the terms of the store say.
    pub async fn answer(self, link: &Link, proofs: &Proofs, now: UnixSeconds) -> Result<Permit<'p>, Refusal> {
        let Self { permit, claim } = self;
        match link.spend(&claim.mark, claim.keep, claim.era.as_deref()).await {
            Spent::First => Ok(permit),
            Spent::Again => Err(Reason::ProofReplayed.into()),
            // What the store has forgotten, the client need not: a proof with a nonce of now was never used before.
            Spent::OtherEra => Err(proofs.nonce_wanted(now)),
            Spent::Unknown => match link.store().terms().proofs {
                ProofsAway::Local => Ok(permit),
                ProofsAway::Refuse => {
                    // Not the proof's fault: whoever sends the same request again is asked about anew. If the store was not
                    // away but late, it has the proof, which is used then: nobody can tell that from another's use.
                    proofs.forget(&claim.mark, now);
                    Err(Refusal::unavailable(Reason::StateUnavailable, RETRY_AFTER))
                }
            },
        }
    }
}

/// A store is asked again within the second.
const RETRY_AFTER: u32 = 1;
