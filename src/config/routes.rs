//! `routes`: what is let through, and on which terms. A route that says nothing about terms is refused.

use super::cors::{self, Cors};
use super::demands::{self, Demands};
use super::envelope::{self, Envelope};
use super::fault::Problem;
use super::issuers::Issuer;
use super::limits::{self, Limits};
use super::matcher::{self, Matcher};
use super::names::Names;
use super::openapi::Origin;
use super::quotas::{self, Quota};
use super::reader::{Section, Value};
use super::rewrite::{self, Rewrite};
use super::service::{self, Service};
use super::template::Template;
use super::upstreams::{self, Total, Upstream};
use super::{shadow, upgrade};
use http::{HeaderName, Method};
use std::collections::HashMap;

/// One rule: these requests, on these terms, to that upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// An OpenAPI path template, checked: `/accounts/{id}`, `{*rest}` for the remainder. With the method before
    /// it, `GET /accounts/{id}`, it is the route's id in logs and metrics: stable, and from a closed set.
    pub path: Box<str>,
    /// At least one.
    pub methods: Vec<Method>,
    /// Lower-case host names without port; empty: every host.
    pub hosts: Vec<Box<str>>,
    /// Who may pass.
    pub access: Access,
    /// Index into `Settings::upstreams`.
    pub upstream: usize,
    /// What the upstream calls the beginning of the path; `None`: what we call it.
    pub rewrite: Option<Rewrite>,
    /// Protocols, in lower case, that its connections may switch to.
    pub upgrades: Vec<Box<str>>,
    /// Longest request body, in bytes.
    pub body_bytes_max: u64,
    /// Bound on an exchange as a whole; `None`: its upstream's.
    pub total_timeout: Option<Total>,
    /// How its requests are refused.
    pub errors: Envelope,
    /// For which service of PSD2 it is; `None`: for none.
    pub service: Option<Service>,
    /// Who may call it from a browser; `None`: nobody.
    pub cors: Option<Cors>,
    /// Indexes into `Settings::quotas`; those that hold everywhere need not be among them.
    pub quotas: Vec<usize>,
    /// Who might pass instead: held against live traffic, and not enforced.
    pub shadow: Option<Access>,
    /// Where it stands in an API's own document; `None`: it was written by hand.
    pub origin: Option<Origin>,
}

/// Who may pass a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a token.
    Open,
    /// Holders of a token that meets these demands.
    Token(Box<Demands>),
}

/// What routes refer to.
pub(super) struct Known<'n> {
    pub(super) issuers: &'n Names,
    /// Of all issuers; `None` where those were not readable.
    pub(super) audiences: Option<&'n [&'n str]>,
    /// `None` where they could not be read.
    pub(super) asked: Option<&'n [Issuer]>,
    pub(super) upstreams: &'n Names,
    /// `None` where they could not be read.
    pub(super) quotas: (&'n Names, Option<&'n [Quota]>),
    /// `None` where they could not be read.
    pub(super) servers: Option<&'n [Upstream]>,
    /// Whether somebody stands behind what client certificates say.
    pub(super) vouches: bool,
    pub(super) limits: &'n Limits,
    /// Where a route says nothing else.
    pub(super) errors: Envelope,
    /// Whether the gateway itself answers below the well-known path of resources.
    pub(super) has_metadata: bool,
}

impl Access {
    /// The field of the customer's token, where two are needed.
    pub fn customer_token(&self) -> Option<&HeaderName> {
        match self {
            Self::Open => None,
            Self::Token(demands) => demands.customer_token.as_ref().map(|token| &token.header),
        }
    }
}

/// One route before it is read: by hand, or out of an API's document.
pub(super) struct Rule<'c> {
    pub(super) section: Section<'c>,
    pub(super) origin: Option<Origin>,
}

/// `routes:` as rules; at least one.
pub(super) fn by_hand<'c>(value: &Value<'c>) -> Option<Vec<Option<Rule<'c>>>> {
    let rule = |item: Value<'c>| item.section(&KEYS).map(|section| Rule { section, origin: None });
    Some(value.list()?.into_iter().map(rule).collect())
}

/// Reads all rules, of which no two may take the same request. `None` is one whose fault is noted.
pub(super) fn read(rules: Vec<Option<Rule<'_>>>, known: &Known<'_>) -> Option<Vec<Route>> {
    let mut by_shape: HashMap<String, Vec<Matcher<'_>>> = HashMap::new();
    let mut asks_for_tokens = None;
    let mut routes = Vec::with_capacity(rules.len());
    for rule in rules {
        let Some(Rule { section, origin }) = rule else {
            routes.push(None);
            continue;
        };
        if section.find("access").is_none() && asks_for_tokens.is_none() {
            asks_for_tokens = Some(section.whole().clone());
        }
        let matcher = matcher::read(&section, known.has_metadata);
        let terms = terms(&section, matcher.as_ref(), known);
        routes.push(matcher.as_ref().zip(terms).map(|(matcher, terms)| Route { origin, ..route(matcher, terms) }));
        if let Some(matcher) = matcher {
            let alike = by_shape.entry(matcher.template.shape.clone()).or_default();
            matcher::refuse_overlap(&matcher, alike);
            alike.push(matcher);
        }
    }
    if let Some(item) = asks_for_tokens
        && known.issuers.is_empty()
    {
        let problem = Problem::new("needs a token, but there is no issuer whose tokens are accepted");
        item.refuse(problem.hint("add an entry under `issuers`, or `access: open` to the route"));
    }
    routes.into_iter().collect()
}

/// Looks at terms of which nobody knows yet what requests they are for, so that what is wrong with them is told.
pub(super) fn look(section: &Section<'_>, known: &Known<'_>) {
    let _no_route_is_made = (matcher::hosts(section), terms(section, None, known));
}

/// On which terms, and whereto.
struct Terms {
    access: Access,
    upstream: usize,
    rewrite: Option<Rewrite>,
    upgrades: Vec<Box<str>>,
    body_bytes_max: u64,
    total_timeout: Option<Total>,
    errors: Envelope,
    service: Option<Service>,
    cors: Option<Cors>,
    quotas: Vec<usize>,
    shadow: Option<Access>,
}

fn route(matcher: &Matcher<'_>, terms: Terms) -> Route {
    Route {
        path: matcher.template.text.clone(),
        methods: matcher.methods.clone(),
        hosts: matcher.hosts.clone(),
        access: terms.access,
        upstream: terms.upstream,
        rewrite: terms.rewrite,
        upgrades: terms.upgrades,
        body_bytes_max: terms.body_bytes_max,
        total_timeout: terms.total_timeout,
        errors: terms.errors,
        service: terms.service,
        cors: terms.cors,
        quotas: terms.quotas,
        shadow: terms.shadow,
        origin: None,
    }
}

fn terms(section: &Section<'_>, matcher: Option<&Matcher<'_>>, known: &Known<'_>) -> Option<Terms> {
    let template = matcher.map(|matcher| &matcher.template);
    let upstream = section.need("upstream").and_then(|value| known.upstreams.find(&value));
    let rewrite = section.read_or("rewrite", None, |value| rewrite::read(&value, template).map(Some));
    let upgrades = section.read_or("upgrade", Vec::new(), |value| {
        let server = upstream.and_then(|place| known.servers?.get(place));
        upgrade::read(&value, matcher.map(|matcher| matcher.methods.as_slice()), server.map(|server| server.protocol))
    });
    let body_bytes_max = section.read_or("body", known.limits.body_bytes_max, |value| value.parse(limits::body));
    let total_timeout = section.read_or("total_timeout", None, |value| value.parse(upstreams::total).map(Some));
    let shadow = section.read_or("shadow", None, |value| {
        let section = shadow::of_route(&value)?;
        access(&section, template, known).map(Some)
    });
    let access = access(section, template, known);
    let errors = section.read_or("errors", known.errors, |value| value.parse(envelope::parse));
    let service = section.read_or("service", None, |value| value.parse(service::parse).map(Some));
    let cors = section.read_or("cors", None, |value| cors::read(&value).map(Some));
    let quotas = quotas::of_route(section, known.quotas);
    Some(Terms {
        access: access?,
        upstream: upstream?,
        rewrite: rewrite?,
        upgrades: upgrades?,
        body_bytes_max: body_bytes_max?,
        total_timeout: total_timeout?,
        errors: errors?,
        service: service?,
        cors: cors?,
        quotas: quotas?,
        shadow: shadow?,
    })
}

fn access(section: &Section<'_>, template: Option<&Template>, known: &Known<'_>) -> Option<Access> {
    match section.find("access") {
        Some(value) => open(section, &value),
        None => demands::read(section, template, known).map(|demands| Access::Token(Box::new(demands))),
    }
}

fn open(section: &Section<'_>, value: &Value<'_>) -> Option<Access> {
    for rule in demands::KEYS.iter().filter_map(|key| section.find(key)) {
        rule.refuse(Problem::new("is never asked, since `access` lets everybody pass").hint("remove one of the two"));
    }
    value.parse(|text| match text {
        "open" => Ok(Access::Open),
        _ => Err(Problem::new("is not an access").hint(
            "`open` lets everybody pass without a token; leave the key out and name `scopes` for everything else",
        )),
    })
}

/// What a route may say.
pub(super) const KEYS: [&str; 26] = [
    "path",
    "methods",
    "hosts",
    "access",
    "scopes",
    "any_scope",
    "grants",
    "issuers",
    "introspect",
    "audience",
    "consent",
    "step_up",
    "authorization_details",
    "customer_token",
    "required_headers",
    "psd2_role",
    "upstream",
    "rewrite",
    "upgrade",
    "body",
    "total_timeout",
    "errors",
    "service",
    "cors",
    "quotas",
    "shadow",
];
