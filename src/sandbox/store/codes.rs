//! Authorization codes: short-lived, used once, bound to client, redirect URI and PKCE challenge (RFC 6749 §4.1.2).

use super::refresh::Family;
use super::{Consent, Store};
use crate::clock::UnixSeconds;
use crate::sandbox::authz::Challenge;
use crate::sandbox::secret::{self, Digest};

/// A code to be given out.
#[derive(Debug)]
pub(in crate::sandbox) struct NewCode {
    /// What it stands for.
    pub(in crate::sandbox) consent: Consent,
    /// Where it is sent.
    pub(in crate::sandbox) redirect_uri: String,
    /// What its user must prove to know.
    pub(in crate::sandbox) challenge: Challenge,
    /// When it is worthless.
    pub(in crate::sandbox) expires: UnixSeconds,
}

/// What a token request says about its code.
#[derive(Clone, Copy, Debug)]
pub(in crate::sandbox) struct CodeClaim<'a> {
    /// The authenticated client.
    pub(in crate::sandbox) client_id: &'a str,
    /// The code.
    pub(in crate::sandbox) code: &'a str,
    /// As in the authorization request.
    pub(in crate::sandbox) redirect_uri: Option<&'a str>,
    /// The PKCE verifier.
    pub(in crate::sandbox) verifier: Option<&'a str>,
}

/// Why a code gives no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum CodeFault {
    /// Never given out, or long ago, or to another client: a stranger learns nothing more.
    Unknown,
    /// Its minute is over.
    Expired,
    /// Sent from another redirect URI, or from none.
    RedirectUri,
    /// No PKCE verifier.
    VerifierMissing,
    /// The verifier does not belong to the challenge.
    VerifierWrong,
    /// It gave a token before; everything that came of it is revoked.
    Used,
}

#[derive(Debug)]
pub(super) struct Code {
    content: NewCode,
    /// The refresh tokens that came of it, once it was used.
    family: Option<String>,
}

impl Store {
    /// Gives out a code.
    pub(in crate::sandbox) fn issue_code(&self, content: NewCode) -> String {
        let code = secret::fresh("");
        self.tables().codes.insert(Digest::of(&code), Code { content, family: None }, CODES_MAX);
        code
    }

    /// Takes a code for a consent and the first refresh token of a new family.
    pub(in crate::sandbox) fn redeem_code(
        &self,
        claim: CodeClaim<'_>,
        idle_until: UnixSeconds,
        now: UnixSeconds,
    ) -> Result<(Consent, String), CodeFault> {
        let mut tables = self.tables();
        let code = tables.codes.get_mut(&Digest::of(claim.code)).ok_or(CodeFault::Unknown)?;
        code.content.check(claim, now)?;
        if let Some(family) = code.family.clone() {
            // Two parties held the code, and which one is the thief cannot be told (RFC 6749 §4.1.2). The
            // request is otherwise valid here, so a stranger cannot revoke with a leaked code alone.
            tables.revoke(&family);
            return Err(CodeFault::Used);
        }
        let consent = code.content.consent.clone();
        let family = consent.id.clone();
        code.family = Some(family.clone());
        let refresh_token = tables.start_family(family, Family::new(consent.clone(), idle_until));
        Ok((consent, refresh_token))
    }
}

impl NewCode {
    fn check(&self, claim: CodeClaim<'_>, now: UnixSeconds) -> Result<(), CodeFault> {
        if self.consent.client_id != claim.client_id {
            return Err(CodeFault::Unknown);
        }
        if now >= self.expires {
            return Err(CodeFault::Expired);
        }
        if claim.redirect_uri != Some(self.redirect_uri.as_str()) {
            return Err(CodeFault::RedirectUri);
        }
        let verifier = claim.verifier.ok_or(CodeFault::VerifierMissing)?;
        if self.challenge.is_met_by(verifier) { Ok(()) } else { Err(CodeFault::VerifierWrong) }
    }
}

/// Codes at once; the oldest is forgotten, used or not.
const CODES_MAX: usize = 10_000;
