//! Opaque tokens (RFC 7662): which issuer is asked, whether to wait at all, and what an active answer must say before
//! we believe it. The asking itself is in `introspect`.

use super::cache::VerdictCache;
use super::fingerprint::Fingerprint;
use super::introspect::{Finding, Question};
use super::token::{Checked, VerifiedToken};
use super::verdict::Verdict;
use super::{Issuer, Verifier, jwt};
use crate::clock::UnixSeconds;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::claims::Claims;
use crate::oauth::introspection;
use crate::state::revocations::Revocations;
use std::sync::Arc;

/// Whom a route asks about opaque tokens.
#[derive(Clone, Debug, Default)]
pub enum Asks {
    /// Nobody: every token must be a JWT.
    #[default]
    Nobody,
    /// This issuer, whose answer may be remembered.
    Once(Arc<Issuer>),
    /// This issuer, for every request.
    Always(Arc<Issuer>),
}

impl Asks {
    /// Whether both hear the same of a token.
    pub(in crate::gateway) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nobody, Self::Nobody) => true,
            (Self::Once(one), Self::Once(other)) | (Self::Always(one), Self::Always(other)) => Arc::ptr_eq(one, other),
            (Self::Nobody | Self::Once(_) | Self::Always(_), _) => false,
        }
    }
}

/// What is left to be asked about one request's token.
pub struct Inquiry<'v> {
    issuer: &'v Arc<Issuer>,
    cache: &'v Arc<VerdictCache>,
    revocations: &'v Revocations,
    token: &'v [u8],
    fingerprint: Fingerprint,
    is_anew: bool,
    now: UnixSeconds,
}

impl Asks {
    /// The issuer to ask about `token`; `None` where it is verified here, or refused.
    fn about(&self, token: &[u8], verifier: &Verifier) -> Option<&Arc<Issuer>> {
        let (issuer, is_always) = match self {
            Self::Nobody => return None,
            Self::Once(issuer) => (issuer, false),
            Self::Always(issuer) => (issuer, true),
        };
        // A JWT of an issuer whose keys we have is verified here, unless this route always asks that issuer.
        let signer = jwt::named_issuer(token).and_then(|iss| verifier.issuer(&iss).ok());
        let is_local = signer.is_some_and(|signer| signer.has_keys() && !(is_always && Arc::ptr_eq(signer, issuer)));
        (!is_local).then_some(issuer)
    }

    /// Whether a remembered verdict may be used on this route.
    pub(super) fn accept_answer_of(&self, issuer: &Arc<Issuer>) -> bool {
        matches!(self, Self::Once(asked) if Arc::ptr_eq(asked, issuer))
    }

    /// Whether this route asks `issuer` for every request.
    pub(super) fn always_ask(&self, issuer: &Arc<Issuer>) -> bool {
        matches!(self, Self::Always(asked) if Arc::ptr_eq(asked, issuer))
    }
}

impl<'v> Inquiry<'v> {
    /// What must be asked before anything can be said about `token`; `None` where nothing must.
    pub(super) fn about(
        token: &'v [u8],
        fingerprint: Fingerprint,
        verifier: &'v Verifier,
        asks: &'v Asks,
        now: UnixSeconds,
    ) -> Option<Self> {
        let issuer = asks.about(token, verifier)?;
        let is_anew = matches!(asks, Asks::Always(_));
        let cache = verifier.scratch.as_ref().unwrap_or(&verifier.cache);
        Some(Self { issuer, cache, revocations: &verifier.revocations, token, fingerprint, is_anew, now })
    }

    /// The issuer's refusal of a moment ago, if this route may use it.
    pub(super) fn refused(&self) -> Option<Refusal> {
        let introspector = self.issuer.introspector.as_ref().filter(|_| !self.is_anew)?;
        introspector.refused(&self.fingerprint, self.now).map(|reason| Refusal::from(reason).of(&self.issuer.refusals))
    }

    /// Asks, and waits for the answer within the issuer's timeout.
    pub async fn answer(self) -> Result<VerifiedToken, Refusal> {
        let issuer = self.issuer;
        self.ask().await.map_err(|refusal| refusal.of(&issuer.refusals))
    }

    async fn ask(self) -> Result<VerifiedToken, Refusal> {
        let introspector = self.issuer.introspector.as_ref().ok_or(Reason::Internal)?;
        let Self { issuer, cache, token, fingerprint, .. } = self;
        let question = Question { issuer, cache, token, fingerprint };
        let finding = if self.is_anew {
            introspector.ask_anew(&question).await
        } else {
            introspector.ask(&question, self.now).await
        };
        let verdict = finding?;
        match VerifiedToken::check(verdict.clone(), self.revocations, self.now)? {
            Checked::Good(token) => {
                issuer.check_life(&verdict, self.revocations, self.now);
                Ok(token)
            }
            // An answer is the status: it has none of its own.
            Checked::Pending(_) => Err(Reason::Internal.into()),
        }
    }
}

/// An active answer still has to be about an access token for us that is valid now (RFC 7662 §2.2, §4): the issuer's
/// "active" is its own opinion.
pub(super) fn judge(issuer: &Arc<Issuer>, claims: Claims<'_>, asked: UnixSeconds) -> Finding {
    if claims.issuer.as_deref().is_some_and(|iss| *iss != *issuer.settings.issuer) {
        return Err(Reason::IssuerUnknown.into());
    }
    if !introspection::is_access_token(claims.token_type.as_deref()) {
        return Err(Reason::TypeWrong.into());
    }
    jwt::check_answer(&claims, issuer, asked)?;
    let verdict = Verdict::answered(issuer, claims, asked)?;
    verdict.check_dates(asked)?;
    Ok(verdict)
}
