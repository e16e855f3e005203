//! How strongly, and how recently, the customer authenticated (RFC 9470). Checked on every request: a token that was
//! fresh enough a minute ago may not be now.

use super::{Compared, Facts, listed};
use crate::config::demands;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::challenge::Attributes;
use std::time::Duration;

/// What a route demands of the customer's authentication.
#[derive(Debug)]
pub struct StepUp {
    acr_values: Vec<Box<str>>,
    max_age: Option<Duration>,
    challenge: Attributes,
}

impl StepUp {
    /// `None` where any authentication will do.
    pub fn compile(wanted: &demands::StepUp) -> Option<Self> {
        (*wanted != demands::StepUp::default()).then(|| Self {
            acr_values: wanted.acr_values.clone(),
            max_age: wanted.max_age,
            challenge: Attributes::step_up(Reason::StepUp.description(), &wanted.acr_values, wanted.max_age),
        })
    }

    pub(super) fn compared(&self, facts: &Facts<'_>) -> Compared {
        let acr = (!self.acr_values.is_empty()).then(|| listed(self.acr_values.iter().map(AsRef::as_ref)));
        let age = self.max_age.map(|most| format!("an authentication of the last {} s", most.as_secs()));
        let needs: Vec<_> = acr.map(|acr| format!("acr {acr}")).into_iter().chain(age).collect();
        let acr = facts.token.acr().map_or("no acr".to_owned(), |acr| format!("acr {}", acr.escape_default()));
        let found = match facts.token.authenticated() {
            Some(at) => format!("{acr}, authenticated {} s ago", facts.now.0.saturating_sub(at.0)),
            None => format!("{acr}, no auth_time"),
        };
        Compared::new(needs.join(", "), found)
    }

    /// Refuses a token whose `acr` is another or whose `auth_time` is too long ago; one that says nothing of it too.
    pub fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        let acr = facts.token.acr();
        let is_strong =
            self.acr_values.is_empty() || acr.is_some_and(|acr| self.acr_values.iter().any(|one| **one == *acr));
        let is_fresh = self.max_age.is_none_or(|max_age| {
            // Before it happened is no age: a clock difference is forgiven, as everywhere, for the issuer's leeway.
            let (now, leeway) = (facts.now, facts.token.issuer().settings.leeway);
            facts.token.authenticated().is_some_and(|at| at <= now.later(leeway) && now <= at.later(max_age))
        });
        if is_strong && is_fresh { Ok(()) } else { Err(Refusal::step_up(self.challenge.clone())) }
    }
}
