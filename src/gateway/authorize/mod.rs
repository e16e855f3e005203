//! AUTHORIZE: whether this token may use this route, now. One check, one file. To add one: write
//! `authorize/<name>.rs` with a struct and its `check`, name it in `Check` below, and give it a key in
//! `config/demands.rs` and in the list of `config/routes.rs`.

pub mod audience;
pub mod claim;
pub mod client_token;
pub mod consent;
pub mod details;
pub mod grant;
pub mod headers;
pub mod issuer;
pub mod permit;
pub mod proof;
pub mod role;
pub mod scopes;
pub mod sender;
pub mod step_up;

use super::certificate::ClientCertificate;
use super::credentials::Bearer;
use super::read::Head;
use super::reason::Reason;
use super::refusal::Refusal;
use super::verify::token::VerifiedToken;
use crate::clock::UnixSeconds;
use crate::config;

/// What a check may decide on.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The verified token.
    pub token: &'a VerifiedToken,
    /// The request's head.
    pub head: &'a Head,
    /// How the token was presented.
    pub bearer: &'a Bearer<'a>,
    /// The client's own token, where the route asks for two.
    pub client: Option<&'a VerifiedToken>,
    /// The certificate that the client showed.
    pub certificate: Option<&'a ClientCertificate>,
    /// When the request's head was complete.
    pub now: UnixSeconds,
    /// What becomes of a proof.
    pub replay: Replay,
}

/// What becomes of a proof that fits its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// It is used up.
    Spend,
    /// It is looked up whether it was: nobody sends this request.
    Look,
    /// It was used up for this request a moment ago, and this came of it.
    Known(Option<Reason>),
}

/// What a check holds against each other, in words for operators: no customer's name, no consent, never a token.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// What the route asks for.
    pub needs: String,
    /// What is there.
    pub found: String,
    /// What of it is not, where that is a list.
    pub missing: Vec<String>,
}

impl Compared {
    fn new(needs: impl Into<String>, found: impl Into<String>) -> Self {
        Self { needs: needs.into(), found: found.into(), missing: Vec::new() }
    }
}

/// The checks of one route, compiled. They run in the order in which they stand here; the first refusal counts.
#[derive(Debug)]
pub enum Check {
    /// The route needs the client's own token beside the customer's.
    ClientToken(client_token::ClientToken),
    /// The route needs a provider's role.
    Role(role::ProviderRole),
    /// The route accepts only some issuers.
    Issuer(issuer::Issuer),
    /// The route accepts only tokens obtained by some grants.
    Grant(grant::GrantType),
    /// The route is for some audiences.
    Audience(audience::Audience),
    /// The route needs scopes.
    Scopes(scopes::Scopes),
    /// The route's requests need some fields.
    Headers(headers::Headers),
    /// The route needs details.
    Details(details::Details),
    /// The request names a consent.
    Consent(consent::Consent),
    /// The route needs the customer to have authenticated well and lately.
    StepUp(step_up::StepUp),
}

impl Check {
    /// The checks that a route's settings ask for. `access: open` is no check: see `permit::open`.
    pub fn compile(route: &config::routes::Route, settings: &config::Settings) -> Vec<Self> {
        match &route.access {
            config::routes::Access::Open => Vec::new(),
            config::routes::Access::Token(demands) => [
                client_token::ClientToken::compile(demands.customer_token.as_ref()).map(Self::ClientToken),
                role::ProviderRole::compile(&demands.roles, route.errors).map(Self::Role),
                issuer::Issuer::compile(&demands.issuers, settings).map(Self::Issuer),
                grant::GrantType::compile(&demands.grants).map(Self::Grant),
                audience::Audience::compile(&demands.audiences, settings).map(Self::Audience),
                scopes::Scopes::compile(&demands.all, &demands.any).map(Self::Scopes),
                headers::Headers::compile(&demands.headers).map(Self::Headers),
                details::Details::compile(demands.details.as_ref()).map(Self::Details),
                consent::Consent::compile(demands.consent.as_ref()).map(Self::Consent),
                step_up::StepUp::compile(&demands.step_up).map(Self::StepUp),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }

    /// The key in the configuration that it comes from.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClientToken(_) => "customer_token",
            Self::Role(_) => "psd2_role",
            Self::Issuer(_) => "issuers",
            Self::Grant(_) => "grants",
            Self::Audience(_) => "audience",
            Self::Scopes(_) => "scopes",
            Self::Headers(_) => "required_headers",
            Self::Details(_) => "authorization_details",
            Self::Consent(_) => "consent",
            Self::StepUp(_) => "step_up",
        }
    }

    fn compared(&self, facts: &Facts<'_>) -> Compared {
        match self {
            Self::ClientToken(check) => check.compared(facts),
            Self::Role(check) => check.compared(facts),
            Self::Issuer(check) => check.compared(facts),
            Self::Grant(check) => check.compared(facts),
            Self::Audience(check) => check.compared(facts),
            Self::Scopes(check) => check.compared(facts),
            Self::Headers(check) => check.compared(facts),
            Self::Details(check) => check.compared(facts),
            Self::Consent(check) => check.compared(facts),
            Self::StepUp(check) => check.compared(facts),
        }
    }

    fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        match self {
            Self::ClientToken(check) => check.check(facts),
            Self::Role(check) => check.check(facts),
            Self::Issuer(check) => check.check(facts),
            Self::Grant(check) => check.check(facts),
            Self::Audience(check) => check.check(facts),
            Self::Scopes(check) => check.check(facts),
            Self::Headers(check) => check.check(facts),
            Self::Details(check) => check.check(facts),
            Self::Consent(check) => check.check(facts),
            Self::StepUp(check) => check.check(facts),
        }
    }
}

/// One after the other, for people; `none` where there is none.
fn listed<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let all: Vec<&str> = words.into_iter().collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}
