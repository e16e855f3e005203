//! AUTHORIZE: whether this token may use this route, now. One check, one file. To add one: write
//! `authorize/<name>.rs` with a struct and its `check`, name it in `Check` below, and give it a key in `config/routes.rs`.

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
