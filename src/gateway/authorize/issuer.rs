//! Tokens of one issuer must not open the routes of another.

use super::{Compared, Facts, listed};
use crate::config;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use std::sync::Arc;

/// The issuers that a route accepts.
#[derive(Debug)]
pub struct Issuer {
    accepted: Vec<Arc<str>>,
}

impl Issuer {
    /// `None` where the route accepts every issuer.
    pub fn compile(accepted: &[usize], settings: &config::Settings) -> Option<Self> {
        let name = |place: &usize| settings.issuers.get(*place).map(|issuer| Arc::clone(&issuer.name));
        (!accepted.is_empty()).then(|| Self { accepted: accepted.iter().filter_map(name).collect() })
    }

    pub(super) fn compared(&self, facts: &Facts<'_>) -> Compared {
        let found = &facts.token.issuer().settings.name;
        Compared::new(listed(self.accepted.iter().map(AsRef::as_ref)), &**found)
    }

    /// Refuses another issuer's token as if that issuer were unknown: here it is.
    pub fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        let name = &facts.token.issuer().settings.name;
        if self.accepted.contains(name) { Ok(()) } else { Err(Reason::IssuerUnknown.into()) }
    }
}
