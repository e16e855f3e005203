//! What was found out about a token, as it is remembered: its facts and its words in one piece of memory.

use super::Issuer;
use super::audiences::Audiences;
use super::identity;
use super::opaque::Asks;
use super::status::{self, Standing, StatusLists};
use super::token::{Holder, is_early};
use super::words::{self, Ends, Part, Words};
use crate::clock::UnixSeconds;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::claims::{Claims, Detail};
use crate::oauth::confirmation::Thumbprint;
use crate::oauth::status_list::{Reference, Status};
use crate::state::revocations::{Bearer, Refused, Revocation, Revocations, Whose};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use triomphe::ThinArc;

/// What was found out about a token once and stays true while its dates and keys do: its facts and, behind them, what it
/// says in words. All of it is one piece of memory, and this a pointer to it: with many tokens, each further piece is one
/// more that the processor does not have at hand, and that the allocator rounds up.
#[derive(Clone, Debug)]
pub(super) struct Verdict(ThinArc<Facts, u8>);

#[derive(Debug)]
pub(super) struct Facts {
    /// Of no other verdict of this process.
    pub(super) id: u64,
    issuer: Arc<Issuer>,
    key_generation: u64,
    expires: UnixSeconds,
    not_before: Date,
    issued: Date,
    /// The last epoch of the deny-list at which it was not on it; 0: it was not looked at yet.
    cleared: AtomicU64,
    pub(super) audiences: Audiences,
    pub(super) rare: Option<Box<Rare>>,
    ends: Ends,
    source: Source,
    pub(super) holder: Holder,
    pub(super) is_bound: bool,
}

/// A claim that may be absent, in eight octets: none is before 1970.
#[derive(Clone, Copy, Debug)]
struct Date(i64);

/// What few tokens have and is more than a word.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rare {
    pub(super) details: Vec<Detail>,
    status: Option<Status>,
}

/// How we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// By the signature: for as long as its key is there.
    Signature,
    /// From the issuer's mouth: until it must be asked again.
    Answer,
}

impl Verdict {
    pub(super) fn facts(&self) -> &Facts {
        &self.0.header.header
    }

    pub(super) fn words(&self) -> Words<'_> {
        Words { ends: &self.facts().ends, octets: &self.0.slice }
    }

    /// Whether it still holds and may be used on a route that asks so. A key that was removed or replaced since may be
    /// the one that verified it; an answer grows old, and is worth nothing where another issuer is asked.
    pub(super) fn holds(&self, asks: &Asks, now: UnixSeconds) -> bool {
        let facts = self.facts();
        facts.key_generation == facts.issuer.keys.generation()
            && match facts.source {
                Source::Signature => !asks.always_ask(&facts.issuer),
                Source::Answer => self.is_young(now) && asks.accept_answer_of(&facts.issuer),
            }
    }

    /// Whether it is what an issuer said when it was asked.
    pub(super) fn is_answer(&self) -> bool {
        self.facts().source == Source::Answer
    }

    /// Whether it is an answer of this issuer that may be remembered.
    pub(super) fn is_answer_of(&self, issuer: &Arc<Issuer>, now: UnixSeconds) -> bool {
        self.is_answer() && self.is_young(now) && Arc::ptr_eq(self.issuer(), issuer)
    }

    /// Whether an answer is good still. Before it the clock was set back since, and nobody knows how old the answer is.
    fn is_young(&self, now: UnixSeconds) -> bool {
        let (since, until) = (self.words().exactly(Part::AnswerSince), self.words().exactly(Part::AnswerUntil));
        since.zip(until).is_some_and(|(since, until)| (date(since)..date(until)).contains(&now))
    }

    /// From the claims of a token whose signature was verified.
    pub(super) fn signed(issuer: &Arc<Issuer>, key_generation: u64, claims: Claims<'_>) -> Result<Self, Refusal> {
        let expires = claims.expires.ok_or(Reason::ClaimMissing)?;
        Self::new(issuer, (key_generation, None), expires, claims)
    }

    /// From what the issuer said about a token when it was `asked`. An answer without `exp` holds until the issuer is
    /// asked again.
    pub(super) fn answered(issuer: &Arc<Issuer>, claims: Claims<'_>, asked: UnixSeconds) -> Result<Self, Refusal> {
        let cache = issuer.settings.introspection.as_ref().map_or(Duration::ZERO, |settings| settings.cache);
        let until = asked.later(cache);
        let expires = claims.expires.unwrap_or(UnixSeconds(until.0.saturating_add(1)));
        let young = asked.a_moment_before()..until.min(expires);
        Self::new(issuer, (issuer.keys.generation(), Some(young)), expires, claims)
    }

    /// Whether it is valid by its dates and not on the deny-list.
    pub(super) fn check(&self, revocations: &Revocations, now: UnixSeconds) -> Result<(), Refusal> {
        self.check_dates(now)?;
        if self.is_revoked(revocations, now) { Err(Reason::TokenRevoked.into()) } else { Ok(()) }
    }

    /// What its issuer's status lists say of it.
    pub(super) fn standing(&self, now: UnixSeconds) -> Result<Standing, Refusal> {
        match self.facts().rare.as_ref().and_then(|rare| rare.status.as_ref()) {
            None => Ok(Standing::Valid),
            Some(Status::Foreign) => Err(status::foreign()),
            Some(Status::Listed(_)) => {
                let (lists, reference) = self.listed().ok_or(Reason::Internal)?;
                lists.look_up(reference, self.facts().issued.get(), self.facts().key_generation, now)
            }
        }
    }

    /// Its place in a status list.
    pub(super) fn listed(&self) -> Option<(&StatusLists, &Reference)> {
        match self.facts().rare.as_ref()?.status.as_ref()? {
            Status::Listed(reference) => Some((self.issuer().status_lists.as_ref()?, reference)),
            Status::Foreign => None,
        }
    }

    /// Whose it is.
    pub(super) fn issuer(&self) -> &Arc<Issuer> {
        &self.facts().issuer
    }

    /// Puts it on the deny-list for as long as it lives; `None` where it has no name to stand there by.
    pub(super) fn revoke(&self, revocations: &Revocations, now: UnixSeconds) -> Option<Result<(), Refused>> {
        let revocation = Revocation {
            issuer: &self.issuer().settings.issuer,
            whose: Whose::Token(self.words().field(identity::TOKEN_ID)?),
            issued_before: None,
            until: Some(self.ends()),
        };
        Some(revocations.revoke_at_once(&revocation, now))
    }

    /// Whether it lives longer than the deny-list remembers it.
    pub(super) fn outlives(&self, revocations: &Revocations, now: UnixSeconds) -> bool {
        self.ends() > now.later(revocations.keep())
    }

    /// Whether it has begun and has not ended.
    pub(super) fn check_dates(&self, now: UnixSeconds) -> Result<(), Refusal> {
        if now >= self.ends() {
            return Err(Reason::TokenExpired.into());
        }
        if self.facts().not_before.get().is_some_and(|date| is_early(date, now, self.issuer().settings.leeway)) {
            return Err(Reason::TokenEarly.into());
        }
        Ok(())
    }

    /// Its `exp`, and the clock difference that is forgiven.
    pub(super) fn ends(&self) -> UnixSeconds {
        self.facts().expires.later(self.issuer().settings.leeway)
    }

    /// Looks at the deny-list only where it changed since the last time. The epoch is read first: what is added while
    /// the list is looked at moves it on.
    fn is_revoked(&self, revocations: &Revocations, now: UnixSeconds) -> bool {
        let (epoch, facts) = (revocations.epoch(), self.facts());
        if facts.cleared.load(Ordering::Relaxed) == epoch {
            return false;
        }
        let bearer = Bearer {
            issuer: &facts.issuer.settings.issuer,
            token_id: self.words().field(identity::TOKEN_ID),
            subject: self.subject(),
            client_id: self.client_id(),
            consent: self.words().field(identity::CONSENT_ID),
            issued: facts.issued.get(),
        };
        let is_revoked = revocations.has(&bearer, now);
        if !is_revoked {
            facts.cleared.store(epoch, Ordering::Relaxed);
        }
        is_revoked
    }

    /// The token's `sub`. A client's own stands in no identity header; it is its `client_id` (RFC 9068 §2.2) unless the
    /// issuer says otherwise.
    pub(super) fn subject(&self) -> Option<&str> {
        match self.facts().holder {
            Holder::Customer(_) => self.words().field(identity::SUBJECT),
            Holder::Client => self.words().text(Part::OwnSubject).or_else(|| self.client_id()),
        }
    }

    pub(super) fn client_id(&self) -> Option<&str> {
        str::from_utf8(self.words().client_id()?).ok()
    }

    /// From claims that were checked. A value that cannot stand in a header field as it is (RFC 9110 §5.5) makes the
    /// token invalid: encoding it would give the API another identity than the issuer named.
    fn new(
        issuer: &Arc<Issuer>,
        (key_generation, young): (u64, Option<Range<UnixSeconds>>),
        expires: UnixSeconds,
        mut claims: Claims<'_>,
    ) -> Result<Self, Refusal> {
        let holder = Holder::of(&claims);
        // What all its tokens say must be sayable, too.
        issuer.alike.identity(holder).ok_or(Reason::ClaimInvalid)?;
        let (mut octets, ends) = identity::block(&claims, holder)?;
        let ends = Ends::of(&octets, ends)?;
        put_parts(&mut octets, &claims, (holder, young.as_ref()))?;
        let rare = Rare { details: std::mem::take(&mut claims.details), status: claims.status.take() };
        let facts = Facts {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            issuer: Arc::clone(issuer),
            key_generation,
            expires,
            not_before: Date::of(claims.not_before),
            issued: Date::of(claims.issued),
            cleared: AtomicU64::new(0),
            audiences: Audiences::among(&claims.audiences, &issuer.settings.audiences),
            rare: (rare != Rare::default()).then(|| Box::new(rare)),
            ends,
            source: if young.is_some() { Source::Answer } else { Source::Signature },
            holder,
            is_bound: claims.confirmation.is_some(),
        };
        Ok(Self(ThinArc::from_header_and_slice(facts, &octets)))
    }
}

fn put_parts(
    octets: &mut Vec<u8>,
    claims: &Claims<'_>,
    (holder, young): (Holder, Option<&Range<UnixSeconds>>),
) -> Result<(), Refusal> {
    let own_subject = match holder {
        Holder::Client if claims.subject != claims.client_id => claims.subject.as_deref(),
        Holder::Client | Holder::Customer(_) => None,
    };
    let bound = claims.confirmation.unwrap_or_default();
    let octets_of = |date: UnixSeconds| date.0.to_be_bytes();
    let mut put = |part, value: Option<&[u8]>| words::put(octets, part, value);
    put(Part::OwnSubject, own_subject.map(str::as_bytes))?;
    put(Part::Acr, claims.acr.as_deref().map(str::as_bytes))?;
    put(Part::Authenticated, claims.authenticated.map(octets_of).as_ref().map(<[u8; 8]>::as_slice))?;
    put(Part::Frequency, claims.frequency.map(u32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice))?;
    put(Part::Certificate, bound.certificate.as_ref().map(Thumbprint::as_slice))?;
    put(Part::Key, bound.key.as_ref().map(Thumbprint::as_slice))?;
    put(Part::Foreign, bound.is_foreign.then_some(&[]))?;
    if let Some(Range { start, end }) = young {
        put(Part::AnswerSince, Some(&octets_of(*start)))?;
        put(Part::AnswerUntil, Some(&octets_of(*end)))?;
    }
    Ok(())
}

impl Date {
    fn of(date: Option<UnixSeconds>) -> Self {
        Self(date.map_or(i64::MIN, |date| date.0))
    }

    fn get(self) -> Option<UnixSeconds> {
        (self.0 != i64::MIN).then_some(UnixSeconds(self.0))
    }
}

pub(super) fn date(octets: [u8; 8]) -> UnixSeconds {
    UnixSeconds(i64::from_be_bytes(octets))
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);
