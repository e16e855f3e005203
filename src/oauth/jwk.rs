//! JWK sets (RFC 7517) reduced to what may verify an access token: public signature keys, each pinned
//! to the algorithms that fit it. Symmetric, private, weak and foreign keys are left out, each with its reason.

use super::algorithm::{Algorithm, Method, UnknownAlgorithm};
use super::member::Member;
use super::roca;
use crate::digest::sha256;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::fmt;

/// The keys of a set that may verify, and what became of the others.
#[derive(Debug)]
pub struct KeySet {
    /// In the set's order.
    pub keys: Vec<Key>,
    /// Why the others were left out.
    pub left_out: Vec<LeftOut>,
}

/// A public key with the algorithms that it may verify. It is parsed once for each of them: parsing it for every
/// token, as JWT libraries do, takes as long as a third of the verification.
#[derive(Clone)]
pub struct Key {
    kid: Option<Box<str>>,
    verifiers: Vec<(Algorithm, ParsedPublicKey)>,
    fingerprint: [u8; 32],
}

/// Why a member of a key set is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// Not a JWK object, or a member of the wrong type.
    Unreadable,
    /// A shared secret: whoever reads the set could sign (CVE-2026-48526 and its kin).
    Symmetric,
    /// A private key in a public set: it must be considered lost.
    Private,
    /// Meant for encryption, or not for verification (RFC 7517 §4.2, §4.3).
    OtherUse,
    /// An unknown key type, curve or algorithm.
    Unsupported,
    /// An RSA key outside 2,048 to 8,192 bits, of a form that can be factored, or with a bad exponent; or a coordinate of
    /// the wrong length.
    Weak,
    /// Beyond the number of keys that is read.
    TooMany,
}

/// The document is not a JWK set.
#[derive(Debug)]
pub struct BadKeySet(serde_json::Error);

impl KeySet {
    /// Reads a JWK set. One unusable member does not spoil the others; at most `keys_max` are read.
    pub fn parse(json: &[u8], keys_max: usize) -> Result<Self, BadKeySet> {
        let document: Document = serde_json::from_slice(json).map_err(BadKeySet)?;
        let mut set = Self { keys: Vec::new(), left_out: Vec::new() };
        for (place, member) in document.keys.into_iter().enumerate() {
            let key = if place < keys_max { Key::parse(member) } else { Err(LeftOut::TooMany) };
            match key {
                Ok(key) => set.keys.push(key),
                Err(why) => set.left_out.push(why),
            }
        }
        Ok(set)
    }
}

impl Key {
    /// The key's id.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether a signature by `algorithm` may be verified with this key.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.verifiers.iter().any(|(fitting, _)| *fitting == algorithm)
    }

    /// Whether `signature` is this key's over `message` by `algorithm`: never, where they do not fit.
    pub fn has_signed(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let mut fitting = self.verifiers.iter().filter(|(fitting, _)| *fitting == algorithm);
        fitting.any(|(_, key)| key.verify_sig(message, signature).is_ok())
    }

    /// SHA-256 over id, algorithms and key: equal for equal keys.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// The key that a DPoP proof brings with it, for the proof's algorithm only, and its RFC 7638 thumbprint.
    pub fn brought(json: &str, algorithm: Algorithm) -> Result<(Self, [u8; 32]), LeftOut> {
        // A derived reader would also take an array.
        let jwk: Jwk = Some(json)
            .filter(|json| json.starts_with('{'))
            .and_then(|json| serde_json::from_str(json).ok())
            .ok_or(LeftOut::Unreadable)?;
        jwk.check_use()?;
        let (family, public) = jwk.public()?;
        let is_named = jwk.alg.as_deref().is_none_or(|name| name.parse() == Ok(algorithm));
        if !is_named || !family.contains(&algorithm) {
            return Err(LeftOut::Unsupported);
        }
        let fingerprint = jwk.thumbprint();
        let verifiers = vec![(algorithm, public.parse(algorithm)?)];
        Ok((Self { kid: None, verifiers, fingerprint }, fingerprint))
    }

    fn parse(member: serde_json::Value) -> Result<Self, LeftOut> {
        // A derived reader would also take an array.
        if !member.is_object() {
            return Err(LeftOut::Unreadable);
        }
        let text = member.to_string();
        let jwk: Jwk = serde_json::from_value(member).map_err(|_| LeftOut::Unreadable)?;
        jwk.check_use()?;
        let (family, public) = jwk.public()?;
        let algorithms = match jwk.alg.as_deref() {
            None => family.to_vec(),
            Some(name) => match name.parse() {
                Ok(algorithm) if family.contains(&algorithm) => vec![algorithm],
                Ok(_) | Err(UnknownAlgorithm) => return Err(LeftOut::Unsupported),
            },
        };
        let fingerprint = sha256(text.as_bytes());
        let verifiers = algorithms.into_iter().map(|algorithm| Ok((algorithm, public.parse(algorithm)?)));
        Ok(Self { verifiers: verifiers.collect::<Result<_, _>>()?, kid: jwk.kid.0.map(Into::into), fingerprint })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self.verifiers.iter().map(|(algorithm, _)| algorithm).collect();
        f.debug_struct("Key").field("kid", &self.kid).field("algorithms", &algorithms).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Jwk {
    kty: String,
    kid: Member<String>,
    alg: Member<String>,
    r#use: Member<String>,
    key_ops: Member<Vec<String>>,
    crv: Member<String>,
    n: Member<String>,
    e: Member<String>,
    x: Member<String>,
    y: Member<String>,
    // Only whether they are there matters.
    d: Member<serde::de::IgnoredAny>,
    p: Member<serde::de::IgnoredAny>,
    q: Member<serde::de::IgnoredAny>,
    k: Member<serde::de::IgnoredAny>,
}

impl Jwk {
    fn check_use(&self) -> Result<(), LeftOut> {
        if self.kty == "oct" || self.k.is_some() {
            return Err(LeftOut::Symmetric);
        }
        if self.d.is_some() || self.p.is_some() || self.q.is_some() {
            return Err(LeftOut::Private);
        }
        let signs = self.r#use.as_deref().is_none_or(|purpose| purpose == "sig");
        let verifies = self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|o| o == "verify"));
        if signs && verifies { Ok(()) } else { Err(LeftOut::OtherUse) }
    }

    fn public(&self) -> Result<(&'static [Algorithm], Public), LeftOut> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (octets(self.n.as_deref())?, octets(self.e.as_deref())?);
                check_rsa(&n, &e)?;
                Ok((RSA, Public::Rsa(PublicKeyComponents { n, e })))
            }
            ("EC", Some("P-256")) => Ok((P256, self.ec(32)?)),
            ("EC", Some("P-384")) => Ok((P384, self.ec(48)?)),
            ("OKP", Some("Ed25519")) => Ok((ED25519, Public::Point(coordinate(self.x.as_deref(), 32)?))),
            _ => Err(LeftOut::Unsupported),
        }
    }

    /// RFC 7638: the required members, in order, without white space. What they hold was decoded, so that it needs no
    /// escaping.
    fn thumbprint(&self) -> [u8; 32] {
        let text = |member: &Option<String>| member.clone().unwrap_or_default();
        let Self { crv, n, e, x, y, .. } = self;
        let canonical = match self.kty.as_str() {
            "RSA" => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(e), text(n)),
            "EC" => format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, text(crv), text(x), text(y)),
            kty => format!(r#"{{"crv":"{}","kty":"{kty}","x":"{}"}}"#, text(crv), text(x)),
        };
        sha256(canonical.as_bytes())
    }

    /// An uncompressed point (SEC 1 §2.3.3). Whether it lies on the curve is seen when it is parsed.
    fn ec(&self, coordinate_bytes: usize) -> Result<Public, LeftOut> {
        let x = coordinate(self.x.as_deref(), coordinate_bytes)?;
        let y = coordinate(self.y.as_deref(), coordinate_bytes)?;
        Ok(Public::Point([&[0x04], &*x, &*y].concat()))
    }
}

/// A public key as its set writes it, in octets.
enum Public {
    Rsa(PublicKeyComponents<Vec<u8>>),
    Point(Vec<u8>),
}

impl Public {
    fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, LeftOut> {
        let parsed = match (self, algorithm.method()) {
            (Self::Rsa(components), Method::Rsa(parameters)) => components.to_parsed_public_key(parameters),
            (Self::Point(point), Method::Curve(curve)) => ParsedPublicKey::new(curve, point),
            (Self::Rsa(_), Method::Curve(_)) | (Self::Point(_), Method::Rsa(_)) => return Err(LeftOut::Unsupported),
        };
        parsed.map_err(|_| LeftOut::Unreadable)
    }
}

fn octets(base64url: Option<&str>) -> Result<Vec<u8>, LeftOut> {
    base64url.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).ok_or(LeftOut::Unreadable)
}

/// RFC 7518 §6.2.1.2: as long as the curve's, leading zeros and all.
fn coordinate(base64url: Option<&str>, length: usize) -> Result<Vec<u8>, LeftOut> {
    let octets = octets(base64url)?;
    if octets.len() == length { Ok(octets) } else { Err(LeftOut::Weak) }
}

/// RFC 7518 §3.3: 2,048 bits at least; more than 8,192 makes each verification a denial of service.
fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), LeftOut> {
    let leading_zeros = n.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = (n.len() * 8).saturating_sub(leading_zeros);
    let exponent_is_odd = e.last().is_some_and(|last| last & 1 == 1);
    let exponent_is_one = e == [1];
    let is_sound = (2048..=8192).contains(&bits) && e.len() <= 4 && exponent_is_odd && !exponent_is_one;
    if is_sound && !roca::is_factorable(n) { Ok(()) } else { Err(LeftOut::Weak) }
}

const RSA: &[Algorithm] =
    &[Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512];
const P256: &[Algorithm] = &[Algorithm::Es256];
const P384: &[Algorithm] = &[Algorithm::Es384];
const ED25519: &[Algorithm] = &[Algorithm::EdDsa];

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "not a readable JWK",
            Self::Symmetric => "a shared secret, which whoever reads the set could sign with",
            Self::Private => "a private key, which must be considered lost",
            Self::OtherUse => "not meant for verifying signatures",
            Self::Unsupported => "an unsupported key type, curve or algorithm",
            Self::Weak => "a key of a wrong or weak length",
            Self::TooMany => "beyond the number of keys that is read",
        })
    }
}

impl fmt::Display for BadKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a JWK set: {}", self.0)
    }
}

impl std::error::Error for BadKeySet {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// RFC 7517 appendix A.1, the EC key, and RFC 8037 appendix A.2.
    fn ec() -> serde_json::Value {
        json!({"kty": "EC", "crv": "P-256", "kid": "1",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
    }

    fn ed() -> serde_json::Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    fn rsa(bytes: usize, e: &str) -> serde_json::Value {
        json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(vec![0xff; bytes]), "e": e})
    }

    fn with(mut jwk: serde_json::Value, name: &str, value: serde_json::Value) -> serde_json::Value {
        jwk.as_object_mut().unwrap().insert(name.to_owned(), value);
        jwk
    }

    fn parse_one(jwk: &serde_json::Value) -> Result<Key, LeftOut> {
        let set = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes(), 10).unwrap();
        set.keys.into_iter().next().ok_or_else(|| set.left_out[0])
    }

    #[test]
    fn a_key_verifies_only_what_fits_it() {
        let key = parse_one(&ec()).unwrap();
        assert_eq!(key.kid(), Some("1"));
        assert_eq!(Algorithm::ALL.into_iter().filter(|a| key.fits(*a)).collect::<Vec<_>>(), [Algorithm::Es256]);
        assert!(parse_one(&ed()).unwrap().fits(Algorithm::EdDsa));
        assert!(parse_one(&with(ed(), "alg", json!("Ed25519"))).unwrap().fits(Algorithm::EdDsa));
        let pinned = parse_one(&with(rsa(256, "AQAB"), "alg", json!("PS256"))).unwrap();
        assert!(pinned.fits(Algorithm::Ps256) && !pinned.fits(Algorithm::Rs256));
        let free = parse_one(&rsa(256, "AQAB")).unwrap();
        assert!(free.fits(Algorithm::Rs256) && free.fits(Algorithm::Ps512) && !free.fits(Algorithm::Es256));
    }

    #[test]
    fn unusable_keys_are_left_out_with_their_reason() {
        for (jwk, why) in [
            (json!({"kty": "oct", "k": "AAAA"}), LeftOut::Symmetric),
            (with(ec(), "d", json!("AA")), LeftOut::Private),
            (with(ec(), "use", json!("enc")), LeftOut::OtherUse),
            (with(ec(), "key_ops", json!(["sign"])), LeftOut::OtherUse),
            (with(ec(), "alg", json!("RS256")), LeftOut::Unsupported),
            (with(ec(), "alg", json!("es256")), LeftOut::Unsupported),
            (with(ec(), "crv", json!("P-521")), LeftOut::Unsupported),
            (with(ec(), "x", json!("AAAA")), LeftOut::Weak),
            (with(ec(), "x", json!(5)), LeftOut::Unreadable),
            (with(ec(), "y", json!(null)), LeftOut::Unreadable),
            (with(ec(), "alg", json!(null)), LeftOut::Unreadable),
            (with(ec(), "use", json!(null)), LeftOut::Unreadable),
            (with(ec(), "key_ops", json!(null)), LeftOut::Unreadable),
            (with(ec(), "kid", json!(null)), LeftOut::Unreadable),
            (with(ec(), "d", json!(null)), LeftOut::Private),
            (with(ec(), "k", json!(null)), LeftOut::Symmetric),
            (rsa(255, "AQAB"), LeftOut::Weak),
            (rsa(1025, "AQAB"), LeftOut::Weak),
            (rsa(256, "AQ"), LeftOut::Weak),
            (rsa(256, "Ag"), LeftOut::Weak),
            (json!({"kty": "RSA", "n": "!", "e": "AQAB"}), LeftOut::Unreadable),
            (json!("key"), LeftOut::Unreadable),
            (json!(["EC", "1"]), LeftOut::Unreadable),
            (json!({"kty": "quantum"}), LeftOut::Unsupported),
        ] {
            assert_eq!(parse_one(&jwk).unwrap_err(), why, "{jwk}");
        }
    }

    #[test]
    fn one_bad_member_does_not_spoil_the_set_and_the_number_is_bounded() {
        let set = KeySet::parse(json!({"keys": [5, ec(), ec()]}).to_string().as_bytes(), 2).unwrap();
        assert_eq!((set.keys.len(), set.left_out), (1, vec![LeftOut::Unreadable, LeftOut::TooMany]));
        for bad in ["", "[]", "{}", "<html>", "{\"keys\":{}}"] {
            assert!(KeySet::parse(bad.as_bytes(), 2).is_err(), "{bad}");
        }
    }

    /// RFC 7638 §3.1, RFC 8037 A.3, and the key of RFC 9449 §4.1: only the required members count.
    #[test]
    fn thumbprints_are_those_of_the_rfcs() {
        let rsa = json!({"kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"});
        let proof = json!({"kty": "EC", "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"});
        for (jwk, algorithm, expected) in [
            (rsa, Algorithm::Rs256, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
            (ed(), Algorithm::EdDsa, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
            (with(ed(), "kid", json!("1")), Algorithm::EdDsa, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
            (proof, Algorithm::Es256, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
        ] {
            let (_, thumbprint) = Key::brought(&jwk.to_string(), algorithm).unwrap();
            assert_eq!(URL_SAFE_NO_PAD.encode(thumbprint), expected, "{jwk}");
        }
    }
}
