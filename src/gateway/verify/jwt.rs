//! Verifies a JWT access token (RFC 7515, 7519, 8725, 9068). The mathematics is aws-lc's; what JWT libraries forgive
//! (`crit`, `typ`, `iat`, an absent `aud`, duplicate members, a key of another purpose) is refused here.

use super::token::{Verdict, is_early};
use super::{Issuer, Verifier};
use crate::clock::UnixSeconds;
use crate::config::TokenType;
use crate::gateway::refusal::{Reason, Refusal};
use crate::oauth::algorithm::Algorithm;
use crate::oauth::claims::{self, Claims, Names};
use crate::oauth::jwk::Key;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// The whole check, cheapest first. What it reads before the signature decides only which refusal it is.
pub(super) fn verify(token: &[u8], verifier: &Verifier, now: UnixSeconds) -> Result<Verdict, Refusal> {
    let jws = Jws::split(token)?;
    let header = jws.header()?;
    let algorithm: Algorithm = header.alg.parse().map_err(|_| Reason::AlgorithmRefused)?;
    let payload = jws.payload()?;
    let issuer = verifier.issuer(&claimed_issuer(&payload)?)?;
    if !issuer.settings.algorithms.contains(&algorithm) {
        return Err(Reason::AlgorithmRefused.into());
    }
    check_type(header.typ.as_deref(), issuer.settings.typ)?;
    let claims = read_claims(&payload, issuer)?;
    check_claims(&claims, issuer, now)?;
    let key_generation = check_signature(&jws, &header, algorithm, issuer, verifier.clock.instant())?;
    Verdict::signed(Arc::clone(issuer), key_generation, claims)
}

/// The three parts of a JWS in compact form, still encoded (RFC 7515 §7.1).
pub struct Jws<'t> {
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
    signed: &'t str,
}

impl<'t> Jws<'t> {
    /// Exactly three segments of the base64url alphabet, none of header and signature empty. A JWE has five.
    pub fn split(token: &'t [u8]) -> Result<Self, Refusal> {
        let is_base64url = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let token = std::str::from_utf8(token).map_err(|_| Reason::TokenUnreadable)?;
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::TokenUnreadable)?;
        let (header, payload) = signed.split_once('.').ok_or(Reason::TokenUnreadable)?;
        let all_good = [header, payload, signature].iter().all(|part| part.as_bytes().iter().all(is_base64url));
        if all_good && !header.is_empty() && !signature.is_empty() {
            Ok(Self { header, payload, signature, signed })
        } else {
            Err(Reason::TokenUnreadable.into())
        }
    }

    /// The header, its members checked for what changes the meaning of the rest.
    pub fn header(&self) -> Result<Header, Refusal> {
        let header: Header = serde_json::from_str(&text(self.header)?).map_err(|_| Reason::TokenUnreadable)?;
        if header.is_extended { Err(Reason::ExtensionCritical.into()) } else { Ok(header) }
    }

    /// Whether the signature is `key`'s by `algorithm`: never, where they do not fit.
    pub fn is_signed_by(&self, key: &Key, algorithm: Algorithm) -> bool {
        let signature = URL_SAFE_NO_PAD.decode(self.signature);
        signature.is_ok_and(|signature| key.has_signed(algorithm, self.signed.as_bytes(), &signature))
    }

    fn payload(&self) -> Result<String, Refusal> {
        text(self.payload)
    }
}

/// The members that decide. `jku`, `x5u`, `jwk` and `x5c` are never read: keys come from the issuer's set alone.
#[derive(Default)]
pub struct Header {
    /// The algorithm's name.
    pub alg: String,
    /// The key's id.
    pub kid: Option<String>,
    typ: Option<String>,
    is_extended: bool,
}

/// An object, and no member of it twice (RFC 7515 §4): what a derived reader would also take is an array.
impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Header, A::Error> {
        let mut header = Header::default();
        let mut names: Vec<String> = Vec::new();
        while let Some(name) = members.next_key::<String>()? {
            if names.contains(&name) || names.len() == MEMBERS_MAX {
                return Err(de::Error::custom("a member twice, or too many"));
            }
            match name.as_str() {
                "alg" => header.alg = members.next_value()?,
                "kid" => header.kid = Some(members.next_value()?),
                "typ" => header.typ = Some(members.next_value()?),
                // RFC 7515 §4.1.11: we understand no extension, so none may be critical, whatever the value is;
                // RFC 7797 changes what is signed.
                "crit" | "b64" => {
                    members.next_value::<IgnoredAny>()?;
                    header.is_extended = true;
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
            names.push(name);
        }
        if names.iter().any(|name| name == "alg") { Ok(header) } else { Err(de::Error::missing_field("alg")) }
    }
}

#[derive(Deserialize)]
struct Envelope {
    iss: String,
}

/// Read before anything is verified, to know whose keys to ask.
fn claimed_issuer(payload: &str) -> Result<String, Refusal> {
    match serde_json::from_str::<Envelope>(payload) {
        Ok(envelope) => Ok(envelope.iss),
        Err(fault) if fault.is_data() => Err(Reason::IssuerUnknown.into()),
        Err(_) => Err(Reason::TokenUnreadable.into()),
    }
}

fn read_claims(payload: &str, issuer: &Issuer) -> Result<Claims, Refusal> {
    claims::parse(payload, names(issuer)).map_err(|_| Reason::ClaimInvalid.into())
}

/// The issuer's names for its own claims.
pub(super) fn names(issuer: &Issuer) -> Names<'_> {
    let own = &issuer.settings.claims;
    Names { grant: own.grant.as_deref(), consent: own.consent.as_deref() }
}

/// The issuer that a token claims to be of, if it is a JWT at all. Nothing of it is verified.
pub(super) fn named_issuer(token: &[u8]) -> Option<String> {
    claimed_issuer(&Jws::split(token).ok()?.payload().ok()?).ok()
}

/// The payload of another JWT than an access token: of this type, signed by this issuer.
pub(super) fn signed_by_issuer(jwt: &[u8], typ: &str, issuer: &Issuer, now: Instant) -> Result<String, Refusal> {
    let jws = Jws::split(jwt)?;
    let header = jws.header()?;
    let algorithm: Algorithm = header.alg.parse().map_err(|_| Reason::AlgorithmRefused)?;
    if !issuer.settings.algorithms.contains(&algorithm) {
        return Err(Reason::AlgorithmRefused.into());
    }
    let is_typ = |text: &str| {
        let bare = text.split_once('/').filter(|(kind, _)| kind.eq_ignore_ascii_case("application"));
        bare.map_or(text, |(_, bare)| bare).eq_ignore_ascii_case(typ)
    };
    if !header.typ.as_deref().is_some_and(is_typ) {
        return Err(Reason::TypeWrong.into());
    }
    check_signature(&jws, &header, algorithm, issuer, now)?;
    jws.payload()
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

fn check_claims(claims: &Claims, issuer: &Issuer, now: UnixSeconds) -> Result<(), Refusal> {
    check_required(claims, issuer, &["exp", "aud"])?;
    check_audience(claims, issuer)?;
    check_use(claims, issuer, now)
}

/// The same of an introspection answer, where no standard demands a claim. An issuer without configured audiences has
/// judged by our client id.
pub(super) fn check_answer(claims: &Claims, issuer: &Issuer, now: UnixSeconds) -> Result<(), Refusal> {
    check_required(claims, issuer, &[])?;
    if !issuer.settings.audiences.is_empty() {
        check_audience(claims, issuer)?;
    }
    check_use(claims, issuer, now)
}

fn check_required(claims: &Claims, issuer: &Issuer, always: &[&str]) -> Result<(), Refusal> {
    let is_there = |name: &str| claims.names.iter().any(|member| member == name);
    let required = issuer.settings.required_claims.iter().map(AsRef::as_ref);
    if always.iter().copied().chain(required).all(is_there) { Ok(()) } else { Err(Reason::ClaimMissing.into()) }
}

/// RFC 8725 §3.9, exact: no prefix, no folding, no trailing slash.
fn check_audience(claims: &Claims, issuer: &Issuer) -> Result<(), Refusal> {
    let is_ours = |audience: &String| issuer.settings.audiences.iter().any(|ours| **ours == **audience);
    if claims.audiences.iter().any(is_ours) { Ok(()) } else { Err(Reason::AudienceWrong.into()) }
}

fn check_use(claims: &Claims, issuer: &Issuer, now: UnixSeconds) -> Result<(), Refusal> {
    if claims.issued.is_some_and(|date| is_early(date, now, issuer.settings.leeway)) {
        return Err(Reason::TokenEarly.into());
    }
    // A bound token is worth nothing without its proof (RFC 8705 §3, RFC 9449 §7.1), and no proof is checked here.
    if claims.sender_bound { Err(Reason::SenderUnproven.into()) } else { Ok(()) }
}

/// Tries every key of the issuer that the header can mean, and says by which generation of keys it was verified.
fn check_signature(
    jws: &Jws<'_>,
    header: &Header,
    algorithm: Algorithm,
    issuer: &Issuer,
    now: Instant,
) -> Result<u64, Refusal> {
    let keys = issuer.keys.current();
    let mut named = false;
    for key in keys.named(header.kid.as_deref()) {
        named = true;
        // Two keys may share a kid (FAPI 2.0 §5.4.3); one that does not fit is not tried at all.
        if key.fits(algorithm) && jws.is_signed_by(key, algorithm) {
            return Ok(keys.generation);
        }
    }
    if named && !keys.is_empty() {
        Err(Reason::SignatureWrong.into())
    } else {
        Err(issuer.keys.unknown(header.kid.as_deref(), now))
    }
}

fn text(base64url: &str) -> Result<String, Refusal> {
    let octets = URL_SAFE_NO_PAD.decode(base64url).map_err(|_| Reason::TokenUnreadable)?;
    String::from_utf8(octets).map_err(|_| Reason::TokenUnreadable.into())
}

/// Members of one header; certificate-bound ones have a dozen.
const MEMBERS_MAX: usize = 32;
