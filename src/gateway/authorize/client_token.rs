//! A regime of two tokens (ÖHVPS §3.9): beside the customer's token stands the client's own, in `Authorization`. It must be
//! that client's, obtained for itself, with the scopes that the route names; every other demand is on the customer's.

use super::{Compared, Facts, listed};
use crate::config::demands;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::gateway::verify::token::Holder;
use crate::oauth::challenge::Attributes;
use crate::oauth::scope::ScopeToken;

/// What the client's own token must be.
#[derive(Debug)]
pub struct ClientToken {
    scopes: Vec<ScopeToken>,
    challenge: Attributes,
}

impl ClientToken {
    /// `None` where one token is enough.
    pub fn compile(wanted: Option<&demands::CustomerToken>) -> Option<Self> {
        wanted.map(|wanted| Self {
            scopes: wanted.client_scopes.clone(),
            challenge: Attributes::insufficient_scope(Reason::ScopeMissing.description(), wanted.client_scopes.iter()),
        })
    }

    pub(super) fn compared(&self, facts: &Facts<'_>) -> Compared {
        let scopes = listed(self.scopes.iter().map(ScopeToken::as_str));
        let needs = format!("the client's own token, of the same client, with scopes {scopes}");
        let Some(client) = facts.client else { return Compared::new(needs, "none") };
        let whose = if client.holder() == Holder::Client { "the client's own" } else { "a customer's" };
        let is_same = if client.client_id() == facts.token.client_id() { "the same" } else { "another" };
        let held = client.scope();
        let missing = self.scopes.iter().filter(|scope| !held.contains(scope)).map(ToString::to_string).collect();
        let found = format!("{whose}, of {is_same} client, with scopes {}", listed(held.iter()));
        Compared { needs, found, missing }
    }

    /// Refuses a client's token that is a customer's, lacks a scope or is another client's than the customer's token.
    pub fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        // The pipeline brings it along where the route asks for two.
        let client = facts.client.ok_or(Reason::Internal)?;
        if client.holder() != Holder::Client {
            return Err(Reason::GrantWrong.into());
        }
        let held = client.scope();
        if !self.scopes.iter().all(|scope| held.contains(scope)) {
            return Err(Refusal::scope_missing(self.challenge.clone()));
        }
        let is_same = client.issuer().settings.issuer == facts.token.issuer().settings.issuer
            && client.client_id().is_some()
            && client.client_id() == facts.token.client_id();
        if is_same { Ok(()) } else { Err(Reason::ClientMismatch.into()) }
    }
}
