//! Every "no" of the gateway: a reason, and what its answer carries beside it.

use super::observe::refusals::Refusals;
use super::reason::Reason;
use crate::oauth::bearer::Scheme;
use crate::oauth::challenge::Attributes;
use crate::oauth::jws::JwsFault;
use http::HeaderValue;
use std::sync::Arc;

/// The error of every stage: a reason, and what the answer needs beside it.
#[derive(Clone, Debug)]
pub struct Refusal {
    reason: Reason,
    /// How the token was presented, and so in which scheme the challenge speaks.
    scheme: Scheme,
    extra: Extra,
    /// Where it is counted beside its route: with the issuer that the token claims.
    issuer: Option<Arc<Refusals>>,
}

/// What an answer carries beside its reason.
#[derive(Clone, Debug)]
pub enum Extra {
    /// Nothing.
    None,
    /// What the challenge says, made when the policy was compiled.
    Challenge(Attributes),
    /// What the next proof must hold (RFC 9449 §9).
    Nonce(HeaderValue),
    /// The methods of the route.
    Allow(HeaderValue),
    /// Seconds after which a retry makes sense.
    RetryAfter(u32),
}

impl Refusal {
    /// A refusal for want of a scope; `challenge` names the scopes that the route needs.
    pub(super) fn scope_missing(challenge: Attributes) -> Self {
        Self::with(Reason::ScopeMissing, Extra::Challenge(challenge))
    }

    /// A refusal for want of a better authentication; `challenge` says of which.
    pub(super) fn step_up(challenge: Attributes) -> Self {
        Self::with(Reason::StepUp, Extra::Challenge(challenge))
    }

    /// A refusal of the method; `allow` lists those of the route (RFC 9110 §15.5.6).
    pub(super) fn method_unknown(allow: HeaderValue) -> Self {
        Self::with(Reason::MethodUnknown, Extra::Allow(allow))
    }

    /// A refusal of a proof for want of this nonce.
    pub(super) fn nonce_wanted(nonce: HeaderValue) -> Self {
        Self::with(Reason::ProofNonce, Extra::Nonce(nonce))
    }

    /// The same refusal, of a token that was presented by this scheme.
    pub(super) fn presented(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// The same refusal, of a token of the issuer that counts them here.
    pub(super) fn of(mut self, issuer: &Arc<Refusals>) -> Self {
        self.issuer = Some(Arc::clone(issuer));
        self
    }

    /// A refusal for lack of the issuer's keys, with the seconds until they are asked for again.
    pub(super) fn issuer_unreachable(retry_after: u32) -> Self {
        Self::unavailable(Reason::IssuerUnreachable, retry_after)
    }

    /// A refusal that a retry after some seconds may undo.
    pub(super) fn unavailable(reason: Reason, retry_after: u32) -> Self {
        Self::with(reason, Extra::RetryAfter(retry_after.max(1)))
    }

    /// A refusal because no server of the upstream may be asked.
    pub(super) fn upstream_down() -> Self {
        Self::with(Reason::UpstreamDown, Extra::RetryAfter(1))
    }

    /// A refusal because every connection to the upstream is in use.
    pub(super) fn upstream_busy() -> Self {
        Self::with(Reason::UpstreamBusy, Extra::RetryAfter(1))
    }

    fn with(reason: Reason, extra: Extra) -> Self {
        Self { reason, scheme: Scheme::Bearer, extra, issuer: None }
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// How the token was presented.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Where the issuer of the token counts it, if the token was what is wrong.
    pub fn issuer(&self) -> Option<&Arc<Refusals>> {
        self.issuer.as_ref()
    }

    /// What the answer carries beside its reason.
    pub fn extra(&self) -> &Extra {
        &self.extra
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::with(reason, Extra::None)
    }
}

impl From<JwsFault> for Refusal {
    fn from(fault: JwsFault) -> Self {
        Self::from(match fault {
            JwsFault::Unreadable => Reason::TokenUnreadable,
            JwsFault::Extended => Reason::ExtensionCritical,
        })
    }
}
