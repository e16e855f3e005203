//! Signs JWTs in compact form (RFC 7515 §7.1), and shows the public half of what it signs with. The private half is
//! shown nowhere.

use super::algorithm::Algorithm;
use super::jwk;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PSS_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// What we sign with: what FAPI 2.0 §5.4.1 allows.
pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];

/// A private key that signs by one algorithm.
pub struct PrivateKey {
    pair: Pair,
    algorithm: Algorithm,
}

/// Signs JWTs of one type.
pub struct Signer {
    key: PrivateKey,
    header: String,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl PrivateKey {
    /// From PKCS #8 in DER form. `None` where it cannot sign with `algorithm`.
    pub fn read(pkcs8: &[u8], algorithm: Algorithm) -> Option<Self> {
        let pair = match algorithm {
            Algorithm::Ps256 => Pair::Rsa(RsaKeyPair::from_pkcs8(pkcs8).ok()?),
            Algorithm::Es256 => Pair::Ec(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok()?),
            Algorithm::EdDsa => Pair::Ed(Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok()?),
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps384
            | Algorithm::Ps512
            | Algorithm::Es384 => return None,
        };
        Some(Self { pair, algorithm })
    }

    /// One that nobody has seen. `None` where we do not sign with `algorithm`. An RSA key takes some tenths of a second.
    pub fn generate(algorithm: Algorithm) -> Option<Self> {
        let pair = match algorithm {
            Algorithm::Ps256 => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).ok()?),
            Algorithm::Es256 => Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?),
            Algorithm::EdDsa => Pair::Ed(Ed25519KeyPair::generate().ok()?),
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps384
            | Algorithm::Ps512
            | Algorithm::Es384 => return None,
        };
        Some(Self { pair, algorithm })
    }

    /// The public half as a member of a key set, under this id or else its RFC 7638 thumbprint, and that id.
    pub fn public(&self, key_id: Option<&str>) -> Option<(Value, String)> {
        let text = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        let mut public = match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                json!({"kty": "RSA", "n": text(n), "e": text(e)})
            }
            Pair::Ec(pair) => {
                // SEC 1 §2.3.3: 4, and two coordinates of 32 octets.
                let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
                json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)})
            }
            Pair::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())}),
        };
        // Read back as a stranger would: what we would refuse as a verifier is not published.
        let (_, thumbprint) = jwk::Key::brought(&public.to_string(), self.algorithm).ok()?;
        let key_id = key_id.map_or_else(|| text(&thumbprint), str::to_owned);
        let members = public.as_object_mut()?;
        members.extend([
            ("kid".to_owned(), Value::from(key_id.as_str())),
            ("use".to_owned(), "sig".into()),
            ("alg".to_owned(), self.algorithm.as_str().into()),
        ]);
        Some((public, key_id))
    }

    fn sign(&self, message: &[u8]) -> Option<String> {
        let encode = |signature: &[u8]| URL_SAFE_NO_PAD.encode(signature);
        Some(match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
                encode(&signature)
            }
            Pair::Ec(pair) => encode(pair.sign(&SystemRandom::new(), message).ok()?.as_ref()),
            Pair::Ed(pair) => encode(pair.sign(message).as_ref()),
        })
    }
}

impl Signer {
    /// Signs JWTs whose header says that they are of this type, and signed by the key with this id.
    pub fn new(key: PrivateKey, typ: &str, key_id: Option<&str>) -> Self {
        let mut header = json!({"alg": key.algorithm.as_str(), "typ": typ});
        if let (Some(header), Some(key_id)) = (header.as_object_mut(), key_id) {
            header.insert("kid".to_owned(), key_id.into());
        }
        Self { key, header: URL_SAFE_NO_PAD.encode(header.to_string()) }
    }

    /// The JWT with these claims, a JSON object. `None` where the key fails.
    pub fn sign(&self, claims: &str) -> Option<String> {
        let mut jwt = String::with_capacity(self.header.len() + claims.len() * 4 / 3 + SIGNATURE_BYTES);
        jwt.push_str(&self.header);
        jwt.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut jwt);
        let signature = self.key.sign(jwt.as_bytes())?;
        jwt.push('.');
        jwt.push_str(&signature);
        Some(jwt)
    }
}

/// Of a curve's signature, encoded, and what stands between the parts; an RSA signature grows the text once.
const SIGNATURE_BYTES: usize = 90;

#[cfg(test)]
mod tests {
    use super::super::jwk::KeySet;
    use super::super::jws::Jws;
    use super::*;

    #[test]
    fn what_is_signed_verifies_with_the_key_that_is_shown() {
        for algorithm in ALGORITHMS {
            let key = PrivateKey::generate(algorithm).unwrap();
            let (public, key_id) = key.public(None).unwrap();
            assert!(public.as_object().unwrap().keys().all(|name| !["d", "p", "q", "k"].contains(&name.as_str())));
            let set = KeySet::parse(json!({"keys": [public]}).to_string().as_bytes(), 1).unwrap();
            let [known] = set.keys.as_slice() else { panic!("one key") };
            assert_eq!(known.kid(), Some(key_id.as_str()));
            let jwt = Signer::new(key, "x+jwt", Some(&key_id)).sign(r#"{"a":1}"#).unwrap();
            let jws = Jws::read(jwt.as_bytes()).unwrap();
            let header = jws.header().unwrap();
            assert_eq!((&*header.alg, header.typ.as_deref()), (algorithm.as_str(), Some("x+jwt")));
            assert_eq!((header.kid.as_deref(), jws.payload().unwrap()), (Some(&*key_id), r#"{"a":1}"#));
            assert!(jws.is_signed_by(known, algorithm));
        }
        for other in Algorithm::ALL.into_iter().filter(|algorithm| !ALGORITHMS.contains(algorithm)) {
            assert!(PrivateKey::generate(other).is_none() && PrivateKey::read(&[], other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn a_key_may_have_a_name_of_its_own() {
        let key = PrivateKey::generate(Algorithm::Es256).unwrap();
        let (public, key_id) = key.public(Some("k1")).unwrap();
        assert_eq!((public["kid"].as_str(), key_id.as_str()), (Some("k1"), "k1"));
        let (_, thumbprint) = key.public(None).unwrap();
        assert_eq!(thumbprint.len(), 43);
    }
}
