//! What was granted in detail (RFC 9396 §9): one of the token's `authorization_details` must be of the route's type and
//! grant what the route needs.

use super::{Compared, Facts, listed};
use crate::config::demands::DetailsRule;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::claims::Detail;

/// What a route needs to have been granted.
#[derive(Debug)]
pub struct Details(DetailsRule);

impl Details {
    /// `None` where the route asks for no details.
    pub fn compile(rule: Option<&DetailsRule>) -> Option<Self> {
        rule.cloned().map(Self)
    }

    pub(super) fn compared(&self, facts: &Facts<'_>) -> Compared {
        let DetailsRule { kind, actions, locations } = &self.0;
        let mut needs = format!("type {kind}");
        if !actions.is_empty() {
            needs = format!("{needs} with actions {}", listed(actions.iter().map(AsRef::as_ref)));
        }
        if !locations.is_empty() {
            needs = format!("{needs} at one of {}", listed(locations.iter().map(AsRef::as_ref)));
        }
        let held = facts.token.details();
        let kinds = listed(held.iter().map(|detail| detail.kind.as_str()));
        Compared::new(needs, if held.is_empty() { kinds } else { format!("types {}", kinds.escape_default()) })
    }

    /// Refuses a token none of whose details grants it. Two halves in two details are not one grant.
    pub fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        if facts.token.details().iter().any(|detail| self.is_granted_by(detail)) {
            Ok(())
        } else {
            Err(Reason::DetailsMissing.into())
        }
    }

    fn is_granted_by(&self, detail: &Detail) -> bool {
        let DetailsRule { kind, actions, locations } = &self.0;
        let holds = |held: &[String], wanted: &str| held.iter().any(|one| one == wanted);
        detail.kind == **kind
            && actions.iter().all(|action| holds(&detail.actions, action))
            && (locations.is_empty() || locations.iter().any(|location| holds(&detail.locations, location)))
    }
}
