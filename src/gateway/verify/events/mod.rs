//! Security events (RFC 8417) that an issuer pushes: verified as strictly as a token, then turned into entries of the
//! deny-list. What cannot be turned into one is refused, so that its sender knows; nothing is lost without a word.
//!
//! An event never touches a token that was issued after it: so a repeat does no harm, and nothing has to be undone when an
//! account or a client comes back.

pub mod record;

use super::token::is_early;
use super::{Issuer, jwt};
use crate::clock::{Clock, UnixSeconds};
use crate::digest::{Digest, sha256};
use crate::gateway::reason::Reason;
use crate::gateway::refusal::{Extra, Refusal};
use crate::oauth::bearer::{self, Credentials, Scheme};
use crate::oauth::security_event::{self, Event, Kind, SecurityEvents};
use crate::oauth::subject::Named;
use crate::state::revocations::{Refused, Revocation, Revocations, Whose};
use aws_lc_rs::constant_time;
use aws_lc_rs::digest::{Context, SHA256};
use http::{HeaderMap, header};
use record::{Fate, Outcome, Record};
use std::sync::Arc;

/// Whose events are taken, and for whom they must be meant.
#[derive(Debug)]
pub struct Reception {
    audiences: Vec<Box<str>>,
    issuers: Vec<Arc<Issuer>>,
    /// The digest of what the sender must show; `None`: the signature is enough.
    token: Option<Digest>,
}

/// An event that was.
#[derive(Debug)]
pub struct Taken {
    /// Its issuer's name.
    pub issuer: Arc<str>,
    /// What it put on the deny-list.
    pub entries: usize,
}

/// Why an event was not taken.
#[derive(Debug)]
pub enum NotTaken {
    /// The sender's fault: a code (RFC 8935 §2.4) and what it is told.
    Bad(Code, &'static str),
    /// The issuer's keys cannot be had; seconds until it makes sense to send it again.
    NoKeys(u32),
    /// The deny-list's.
    List(Refused),
}

/// The error codes of RFC 8935 §2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// No SET, or not of this profile.
    InvalidRequest,
    /// No good signature by a key of its issuer.
    InvalidKey,
    /// Nobody whose events are taken.
    InvalidIssuer,
    /// Meant for somebody else.
    InvalidAudience,
    /// Not the sender that it should be.
    AuthenticationFailed,
    /// A sender that speaks of what is not its own.
    AccessDenied,
}

impl Reception {
    /// Takes the events of `issuers` for any of `audiences`, from whoever shows `token`.
    pub fn new(audiences: Vec<Box<str>>, issuers: Vec<Arc<Issuer>>, token: Option<&[u8]>) -> Self {
        Self { audiences, issuers, token: token.map(sha256) }
    }

    /// Those whose events are taken.
    pub fn issuers(&self) -> &[Arc<Issuer>] {
        &self.issuers
    }

    /// Whether senders must show a token.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether the sender has shown what it must.
    pub fn check_sender(&self, headers: &HeaderMap, record: &Record) -> Result<(), NotTaken> {
        let Some(wanted) = &self.token else { return Ok(()) };
        let mut fields = headers.get_all(header::AUTHORIZATION).iter();
        let shown = match (fields.next().map(|field| bearer::parse(field.as_bytes())), fields.next()) {
            (Some(Credentials::Token(Scheme::Bearer, token)), None) => sha256(token),
            _ => return record.refused(NotTaken::Bad(Code::AuthenticationFailed, "one bearer token is needed")),
        };
        // Digests are of one length, and tell nothing of what they are digests of.
        match constant_time::verify_slices_are_equal(wanted, &shown) {
            Ok(()) => Ok(()),
            Err(_) => record.refused(NotTaken::Bad(Code::AuthenticationFailed, "this bearer token is not known")),
        }
    }

    /// Takes one token. When it returns, what it demands is in force, and written down where the list is.
    pub fn receive(
        &self,
        token: &[u8],
        (list, record): (&Revocations, &Record),
        clock: &Clock,
    ) -> Result<Taken, NotTaken> {
        let outcome = self.verify(token, clock).and_then(|(set, issuer)| {
            let now = clock.now();
            let id = digest(&set);
            if record.has_seen(&id, now) {
                record.count(Outcome::Repeated);
                return Ok(Taken { issuer: Arc::clone(&issuer.settings.name), entries: 0 });
            }
            let count = |fate| set.events.iter().for_each(|event| record.event(event.kind, fate));
            let revocations = revocations(&set, issuer, now).inspect_err(|_| count(Fate::Refused))?;
            if !revocations.is_empty() {
                list.revoke(&revocations, now).map_err(NotTaken::List)?;
            }
            set.events.iter().for_each(|event| record.event(event.kind, Fate::of(event.kind)));
            record.taken((&issuer.settings.name, &id), now);
            tracing::info!(issuer = &*issuer.settings.name, entries = revocations.len(), "a security event was taken");
            Ok(Taken { issuer: Arc::clone(&issuer.settings.name), entries: revocations.len() })
        });
        outcome.or_else(|why| record.refused(why))
    }

    /// The issuer first, then its keys only, then what only a good signature makes worth looking at.
    fn verify(&self, token: &[u8], clock: &Clock) -> Result<(SecurityEvents, &Arc<Issuer>), NotTaken> {
        let claimed = jwt::named_issuer(token).ok_or(UNREADABLE)?;
        let named = |issuer: &&Arc<Issuer>| *issuer.settings.issuer == *claimed;
        let issuer = self.issuers.iter().find(named).ok_or(STRANGER)?;
        let payload =
            jwt::signed(token, TYPE, issuer.signatory(), clock.instant()).map_err(|refusal| unsigned(&refusal))?;
        let set = security_event::parse(&payload).map_err(|why| NotTaken::Bad(Code::InvalidRequest, why.0))?;
        // The same text was read by two readers.
        if *set.issuer != *issuer.settings.issuer {
            return Err(STRANGER);
        }
        if !set.audiences.iter().any(|audience| self.audiences.iter().any(|ours| **ours == **audience)) {
            return Err(NotTaken::Bad(Code::InvalidAudience, "it is meant for somebody else"));
        }
        Ok((set, issuer))
    }
}

fn unsigned(refusal: &Refusal) -> NotTaken {
    let bad = |code, why| NotTaken::Bad(code, why);
    match (refusal.reason(), refusal.extra()) {
        (_, Extra::RetryAfter(seconds)) => NotTaken::NoKeys(*seconds),
        (Reason::AlgorithmRefused, _) => bad(Code::InvalidKey, "its algorithm is none of the issuer's"),
        (Reason::KeyUnknown, _) => bad(Code::InvalidKey, "the issuer has no such key"),
        (Reason::SignatureWrong, _) => bad(Code::InvalidKey, "it is not signed by a key of its issuer"),
        (Reason::TypeWrong, _) => bad(Code::InvalidRequest, "its `typ` is not secevent+jwt"),
        (_, _) => UNREADABLE,
    }
}

/// What the events of one token put on the list.
fn revocations<'s>(
    set: &'s SecurityEvents,
    issuer: &Issuer,
    now: UnixSeconds,
) -> Result<Vec<Revocation<'s>>, NotTaken> {
    let is_early = |date| is_early(date, now, issuer.settings.leeway);
    let mut revocations = Vec::new();
    for event in &set.events {
        // A date ahead would refuse tokens that are not even issued yet.
        if is_early(event.occurred) || is_early(set.issued) {
            return Err(NotTaken::Bad(Code::InvalidRequest, "a date lies ahead"));
        }
        revocations.extend(whose(event, &set.issuer)?.into_iter().map(|whose| Revocation {
            issuer: &set.issuer,
            whose,
            issued_before: match whose {
                Whose::Token(_) => None,
                // Of the event's own second nobody knows whether a token came first: it is refused, too.
                Whose::Customer(_)
                | Whose::CustomerAt(_, _)
                | Whose::Client(_)
                | Whose::Consent(_)
                | Whose::Everybody => Some(UnixSeconds(event.occurred.0.saturating_add(1))),
            },
            until: None,
        }));
    }
    Ok(revocations)
}

/// Whose tokens an event revokes, all of them its own issuer's.
fn whose<'e>(event: &'e Event, issuer: &str) -> Result<Vec<Whose<'e>>, NotTaken> {
    let subject = &event.subject;
    let clients = subject.clients.iter().map(String::as_str);
    let found: Vec<_> = match event.kind {
        Kind::Verification | Kind::Other => return Ok(Vec::new()),
        Kind::TokenRevoked => own(&subject.tokens, issuer)?.map(Whose::Token).collect(),
        Kind::ClientDisabled => clients.map(Whose::Client).collect(),
        Kind::SessionRevoked
        | Kind::CredentialChange
        | Kind::SessionsRevoked
        | Kind::AccountDisabled
        | Kind::AccountPurged
        | Kind::AccountCredentialChangeRequired
        | Kind::CredentialCompromise
        | Kind::TokensRevoked => {
            let users = own(&subject.users, issuer)?;
            users
                .flat_map(|user| {
                    let at = clients.clone().map(move |client| Whose::CustomerAt(user, client));
                    let everywhere = subject.clients.is_empty().then_some(Whose::Customer(user));
                    at.chain(everywhere)
                })
                .collect()
        }
    };
    if found.is_empty() { Err(NOBODY) } else { Ok(found) }
}

/// The names that are the issuer's own. One that speaks of another's people only has no business to.
fn own<'n>(names: &'n [Named], issuer: &str) -> Result<impl Iterator<Item = &'n str>, NotTaken> {
    let own: Vec<_> = names.iter().filter(|named| *named.issuer == *issuer).map(|named| named.name.as_str()).collect();
    if own.is_empty() && !names.is_empty() {
        return Err(NotTaken::Bad(Code::AccessDenied, "the subject is another issuer's"));
    }
    Ok(own.into_iter())
}

/// Of issuer and `jti`, the issuer's length before it.
fn digest(set: &SecurityEvents) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(&(set.issuer.len() as u64).to_be_bytes());
    context.update(set.issuer.as_bytes());
    context.update(set.id.as_bytes());
    let mut digest = Digest::default();
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

impl NotTaken {
    /// For logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bad(code, _) => code.as_str(),
            Self::NoKeys(_) => "no_keys",
            Self::List(_) => "list",
        }
    }
}

impl Code {
    /// As it stands in an answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidKey => "invalid_key",
            Self::InvalidIssuer => "invalid_issuer",
            Self::InvalidAudience => "invalid_audience",
            Self::AuthenticationFailed => "authentication_failed",
            Self::AccessDenied => "access_denied",
        }
    }
}

/// RFC 8417 §2.3.
const TYPE: &str = "secevent+jwt";
const UNREADABLE: NotTaken = NotTaken::Bad(Code::InvalidRequest, "it is no signed JWT with an issuer");
const STRANGER: NotTaken = NotTaken::Bad(Code::InvalidIssuer, "events of this issuer are not taken");
const NOBODY: NotTaken = NotTaken::Bad(Code::InvalidRequest, "the subject is not one that tokens can be found by");
