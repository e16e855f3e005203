//! Gateways with quotas.

use super::gateway::{Setup, World, issuer, route};
use super::tokens::{ISSUER, Token};

/// A gateway with these quotas, on these routes; each line is one of a quota, each pair a path and further terms.
pub fn world(quotas: &[&str], routes: &[(&str, &str)]) -> World {
    setup(quotas, routes).start()
}

/// The same, before it is started.
pub fn setup(quotas: &[&str], routes: &[(&str, &str)]) -> Setup {
    let quotas: String = quotas.iter().flat_map(|line| ["  - { ", line, " }\n"]).collect();
    let routes: Vec<_> =
        routes.iter().map(|(path, terms)| route(path, "GET", &format!("scopes: [accounts]\n{terms}"))).collect();
    let claims = "claims: { grant: gty, consent: consent_id, frequency: frequencyPerDay }";
    let issuers =
        issuer("bank", ISSUER, "{ file: jwks.json }").replace("claims: { grant: gty, consent: consent_id }", claims);
    Setup { issuers, further: format!("quotas:\n{quotas}"), ..Setup::routes(&routes) }
}

/// A token made under this consent.
pub fn consent(id: &str) -> Token {
    Token::good().claim("consent_id", id)
}

/// What a request with this token is answered.
pub fn status(world: &World, path: &str, token: &Token) -> u16 {
    world.get(path, token).status()
}

/// The last second that a token may end in: time passes in these tests.
pub const LATE: i64 = 253_402_300_799;
/// RTS-1.
pub const FOUR_A_DAY: &str = "name: unattended, per: [consent, route], calls: 4, within: 24h, unattended: true";
