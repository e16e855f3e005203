//! What a DPoP proof costs (RFC 9449 §4.3), beside the one thing that cannot be saved: its signature.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark that cannot go on should stop, and say where")]

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, ParsedPublicKey, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use scopegate::oauth::dpop;
use std::time::Duration;

criterion_group! {
    name = proofs;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    targets = reading
}
criterion_main!(proofs);

fn reading(c: &mut Criterion) {
    for signer in [Signer::p256(), Signer::ed25519()] {
        let name = signer.name;
        let algorithm = name.parse().unwrap();
        let proofs: Vec<_> = (0..64).map(|number| signer.proof(number)).collect();
        let parts: Vec<_> = proofs.iter().map(|proof| split(proof)).collect();
        let parsed = ParsedPublicKey::new(signer.verifier, &signer.public).unwrap();
        let mut turn = parts.iter().cycle();
        c.bench_function(&format!("proof: the signature alone, a parsed key, {name}"), |b| {
            b.iter(|| {
                let (signed, signature) = turn.next().unwrap();
                parsed.verify_sig(signed.as_bytes(), signature).unwrap();
            });
        });
        let mut turn = parts.iter().cycle();
        c.bench_function(&format!("proof: the signature alone, {name}"), |b| {
            b.iter(|| {
                let (signed, signature) = turn.next().unwrap();
                UnparsedPublicKey::new(signer.verifier, &signer.public).verify(signed.as_bytes(), signature).unwrap();
            });
        });
        let mut turn = proofs.iter().cycle();
        c.bench_function(&format!("proof: read and verified, {name}"), |b| {
            b.iter(|| dpop::read(turn.next().unwrap().as_bytes(), &[algorithm]).unwrap().issued);
        });
    }
}

fn split(proof: &str) -> (&str, Vec<u8>) {
    let (signed, signature) = proof.rsplit_once('.').unwrap();
    (signed, URL_SAFE_NO_PAD.decode(signature).unwrap())
}

/// A client's key.
struct Signer {
    name: &'static str,
    jwk: String,
    public: Vec<u8>,
    verifier: &'static dyn VerificationAlgorithm,
    pair: Pair,
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Pair {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

impl Signer {
    fn p256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let public = pair.public_key().as_ref().to_vec();
        let (x, y) = public.split_at(1).1.split_at(32);
        let jwk = format!(r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}}"#, base64url(x), base64url(y));
        Self { name: "ES256", jwk, public, verifier: &ECDSA_P256_SHA256_FIXED, pair: Pair::P256(pair) }
    }

    fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let public = pair.public_key().as_ref().to_vec();
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, base64url(&public));
        Self { name: "EdDSA", jwk, public, verifier: &ED25519, pair: Pair::Ed25519(pair) }
    }

    fn proof(&self, number: usize) -> String {
        let Self { name, jwk, pair, .. } = self;
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"{name}","jwk":{jwk}}}"#);
        let ath = base64url(digest(&SHA256, b"token").as_ref());
        let claims = format!(
            r#"{{"jti":"6f0c6a9e-4d2a-4b6e-9d0c-{number:012}","htm":"GET","htu":"https://api.bank.example/accounts","iat":1800000000,"ath":"{ath}"}}"#
        );
        let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
        let signature = base64url(&pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

fn base64url(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}
