//! Who is told how far a request comes: its record, or whoever wants to know what would become of it. So the path itself
//! is one, and leaves no traces of its own.

use super::authorize::permit::Asker;
use super::authorize::sender::Senders;
use super::certificate::ClientCertificate;
use super::http1::fields::Fields;
use super::observe::record::Record;
use super::pipeline;
use super::policy::Route;
use super::read::Head;
use super::refusal::Refusal;
use super::resource::Document;
use super::rules::Rules;
use super::verify::cache::CacheUse;
use super::verify::token::VerifiedToken;
use crate::clock::UnixSeconds;
use crate::config::bounds::SIGNATURES_IN_A_ROW;
use crate::net::turn::Line;
use crate::state::shared::link::Link;
use std::rc::Rc;

/// Where requests of one worker wait whose signatures must be verified.
pub(super) struct Waiting {
    /// Of tokens that are not known yet.
    pub(super) tokens: Line,
    /// Of proofs of a key, each of which is new.
    pub(super) proofs: Line,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { tokens: Line::new(SIGNATURES_IN_A_ROW), proofs: Line::new(SIGNATURES_IN_A_ROW) }
    }
}

/// What the path tells on its way, and what it must know of the occasion.
pub(super) trait Witness {
    /// When the request's head was complete.
    fn now(&self) -> UnixSeconds;

    /// Where other gateways can be asked. Who only looks on asks nobody, and spends nothing that they should know of.
    fn link(&self) -> Option<&Link> {
        None
    }

    /// The client showed this certificate.
    fn shown(&mut self, certificate: Option<Rc<ClientCertificate>>);

    /// This token stood in the URL, and is to be revoked if it is a good one.
    fn leaked(&mut self, token: &[u8]);

    /// The request is for a document about a resource.
    fn documented(&mut self, document: &Document);

    /// The route was found.
    fn routed(&mut self, route: &Route, fields: &Fields);

    /// Its network asks once more for what the route has. Who only looks on takes nothing.
    fn counts(&mut self, _: &Route, _: &Head) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether it can be written down what becomes of the request, where that is asked for: else it goes no further.
    fn can_tell(&self) -> Result<(), Refusal> {
        Ok(())
    }

    /// What is known of the token already, if this verifier would say the same.
    fn knows(&self, _rules: &Rules<'_>, _route: &Route) -> Option<Result<VerifiedToken, Refusal>> {
        None
    }

    /// A token was looked at.
    fn verified(&mut self, verdict: &Result<VerifiedToken, Refusal>, cache: CacheUse);

    /// The token is about to be held against the route.
    fn weighs(&mut self, _route: &Route, _token: &VerifiedToken, _how: (&Asker<'_>, &Senders)) {}

    /// Where those wait whose signatures must be verified. Who only looks on does not wait.
    fn waiting(&self) -> Option<&Waiting> {
        None
    }

    /// Whether there is time to ask an issuer. Where there is not, what it would say counts as not to be had.
    fn may_wait(&mut self) -> bool {
        true
    }
}

impl Witness for Record {
    fn now(&self) -> UnixSeconds {
        Self::now(self)
    }

    fn link(&self) -> Option<&Link> {
        Self::link(self)
    }

    fn waiting(&self) -> Option<&Waiting> {
        Some(&self.worker.waiting)
    }

    fn shown(&mut self, certificate: Option<Rc<ClientCertificate>>) {
        Self::shown(self, certificate);
    }

    fn leaked(&mut self, token: &[u8]) {
        Self::leaked(self, token);
    }

    fn documented(&mut self, document: &Document) {
        Self::documented(self, document);
    }

    fn routed(&mut self, route: &Route, fields: &Fields) {
        Self::routed(self, route, fields);
    }

    fn counts(&mut self, route: &Route, head: &Head) -> Result<(), Refusal> {
        // A bound on floods is each gateway's own.
        pipeline::count(&route.quotas.strangers, (head, None), self)?;
        self.keeps_counted();
        Ok(())
    }

    fn can_tell(&self) -> Result<(), Refusal> {
        self.can_be_audited()
    }

    fn verified(&mut self, verdict: &Result<VerifiedToken, Refusal>, cache: CacheUse) {
        Self::verified(self, cache);
        match verdict {
            Ok(token) => Self::holder(self, token),
            Err(refusal) => self.doubt = Some(refusal.reason()),
        }
    }
}
