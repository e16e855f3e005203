//! One record per request: filled as the stages pass, emitted when the answer's last byte has gone or the client has.
//! It is emitted on drop, so that no way out of the path can forget it.

use super::super::answer::OurFields;
use super::super::certificate::ClientCertificate;
use super::super::cors::Reader;
use super::super::envelope::{self, Told};
use super::super::http1::fields::Fields;
use super::super::interaction::InteractionId;
use super::super::policy::Route;
use super::super::quotas::Limited;
use super::super::read;
use super::super::reason::Reason;
use super::super::refusal::Refusal;
use super::super::request::{Request, Target};
use super::super::resource::Document;
use super::super::verify::cache::CacheUse;
use super::super::verify::token::VerifiedToken;
use super::super::{Plan, Worker, upgrade};
use super::end::End;
use super::line;
use super::metrics::{Outcome, RouteMetrics};
use super::receipt::Receipt;
use super::services;
use super::stamp::Stamp;
use super::trace::Trace;
use crate::clock::UnixSeconds;
use crate::config::envelope::Envelope;
use crate::net::activity::Activity;
use crate::state::shared::link::Link;
use http::{HeaderName, HeaderValue, Method, StatusCode, Version};
use std::net::IpAddr;
use std::rc::Rc;

/// What is known about one request.
pub struct Record {
    pub(in crate::gateway) worker: Rc<Worker>,
    pub(in crate::gateway) plan: Rc<Plan>,
    activity: Rc<Activity>,
    /// When its head was complete, by the monotonic clock: all that is measured of it begins there.
    started_us: u64,
    /// The same by the wall clock.
    pub(super) now_ms: u64,
    pub(super) client: Rc<[u8]>,
    pub(super) address: IpAddr,
    pub(super) id: InteractionId,
    pub(super) method: Option<Method>,
    pub(super) version: Option<Version>,
    target: Option<Target>,
    place: Place,
    pub(in crate::gateway) certificate: Option<Rc<ClientCertificate>>,
    pub(in crate::gateway) token: Option<VerifiedToken>,
    /// The one before it, where a request carries two.
    client_token: Option<VerifiedToken>,
    /// Why a token was not believed.
    pub(in crate::gateway) doubt: Option<Reason>,
    pub(super) cache: Option<CacheUse>,
    /// It was decided that it may go on.
    pub(super) is_permitted: bool,
    /// Its place in a trace, where requests are traced.
    pub(super) trace: Option<Box<Trace>>,
    pub(super) upstream_us: Option<u64>,
    /// Microseconds from the head of the request to that of the upstream's answer.
    pub(super) first_us: Option<u64>,
    receipt: Option<Rc<Receipt>>,
    pub(super) outcome: Outcome,
    pub(super) bytes: u64,
    pub(super) end: End,
    /// What a refusal must carry of the request; empty where no API asks for it.
    echoed: Vec<(&'static str, HeaderValue)>,
    /// Which page may read the answer, where the route says so.
    reader: Option<Reader>,
    tunnel: Option<Box<Tunnel>>,
    /// What it took of quotas; nothing where none holds. What counts requests at a time has it back when this is dropped.
    pub(super) limited: Option<Box<Limited>>,
}

/// What is known of a request that asked for another protocol.
struct Tunnel {
    _place: upgrade::Place,
    /// How long it took until the switch: the tunnel itself is no answer's duration.
    answered_us: Option<u64>,
}

/// What a request is for, once that is known.
#[derive(Clone, Copy, Debug)]
enum Place {
    Unknown,
    Route(usize),
    Document(usize),
}

/// Where a request came from, for its record.
pub struct Origin<'a> {
    /// The client's address, as a field of the log.
    pub client: &'a Rc<[u8]>,
    /// The same.
    pub address: IpAddr,
    /// Its connection.
    pub activity: &'a Rc<Activity>,
}

impl Record {
    /// A record of a request whose head is complete, or of bytes that are no head.
    pub fn start(worker: &Rc<Worker>, plan: &Rc<Plan>, origin: &Origin<'_>, request: Option<&Request>) -> Self {
        origin.activity.begin();
        worker.under_way.update(|under_way| under_way + 1);
        Self {
            worker: Rc::clone(worker),
            plan: Rc::clone(plan),
            activity: Rc::clone(origin.activity),
            started_us: worker.clock.monotonic_us(),
            now_ms: worker.clock.now_ms(),
            client: Rc::clone(origin.client),
            address: origin.address,
            id: worker.interaction_id(request.map(|request| &request.fields)),
            method: request.map(|request| request.method.clone()),
            version: request.map(|request| request.version),
            target: request.map(|request| request.target.clone()),
            place: Place::Unknown,
            certificate: None,
            token: None,
            client_token: None,
            doubt: None,
            cache: None,
            is_permitted: false,
            trace: None,
            upstream_us: None,
            first_us: None,
            receipt: None,
            // Holds until the answer is known: who goes before that has seen nothing.
            outcome: Outcome::Refused(Reason::Internal),
            bytes: 0,
            end: End::ClientGone,
            reader: None,
            tunnel: None,
            limited: None,
            echoed: request.map(|request| envelope::echoes(plan.policy.echoed, &request.fields)).unwrap_or_default(),
        }
    }

    /// What the body of a refusal says beside the reason; `stamp` is the record's.
    pub fn told<'a>(&'a self, stamp: &'a Stamp) -> Told<'a> {
        // What was refused before it was looked at may hold anything.
        let path = self.path().filter(|path| read::is_canonical(path.as_bytes())).unwrap_or_default();
        Told { id: self.id.as_str(), path, time: stamp.as_str() }
    }

    /// When the request's head was complete.
    pub fn stamp(&self) -> Stamp {
        self.worker.seconds.borrow_mut().stamp(self.now_ms)
    }

    /// The form of a refusal.
    pub fn envelope(&self) -> Envelope {
        self.route().map_or(self.plan.policy.errors, |route| route.errors)
    }

    /// Puts into a refusal what it must carry of the request.
    pub fn echo(&self, fields: &mut OurFields) {
        let wanted = envelope::echoed(self.envelope());
        for (name, value) in self.echoed.iter().filter(|(name, _)| wanted.contains(name)) {
            fields.insert(HeaderName::from_static(name), value.clone());
        }
    }

    /// The correlation id of the request (`x-fapi-interaction-id`).
    pub fn id(&self) -> &InteractionId {
        &self.id
    }

    /// When the request's head was complete.
    pub fn now(&self) -> UnixSeconds {
        UnixSeconds::from_ms(self.now_ms)
    }

    /// Where its worker asks other gateways.
    pub(in crate::gateway) fn link(&self) -> Option<&Link> {
        self.worker.link.as_ref()
    }

    /// The client showed this certificate.
    pub fn shown(&mut self, certificate: Option<Rc<ClientCertificate>>) {
        self.certificate = certificate;
    }

    /// This token stood in the URL.
    pub fn leaked(&self, token: &[u8]) {
        let revoked = self.plan.policy.verifier.revoke_leaked(token, self.now());
        revoked.inspect(|issuer| self.audit_leak(issuer));
    }

    /// The route was found.
    pub fn routed(&mut self, route: &Route, fields: &Fields) {
        self.place = Place::Route(route.place);
        self.reader = route.cors.as_ref().map(|cors| cors.reader(fields));
    }

    /// It is for a document about a resource.
    pub fn documented(&mut self, document: &Document) {
        self.place = Place::Document(document.place);
    }

    /// Which page may read the answer, where the route says so; once.
    pub fn take_reader(&mut self) -> Option<Reader> {
        self.reader.take()
    }

    /// The token was looked at.
    pub fn verified(&mut self, cache: CacheUse) {
        self.cache = Some(cache);
        self.worker.metrics().verdict(cache);
    }

    /// The token is good.
    pub fn holder(&mut self, token: &VerifiedToken) {
        self.client_token = self.token.replace(token.clone());
    }

    /// It asks for another protocol, and has a place among the tunnels.
    pub fn asks_for_tunnel(&mut self, place: upgrade::Place) {
        self.tunnel = Some(Box::new(Tunnel { _place: place, answered_us: None }));
    }

    /// The answer's head is on its way, and HTTP ends behind it.
    pub fn switched(&mut self) {
        if let Some(tunnel) = &mut self.tunnel {
            tunnel.answered_us = Some(self.worker.clock.monotonic_us().saturating_sub(self.started_us));
        }
    }

    /// Whether who was let in with tokens still would be, as far as they go. A status list that is not at hand does
    /// not speak against it.
    pub fn is_let_in(&self) -> bool {
        let holds = |token: &VerifiedToken| token.still_holds(&self.worker.shared.revocations, self.worker.clock.now());
        self.token.iter().chain(&self.client_token).all(holds)
    }

    /// A body is still to come, which tells what it gets when it is here.
    pub fn expects_body(&mut self) {
        self.receipt = Some(Rc::new(Receipt::new(self.worker.clock.clone())));
    }

    /// Told of the last byte of the body, if there is one.
    pub fn receipt(&self) -> Option<&Rc<Receipt>> {
        self.receipt.as_ref()
    }

    /// The upstream, asked at `sent_us` of the monotonic clock, answered now, or failed.
    pub fn waited(&mut self, sent_us: u64) {
        let now_us = self.worker.clock.monotonic_us();
        let wait_us = now_us.saturating_sub(sent_us);
        if let Some(route) = self.route() {
            route.upstream_times.observe(self.worker.index, wait_us);
        }
        if let Some(trace) = &self.trace {
            trace.sent_after_us.set(sent_us.saturating_sub(self.started_us));
        }
        self.upstream_us = Some(wait_us);
        self.first_us = Some(now_us.saturating_sub(self.started_us));
    }

    /// The request is refused. It counts with the issuer of its token, where that is known.
    pub fn refused(&mut self, refusal: &Refusal) {
        self.outcome = Outcome::Refused(refusal.reason());
        let verified = self.token.as_ref().map(|token| &token.issuer().refusals);
        if let Some(issuer) = refusal.issuer().or(verified) {
            issuer.add(refusal.reason());
        }
    }

    /// Microseconds from the head of the request to the last byte of its body; `None` where there was no body, or the answer did
    /// not wait for it.
    pub(super) fn received_us(&self) -> Option<u64> {
        Some(self.receipt.as_ref()?.at_us()?.saturating_sub(self.started_us))
    }

    /// The upstream's answer is passed on.
    pub fn passed(&mut self, status: StatusCode) {
        self.outcome = Outcome::Passed(status);
    }

    /// So many bytes of the body were handed to the connection.
    pub fn sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// How the answer ended; without this the client went away.
    pub fn ended(&mut self, end: End) {
        self.end = end;
    }

    /// The route, once it was found.
    pub fn route(&self) -> Option<&Route> {
        match self.place {
            Place::Route(place) => self.plan.policy.router.routes().get(place),
            Place::Document(_) | Place::Unknown => None,
        }
    }

    fn document(&self) -> Option<&Document> {
        match self.place {
            Place::Document(place) => self.plan.policy.resources.documents().get(place),
            Place::Route(_) | Place::Unknown => None,
        }
    }

    /// The name of the route or the document, as a field of the log.
    pub(super) fn name(&self) -> Option<&[u8]> {
        self.route().map(|route| &*route.line).or_else(|| self.document().map(|document| &*document.line))
    }

    /// Where it is counted.
    pub fn metrics(&self) -> &RouteMetrics {
        let unrouted = || self.document().map_or(&self.plan.policy.unrouted, |document| &document.metrics);
        self.route().map_or_else(unrouted, |route| &route.metrics)
    }

    /// The path, unless its spelling was refused: then it may hold anything.
    pub(super) fn path(&self) -> Option<&str> {
        match self.outcome {
            Outcome::Refused(Reason::PathAmbiguous | Reason::HeadMalformed | Reason::TargetTooLong) => None,
            Outcome::Refused(_) | Outcome::Passed(_) => self.target.as_ref().map(Target::path),
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.worker.under_way.update(|under_way| under_way.saturating_sub(1));
        let took_us = self.worker.clock.monotonic_us().saturating_sub(self.started_us);
        let answered_us = self.tunnel.as_ref().and_then(|tunnel| tunnel.answered_us).unwrap_or(took_us);
        self.metrics().count(self.worker.index, self.outcome, answered_us);
        if let Outcome::Refused(reason) = self.outcome
            && reason.status().is_client_error()
        {
            self.worker.metrics().refused_clients.count(self.token.as_ref().and_then(VerifiedToken::client_id));
        }
        let waited_us = answered_us.saturating_sub(self.received_us().unwrap_or_default());
        let service = self.route().and_then(|route| route.service);
        self.worker.metrics().services.count(service, services::fault(self.outcome, self.end), waited_us);
        let stamp = self.stamp();
        self.worker.log_line(|block| line::write(block, self, &stamp, took_us));
        self.audit(&stamp);
        self.trace(took_us);
        self.activity.end();
    }
}
