//! The value that proves a token was verified. Made only here, and only for the moment it was asked about.

use super::Issuer;
use super::audiences::Audiences;
use super::identity::{self, Texts};
use super::opaque::Asks;
use super::status::{self, Standing, StatusLists};
use crate::clock::UnixSeconds;
use crate::gateway::observe::line;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::claims::{Claims, Detail};
use crate::oauth::confirmation::Confirmation;
use crate::oauth::grant::Grant;
use crate::oauth::scope::Scopes;
use crate::oauth::status_list::{Reference, Status};
use crate::state::revocations::{Bearer, Refused, Revocation, Revocations, Whose};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A token whose signature, claims and dates hold now. It is no permission: `authorize` decides.
#[derive(Clone, Debug)]
pub struct VerifiedToken(Arc<Verdict>);

/// What was found out about a token once and stays true while its dates and keys do.
#[derive(Debug)]
pub struct Verdict {
    /// Of no other verdict of this process.
    id: u64,
    issuer: Arc<Issuer>,
    key_generation: u64,
    source: Source,
    expires: UnixSeconds,
    not_before: Option<UnixSeconds>,
    issued: Option<UnixSeconds>,
    /// The last epoch of the deny-list at which it was not on it; 0: it was not looked at yet.
    cleared: AtomicU64,
    audiences: Audiences,
    holder: Holder,
    texts: Texts,
    /// What few tokens have, so that the others have no room for it.
    rare: Option<Box<Rare>>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Rare {
    /// A client's own `sub`, where it is not its `client_id`: no upstream is told, and the deny-list may hold it.
    own_subject: Option<String>,
    consent: Option<String>,
    frequency: Option<u32>,
    acr: Option<String>,
    authenticated: Option<UnixSeconds>,
    details: Vec<Detail>,
    confirmation: Option<Confirmation>,
    status: Option<Status>,
}

/// What time has left of a verdict.
#[derive(Debug)]
pub(super) enum Checked {
    /// It is as good as ever.
    Good(VerifiedToken),
    /// It is, unless its status list says otherwise, which must be fetched first.
    Pending(Arc<Verdict>),
}

/// How we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// By the signature: for as long as its key is there.
    Signature,
    /// From the issuer's mouth: until it must be asked again.
    Answer {
        /// Before it the clock was set back since, and nobody knows how old the answer is.
        since: UnixSeconds,
        /// Never later than `expires`.
        until: UnixSeconds,
    },
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
    pub(super) fn check(
        verdict: Arc<Verdict>,
        revocations: &Revocations,
        now: UnixSeconds,
    ) -> Result<Checked, Refusal> {
        let standing = verdict.check(revocations, now).and_then(|()| verdict.standing(now));
        Ok(match standing.map_err(|refusal| refusal.of(&verdict.issuer.refusals))? {
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
        Scopes::of_checked(self.0.texts.scope())
    }

    /// Which of its issuer's audiences it is meant for.
    pub fn audiences(&self) -> Audiences {
        self.0.audiences
    }

    /// The consent that it was made under, where the issuer says so.
    pub fn consent(&self) -> Option<&str> {
        self.0.rare.as_ref()?.consent.as_deref()
    }

    /// How often that consent may be used, where the issuer says so.
    pub fn frequency(&self) -> Option<u32> {
        self.0.rare.as_ref()?.frequency
    }

    /// The token's own `sub`.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject()
    }

    /// How strongly the customer authenticated.
    pub fn acr(&self) -> Option<&str> {
        self.0.rare.as_ref()?.acr.as_deref()
    }

    /// When the customer authenticated.
    pub fn authenticated(&self) -> Option<UnixSeconds> {
        self.0.rare.as_ref()?.authenticated
    }

    /// What it is bound to.
    pub fn confirmation(&self) -> Option<&Confirmation> {
        self.0.rare.as_ref()?.confirmation.as_ref()
    }

    /// What was granted in detail.
    pub fn details(&self) -> &[Detail] {
        self.0.rare.as_ref().map_or(&[], |rare| &rare.details)
    }

    /// The client that it was issued to, as the upstream is told.
    pub fn client_id(&self) -> Option<&str> {
        self.0.texts.identity_field(identity::CLIENT_ID)
    }

    /// Who holds it.
    pub fn holder(&self) -> Holder {
        self.0.holder
    }

    /// Whose it is.
    pub fn issuer(&self) -> &Arc<Issuer> {
        &self.0.issuer
    }

    /// Of its verdict: equal for equal tokens while they are remembered, and never for two that differ.
    pub fn verdict(&self) -> u64 {
        self.0.id
    }

    /// From then on it is not accepted.
    pub fn ends(&self) -> UnixSeconds {
        self.0.ends()
    }

    /// The issuer's name and the client, as fields of the log.
    pub fn line(&self) -> &[u8] {
        self.0.texts.line().as_bytes()
    }

    /// The identity headers for the upstream, as they stand in a request.
    pub fn identity(&self) -> &[u8] {
        self.0.texts.identity().as_bytes()
    }
}

impl Verdict {
    /// Whether it still holds and may be used on a route that asks so. A key that was removed or replaced since may be
    /// the one that verified it; an answer grows old, and is worth nothing where another issuer is asked.
    pub(super) fn holds(&self, asks: &Asks, now: UnixSeconds) -> bool {
        self.key_generation == self.issuer.keys.generation()
            && match self.source {
                Source::Signature => !asks.always_ask(&self.issuer),
                Source::Answer { since, until } => (since..until).contains(&now) && asks.accept_answer_of(&self.issuer),
            }
    }

    /// Whether it is an answer of this issuer that may be remembered.
    pub(super) fn is_answer_of(&self, issuer: &Arc<Issuer>, now: UnixSeconds) -> bool {
        let is_young = matches!(self.source, Source::Answer { since, until } if (since..until).contains(&now));
        is_young && Arc::ptr_eq(&self.issuer, issuer)
    }

    /// From the claims of a token whose signature was verified.
    pub(super) fn signed(issuer: Arc<Issuer>, key_generation: u64, claims: Claims) -> Result<Self, Refusal> {
        let expires = claims.expires.ok_or(Reason::ClaimMissing)?;
        Self::new(issuer, (key_generation, Source::Signature), expires, claims)
    }

    /// From what the issuer said about a token when it was `asked`. An answer without `exp` holds until the issuer is
    /// asked again.
    pub(super) fn answered(issuer: &Arc<Issuer>, claims: Claims, asked: UnixSeconds) -> Result<Self, Refusal> {
        let cache = issuer.settings.introspection.as_ref().map_or(Duration::ZERO, |settings| settings.cache);
        let until = UnixSeconds(asked.0.saturating_add(seconds(cache)));
        let expires = claims.expires.unwrap_or(UnixSeconds(until.0.saturating_add(1)));
        let source = Source::Answer { since: asked.a_moment_before(), until: until.min(expires) };
        Self::new(Arc::clone(issuer), (issuer.keys.generation(), source), expires, claims)
    }

    /// Whether it is valid by its dates and not on the deny-list.
    pub(super) fn check(&self, revocations: &Revocations, now: UnixSeconds) -> Result<(), Refusal> {
        self.check_dates(now)?;
        if self.is_revoked(revocations, now) { Err(Reason::TokenRevoked.into()) } else { Ok(()) }
    }

    /// What its issuer's status lists say of it.
    fn standing(&self, now: UnixSeconds) -> Result<Standing, Refusal> {
        match self.rare.as_ref().and_then(|rare| rare.status.as_ref()) {
            None => Ok(Standing::Valid),
            Some(Status::Foreign) => Err(status::foreign()),
            Some(Status::Listed(_)) => {
                let (lists, reference) = self.listed().ok_or(Reason::Internal)?;
                lists.look_up(reference, self.issued, self.key_generation, now)
            }
        }
    }

    /// Its place in a status list.
    pub(super) fn listed(&self) -> Option<(&StatusLists, &Reference)> {
        match self.rare.as_ref()?.status.as_ref()? {
            Status::Listed(reference) => Some((self.issuer.status_lists.as_ref()?, reference)),
            Status::Foreign => None,
        }
    }

    /// Whose it is.
    pub(super) fn issuer(&self) -> &Arc<Issuer> {
        &self.issuer
    }

    /// Puts it on the deny-list for as long as it lives; `None` where it has no name to stand there by.
    pub(super) fn revoke(&self, revocations: &Revocations, now: UnixSeconds) -> Option<Result<(), Refused>> {
        let revocation = Revocation {
            issuer: &self.issuer.settings.issuer,
            whose: Whose::Token(self.texts.identity_field(identity::TOKEN_ID)?),
            issued_before: None,
            until: Some(self.ends()),
        };
        Some(revocations.revoke_at_once(&revocation, now))
    }

    /// Whether it lives longer than the deny-list remembers it.
    pub(super) fn outlives(&self, revocations: &Revocations, now: UnixSeconds) -> bool {
        self.ends().0.saturating_sub(now.0) > seconds(revocations.keep())
    }

    /// Whether it has begun and has not ended.
    pub(super) fn check_dates(&self, now: UnixSeconds) -> Result<(), Refusal> {
        if now >= self.ends() {
            return Err(Reason::TokenExpired.into());
        }
        if self.not_before.is_some_and(|date| is_early(date, now, self.issuer.settings.leeway)) {
            return Err(Reason::TokenEarly.into());
        }
        Ok(())
    }

    /// Its `exp`, and the clock difference that is forgiven.
    fn ends(&self) -> UnixSeconds {
        UnixSeconds(self.expires.0.saturating_add(seconds(self.issuer.settings.leeway)))
    }

    /// Looks at the deny-list only where it changed since the last time. The epoch is read first: what is added while
    /// the list is looked at moves it on.
    fn is_revoked(&self, revocations: &Revocations, now: UnixSeconds) -> bool {
        let epoch = revocations.epoch();
        if self.cleared.load(Ordering::Relaxed) == epoch {
            return false;
        }
        let bearer = Bearer {
            issuer: &self.issuer.settings.issuer,
            token_id: self.texts.identity_field(identity::TOKEN_ID),
            subject: self.subject(),
            client_id: self.texts.identity_field(identity::CLIENT_ID),
            consent: self.texts.identity_field(identity::CONSENT_ID),
            issued: self.issued,
        };
        let is_revoked = revocations.has(&bearer, now);
        if !is_revoked {
            self.cleared.store(epoch, Ordering::Relaxed);
        }
        is_revoked
    }

    /// The token's `sub`. A client's own stands in no identity header; it is its `client_id` (RFC 9068 §2.2) unless the
    /// issuer says otherwise.
    fn subject(&self) -> Option<&str> {
        match self.holder {
            Holder::Customer(_) => self.texts.identity_field(identity::SUBJECT),
            Holder::Client => {
                let own = self.rare.as_ref().and_then(|rare| rare.own_subject.as_deref());
                own.or_else(|| self.texts.identity_field(identity::CLIENT_ID))
            }
        }
    }

    /// From claims that were checked. A value that cannot stand in a header field as it is (RFC 9110 §5.5) makes the
    /// token invalid: encoding it would give the API another identity than the issuer named.
    fn new(
        issuer: Arc<Issuer>,
        (key_generation, source): (u64, Source),
        expires: UnixSeconds,
        mut claims: Claims,
    ) -> Result<Self, Refusal> {
        let holder = holder(&claims);
        let mut line = line::field("issuer", issuer.settings.name.as_bytes());
        if let Some(client_id) = &claims.client_id {
            line.extend(line::field("client_id", client_id.as_bytes()));
        }
        let identity = identity::block(&issuer, &claims, holder)?;
        let text = |octets: Vec<u8>| String::from_utf8(octets).map_err(|_| Reason::Internal);
        let rare = Rare::of(&mut claims, holder);
        let texts = Texts::new(&text(identity)?, &text(line)?, claims.scope.scopes().as_str());
        Ok(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            audiences: Audiences::among(&claims.audiences, &issuer.settings.audiences),
            issuer,
            key_generation,
            source,
            expires,
            not_before: claims.not_before,
            issued: claims.issued,
            cleared: AtomicU64::new(0),
            holder,
            texts,
            rare,
        })
    }
}

impl Rare {
    fn of(claims: &mut Claims, holder: Holder) -> Option<Box<Self>> {
        let own_subject = match holder {
            Holder::Client if claims.subject != claims.client_id => claims.subject.take(),
            Holder::Client | Holder::Customer(_) => None,
        };
        let rare = Self {
            own_subject,
            consent: claims.consent.take(),
            frequency: claims.frequency,
            acr: claims.acr.take(),
            authenticated: claims.authenticated,
            details: std::mem::take(&mut claims.details),
            confirmation: claims.confirmation,
            status: claims.status.take(),
        };
        (rare != Self::default()).then(|| Box::new(rare))
    }
}

/// Whether `date` still lies ahead. FAPI 2.0 §5.3.2.1: up to 10 s ahead is another clock, not an attack.
pub(super) fn is_early(date: UnixSeconds, now: UnixSeconds, leeway: Duration) -> bool {
    date.0 > now.0.saturating_add(seconds(leeway.max(EARLY_TOLERANCE)))
}

/// The issuer's grant claim decides; without it, `sub` equal to `client_id` is the client itself (RFC 9068 §2.2).
fn holder(claims: &Claims) -> Holder {
    match claims.grant.as_deref().map(str::parse) {
        Some(Ok(Grant::ClientCredentials)) => Holder::Client,
        Some(Ok(grant)) => Holder::Customer(Some(grant)),
        None if claims.subject.is_some() && claims.subject == claims.client_id => Holder::Client,
        Some(Err(_)) | None => Holder::Customer(None),
    }
}

impl Holder {
    /// The grant, where it is known.
    pub fn grant(self) -> Option<Grant> {
        match self {
            Self::Customer(grant) => grant,
            Self::Client => Some(Grant::ClientCredentials),
        }
    }
}

pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);
const EARLY_TOLERANCE: Duration = Duration::from_secs(10);
