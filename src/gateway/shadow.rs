//! SHADOW: what candidate rules would have made of a request that was just decided on. The candidate takes the same path, by
//! what is known already: it waits for nobody, uses nothing up, and whatever it says changes nothing for the client.

use super::authorize::Replay;
use super::certificate::ClientCertificate;
use super::connection::Peer;
use super::http1::fields::Fields;
use super::observe::record::Record;
use super::pipeline;
use super::policy::{Policy, Route};
use super::read::Head;
use super::reason::Reason;
use super::refusal::Refusal;
use super::resource::Document;
use super::rules::{Decided, Rules};
use super::verify::cache::CacheUse;
use super::verify::memo::Memos;
use super::verify::token::VerifiedToken;
use super::verify::{Issuer, Verifier};
use super::witness::Witness;
use crate::clock::UnixSeconds;
use http::StatusCode;
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// What a candidate would have changed for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Nothing.
    Same,
    /// It was let through, and would be refused.
    Stricter,
    /// It was refused, and would be let through.
    Opener,
    /// It was refused, and would be for another reason.
    OtherReason,
    /// Nobody knows without asking an issuer, or what was decided depended on one that is away.
    Undecided,
}

impl Difference {
    /// Every difference, in the order of their indexes.
    pub const ALL: [Self; 5] = [Self::Same, Self::Stricter, Self::Opener, Self::OtherReason, Self::Undecided];

    /// The place in `ALL`: the variants stand in the same order.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The label in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Stricter => "stricter",
            Self::Opener => "opener",
            Self::OtherReason => "other_reason",
            Self::Undecided => "undecided",
        }
    }

    /// Between what was decided and what would have been.
    fn between(in_force: Option<Reason>, candidate: Option<Reason>) -> Self {
        let is_ours = |reason: Option<Reason>| reason.is_some_and(|reason| reason.status().is_server_error());
        match (in_force, candidate) {
            _ if is_ours(in_force) || is_ours(candidate) => Self::Undecided,
            (None, None) => Self::Same,
            (None, Some(_)) => Self::Stricter,
            (Some(_), None) => Self::Opener,
            (Some(one), Some(other)) => {
                if one == other {
                    Self::Same
                } else {
                    Self::OtherReason
                }
            }
        }
    }
}

/// Holds what was decided against the candidate, where there is one.
pub(super) fn compare(
    policy: &Policy,
    (head, peer): (&Head, &Peer),
    decided: &Result<Decided<'_>, Refusal>,
    record: &Record,
) {
    let Some(rules) = candidate(policy, record) else { return };
    let in_force = match decided {
        Ok(Decided::Permitted(..)) => None,
        Ok(Decided::Answered(_)) => return,
        Err(refusal) => Some(refusal.reason()),
    };
    if in_force.is_some_and(|reason| reason.status() == StatusCode::TOO_MANY_REQUESTS) {
        // How often somebody may ask is no question of who may.
        return;
    }
    if record.route().is_none() && !matches!(in_force, Some(Reason::RouteUnknown | Reason::MethodUnknown)) {
        // What is wrong before there is a route is so for every rule.
        return;
    }
    let replayed = in_force.filter(|reason| matches!(reason, Reason::ProofReplayed | Reason::ProofsFull));
    let rules = Rules { replay: Replay::Known(replayed), ..rules };
    let mut onlooker = Onlooker { now: record.now(), policy, record };
    let certificate = record.certificate.as_deref();
    // A memory of tokens is one verifier's: the two would turn each other's out with every request.
    let own = Memos::default();
    let memos = if is_same(rules.verifier, policy) { &peer.memos } else { &own };
    let permit = at_once(pipeline::admit(&rules, (head, memos, certificate), &mut onlooker));
    let candidate = permit.unwrap_or(Err(Reason::IssuerUnreachable.into())).err().map(|refusal| refusal.reason());
    let difference = Difference::between(in_force, candidate);
    record.metrics().shadow(record.worker.index, difference);
    record.worker.shadow_lines.say(record, difference, [in_force, candidate]);
}

/// The rules to hold a request against: a whole candidate, or those of its route.
fn candidate<'p>(policy: &'p Policy, record: &Record) -> Option<Rules<'p>> {
    let replay = Replay::Known(None);
    if let Some(candidate) = policy.candidate.as_deref() {
        return Some(Rules { policy: candidate, verifier: &candidate.verifier, route: None, replay });
    }
    let route = policy.router.routes().get(record.route()?.place)?.shadow.as_deref()?;
    Some(Rules { policy, verifier: &policy.verifier, route: Some(route), replay })
}

/// What the work comes to without waiting; nothing where it would have to.
fn at_once<T>(work: impl Future<Output = T>) -> Option<T> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

/// Tells the path what is known already, and keeps nothing.
struct Onlooker<'a> {
    now: UnixSeconds,
    policy: &'a Policy,
    record: &'a Record,
}

impl Witness for Onlooker<'_> {
    fn now(&self) -> UnixSeconds {
        self.now
    }

    fn shown(&mut self, _certificate: Option<Rc<ClientCertificate>>) {}

    fn leaked(&mut self, _token: &[u8]) {}

    fn documented(&mut self, _document: &Document) {}

    fn routed(&mut self, _route: &Route, _fields: &Fields) {}

    /// A token is verified once where its issuer is the same to both. One token, that is: where there are two, which of them
    /// is meant would have to be known too.
    fn knows(&self, rules: &Rules<'_>, route: &Route) -> Option<Result<VerifiedToken, Refusal>> {
        let in_force = self.record.route().filter(|in_force| in_force.customer_token.is_none())?;
        // Who asks somebody else, or oftener, would hear something else.
        if route.customer_token.is_some() || !route.asks.is_like(&in_force.asks) {
            return None;
        }
        match self.record.doubt.map(Err).or(self.record.token.as_ref().map(Ok))? {
            Ok(token) => {
                let is_its = |issuer: &Arc<Issuer>| Arc::ptr_eq(issuer, token.issuer());
                rules.verifier.issuers().iter().any(is_its).then(|| Ok(token.clone()))
            }
            Err(reason) => is_same(rules.verifier, self.policy).then(|| Err(reason.into())),
        }
    }

    fn verified(&mut self, _verdict: &Result<VerifiedToken, Refusal>, _cache: CacheUse) {}

    fn may_wait(&mut self) -> bool {
        false
    }
}

fn is_same(verifier: &Verifier, policy: &Policy) -> bool {
    std::ptr::eq(verifier, Arc::as_ptr(&policy.verifier))
}

/// The lines of one worker about differences: one a second at most, whatever the traffic.
#[derive(Default)]
pub(super) struct Lines {
    last: Cell<Option<UnixSeconds>>,
}

impl Lines {
    /// Tells the operator of a difference, with the id by which the request stands in the access log.
    fn say(&self, record: &Record, difference: Difference, reasons: [Option<Reason>; 2]) {
        let now = record.now();
        if matches!(difference, Difference::Same | Difference::Undecided) || self.last.get() == Some(now) {
            return;
        }
        self.last.set(Some(now));
        let [in_force, candidate] = reasons.map(|reason| reason.map_or("let_through", Reason::name));
        let (route, difference) = (record.route().map_or("", |route| &route.path), difference.name());
        let id = record.id().as_str();
        tracing::info!(route, id, difference, in_force, candidate, "a candidate rule decides otherwise");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_stand_in_the_order_of_their_index() {
        for (place, difference) in Difference::ALL.into_iter().enumerate() {
            assert_eq!(difference.index(), place);
        }
    }

    #[test]
    fn a_difference_is_what_changes_for_the_client() {
        let (scope, grant, away) =
            (Some(Reason::ScopeMissing), Some(Reason::GrantWrong), Some(Reason::IssuerUnreachable));
        for (in_force, candidate, difference) in [
            (None, None, Difference::Same),
            (scope, scope, Difference::Same),
            (None, scope, Difference::Stricter),
            (scope, None, Difference::Opener),
            (scope, grant, Difference::OtherReason),
            (None, away, Difference::Undecided),
            (away, None, Difference::Undecided),
            (away, away, Difference::Undecided),
        ] {
            assert_eq!(Difference::between(in_force, candidate), difference, "{in_force:?}, {candidate:?}");
        }
    }
}
