//! The issuers' keys: made once per run, one of each kind and some strangers.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

/// A key pair under a key id.
#[derive(Clone)]
pub struct Key {
    kid: String,
    pair: Arc<Pair>,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Key {
    /// An elliptic-curve key that nobody else has.
    pub fn new(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid: kid.to_owned(), pair: Arc::new(Pair::Ec(pair)) }
    }

    /// The same key under another id.
    pub fn named(&self, kid: &str) -> Self {
        Self { kid: kid.to_owned(), pair: Arc::clone(&self.pair) }
    }

    /// Its id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm that its tokens name unless told otherwise.
    pub fn algorithm(&self) -> &'static str {
        match *self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        }
    }

    /// The public half as a member of a key set, pinned to no algorithm.
    pub fn jwk(&self) -> Value {
        match &*self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                json!({"kty": "RSA", "kid": self.kid, "use": "sig", "n": base64url(n), "e": base64url(e)})
            }
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "x": base64url(x), "y": base64url(y)})
            }
            Pair::Ed(pair) => {
                let x = pair.public_key().as_ref();
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "use": "sig", "x": base64url(x)})
            }
        }
    }

    /// The public half as PKIX DER (`SubjectPublicKeyInfo`).
    pub fn public_der(&self) -> Vec<u8> {
        let Pair::Rsa(pair) = &*self.pair else { panic!("only RSA keys are asked for this") };
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        der.as_ref().to_vec()
    }

    /// The signature of `message`. RSA signs by PKCS #1 v1.5 unless `algorithm` begins with `P`.
    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        match &*self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding: &dyn aws_lc_rs::signature::RsaEncoding =
                    if algorithm.starts_with('P') { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// RSA keys take a while to make, so there is one for all.
pub fn rsa() -> Key {
    static KEY: LazyLock<Key> = LazyLock::new(|| Key {
        kid: "rsa".to_owned(),
        pair: Arc::new(Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())),
    });
    KEY.clone()
}

/// The key that tokens are signed with unless they say otherwise.
pub fn ec() -> Key {
    static KEY: LazyLock<Key> = LazyLock::new(|| Key::new("ec"));
    KEY.clone()
}

/// Ed25519.
pub fn ed() -> Key {
    static KEY: LazyLock<Key> =
        LazyLock::new(|| Key { kid: "ed".to_owned(), pair: Arc::new(Pair::Ed(Ed25519KeyPair::generate().unwrap())) });
    KEY.clone()
}

/// A key set of these keys.
pub fn set(keys: &[Key]) -> Value {
    json!({"keys": keys.iter().map(Key::jwk).collect::<Vec<_>>()})
}

/// Without padding (RFC 7515 §2).
pub fn base64url(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}
