//! The token's scope must cover the route (RFC 6750 §3.1): exact tokens, whatever their order.

use super::{Compared, Facts, listed};
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::challenge::Attributes;
use crate::oauth::scope::ScopeToken;

/// The scopes that a route needs.
#[derive(Debug)]
pub struct Scopes {
    all: Vec<ScopeToken>,
    any: Vec<ScopeToken>,
    /// Names exactly what the route needs, in the configuration's order; never what the token has.
    challenge: Attributes,
}

impl Scopes {
    /// `None` where the route needs no scope.
    pub fn compile(all: &[ScopeToken], any: &[ScopeToken]) -> Option<Self> {
        let needed = all.iter().chain(any);
        (!all.is_empty() || !any.is_empty()).then(|| Self {
            all: all.to_vec(),
            any: any.to_vec(),
            challenge: Attributes::insufficient_scope(Reason::ScopeMissing.description(), needed),
        })
    }

    pub(super) fn compared(&self, facts: &Facts<'_>) -> Compared {
        let held = facts.token.scope();
        let (all, any) =
            (listed(self.all.iter().map(ScopeToken::as_str)), listed(self.any.iter().map(ScopeToken::as_str)));
        let needs = match (self.all.is_empty(), self.any.is_empty()) {
            (false, true) => all,
            (true, _) => format!("one of {any}"),
            (false, false) => format!("{all}, and one of {any}"),
        };
        let has_one = self.any.iter().any(|scope| held.contains(scope));
        let any = self.any.iter().filter(|_| !has_one);
        let missing = self.all.iter().filter(|scope| !held.contains(scope)).chain(any).map(ToString::to_string);
        Compared { needs, found: listed(held.iter()), missing: missing.collect() }
    }

    /// Refuses a token that lacks one of `all`, or every one of `any`.
    pub fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        let held = facts.token.scope();
        let has_all = self.all.iter().all(|scope| held.contains(scope));
        let has_one = self.any.is_empty() || self.any.iter().any(|scope| held.contains(scope));
        if has_all && has_one { Ok(()) } else { Err(Refusal::scope_missing(self.challenge.clone())) }
    }
}
