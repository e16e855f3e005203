//! How far a request came, for whoever has it explained: what each stage saw, and nothing that would last.

use crate::clock::UnixSeconds;
use crate::gateway::authorize::permit::{self, Asker, Finding};
use crate::gateway::authorize::sender::Senders;
use crate::gateway::certificate::ClientCertificate;
use crate::gateway::http1::fields::Fields;
use crate::gateway::policy::Route;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::gateway::resource::Document;
use crate::gateway::verify::cache::CacheUse;
use crate::gateway::verify::token::VerifiedToken;
use crate::gateway::witness::Witness;
use std::rc::Rc;

/// Whether an issuer may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// As for a client's request.
    Allowed,
    /// Nobody is asked anything.
    Forbidden,
}

pub(super) struct Trail {
    pub(super) now: UnixSeconds,
    pub(super) network: Network,
    /// Whether somebody would have had to be asked, and was not.
    pub(super) is_held_back: bool,
    /// Whether a token in the URL would have been revoked, if it is a good one.
    pub(super) would_revoke: bool,
    pub(super) document: Option<Box<str>>,
    /// Its place among the policy's.
    pub(super) route: Option<usize>,
    /// Each token that was looked at: the client's own first, where there are two.
    pub(super) verdicts: Vec<(Result<VerifiedToken, Reason>, CacheUse)>,
    pub(super) findings: Vec<Finding>,
}

impl Trail {
    pub(super) fn new(now: UnixSeconds, network: Network) -> Self {
        Self {
            now,
            network,
            is_held_back: false,
            would_revoke: false,
            document: None,
            route: None,
            verdicts: Vec::new(),
            findings: Vec::new(),
        }
    }
}

impl Witness for Trail {
    fn now(&self) -> UnixSeconds {
        self.now
    }

    fn shown(&mut self, _certificate: Option<Rc<ClientCertificate>>) {}

    fn leaked(&mut self, _token: &[u8]) {
        self.would_revoke = true;
    }

    fn documented(&mut self, document: &Document) {
        self.document = Some(document.path.clone());
    }

    fn routed(&mut self, route: &Route, _fields: &Fields) {
        self.route = Some(route.place);
    }

    fn verified(&mut self, verdict: &Result<VerifiedToken, Refusal>, cache: CacheUse) {
        self.verdicts.push((verdict.clone().map_err(|refusal| refusal.reason()), cache));
    }

    fn weighs(&mut self, route: &Route, token: &VerifiedToken, how: (&Asker<'_>, &Senders)) {
        self.findings = permit::survey(route, token, how, self.now);
    }

    fn may_wait(&mut self) -> bool {
        let may = self.network == Network::Allowed;
        self.is_held_back |= !may;
        may
    }
}
