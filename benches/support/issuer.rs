//! An issuer for benchmarks: one key of each kind, their public set, and as many tokens as are asked for.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::{SystemTime, UNIX_EPOCH};

/// An issuer with fresh keys.
pub(crate) struct Issuer {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
    now: i64,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            ed25519: Ed25519KeyPair::generate().unwrap(),
            now: now(),
        }
    }

    /// The public keys as an issuer publishes them.
    pub(crate) fn key_set(&self) -> String {
        let rsa = self.rsa.public_key();
        let n = URL_SAFE_NO_PAD.encode(rsa.modulus().big_endian_without_leading_zero());
        let e = URL_SAFE_NO_PAD.encode(rsa.exponent().big_endian_without_leading_zero());
        let (x, y) = self.p256.public_key().as_ref().split_at(1).1.split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let okp = URL_SAFE_NO_PAD.encode(self.ed25519.public_key());
        format!(
            r#"{{"keys":[{{"kty":"RSA","kid":"RS256","alg":"RS256","use":"sig","n":"{n}","e":"{e}"}},
{{"kty":"RSA","kid":"PS256","alg":"PS256","use":"sig","n":"{n}","e":"{e}"}},
{{"kty":"EC","kid":"ES256","alg":"ES256","use":"sig","crv":"P-256","x":"{x}","y":"{y}"}},
{{"kty":"OKP","kid":"EdDSA","alg":"EdDSA","use":"sig","crv":"Ed25519","x":"{okp}"}}]}}"#
        )
    }

    /// A customer's token as banks issue them: good for a day, different for each `number`.
    pub(crate) fn token(&self, algorithm: &str, number: usize) -> String {
        self.token_with(algorithm, number, "")
    }

    /// The same with further claims, each after a comma.
    pub(crate) fn token_with(&self, algorithm: &str, number: usize, further: &str) -> String {
        let claims = self.claims(number);
        self.signed(algorithm, "at+jwt", &claims.replace('}', &format!("{further}}}")))
    }

    /// The claims of that token.
    pub(crate) fn claims(&self, number: usize) -> String {
        let (issued, expires) = (self.now, self.now + 86_400);
        format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"psu-{number}","client_id":"tpp-1","scope":"openid accounts payments","iat":{issued},"exp":{expires},"jti":"jti-{number}","consent_id":"c-123"}}"#
        )
    }

    /// A JWT of this type.
    pub(crate) fn signed(&self, algorithm: &str, typ: &str, claims: &str) -> String {
        let header = format!(r#"{{"alg":"{algorithm}","kid":"{algorithm}","typ":"{typ}"}}"#);
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.sign(algorithm, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let padding: &'static dyn signature::RsaEncoding = match algorithm {
            "RS256" => &signature::RSA_PKCS1_SHA256,
            "PS256" => &signature::RSA_PSS_SHA256,
            "ES256" => return self.p256.sign(&random, message).unwrap().as_ref().to_vec(),
            _ => return self.ed25519.sign(message).as_ref().to_vec(),
        };
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa.sign(padding, &random, message, &mut signature).unwrap();
        signature
    }
}

/// From the system itself: a benchmark that starts the release binary is linked without ours.
#[allow(clippy::disallowed_methods, reason = "a benchmark has no clock of ours")]
fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

pub(crate) const ISSUER: &str = "https://auth.bank.example";
pub(crate) const AUDIENCE: &str = "https://api.bank.example";
