//! The compiled policy: everything that a request is decided by, swapped whole on reload. The only reader of `config`
//! on this side; nothing here is changed once it is built.

use super::assertion::Assertions;
use super::assertion::keys::Keys;
use super::authorize::Check;
use super::authorize::sender::Senders;
use super::certificate::{Terms, Vouched};
use super::cors::Cors;
use super::envelope;
use super::forward::connect::Endpoint;
use super::forward::queue::Queue;
use super::observe::histogram::Timings;
use super::observe::line;
use super::observe::metrics::{Metrics, RouteMetrics};
use super::observe::trace::Tracing;
use super::quotas::{Quota, Quotas};
use super::resource::Resources;
use super::route::Router;
use super::texts::Texts;
use super::verify::Verifier;
use super::verify::events::Reception;
use super::verify::opaque::Asks;
use crate::clock::UnixSeconds;
use crate::config::envelope::Envelope;
use crate::config::limits::Limits;
use crate::config::rewrite::Rewrite;
use crate::config::routes::Access;
use crate::config::secret::Secret;
use crate::config::served::ServedCertificate;
use crate::config::service::Service;
use crate::config::upstreams::Total;
use crate::config::{self, OnQueryToken, Settings};
use crate::net::patience::Pace;
use crate::oauth::challenge::Challenges;
use http::HeaderName;
use std::sync::Arc;
use std::time::Duration;

/// What a request is decided by.
#[derive(Debug)]
pub struct Policy {
    /// Counts reloads, from 1.
    pub generation: u64,
    /// The SHA-256 of the configuration's text, as `sha256sum` shows it.
    pub digest: Box<str>,
    /// Which route a request is for.
    pub router: Router,
    /// What clients are told of the resources behind the routes.
    pub resources: Resources,
    /// Whose tokens are accepted.
    pub verifier: Arc<Verifier>,
    /// Whose security events are taken.
    pub events: Option<Reception>,
    /// How a token's sender is proven.
    pub senders: Arc<Senders>,
    /// How requests are vouched for; `None`: they are not.
    pub assertions: Option<Arc<Assertions>>,
    /// How much may be asked for, in the configuration's order.
    pub quotas: Vec<Arc<Quota>>,
    /// Which requests leave a trace; `None`: none.
    pub tracing: Option<Arc<Tracing>>,
    /// Which client certificates count, and who may speak for others.
    pub certificates: Terms,
    /// Whether connections begin with a balancer's word on their client.
    pub proxy_protocol: bool,
    /// Until when our own certificates are good.
    pub served: Vec<Served>,
    /// In the configuration's order; `Route::upstream` is a place in it.
    pub upstreams: Vec<Arc<config::upstreams::Upstream>>,
    /// How the servers of each are reached.
    pub endpoints: Vec<Endpoints>,
    /// What forwarded requests carry.
    pub texts: Texts,
    /// Bounds of the head, in bytes.
    pub target_bytes_max: usize,
    /// What becomes of a good token in a query.
    pub on_query_token: OnQueryToken,
    /// The client's within a body.
    pub pace: Pace,
    /// How requests are refused that match no route.
    pub errors: Envelope,
    /// Fields that hold tokens: not forwarded, on no route.
    pub token_fields: Vec<HeaderName>,
    /// What refusals must carry of the request.
    pub echoed: &'static [&'static str],
    /// Counts requests that match no route.
    pub unrouted: Arc<RouteMetrics>,
    /// What might be in force instead.
    pub candidate: Option<Box<Self>>,
}

/// What a policy is compiled with and outlives it: verdicts, proofs, keys.
pub struct Parts {
    /// Whose tokens are accepted.
    pub verifier: Arc<Verifier>,
    /// How a token's sender is proven.
    pub senders: Arc<Senders>,
    /// What assertions are signed with, where the settings ask for them.
    pub keys: Option<Arc<Keys>>,
    /// How the servers of each upstream are reached.
    pub endpoints: Vec<Endpoints>,
    /// What was counted so far.
    pub quotas: Vec<Arc<Quota>>,
    /// Which requests leave a trace.
    pub tracing: Option<Arc<Tracing>>,
}

/// How one upstream is reached.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// Its servers, in the configuration's order.
    pub servers: Arc<[Arc<Endpoint>]>,
    /// Their connections, and who waits for them.
    pub queue: Arc<Queue>,
}

/// One route, compiled.
#[derive(Debug)]
pub struct Route {
    /// Its place in `Router::routes`.
    pub place: usize,
    /// Its path template: the name in logs and metrics.
    pub path: Box<str>,
    /// Who may pass.
    pub entry: Entry,
    /// The field of the customer's token, where two are needed.
    pub customer_token: Option<HeaderName>,
    /// What a refused client is told to bring.
    pub challenges: Arc<Challenges>,
    /// Whom to ask about opaque tokens.
    pub asks: Asks,
    /// Place in `Policy::upstreams`.
    pub upstream: usize,
    /// What the upstream calls the beginning of its paths.
    pub rewrite: Option<Rewrite>,
    /// Protocols that its connections may switch to.
    pub upgrades: Vec<Box<str>>,
    /// Longest request body, in bytes.
    pub body_bytes_max: u64,
    /// Longest exchange, from the permit to the last byte of the answer.
    pub total_timeout: Option<Duration>,
    /// Its name, as a field of the log.
    pub line: Box<[u8]>,
    /// For which service of PSD2 it is.
    pub service: Option<Service>,
    /// That, as a field of the log; empty where it is for none.
    pub service_line: Box<[u8]>,
    /// How long its upstream takes to answer.
    pub upstream_times: Arc<Timings>,
    /// Its upstream's name, as a field of the log.
    pub upstream_line: Box<[u8]>,
    /// How its requests are refused.
    pub errors: Envelope,
    /// Who may call it from a browser.
    pub cors: Option<Cors>,
    /// How much may be asked for.
    pub quotas: Quotas,
    /// Its counters.
    pub metrics: Arc<RouteMetrics>,
    /// The same with the terms that might be in force instead.
    pub shadow: Option<Box<Self>>,
}

/// Who may pass a route.
#[derive(Debug)]
pub enum Entry {
    /// Everybody.
    Open,
    /// Holders of a token that passes these checks.
    Token(Vec<Check>),
}

/// What operators are shown of a certificate of ours.
#[derive(Debug)]
pub struct Served {
    /// Its first name.
    pub name: String,
    /// Its kind of key.
    pub key: String,
    /// Its last second.
    pub not_after: UnixSeconds,
}

impl Served {
    fn new(one: &ServedCertificate) -> Self {
        let key = format!("{:?}", one.algorithm).to_ascii_lowercase();
        Self { name: one.name(), key, not_after: one.read.not_after }
    }
}

impl Policy {
    /// Compiles checked settings. Counters of routes that stay are kept.
    pub fn compile(settings: &Settings, generation: u64, parts: Parts, metrics: &Metrics) -> Self {
        let Parts { verifier, senders, keys, endpoints, quotas, tracing } = parts;
        let resources = Resources::compile(settings, metrics);
        let known = (&*verifier, &resources, quotas.as_slice(), metrics);
        let compile = |(place, route)| (Route::compile(place, route, settings, known), route);
        let routes = settings.routes.iter().enumerate().map(compile);
        Self {
            generation,
            digest: settings.digest.clone(),
            router: Router::new(routes.collect()),
            resources,
            events: settings.events.as_ref().map(|events| reception(events, &verifier)),
            verifier,
            senders,
            assertions: settings.assertion.clone().zip(keys).map(|(how, keys)| Arc::new(Assertions::new(how, keys))),
            quotas,
            tracing,
            certificates: Terms {
                hops: settings.server.trusted_hops.clone(),
                handshake: if settings.server.knows_authorities() { Vouched::Yes } else { Vouched::No },
                is_forwarded: settings.server.forward_client_certificate,
            },
            proxy_protocol: settings.server.proxy_protocol,
            served: settings.server.tls.iter().flat_map(|tls| &tls.certificates).map(Served::new).collect(),
            upstreams: settings.upstreams.iter().cloned().map(Arc::new).collect(),
            endpoints,
            texts: Texts::new(settings),
            target_bytes_max: settings.limits.target_bytes_max,
            on_query_token: settings.server.on_query_token,
            pace: pace(&settings.limits),
            errors: settings.server.errors,
            token_fields: settings.routes.iter().filter_map(|route| route.access.customer_token().cloned()).collect(),
            echoed: envelope::echoed_by_any(
                settings.routes.iter().map(|route| route.errors).chain([settings.server.errors]),
            ),
            unrouted: metrics.route(UNROUTED),
            candidate: None,
        }
    }

    /// With what might be in force instead.
    #[must_use]
    pub fn beside(self, candidate: Option<Self>) -> Self {
        Self { candidate: candidate.map(Box::new), ..self }
    }

    /// Whether requests are counted under this label.
    pub fn has_label(&self, label: &str) -> bool {
        label == UNROUTED
            || self.router.routes().iter().any(|route| *route.path == *label)
            || self.resources.documents().iter().any(|document| *document.path == *label)
    }
}

/// How fast clients must be within a body.
pub fn pace(limits: &Limits) -> Pace {
    Pace { stall: limits.stall_timeout, rate_min: limits.rate_min }
}

fn reception(events: &config::events::Events, verifier: &Verifier) -> Reception {
    let issuers = events.issuers.iter().filter_map(|place| verifier.issuers().get(*place).map(Arc::clone));
    Reception::new(events.audiences.clone(), issuers.collect(), events.token.as_ref().map(Secret::expose))
}

impl Route {
    fn compile(
        place: usize,
        route: &config::routes::Route,
        settings: &Settings,
        (verifier, resources, quotas, metrics): (&Verifier, &Resources, &[Arc<Quota>], &Metrics),
    ) -> Self {
        let (entry, asks) = match &route.access {
            Access::Open => (Entry::Open, Asks::Nobody),
            Access::Token(demands) => {
                let checks = Check::compile(route, settings);
                (Entry::Token(checks), verifier.asks(&demands.issuers, demands.introspect))
            }
        };
        let customer_token = route.access.customer_token().cloned();
        let upstream = settings.upstreams.get(route.upstream);
        let total_timeout = match route.total_timeout.or(upstream.map(|upstream| upstream.total_timeout)) {
            Some(Total::Within(timeout)) => Some(timeout),
            Some(Total::Unbounded) | None => None,
        };
        let upstream = upstream.map_or("", |upstream| &upstream.name);
        let shadow = route.shadow.as_ref().map(|access| {
            let candidate = config::routes::Route { access: access.clone(), shadow: None, ..route.clone() };
            Box::new(Self::compile(place, &candidate, settings, (verifier, resources, quotas, metrics)))
        });
        Self {
            place,
            shadow,
            line: line::field("route", route.path.as_bytes()).into(),
            service: route.service,
            service_line: route
                .service
                .map(|service| line::field("service", service.name().as_bytes()))
                .unwrap_or_default()
                .into(),
            upstream_times: metrics.upstream(upstream),
            upstream_line: line::field("upstream", upstream.as_bytes()).into(),
            path: route.path.clone(),
            entry,
            customer_token,
            challenges: resources.of_route(&route.path, settings),
            asks,
            upstream: route.upstream,
            rewrite: route.rewrite.clone(),
            upgrades: route.upgrades.clone(),
            body_bytes_max: route.body_bytes_max,
            total_timeout,
            errors: route.errors,
            cors: route.cors.as_ref().map(|cors| Cors::compile(cors, &route.methods)),
            quotas: Quotas::compile(route, quotas),
            metrics: metrics.route(&route.path),
        }
    }
}

/// The label of requests that match no route. No template is empty, so it is nobody else's.
const UNROUTED: &str = "";
