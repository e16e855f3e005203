//! The value that proves a token was verified. Made only here, and only for the moment it was asked about.

use super::Issuer;
use super::audiences::Audiences;
use super::identity;
use super::status::Standing;
use super::verdict::{Verdict, date};
use super::words::Part;
use crate::clock::UnixSeconds;
use crate::gateway::refusal::Refusal;
use crate::oauth::claims::{Claims, Detail};
use crate::oauth::confirmation::Confirmation;
use crate::oauth::grant::Grant;
use crate::oauth::scope::Scopes;
use crate::state::revocations::Revocations;
use std::sync::Arc;
use std::time::Duration;

/// A token whose signature, claims and dates hold now. It is no permission: `authorize` decides.
#[derive(Clone, Debug)]
pub struct VerifiedToken(Verdict);

/// What time has left of a verdict.
#[derive(Debug)]
pub(super) enum Checked {
    /// It is as good as ever.
    Good(VerifiedToken),
    /// It is, unless its status list says otherwise, which must be fetched first.
    Pending(Verdict),
}

/// Who the token speaks for, and how it came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A customer, by this grant where the issuer says so.
    Customer(Option<Grant>),
    /// The client itself.
    Client,
}

impl VerifiedToken {
    /// The checks that time can undo. The status list comes last, so that only a good token makes us fetch one
    /// (draft-ietf-oauth-status-list §8.3).
    pub(super) fn check(verdict: Verdict, revocations: &Revocations, now: UnixSeconds) -> Result<Checked, Refusal> {
        let standing = verdict.check(revocations, now).and_then(|()| verdict.standing(now));
        Ok(match standing.map_err(|refusal| refusal.of(&verdict.issuer().refusals))? {
            Standing::Valid => Checked::Good(Self(verdict)),
            Standing::Unknown => Checked::Pending(verdict),
        })
    }

    /// Whether what was let in by it may go on, as of `now`: its dates, the deny-list and its status list, as far as that
    /// is at hand.
    pub fn still_holds(&self, revocations: &Revocations, now: UnixSeconds) -> bool {
        self.0.check(revocations, now).is_ok() && self.0.standing(now).is_ok()
    }

    /// The scopes granted.
    pub fn scope(&self) -> Scopes<'_> {
        Scopes::of_checked(self.0.words().scope())
    }

    /// Which of its issuer's audiences it is meant for.
    pub fn audiences(&self) -> Audiences {
        self.0.facts().audiences
    }

    /// The consent that it was made under, where the issuer says so.
    pub fn consent(&self) -> Option<&str> {
        self.0.words().field(identity::CONSENT_ID)
    }

    /// How often that consent may be used, where the issuer says so.
    pub fn frequency(&self) -> Option<u32> {
        self.0.words().exactly(Part::Frequency).map(u32::from_be_bytes)
    }

    /// The token's own `sub`.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject()
    }

    /// The customer, as the upstream is told; no client is one.
    pub fn customer(&self) -> Option<&str> {
        self.0.words().field(identity::SUBJECT)
    }

    /// How strongly the customer authenticated.
    pub fn acr(&self) -> Option<&str> {
        self.0.words().text(Part::Acr)
    }

    /// When the customer authenticated.
    pub fn authenticated(&self) -> Option<UnixSeconds> {
        self.0.words().exactly(Part::Authenticated).map(date)
    }

    /// What it is bound to.
    pub fn confirmation(&self) -> Option<Confirmation> {
        if !self.0.facts().is_bound {
            return None;
        }
        let words = self.0.words();
        let (certificate, key) = (words.exactly(Part::Certificate), words.exactly(Part::Key));
        let is_foreign = words.part(Part::Foreign).is_some() || (certificate.is_none() && key.is_none());
        Some(Confirmation { certificate, key, is_foreign })
    }

    /// What was granted in detail.
    pub fn details(&self) -> &[Detail] {
        self.0.facts().rare.as_ref().map_or(&[], |rare| &rare.details)
    }

    /// The client that it was issued to, as the upstream is told.
    pub fn client_id(&self) -> Option<&str> {
        self.0.client_id()
    }

    /// Who holds it.
    pub fn holder(&self) -> Holder {
        self.0.facts().holder
    }

    /// Whose it is.
    pub fn issuer(&self) -> &Arc<Issuer> {
        self.0.issuer()
    }

    /// Of its verdict: equal for equal tokens while they are remembered, and never for two that differ.
    pub fn verdict(&self) -> u64 {
        self.0.facts().id
    }

    /// From then on it is not accepted.
    pub fn ends(&self) -> UnixSeconds {
        self.0.ends()
    }

    /// The issuer's name, as a field of the log, and the client's.
    pub(in crate::gateway) fn line(&self) -> (&[u8], Option<&[u8]>) {
        (self.issuer().alike.line(), self.0.words().client_id())
    }

    /// The identity headers for the upstream, as they stand in a request: the token's, and those that many have.
    pub fn identity(&self) -> [&[u8]; 2] {
        let alike = self.issuer().alike.identity(self.holder());
        [self.0.words().identity(), alike.unwrap_or_default()]
    }
}

/// Whether `date` still lies ahead. FAPI 2.0 §5.3.2.1: up to 10 s ahead is another clock, not an attack.
pub(super) fn is_early(date: UnixSeconds, now: UnixSeconds, leeway: Duration) -> bool {
    date > now.later(leeway.max(EARLY_TOLERANCE))
}

impl Holder {
    /// The issuer's grant claim decides; without it, `sub` equal to `client_id` is the client itself (RFC 9068 §2.2).
    pub(super) fn of(claims: &Claims<'_>) -> Self {
        match claims.grant.as_deref().map(str::parse) {
            Some(Ok(Grant::ClientCredentials)) => Self::Client,
            Some(Ok(grant)) => Self::Customer(Some(grant)),
            None if claims.subject.is_some() && claims.subject == claims.client_id => Self::Client,
            Some(Err(_)) | None => Self::Customer(None),
        }
    }

    /// The grant, where it is known.
    pub fn grant(self) -> Option<Grant> {
        match self {
            Self::Customer(grant) => grant,
            Self::Client => Some(Grant::ClientCredentials),
        }
    }
}

const EARLY_TOLERANCE: Duration = Duration::from_secs(10);
