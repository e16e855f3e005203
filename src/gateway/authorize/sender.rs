//! A token that is bound to a sender is good in that sender's hands only: a client certificate (RFC 8705 §3), a key of
//! which every request brings a proof (RFC 9449 §7), or both. Checked on every request, and no scheme can be avoided by
//! using the other.

use super::proof::{Proofs, Sound};
use super::{Compared, Facts};
use crate::config::profile::Profile;
use crate::gateway::credentials::Dpop;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::bearer::Scheme;
use crate::oauth::confirmation::{Confirmation, Thumbprint};
use aws_lc_rs::constant_time;

/// How senders are proven.
#[derive(Debug, Default)]
pub struct Senders {
    proofs: Option<Proofs>,
}

impl Senders {
    /// With DPoP where `proofs` can be checked.
    pub fn new(proofs: Option<Proofs>) -> Self {
        Self { proofs }
    }

    /// Whether the DPoP scheme is accepted.
    pub fn dpop(&self) -> Dpop {
        if self.proofs.is_some() { Dpop::Accepted } else { Dpop::Unknown }
    }

    /// The proofs that are checked.
    pub fn proofs(&self) -> Option<&Proofs> {
        self.proofs.as_ref()
    }

    /// What the token is bound to, and what was shown.
    pub fn compared(&self, facts: &Facts<'_>) -> Compared {
        let bound = facts.token.confirmation();
        let must = facts.token.issuer().settings.profile == Profile::Fapi2;
        let needs = match bound {
            None if must => "a token that is bound to its sender (profile fapi2)".to_owned(),
            None => "nothing: the token is bound to nobody".to_owned(),
            Some(Confirmation { is_foreign: true, .. }) => "a proof that the gateway does not know".to_owned(),
            Some(Confirmation { certificate, key, .. }) => {
                let certificate = certificate.map(|_| "the client certificate that the token is bound to");
                let key = key.map(|_| "a DPoP proof by the key that the token is bound to");
                certificate.into_iter().chain(key).collect::<Vec<_>>().join(", and ")
            }
        };
        let wanted = bound.and_then(|bound| bound.certificate);
        let certificate = match (facts.certificate, wanted) {
            (None, _) => "no client certificate",
            (Some(_), None) => "a client certificate",
            (Some(shown), Some(wanted)) if is_same(shown.thumbprint(), &wanted) => "that client certificate",
            (Some(_), Some(_)) => "another client certificate",
        };
        let scheme = match facts.bearer.scheme() {
            Scheme::Bearer => "the Bearer scheme",
            Scheme::Dpop => "the DPoP scheme",
        };
        Compared::new(needs, format!("{certificate}, {scheme}"))
    }

    /// Refuses a token in the wrong hands. Gives what is left of the proof, where there is one.
    pub fn check(&self, facts: &Facts<'_>) -> Result<Sound, Refusal> {
        let bound = facts.token.confirmation();
        if bound.is_none() && facts.token.issuer().settings.profile == Profile::Fapi2 {
            return Err(Reason::SenderUnbound.into());
        }
        let Confirmation { certificate, key, is_foreign } = bound.unwrap_or_default();
        if is_foreign {
            return Err(Reason::SenderUnproven.into());
        }
        if let Some(certificate) = certificate
            && !facts.certificate.is_some_and(|shown| is_same(shown.thumbprint(), &certificate))
        {
            return Err(Reason::SenderMismatch.into());
        }
        match (facts.bearer.scheme(), &self.proofs) {
            (Scheme::Dpop, Some(proofs)) => proofs.check(facts, key.as_ref()),
            (Scheme::Bearer, _) if key.is_none() => Ok(Sound::default()),
            (Scheme::Bearer, Some(_)) => Err(Reason::ProofAvoided.into()),
            (Scheme::Bearer | Scheme::Dpop, None) => Err(Reason::SenderUnproven.into()),
        }
    }
}

/// In constant time: how much of it was right is nobody's business.
pub(super) fn is_same(one: &Thumbprint, other: &Thumbprint) -> bool {
    constant_time::verify_slices_are_equal(one, other).is_ok()
}
