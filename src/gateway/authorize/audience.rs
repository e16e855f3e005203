//! A token for one API must not open another behind the same gateway (RFC 9700 §2.3).

use super::{Compared, Facts, listed};
use crate::config;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::gateway::verify::Issuer;
use crate::gateway::verify::audiences::Audiences;
use std::sync::Arc;

/// The audiences that a route accepts.
#[derive(Debug)]
pub struct Audience {
    /// By the issuer's name: which of its audiences they are.
    accepted: Vec<(Arc<str>, Audiences)>,
    names: Vec<Box<str>>,
}

impl Audience {
    /// `None` where the route accepts every audience of the issuer.
    pub fn compile(accepted: &[Box<str>], settings: &config::Settings) -> Option<Self> {
        let of = |issuer: &config::issuers::Issuer| {
            (Arc::clone(&issuer.name), Audiences::among(accepted, &issuer.audiences))
        };
        (!accepted.is_empty())
            .then(|| Self { accepted: settings.issuers.iter().map(of).collect(), names: accepted.to_vec() })
    }

    pub(super) fn compared(&self, facts: &Facts<'_>) -> Compared {
        let issuer: &Issuer = facts.token.issuer();
        let ours = issuer.settings.audiences.iter().map(AsRef::as_ref);
        let is_held =
            |one: &&str| Audiences::among(&[*one], &issuer.settings.audiences).overlap(facts.token.audiences());
        Compared::new(listed(self.names.iter().map(AsRef::as_ref)), listed(ours.filter(is_held)))
    }

    /// Refuses a token that is meant for none of them.
    pub fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        let issuer: &Issuer = facts.token.issuer();
        let accepted = self.accepted.iter().find(|(name, _)| *name == issuer.settings.name);
        match accepted {
            Some((_, accepted)) if accepted.overlap(facts.token.audiences()) => Ok(()),
            Some(_) | None => Err(Reason::AudienceWrong.into()),
        }
    }
}
