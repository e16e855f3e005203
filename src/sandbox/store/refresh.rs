//! Refresh tokens: each is used once and gives its successor; an old one that returns revokes them all
//! (RFC 9700 §4.14.2), because then two parties hold tokens of one customer.

use super::{Consent, Store, Tables};
use crate::clock::UnixSeconds;
use crate::sandbox::scopes::Scopes;
use crate::sandbox::secret::{self, Digest};

/// What a token request says about its refresh token.
#[derive(Clone, Copy, Debug)]
pub(in crate::sandbox) struct RefreshClaim<'a> {
    /// The authenticated client.
    pub(in crate::sandbox) client_id: &'a str,
    /// The refresh token.
    pub(in crate::sandbox) token: &'a str,
    /// Asked for; none: what was granted.
    pub(in crate::sandbox) scopes: Option<&'a Scopes>,
}

/// Why a refresh token gives no access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum RefreshFault {
    /// Never given out, or to another client.
    Unknown,
    /// Not used for too long.
    Expired,
    /// The customer's consent is gone, or a token of the family was used twice before.
    Revoked,
    /// It was used before; the whole family is revoked now.
    Reused,
    /// More than the customer granted.
    ScopeWider,
}

/// All refresh tokens that came of one consent.
#[derive(Debug)]
pub(super) struct Family {
    consent: Consent,
    /// The only one that works.
    current: Option<Digest>,
    idle_until: UnixSeconds,
}

impl Store {
    /// Takes a refresh token for the consent and the token's successor, which holds the same scopes.
    pub(in crate::sandbox) fn rotate(
        &self,
        claim: RefreshClaim<'_>,
        idle_until: UnixSeconds,
        now: UnixSeconds,
    ) -> Result<(Consent, String), RefreshFault> {
        let mut tables = self.tables();
        let shown = Digest::of(claim.token);
        let id = tables.refresh_tokens.get(&shown).cloned().ok_or(RefreshFault::Unknown)?;
        let family = tables.families.get_mut(&id).ok_or(RefreshFault::Unknown)?;
        if family.consent.client_id != claim.client_id {
            return Err(RefreshFault::Unknown);
        }
        let current = family.current.ok_or(RefreshFault::Revoked)?;
        if current != shown {
            family.current = None;
            return Err(RefreshFault::Reused);
        }
        if now >= family.idle_until {
            return Err(RefreshFault::Expired);
        }
        if claim.scopes.is_some_and(|asked| !asked.within(&family.consent.scopes)) {
            return Err(RefreshFault::ScopeWider);
        }
        family.idle_until = idle_until;
        let consent = family.consent.clone();
        Ok((consent, tables.next_token(id)))
    }
}

impl Family {
    /// A family that has no token yet.
    pub(super) fn new(consent: Consent, idle_until: UnixSeconds) -> Self {
        Self { consent, current: None, idle_until }
    }
}

impl Tables {
    /// Adds a family and gives its first token.
    pub(super) fn start_family(&mut self, id: String, family: Family) -> String {
        self.families.insert(id.clone(), family, FAMILIES_MAX);
        self.next_token(id)
    }

    /// No token of the family works any more.
    pub(super) fn revoke(&mut self, id: &str) {
        if let Some(family) = self.families.get_mut(&id.to_owned()) {
            family.current = None;
        }
    }

    fn next_token(&mut self, id: String) -> String {
        let token = secret::fresh("rt_");
        let digest = Digest::of(&token);
        if let Some(family) = self.families.get_mut(&id) {
            family.current = Some(digest);
        }
        self.refresh_tokens.insert(digest, id, TOKENS_MAX);
        token
    }
}

/// Consents that can be refreshed; the oldest has to be granted again.
const FAMILIES_MAX: usize = 10_000;
/// Tokens remembered, used ones included: an older one is unknown instead of reused, and refused all the same.
const TOKENS_MAX: usize = 100_000;
