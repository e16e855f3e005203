//! What an API's profile makes every request carry: each field exactly once, not empty, in its form (BG-1, BR-1, TR-2).

use super::{Compared, Facts, listed};
use crate::config::required::{Form, RequiredHeader};
use crate::gateway::interaction;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;

/// The fields that a route's requests must have.
#[derive(Debug)]
pub struct Headers(Vec<RequiredHeader>);

impl Headers {
    /// `None` where nothing is required.
    pub fn compile(required: &[RequiredHeader]) -> Option<Self> {
        (!required.is_empty()).then(|| Self(required.to_vec()))
    }

    pub(super) fn compared(&self, facts: &Facts<'_>) -> Compared {
        let name = |required: &RequiredHeader| match required.form {
            Form::Text => required.name.to_string(),
            Form::Uuid => format!("{} (a UUID)", required.name),
        };
        let (good, bad): (Vec<_>, Vec<_>) = self.0.iter().partition(|required| is_good(required, facts));
        Compared {
            needs: listed(self.0.iter().map(name).collect::<Vec<_>>().iter().map(AsRef::as_ref)),
            found: listed(good.iter().map(|required| required.name.as_str())),
            missing: bad.into_iter().map(name).collect(),
        }
    }

    /// Refuses a request without one of them, with several, with one in another form, or with one that does not go on.
    pub fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        let is_good = |required: &RequiredHeader| is_good(required, facts);
        if self.0.iter().all(is_good) { Ok(()) } else { Err(Reason::HeaderRequired.into()) }
    }
}

fn is_good(required: &RequiredHeader, facts: &Facts<'_>) -> bool {
    facts.head.passing(&required.name).is_some_and(|value| match required.form {
        Form::Text => !value.is_empty(),
        Form::Uuid => interaction::is_uuid(value),
    })
}
