//! A client with a key of its own, which it proves (RFC 9449).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::clock::Clock;

/// Who holds the key.
pub(super) struct Holder {
    key: EcdsaKeyPair,
    /// Its public half, in the order that its thumbprint asks for.
    jwk: String,
}

impl Holder {
    pub(super) fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = key.public_key().as_ref().split_at(1).1.split_at(32);
        let jwk = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, base64url(x), base64url(y));
        Self { key, jwk }
    }

    /// What a token says that is bound to it.
    pub(super) fn claim(&self) -> String {
        format!(r#","cnf":{{"jkt":"{}"}}"#, base64url(digest(&SHA256, self.jwk.as_bytes())))
    }

    /// A proof for `GET /accounts` with this token.
    pub(super) fn proof(&self, token: &str, number: usize) -> String {
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#, self.jwk);
        let (now, ath) = (Clock::System.now().0, base64url(digest(&SHA256, token.as_bytes())));
        let claims = format!(
            r#"{{"jti":"proof-{number}","htm":"GET","htu":"https://api.bank.example/accounts","iat":{now},"ath":"{ath}"}}"#
        );
        let signed = format!("{}.{}", base64url(header), base64url(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", base64url(signature))
    }
}

fn base64url(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}
