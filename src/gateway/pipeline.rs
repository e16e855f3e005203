//! The whole path on one screen. The outer function turns every outcome into an answer; the inner one is the path.

use super::answer::Answer;
use super::arrival::Source;
use super::authorize::permit::{self, Asker, Granted, Permit};
use super::body::ClientBody;
use super::certificate::ClientCertificate;
use super::connection::Peer;
use super::credentials::Bearer;
use super::forward::headers::About;
use super::forward::{self, trailers};
use super::http1::head::BadHead;
use super::interim::Interim;
use super::observe::record::Record;
use super::policy::{Policy, Route};
use super::quotas::caller::Caller;
use super::quotas::shares::Shares;
use super::quotas::{self, Rule};
use super::read::Head;
use super::reason::Reason;
use super::refusal::Refusal;
use super::request::Request;
use super::rules::{Decided, Rules};
use super::verify::Verification;
use super::verify::cache::CacheUse;
use super::verify::memo::{Memo, Memos};
use super::verify::token::VerifiedToken;
use super::witness::Witness;
use super::{Plan, Worker, cors, credentials, options, read, resource, respond, rewrite, route, shadow, upgrade, via};
use crate::config::OnQueryToken;
use crate::oauth::bearer::Scheme;
use http::{StatusCode, header};
use std::rc::Rc;

impl Worker {
    /// Carries one request from its head to the head of its answer; the record goes on until the last byte.
    /// `client` is what its client still sends, and what it hears before the answer.
    pub async fn handle(self: &Rc<Self>, request: Box<Request>, client: (ClientBody, Interim), peer: &Peer) -> Answer {
        let plan = self.plan();
        let source = self.source_of(peer, &plan.policy.certificates, &request.fields);
        let mut record = Box::new(Record::start(self, &plan, &peer.origin(&source), Some(&request)));
        if let Some(tracing) = &plan.policy.tracing {
            let is_hop = peer.is_hop(&plan.policy.certificates);
            record.placed(tracing.place(&request.fields, is_hop, self.ids.chance()));
        }
        let mut answer = match self.carry(&plan, request, client, (peer, &source, &mut record)).await {
            Ok(answer) => {
                record.passed(answer.status());
                answer
            }
            Err(refusal) => refuse(&refusal, &plan, &mut record),
        };
        record.tell_quotas(answer.status(), answer.fields_mut());
        if let Some(reader) = record.take_reader() {
            cors::share(answer.fields_mut(), reader);
        }
        let is_last = self.is_draining.get() || peer.activity.is_hurried();
        if is_last && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            answer.fields_mut().insert(header::CONNECTION, respond::CLOSE);
        }
        answer.recorded(record)
    }

    /// The answer to bytes that are no request.
    pub fn refuse_head(self: &Rc<Self>, bad: BadHead, peer: &Peer) -> Answer {
        let plan = self.plan();
        let mut record = Box::new(Record::start(self, &plan, &peer.origin(&peer.source), None));
        let refusal = Refusal::from(match bad {
            BadHead::Malformed => Reason::HeadMalformed,
            BadHead::TargetTooLong => Reason::TargetTooLong,
            BadHead::TooLarge => Reason::HeadTooLarge,
        });
        refuse(&refusal, &plan, &mut record).recorded(record)
    }

    /// Read, decide, assert, forward.
    async fn carry(
        &self,
        plan: &Plan,
        request: Box<Request>,
        (body, interim): (ClientBody, Interim),
        (peer, source, record): (&Peer, &Source, &mut Record),
    ) -> Result<Answer, Refusal> {
        let policy = &*plan.policy;
        let head = head(policy, request)?;
        let decided = decide(&Rules::of(policy), &head, peer, record).await;
        shadow::compare(policy, (&head, peer), &decided, record);
        let (permit, certificate) = match decided? {
            Decided::Permitted(permit, certificate) => (permit, certificate),
            Decided::Answered(answer) => return Ok(*answer),
        };
        record.permitted();
        let upgrade = upgrade::wanted(permit.route(), &head, (&body, &interim))?;
        if upgrade.is_some() {
            record.asks_for_tunnel(self.shared.tunnels.enter()?);
        }
        let target = rewrite::target(permit.route(), &head)?;
        // Last of all that may refuse it, so that nothing is counted that goes nowhere.
        if let Some(shares) = count(&permit.route().quotas.permitted, (&head, permit.token()), record)? {
            let (link, now_us) = (self.link.as_ref().ok_or(Reason::Internal)?, record.counted_us());
            // Boxed, so that the many requests that ask nobody carry no room for it.
            Box::pin(shares.take(link, now_us, record.limited())).await?;
        }
        let assertion = match &plan.asserter {
            // Later than the request's own time, where an issuer was asked: this one must be young when it arrives.
            Some(asserter) => {
                let organisation = certificate.as_ref().and_then(|one| one.organisation(record.now()));
                asserter.assert(&permit, (&head, &target, organisation), self.clock.now(), self.metrics())?
            }
            None => None,
        };
        if !body.is_over() {
            record.expects_body();
        }
        let about = About {
            target: &target,
            forwarded: &source.forwarded,
            certificate: certificate
                .as_ref()
                .map(|one| one.told(&policy.certificates, record.now()))
                .unwrap_or_default(),
            id: record.id(),
            via: policy.texts.via(head.version()),
            token_fields: &policy.token_fields,
            assertion: assertion.as_ref(),
            upgrade: upgrade.as_ref(),
            trace: record.traced(),
            wants_trailers: trailers::are_wanted(&head),
            receipt: record.receipt(),
            interim: &interim,
        };
        let upstream = plan.upstreams.get(permit.route().upstream).ok_or(Reason::Internal)?;
        // The requests of one turn are sent one right after the other.
        self.after_others().await;
        let sent_us = self.clock.monotonic_us();
        let outcome = forward::send(&permit, &head, body, &about, upstream).await;
        record.waited(sent_us);
        let mut answer = respond::pass(outcome?, permit.nonce());
        if let (Some(upgrade), StatusCode::SWITCHING_PROTOCOLS) = (&upgrade, answer.status()) {
            upgrade.tell(answer.fields_mut());
        }
        Ok(answer)
    }
}

/// The first stage, which makes what all others look at.
pub(super) fn head(policy: &Policy, request: Box<Request>) -> Result<Head, Refusal> {
    read::head(request, policy.target_bytes_max)
}

/// Route, credentials, verify, authorize: whether a request may go on. The order is that of the error table: a token in
/// the query is refused even where there is no route, and an unknown path is 404 with or without a token.
pub(super) async fn decide<'p, W: Witness>(
    rules: &Rules<'p>,
    head: &Head,
    peer: &Peer,
    witness: &mut W,
) -> Result<Decided<'p>, Refusal> {
    let policy = rules.policy;
    via::refuse_loop(head, &policy.texts.pseudonym)?;
    peer.expects(head.host())?;
    let certificate = peer.certificate(&policy.certificates, head.fields())?;
    witness.shown(certificate.clone());
    credentials::refuse_query_token(head).inspect_err(|_| {
        if policy.on_query_token == OnQueryToken::RejectAndRevoke {
            credentials::leaked(head).for_each(|token| witness.leaked(&token));
        }
    })?;
    if let Some(answer) = own(policy, head, witness)? {
        return Ok(Decided::Answered(Box::new(answer)));
    }
    let permit = admit(rules, (head, &peer.memos, certificate.as_deref()), witness).await?;
    Ok(Decided::Permitted(permit, certificate))
}

/// What the gateway itself answers: documents about resources, preflights, `OPTIONS`. It ends the path before there is a
/// route, and so before there can be a permit.
fn own(policy: &Policy, head: &Head, witness: &mut impl Witness) -> Result<Option<Answer>, Refusal> {
    if let Some(document) = resource::document(&policy.resources, head)? {
        witness.documented(document);
        return Ok(Some(respond::tell(document)));
    }
    match cors::preflight(&policy.router, head) {
        Some(preflight) => Ok(Some(preflight)),
        None => options::answer(&policy.router, head),
    }
}

/// Route, then credentials, verify, authorize: the part of the path that an open route has not.
pub(super) async fn admit<'p, W: Witness>(
    rules: &Rules<'p>,
    (head, memos, certificate): (&Head, &Memos, Option<&ClientCertificate>),
    witness: &mut W,
) -> Result<Permit<'p>, Refusal> {
    let policy = rules.policy;
    let route = match rules.route {
        Some(route) => route,
        None => route::find(&policy.router, head)?,
    };
    witness.routed(route, head.fields());
    witness.counts(route, head)?;
    if let Some(permit) = permit::open(route) {
        return Ok(permit);
    }
    witness.can_tell()?;
    let presented = credentials::find(head, &memos.last, policy.senders.dpop())?;
    let in_its_scheme = |refusal: Refusal| refusal.presented(presented.scheme());
    // Where a route asks for two tokens, the one in `Authorization` is the client's own.
    let customers = match &route.customer_token {
        Some(field) => Some(credentials::find_customers(head, field, &memos.last).map_err(in_its_scheme)?),
        None => None,
    };
    let client = match &customers {
        Some(_) => Some(verify(rules, route, (&presented, &memos.client), witness).await.map_err(in_its_scheme)?),
        None => None,
    };
    let bearer = customers.as_ref().unwrap_or(&presented);
    let token = verify(rules, route, (bearer, &memos.last), witness).await.map_err(in_its_scheme)?;
    let client = client.as_ref().map(|token| (token, &presented));
    let asker = Asker { head, bearer, client, certificate, replay: rules.replay };
    witness.weighs(route, &token, (&asker, &policy.senders));
    let weigh = || permit::grant(route, token, (&asker, &policy.senders), witness.now());
    let granted = match witness.waiting() {
        // A proof is a signature too, and a new one each time.
        Some(waiting) if presented.scheme() == Scheme::Dpop => Box::pin(waiting.proofs.pass(weigh)).await,
        _ => weigh(),
    };
    match granted.map_err(in_its_scheme)? {
        Granted::Now(permit) => Ok(permit),
        Granted::Ask(asking) => {
            let (link, proofs) = witness.link().zip(policy.senders.proofs()).ok_or(Reason::Internal)?;
            // Boxed for the same reason as a question to an issuer.
            Box::pin(asking.answer(link, proofs, witness.now())).await.map_err(in_its_scheme)
        }
    }
}

/// What quotas there are here have room for it, and have counted it. Gives what others are to be asked about.
pub(super) fn count(
    rules: &[Rule],
    (head, token): (&Head, Option<&VerifiedToken>),
    record: &mut Record,
) -> Result<Option<Box<Shares>>, Refusal> {
    if rules.is_empty() {
        return Ok(None);
    }
    let certificate = record.certificate();
    let caller =
        Caller { head, address: record.address(), token, certificate: certificate.as_deref(), now: record.now() };
    quotas::take(rules, &caller, record.counted_us(), record.limited())
}

async fn verify<W: Witness>(
    rules: &Rules<'_>,
    route: &Route,
    (bearer, memo): (&Bearer<'_>, &Memo),
    witness: &mut W,
) -> Result<VerifiedToken, Refusal> {
    if let Some(verdict) = witness.knows(rules, route) {
        return verdict;
    }
    let verification = match rules.verifier.recall(bearer, memo, &route.asks, witness.now()) {
        Ok(remembered) => remembered,
        Err(unseen) => {
            let look = || unseen.verify();
            // Requests with known tokens do not wait until all that are new are verified. Boxed, so that they carry no room for it.
            match witness.waiting() {
                Some(waiting) => Box::pin(waiting.tokens.pass(look)).await,
                None => look(),
            }
        }
    };
    let (verdict, cache) = match verification {
        Verification::Decided(verdict, cache) => (verdict, cache),
        Verification::Ask(_) | Verification::Wait(_) if !witness.may_wait() => {
            (Err(Reason::IssuerUnreachable.into()), CacheUse::Miss)
        }
        // Boxed, so that the many requests that need not wait carry no room for it.
        Verification::Ask(inquiry) => (Box::pin(inquiry.answer()).await, CacheUse::Miss),
        Verification::Wait(pending) => {
            let cache = pending.cache;
            (Box::pin(pending.answer()).await, cache)
        }
    };
    witness.verified(&verdict, cache);
    verdict
}

fn refuse(refusal: &Refusal, plan: &Plan, record: &mut Record) -> Answer {
    record.refused(refusal);
    let stamp = record.stamp();
    let challenges = record.route().map_or(plan.policy.resources.of_nobody(), |route| &route.challenges);
    let mut answer = respond::refuse(refusal, challenges, record.envelope(), record.told(&stamp));
    record.echo(answer.fields_mut());
    answer
}
