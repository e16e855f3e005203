//! The value without which nothing is forwarded. Made only here: by `grant` for a token that passed every check of
//! its route, by `open` for a route that says so. Where other gateways must agree, it is handed out when they have.

use super::claim::Asking;
use super::proof::Sound;
use super::sender::Senders;
use super::{Compared, Facts, Replay};
use crate::clock::UnixSeconds;
use crate::gateway::certificate::ClientCertificate;
use crate::gateway::credentials::Bearer;
use crate::gateway::policy::{Entry, Route};
use crate::gateway::read::Head;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::gateway::verify::token::VerifiedToken;
use http::HeaderValue;

/// Permission to forward one request on one route.
#[derive(Debug)]
pub struct Permit<'p> {
    route: &'p Route,
    token: Option<VerifiedToken>,
    nonce: Option<HeaderValue>,
}

/// What comes of the checks.
#[derive(Debug)]
pub enum Granted<'p> {
    /// The permit.
    Now(Permit<'p>),
    /// It depends on what other gateways know.
    Ask(Box<Asking<'p>>),
}

/// Who asks, and how.
pub struct Asker<'a> {
    /// The request's head.
    pub head: &'a Head,
    /// How the token was presented.
    pub bearer: &'a Bearer<'a>,
    /// The client's own token and how it was presented, where the route asks for two.
    pub client: Option<(&'a VerifiedToken, &'a Bearer<'a>)>,
    /// The certificate that the client showed.
    pub certificate: Option<&'a ClientCertificate>,
    /// What becomes of a proof.
    pub replay: Replay,
}

/// What one check says, for whoever has a decision explained.
#[derive(Debug)]
pub struct Finding {
    /// The check: the key in the configuration that it comes from, or `sender`.
    pub check: &'static str,
    /// What it held against each other.
    pub compared: Compared,
    /// Why it refuses, if it does.
    pub refusal: Option<Reason>,
}

/// Has the sender proven, then runs the route's checks in their order, as of `now`.
pub fn grant<'p>(
    route: &'p Route,
    token: VerifiedToken,
    (asker, senders): (&Asker<'_>, &Senders),
    now: UnixSeconds,
) -> Result<Granted<'p>, Refusal> {
    let Entry::Token(checks) = &route.entry else {
        // An open route asks for no token, so none was verified for it.
        return Err(Reason::Internal.into());
    };
    let facts = asker.facts(&token, now);
    let Sound { mut nonce, mut claim } = senders.check(&facts)?;
    if let Some((token, bearer)) = asker.client {
        let of_client = senders.check(&Facts { token, bearer, ..facts })?;
        // A proof names one token: the other has none.
        (nonce, claim) = (of_client.nonce.or(nonce), of_client.claim.or(claim));
    }
    for check in checks {
        check.check(&facts)?;
    }
    let permit = Permit { route, token: Some(token), nonce };
    Ok(match claim {
        None => Granted::Now(permit),
        Some(claim) => Granted::Ask(Box::new(Asking { permit, claim })),
    })
}

/// What `grant` would ask, in its order, and every answer: those too that come after a refusal. It permits nothing.
pub fn survey(
    route: &Route,
    token: &VerifiedToken,
    (asker, senders): (&Asker<'_>, &Senders),
    now: UnixSeconds,
) -> Vec<Finding> {
    let facts = asker.facts(token, now);
    let sender = |check, facts: &Facts<'_>| Finding {
        check,
        compared: senders.compared(facts),
        refusal: senders.check(facts).err().map(|refusal| refusal.reason()),
    };
    let mut findings = vec![sender("sender", &facts)];
    if let Some((token, bearer)) = asker.client {
        findings.push(sender("sender of the client's own token", &Facts { token, bearer, ..facts }));
    }
    if let Entry::Token(checks) = &route.entry {
        findings.extend(checks.iter().map(|check| Finding {
            check: check.name(),
            compared: check.compared(&facts),
            refusal: check.check(&facts).err().map(|refusal| refusal.reason()),
        }));
    }
    findings
}

impl<'a> Asker<'a> {
    fn facts<'t>(&self, token: &'t VerifiedToken, now: UnixSeconds) -> Facts<'t>
    where
        'a: 't,
    {
        let Self { head, bearer, client, certificate, replay } = *self;
        Facts { token, head, bearer, client: client.map(|(token, _)| token), certificate, now, replay }
    }
}

/// The one way in without a token: the configuration says `access: open`.
pub fn open(route: &Route) -> Option<Permit<'_>> {
    match &route.entry {
        Entry::Open => Some(Permit { route, token: None, nonce: None }),
        Entry::Token(_) => None,
    }
}

impl<'p> Permit<'p> {
    /// The route that was checked.
    pub fn route(&self) -> &'p Route {
        self.route
    }

    /// What the client's next proof must hold, if that is new.
    pub fn nonce(&self) -> Option<&HeaderValue> {
        self.nonce.as_ref()
    }

    /// The token that was checked: none for an open route.
    pub fn token(&self) -> Option<&VerifiedToken> {
        self.token.as_ref()
    }

    /// The identity headers for the upstream, as they stand in a request: none for an open route.
    pub fn identity(&self) -> [&[u8]; 2] {
        self.token.as_ref().map_or_else(Default::default, VerifiedToken::identity)
    }
}
