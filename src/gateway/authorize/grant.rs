//! A client's own token must not read a customer's accounts, nor a customer's token set up consents
//! (UK Open Banking: one scope, two flows).

use super::{Compared, Facts, listed};
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::grant::Grant;

/// The grants that a route accepts.
#[derive(Debug)]
pub struct GrantType {
    accepted: Vec<Grant>,
}

impl GrantType {
    /// `None` where the route accepts every grant.
    pub fn compile(accepted: &[Grant]) -> Option<Self> {
        (!accepted.is_empty()).then(|| Self { accepted: accepted.to_vec() })
    }

    pub(super) fn compared(&self, facts: &Facts<'_>) -> Compared {
        let found = facts.token.holder().grant().map_or("unknown: the issuer does not say", Grant::as_str);
        Compared::new(listed(self.accepted.iter().map(|grant| grant.as_str())), found)
    }

    /// Refuses another grant, and an unknown one.
    pub fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        match facts.token.holder().grant() {
            Some(grant) if self.accepted.contains(&grant) => Ok(()),
            Some(_) | None => Err(Reason::GrantWrong.into()),
        }
    }
}
