//! What the path decides by, and what it decides: the rules in force, or others that are only tried.

use super::answer::Answer;
use super::authorize::Replay;
use super::authorize::permit::Permit;
use super::certificate::ClientCertificate;
use super::policy::{Policy, Route};
use super::verify::Verifier;
use std::rc::Rc;

/// What a request is decided by.
#[derive(Clone, Copy)]
pub(super) struct Rules<'p> {
    pub(super) policy: &'p Policy,
    pub(super) verifier: &'p Verifier,
    /// The route, where it is known without looking for it.
    pub(super) route: Option<&'p Route>,
    pub(super) replay: Replay,
}

impl<'p> Rules<'p> {
    /// Those in force.
    pub(super) fn of(policy: &'p Policy) -> Self {
        Self { policy, verifier: &policy.verifier, route: None, replay: Replay::Spend }
    }
}

/// What was decided on a request that was not refused.
pub(super) enum Decided<'p> {
    /// It may go on; its client showed this certificate.
    Permitted(Permit<'p>, Option<Rc<ClientCertificate>>),
    /// The gateway answers it, without a token: nothing of it goes any further.
    Answered(Box<Answer>),
}
