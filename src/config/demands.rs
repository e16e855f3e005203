//! What a route demands of a token: scopes, grants, issuers, audience, consent, freshness, details.

use super::fault::Problem;
use super::introspection::{self, Introspect};
use super::reader::{Section, Value, distinct};
use super::required::{self, RequiredHeader};
use super::role;
use super::routes::Known;
use super::template::Template;
use super::{bounds, quantity};
use crate::oauth::grant::Grant;
use crate::oauth::role::Role;
use crate::oauth::scope::ScopeToken;
use http::HeaderName;
use std::time::Duration;

/// What a route demands of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// All of these scopes.
    pub all: Vec<ScopeToken>,
    /// At least one of these; empty: no further demand.
    pub any: Vec<ScopeToken>,
    /// Obtained by one of these grants; empty: by any.
    pub grants: Vec<Grant>,
    /// Indexes into `Settings::issuers`; empty: every issuer.
    pub issuers: Vec<usize>,
    /// How often the issuer is asked about an opaque token.
    pub introspect: Introspect,
    /// Meant for one of these; empty: for any of the issuer's.
    pub audiences: Vec<Box<str>>,
    /// Bound to the consent that the request names.
    pub consent: Option<ConsentRule>,
    /// How the customer must have authenticated.
    pub step_up: StepUp,
    /// What must have been granted in detail.
    pub details: Option<DetailsRule>,
    /// Where two tokens are needed: how the customer's comes, and what the client's own must be.
    pub customer_token: Option<CustomerToken>,
    /// Fields that a request must have.
    pub headers: Vec<RequiredHeader>,
    /// The client's certificate grants one of these roles; empty: none is asked for.
    pub roles: Vec<Role>,
}

/// A regime of two tokens (ÖHVPS §3.9): the client's own in `Authorization`, the customer's in a field of its own. What
/// the route demands else, it demands of the customer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerToken {
    /// The field that holds the customer's token, and nothing but it.
    pub header: HeaderName,
    /// All of these scopes the client's own token must have.
    pub client_scopes: Vec<ScopeToken>,
}

/// The consent that the request names must be the one that the token holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRule {
    /// Where the request names it.
    pub given: ConsentGiven,
    /// Where the token holds it.
    pub held: ConsentHeld,
}

/// Where a request names a consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsentGiven {
    /// In this field.
    Header(HeaderName),
    /// In this segment of the path, from 0.
    Segment(usize),
}

/// Where a token holds its consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsentHeld {
    /// In the claim that the issuer names `claims.consent`.
    Claim,
    /// In a scope that begins so: `AIS:` of `AIS:1234`.
    Scope(Box<str>),
}

/// RFC 9470.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    /// The token's `acr` must be one of these; empty: any.
    pub acr_values: Vec<Box<str>>,
    /// The customer authenticated at most so long ago.
    pub max_age: Option<Duration>,
}

/// RFC 9396: one of the token's details must be of this type and grant this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetailsRule {
    /// `type`
    pub kind: Box<str>,
    /// All of these must be among its `actions`.
    pub actions: Vec<Box<str>>,
    /// One of these must be among its `locations`; empty: any.
    pub locations: Vec<Box<str>>,
}

/// The keys that only mean something where a token is needed.
pub(super) const KEYS: [&str; 12] = [
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
];

/// The demands of one route, whose path is `template` if that was readable.
pub(super) fn read(section: &Section<'_>, template: Option<&Template>, known: &Known<'_>) -> Option<Demands> {
    let scopes = |key| section.read_or(key, Vec::new(), |value| distinct(value.list()?, |item| item.parse(scope)));
    let (all, any) = (scopes("scopes"), scopes("any_scope"));
    let grants = section.read_or("grants", Vec::new(), |value| distinct(value.list()?, |item| item.parse(grant)));
    let issuers =
        section.read_or("issuers", Vec::new(), |value| distinct(value.list()?, |item| known.issuers.find(item)));
    let introspect = introspection::of_route(section, known, issuers.as_deref().unwrap_or_default());
    let audiences =
        section.read_or("audience", Vec::new(), |value| distinct(value.one_or_list()?, |item| known.audience(item)));
    let consent = section.read_or("consent", None, |value| consent(&value, template).map(Some));
    let step_up = section.read_or("step_up", StepUp::default(), |value| step_up(&value));
    let details = section.read_or("authorization_details", None, |value| details(&value).map(Some));
    let customer_token = section.read_or("customer_token", None, |value| customer_token(&value).map(Some));
    let headers = section.read_or("required_headers", Vec::new(), |value| required::read(&value));
    let roles = section.read_or("psd2_role", Vec::new(), |value| role::read(&value, known));
    let names_scope = section.find("scopes").is_some() || section.find("any_scope").is_some();
    let consent_is_scope = section.find("consent").is_some_and(|value| value.has("scope"));
    // A token alone proves no more than that somebody is registered with the bank.
    if !names_scope && !consent_is_scope && section.find("authorization_details").is_none() {
        let problem = Problem::new("no rule says who may pass");
        section
            .whole()
            .refuse(problem.hint("name `scopes` or `any_scope`, or write `access: open` if no token is needed"));
        return None;
    }
    Some(Demands {
        all: all?,
        any: any?,
        grants: grants?,
        issuers: issuers?,
        introspect: introspect?,
        audiences: audiences?,
        consent: consent?,
        step_up: step_up?,
        details: details?,
        customer_token: customer_token?,
        headers: headers?,
        roles: roles?,
    })
}

impl Known<'_> {
    /// One that no issuer's tokens carry would close the route for good.
    fn audience(&self, value: &Value<'_>) -> Option<Box<str>> {
        let audience = word(value)?;
        match self.audiences {
            Some(known) if !known.contains(&&*audience) => {
                let problem =
                    Problem::new("is an audience of no issuer").did_you_mean(&audience, known.iter().copied());
                value.refuse(problem);
                None
            }
            Some(_) | None => Some(audience),
        }
    }
}

/// `{ header: Consent-ID }` or `{ parameter: consent_id }`, each with `scope: "AIS:{id}"` where the consent's id stands
/// in a scope and not in a claim.
fn consent(value: &Value<'_>, template: Option<&Template>) -> Option<ConsentRule> {
    let section = value.section(&["header", "parameter", "scope"])?;
    let held = section.read_or("scope", ConsentHeld::Claim, |value| value.parse(scope_template));
    let given = match (section.find("header"), section.find("parameter")) {
        (Some(header), None) => header.parse(header_name).map(ConsentGiven::Header),
        (None, Some(parameter)) => {
            let name = parameter.text()?.value;
            // A path that was not readable has had its fault; every name may be in it.
            let place = template.map_or(Some(0), |template| template.segment_of(&name));
            if place.is_none() {
                let problem = Problem::new("is no parameter of the route's path");
                parameter.refuse(problem.hint("name one of its `{…}` segments"));
            }
            place.map(ConsentGiven::Segment)
        }
        (Some(_), Some(_)) | (None, None) => {
            let problem = Problem::new("needs exactly one of `header` and `parameter`");
            value.refuse(
                problem.hint("write `consent: { header: Consent-ID }` or `consent: { parameter: consent_id }`"),
            );
            None
        }
    };
    Some(ConsentRule { given: given?, held: held? })
}

fn scope_template(text: &str) -> Result<ConsentHeld, Problem> {
    let prefix = text.strip_suffix("{id}").filter(|prefix| prefix.parse::<ScopeToken>().is_ok());
    prefix.map(|prefix| ConsentHeld::Scope(prefix.into())).ok_or_else(|| {
        Problem::new("is not a scope that ends in `{id}`").hint("for instance \"AIS:{id}\" or \"consent:{id}\"")
    })
}

pub(super) fn header_name(text: &str) -> Result<HeaderName, Problem> {
    let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    HeaderName::from_bytes(text.as_bytes())
        .ok()
        .filter(|_| is_plain)
        .ok_or_else(|| Problem::new("is not the name of a header").hint("letters, digits and hyphens"))
}

/// `{ header: X-Access-Token, client_scopes: [...] }`
fn customer_token(value: &Value<'_>) -> Option<CustomerToken> {
    let section = value.section(&["header", "client_scopes"])?;
    let header = section.need("header").and_then(|value| value.parse(token_field));
    let client_scopes =
        section.read_or("client_scopes", Vec::new(), |value| distinct(value.list()?, |item| item.parse(scope)));
    Some(CustomerToken { header: header?, client_scopes: client_scopes? })
}

/// A field that means nothing else: it is taken out of every request.
fn token_field(text: &str) -> Result<HeaderName, Problem> {
    let name = header_name(text)?;
    let is_free = name.as_str().starts_with("x-")
        && !["x-auth-", "x-forwarded-", "x-fapi-"].iter().any(|ours| name.as_str().starts_with(ours));
    let problem = || Problem::new("is no field of the customer's token alone").hint("for instance X-Access-Token");
    if is_free { Ok(name) } else { Err(problem()) }
}

/// RFC 9470: how strongly and how recently the customer must have authenticated.
fn step_up(value: &Value<'_>) -> Option<StepUp> {
    let section = value.section(&["acr_values", "max_age"])?;
    let acr_values =
        section.read_or("acr_values", Vec::new(), |value| distinct(value.one_or_list()?, |item| word(item)));
    let max_age = section.read_or("max_age", None, |value| {
        let within = |text: &str| quantity::within(quantity::duration(text)?, Duration::from_secs(1), bounds::AGE_MAX);
        value.parse(within).map(Some)
    });
    let step_up = StepUp { acr_values: acr_values?, max_age: max_age? };
    if step_up == StepUp::default() {
        value.refuse(Problem::new("demands nothing").hint("name `acr_values`, `max_age` or both, or remove it"));
        return None;
    }
    Some(step_up)
}

/// RFC 9396: the type, and what must be granted within it.
fn details(value: &Value<'_>) -> Option<DetailsRule> {
    let section = value.section(&["type", "actions", "locations"])?;
    let words = |key| section.read_or(key, Vec::new(), |value| distinct(value.one_or_list()?, |item| word(item)));
    let kind = section.need("type").and_then(|value| word(&value));
    let (actions, locations) = (words("actions"), words("locations"));
    Some(DetailsRule { kind: kind?, actions: actions?, locations: locations? })
}

/// What stands in a challenge between quotes, or is compared as it is: visible ASCII without `"` and `\`.
fn word(value: &Value<'_>) -> Option<Box<str>> {
    value.parse(|text| {
        let fits = !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        let problem = || Problem::new("is not one word").hint("visible ASCII characters other than `\"` and `\\`");
        if fits { Ok(text.into()) } else { Err(problem()) }
    })
}

pub(super) fn scope(text: &str) -> Result<ScopeToken, Problem> {
    text.parse().map_err(|_| {
        let problem = Problem::new("is not a scope");
        if text.contains(' ') {
            problem.hint("one scope is one word: write each as an item of the list")
        } else {
            problem.hint("visible ASCII characters other than `\"` and `\\` (RFC 6749 §3.3)")
        }
    })
}

fn grant(text: &str) -> Result<Grant, Problem> {
    let known = [Grant::AuthorizationCode, Grant::ClientCredentials].map(Grant::as_str);
    text.parse()
        .map_err(|_| Problem::new("is not a grant that a route can ask for").did_you_mean(text, known.into_iter()))
}
