//! The consent that a request names must be the one that the customer gave (Berlin Group `Consent-ID`, Open Finance
//! Brasil `consent:<id>`): a token for one consent must not read another's accounts.

use super::{Compared, Facts};
use crate::config::demands::{ConsentGiven, ConsentHeld, ConsentRule};
use crate::gateway::read::Head;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::gateway::verify::token::VerifiedToken;

/// Where the request names its consent, and where the token holds it.
#[derive(Debug)]
pub struct Consent(ConsentRule);

impl Consent {
    /// `None` where the route binds no consent.
    pub fn compile(rule: Option<&ConsentRule>) -> Option<Self> {
        rule.cloned().map(Self)
    }

    /// Which consent it is, is the customer's business.
    pub(super) fn compared(&self, facts: &Facts<'_>) -> Compared {
        let place = match &self.0.given {
            ConsentGiven::Header(name) => format!("header {name}"),
            ConsentGiven::Segment(place) => format!("segment {} of the path", place + 1),
        };
        let is_held = |prefix: &str| facts.token.scope().iter().any(|scope| scope.starts_with(prefix));
        let holds_any = match &self.0.held {
            ConsentHeld::Claim => facts.token.consent().is_some(),
            ConsentHeld::Scope(prefix) => is_held(prefix),
        };
        let given = given(&self.0, facts.head).filter(|given| !given.is_empty());
        let found = match (given, holds_any) {
            (None, _) => "the request names none there",
            (Some(_), false) => "the token holds none",
            (Some(given), true) if self.is_held(facts.token, given) => "the same",
            (Some(_), true) => "the token holds another",
        };
        Compared::new(format!("the consent that the request names in {place}"), found)
    }

    /// Refuses another consent, and a request or a token that names none.
    pub fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        match given(&self.0, facts.head) {
            Some(given) if !given.is_empty() && self.is_held(facts.token, given) => Ok(()),
            Some(_) | None => Err(Reason::ConsentMismatch.into()),
        }
    }

    fn is_held(&self, token: &VerifiedToken, given: &[u8]) -> bool {
        match &self.0.held {
            ConsentHeld::Claim => token.consent().is_some_and(|consent| consent.as_bytes() == given),
            ConsentHeld::Scope(prefix) => {
                token.scope().iter().any(|scope| scope.strip_prefix(&**prefix).is_some_and(|id| id.as_bytes() == given))
            }
        }
    }
}

/// What the request names, to us and to the upstream: exactly one field, or one segment as it was sent. An id that needs
/// percent-encoding equals no claim.
pub fn given<'h>(rule: &ConsentRule, head: &'h Head) -> Option<&'h [u8]> {
    match &rule.given {
        ConsentGiven::Header(name) => head.passing(name),
        ConsentGiven::Segment(place) => head.path().split('/').nth(place + 1).map(str::as_bytes),
    }
}
