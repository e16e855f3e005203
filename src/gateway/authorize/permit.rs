//! The value without which nothing is forwarded. Made only here: by `grant` for a token that passed every check of
//! its route, by `open` for a route that says so.

use super::Facts;
use crate::clock::UnixSeconds;
use crate::gateway::policy::{Entry, Route};
use crate::gateway::read::Head;
use crate::gateway::refusal::{Reason, Refusal};
use crate::gateway::verify::token::VerifiedToken;

/// Permission to forward one request on one route.
#[derive(Debug)]
pub struct Permit<'p> {
    route: &'p Route,
    token: Option<VerifiedToken>,
}

/// Runs the route's checks in their order, as of `now`.
pub fn grant<'p>(route: &'p Route, token: VerifiedToken, head: &Head, now: UnixSeconds) -> Result<Permit<'p>, Refusal> {
    let Entry::Token(checks) = &route.entry else {
        // An open route asks for no token, so none was verified for it.
        return Err(Reason::Internal.into());
    };
    let facts = Facts { token: &token, head, now };
    for check in checks {
        check.check(&facts)?;
    }
    Ok(Permit { route, token: Some(token) })
}

/// The one way in without a token: the configuration says `access: open`.
pub fn open(route: &Route) -> Option<Permit<'_>> {
    match &route.entry {
        Entry::Open => Some(Permit { route, token: None }),
        Entry::Token(_) => None,
    }
}

impl<'p> Permit<'p> {
    /// The route that was checked.
    pub fn route(&self) -> &'p Route {
        self.route
    }

    /// The identity headers for the upstream, as they stand in a request: none for an open route.
    pub fn identity(&self) -> &[u8] {
        self.token.as_ref().map_or(&[], VerifiedToken::identity)
    }
}
