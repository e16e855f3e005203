//! Verifies a JWT access token (RFC 7515, 7519, 8725, 9068). The mathematics is aws-lc's; what JWT libraries forgive
//! (`crit`, `typ`, `iat`, an absent `aud`, duplicate members, a key of another purpose) is refused here.

use super::keys::{KeyStore, Keys};
use super::token::is_early;
use super::verdict::Verdict;
use super::{Issuer, Verifier};
use crate::clock::UnixSeconds;
use crate::config;
use crate::config::issuers::TokenType;
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::oauth::algorithm::Algorithm;
use crate::oauth::claims::{self, Claims, Names};
use crate::oauth::jws::{Header, Jws};
use std::borrow::Cow;
use std::time::Instant;

/// The whole check, cheapest first. What it reads before the signature decides only which refusal it is.
pub(super) fn verify(token: &[u8], verifier: &Verifier, now: UnixSeconds) -> Result<Verdict, Refusal> {
    let jws = Jws::read(token)?;
    let header = jws.header()?;
    let algorithm: Algorithm = header.alg.parse().map_err(|_| Reason::AlgorithmRefused)?;
    let payload = jws.payload()?;
    let issuer = verifier.issuer(&claimed_issuer(payload)?)?;
    let check = || {
        if !issuer.settings.algorithms.contains(&algorithm) {
            return Err(Reason::AlgorithmRefused.into());
        }
        check_type(header.typ.as_deref(), issuer.settings.typ)?;
        let claims = read_claims(payload, issuer)?;
        check_claims(&claims, issuer, now)?;
        let signed = check_signature(&jws, &header, algorithm, &issuer.keys.current());
        let key_generation = signed.map_err(|reason| match (reason, &header.kid) {
            // The key that is named did not make it. Anybody can send as many of these as they like.
            (Reason::SignatureWrong, Some(_)) => reason.into(),
            (_, _) => issuer.signatory().doubt(&header, reason, verifier.clock.instant()),
        })?;
        Verdict::signed(issuer, key_generation, claims)
    };
    check().map_err(|refusal: Refusal| refusal.of(&issuer.refusals))
}

/// Read before anything is verified, to know whose keys to ask.
fn claimed_issuer(payload: &str) -> Result<Cow<'_, str>, Refusal> {
    claims::issuer(payload).map_err(|fault| unreadable(&fault).unwrap_or(Reason::IssuerUnknown).into())
}

fn read_claims<'p>(payload: &'p str, issuer: &Issuer) -> Result<Claims<'p>, Refusal> {
    let names = Names { has_status: issuer.status_lists.is_some(), ..names(issuer) };
    claims::parse(payload, names).map_err(|fault| unreadable(&fault).unwrap_or(Reason::ClaimInvalid).into())
}

/// Where it is no JSON at all.
fn unreadable(fault: &serde_json::Error) -> Option<Reason> {
    (!fault.is_data()).then_some(Reason::TokenUnreadable)
}

/// The issuer's names for its own claims. An introspection answer says itself whether the token is active, now: what it
/// may call `status` is not read.
pub(super) fn names(issuer: &Issuer) -> Names<'_> {
    let own = &issuer.settings.claims;
    Names {
        grant: own.grant.as_deref(),
        consent: own.consent.as_deref(),
        frequency: own.frequency.as_deref(),
        scopes: own.scopes.as_deref(),
        has_status: false,
        required: &issuer.settings.required_claims,
    }
}

/// The issuer that a token claims to be of, if it is a JWT at all. Nothing of it is verified.
pub(super) fn named_issuer(token: &[u8]) -> Option<String> {
    let jws = Jws::read(token).ok()?;
    Some(claimed_issuer(jws.payload().ok()?).ok()?.into_owned())
}

/// Whose signatures count: an issuer's, by the keys that it has now.
#[derive(Clone, Copy)]
pub(super) struct Signatory<'i> {
    pub(super) settings: &'i config::issuers::Issuer,
    pub(super) keys: &'i KeyStore,
}

impl Signatory<'_> {
    /// The answer for a signature by none of the keys, where one that we do not have yet may have made it.
    fn doubt(self, header: &Header<'_>, reason: Reason, now: Instant) -> Refusal {
        let refetch = self.settings.keys.fetching().map(|fetching| fetching.refetch);
        self.keys.doubt((header.kid.as_deref(), reason), refetch, now)
    }
}

/// The payload of another JWT than an access token: of this type, by this signatory. It does not come from just anybody,
/// and may not come again: a key that was replaced under its id is asked for, too.
pub(super) fn signed(jwt: &[u8], typ: &str, signatory: Signatory<'_>, now: Instant) -> Result<String, Refusal> {
    let jws = Jws::read(jwt)?;
    let header = jws.header()?;
    let algorithm: Algorithm = header.alg.parse().map_err(|_| Reason::AlgorithmRefused)?;
    if !signatory.settings.algorithms.contains(&algorithm) {
        return Err(Reason::AlgorithmRefused.into());
    }
    let is_typ = |text: &str| {
        let bare = text.split_once('/').filter(|(kind, _)| kind.eq_ignore_ascii_case("application"));
        bare.map_or(text, |(_, bare)| bare).eq_ignore_ascii_case(typ)
    };
    if !header.typ.as_deref().is_some_and(is_typ) {
        return Err(Reason::TypeWrong.into());
    }
    check_signature(&jws, &header, algorithm, &signatory.keys.current())
        .map_err(|reason| signatory.doubt(&header, reason, now))?;
    Ok(jws.payload()?.to_owned())
}

/// RFC 9068 §4: an ID token, a logout token or a client assertion by the same issuer is no access token.
fn check_type(typ: Option<&str>, wanted: TokenType) -> Result<(), Refusal> {
    let is_access_token =
        |typ: &str| typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt");
    let good = match (wanted, typ) {
        (TokenType::AccessToken | TokenType::Legacy, Some(typ)) if is_access_token(typ) => true,
        (TokenType::Legacy, Some(typ)) => typ.eq_ignore_ascii_case("JWT"),
        (TokenType::Legacy, None) => true,
        (TokenType::AccessToken, Some(_) | None) => false,
    };
    if good { Ok(()) } else { Err(Reason::TypeWrong.into()) }
}

fn check_claims(claims: &Claims<'_>, issuer: &Issuer, now: UnixSeconds) -> Result<(), Refusal> {
    if claims.is_incomplete || claims.expires.is_none() || claims.audiences.is_empty() {
        return Err(Reason::ClaimMissing.into());
    }
    if claims.status.is_none() && issuer.settings.status_list.as_ref().is_some_and(|lists| lists.is_required) {
        return Err(Reason::ClaimMissing.into());
    }
    check_audience(claims, issuer)?;
    check_use(claims, issuer, now)
}

/// The same of an introspection answer, where no standard demands a claim. An issuer without configured audiences has
/// judged by our client id.
pub(super) fn check_answer(claims: &Claims<'_>, issuer: &Issuer, now: UnixSeconds) -> Result<(), Refusal> {
    if claims.is_incomplete {
        return Err(Reason::ClaimMissing.into());
    }
    if !issuer.settings.audiences.is_empty() {
        check_audience(claims, issuer)?;
    }
    check_use(claims, issuer, now)
}

/// RFC 8725 §3.9, exact: no prefix, no folding, no trailing slash.
fn check_audience(claims: &Claims<'_>, issuer: &Issuer) -> Result<(), Refusal> {
    let is_ours = |audience: &Cow<'_, str>| issuer.settings.audiences.iter().any(|ours| **ours == **audience);
    if claims.audiences.iter().any(is_ours) { Ok(()) } else { Err(Reason::AudienceWrong.into()) }
}

fn check_use(claims: &Claims<'_>, issuer: &Issuer, now: UnixSeconds) -> Result<(), Refusal> {
    if claims.issued.is_some_and(|date| is_early(date, now, issuer.settings.leeway)) {
        return Err(Reason::TokenEarly.into());
    }
    Ok(())
}

/// Tries every key of the signatory that the header can mean, and says by which generation of keys it was verified.
fn check_signature(jws: &Jws<'_>, header: &Header<'_>, algorithm: Algorithm, keys: &Keys) -> Result<u64, Reason> {
    let mut named = false;
    for key in keys.named(header.kid.as_deref()) {
        named = true;
        // Two keys may share a kid (FAPI 2.0 §5.4.3); one that does not fit is not tried at all.
        if key.fits(algorithm) && jws.is_signed_by(key, algorithm) {
            return Ok(keys.generation);
        }
    }
    Err(if named { Reason::SignatureWrong } else { Reason::KeyUnknown })
}
