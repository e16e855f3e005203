//! Who is told how far a request comes: its record, or whoever wants to know what would become of it. So the path itself
//! is one, and leaves no traces of its own.

use super::certificate::ClientCertificate;
use super::observe::record::Record;
use super::pipeline;
use super::policy::Route;
use super::read::Head;
use super::refusal::Refusal;
use super::resource::Document;
use super::verify::cache::CacheUse;
use super::verify::token::VerifiedToken;
use crate::clock::UnixSeconds;
use crate::state::shared::link::Link;
use http::HeaderMap;
use std::rc::Rc;

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
    fn routed(&mut self, route: &Route, fields: &HeaderMap);

    /// Its network asks once more for what the route has. Who only looks on takes nothing.
    fn counts(&mut self, _: &Route, _: &Head) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether it can be written down what becomes of the request, where that is asked for: else it goes no further.
    fn can_tell(&self) -> Result<(), Refusal> {
        Ok(())
    }

    /// A token was looked at.
    fn verified(&mut self, verdict: &Result<VerifiedToken, Refusal>, cache: CacheUse);
}

impl Witness for Record {
    fn now(&self) -> UnixSeconds {
        Self::now(self)
    }

    fn link(&self) -> Option<&Link> {
        Self::link(self)
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

    fn routed(&mut self, route: &Route, fields: &HeaderMap) {
        Self::routed(self, route, fields);
    }

    fn counts(&mut self, route: &Route, head: &Head) -> Result<(), Refusal> {
        // A bound on floods is each gateway's own.
        pipeline::count(&route.quotas.strangers, (head, None), self).map(drop)
    }

    fn can_tell(&self) -> Result<(), Refusal> {
        self.can_be_audited()
    }

    fn verified(&mut self, verdict: &Result<VerifiedToken, Refusal>, cache: CacheUse) {
        Self::verified(self, cache);
        if let Ok(token) = verdict {
            Self::holder(self, token);
        }
    }
}
