//! What is allowed in a configuration and seldom meant: said by `check`, and by `serve` at its start and after reloads.

use super::front;
use crate::clock::UnixSeconds;
use crate::config::Settings;
use crate::config::issuers::Issuer;
use crate::config::routes::{Access, Route};
use crate::oauth::grant::Grant;

/// All of it, a sentence each.
pub(super) fn of(settings: &Settings, now: UnixSeconds) -> Vec<String> {
    let certificates = settings.server.tls.iter().flat_map(|tls| front::concerns(tls, now));
    let grants =
        settings.issuers.iter().enumerate().filter_map(|(place, issuer)| grant_unknown(settings, place, issuer));
    certificates.chain(grants).collect()
}

/// A customer's token of an issuer that does not say by which grant it was obtained passes no route that asks.
fn grant_unknown(settings: &Settings, place: usize, issuer: &Issuer) -> Option<String> {
    if issuer.claims.grant.is_some() {
        return None;
    }
    let asks = |route: &&Route| match &route.access {
        Access::Token(demands) => {
            demands.grants.contains(&Grant::AuthorizationCode)
                && (demands.issuers.is_empty() || demands.issuers.contains(&place))
        }
        Access::Open => false,
    };
    let mut routes = settings.routes.iter().filter(asks);
    let path = &routes.next()?.path;
    let who = match routes.count() {
        0 => format!("{path} asks"),
        more => format!("{path} and {more} more routes ask"),
    };
    let name = &issuer.name;
    Some(format!(
        "{who} for authorization_code, and nothing says by which grant tokens of issuer {name} were obtained: no customer's token passes; name the claim in `claims.grant` of the issuer"
    ))
}
