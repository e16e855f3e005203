//! AUTHORIZE: whether this token may use this route, now. One check, one file. To add one: write
//! `authorize/<name>.rs` with a struct and its `check`, name it in `Check` below, and give it a key in `config/routes.rs`.

pub mod grant;
pub mod issuer;
pub mod permit;
pub mod scopes;

use super::refusal::Refusal;
use super::verify::token::VerifiedToken;
use crate::config;
use crate::oauth::challenge::Realm;

/// What a check may decide on.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The verified token.
    pub token: &'a VerifiedToken,
}

/// The checks of one route, compiled. They run in the order in which they stand here; the first refusal counts.
#[derive(Debug)]
pub enum Check {
    /// The route accepts only some issuers.
    Issuer(issuer::Issuer),
    /// The route accepts only tokens obtained by some grants.
    Grant(grant::GrantType),
    /// The route needs scopes.
    Scopes(scopes::Scopes),
}

impl Check {
    /// The checks that a route's settings ask for. `access: open` is no check: see `permit::open`.
    pub fn compile(route: &config::Route, settings: &config::Settings, realm: &Realm) -> Vec<Self> {
        match &route.access {
            config::Access::Open => Vec::new(),
            config::Access::Token { all, any, grants, issuers } => [
                issuer::Issuer::compile(issuers, settings).map(Self::Issuer),
                grant::GrantType::compile(grants).map(Self::Grant),
                scopes::Scopes::compile(all, any, realm).map(Self::Scopes),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }

    fn check(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        match self {
            Self::Issuer(check) => check.check(facts),
            Self::Grant(check) => check.check(facts),
            Self::Scopes(check) => check.check(facts),
        }
    }
}
