//! Signs the JWT by which we prove to an authorization server who we are: `private_key_jwt` (RFC 7523 §2.2).

use super::algorithm::Algorithm;
use crate::clock::UnixSeconds;
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PSS_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

/// What we sign with: what FAPI 2.0 §5.4.1 allows.
pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];

/// A private key and what it signs with.
pub struct Signer {
    pair: Pair,
    header: String,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    /// `None` where the key, PKCS #8 in DER form, cannot sign with `algorithm`.
    pub fn new(key: &[u8], algorithm: Algorithm, key_id: Option<&str>) -> Option<Self> {
        let pair = match algorithm {
            Algorithm::Ps256 => Pair::Rsa(RsaKeyPair::from_pkcs8(key).ok()?),
            Algorithm::Es256 => Pair::Ec(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key).ok()?),
            Algorithm::EdDsa => Pair::Ed(Ed25519KeyPair::from_pkcs8_maybe_unchecked(key).ok()?),
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps384
            | Algorithm::Ps512
            | Algorithm::Es384 => return None,
        };
        let mut header = json!({"alg": algorithm.as_str(), "typ": "JWT"});
        if let (Some(header), Some(key_id)) = (header.as_object_mut(), key_id) {
            header.insert("kid".to_owned(), key_id.into());
        }
        Some(Self { pair, header: URL_SAFE_NO_PAD.encode(header.to_string()) })
    }

    /// An assertion of `client_id` for `audience` that holds for `LIFETIME`. `None` where the system gives no chance
    /// or the key fails.
    pub fn assert(&self, client_id: &str, audience: &str, now: UnixSeconds) -> Option<String> {
        let mut id = [0; 16];
        rand::fill(&mut id).ok()?;
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "jti": URL_SAFE_NO_PAD.encode(id),
            "iat": now.0,
            "exp": now.0.saturating_add(LIFETIME_SECONDS),
        });
        let mut jwt = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.sign(jwt.as_bytes())?;
        jwt.push('.');
        jwt.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Some(jwt)
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            }
            Pair::Ec(pair) => Some(pair.sign(&SystemRandom::new(), message).ok()?.as_ref().to_vec()),
            Pair::Ed(pair) => Some(pair.sign(message).as_ref().to_vec()),
        }
    }
}

/// Long enough for clocks that differ, too short to be worth stealing.
const LIFETIME_SECONDS: i64 = 60;
