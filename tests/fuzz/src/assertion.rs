//! Client assertions: what our reader accepts says the same to another reader. No fuzzer finds a signature, so what is fed
//! is header and claims in two lines, which are signed here.

use super::dpop::{octets, signed};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::clock::UnixSeconds;
use scopegate::oauth::client_assertion::Shown;
use scopegate::oauth::jwk::KeySet;
use serde_json::{Value, json};

/// Whatever passes is for one audience, names one client twice, has an id and an end, and its key verifies it.
pub fn assertion(data: &[u8]) {
    let (header, claims) = data.split_at(data.iter().position(|b| *b == b'\n').unwrap_or(data.len()));
    let text = signed(header, claims.get(1..).unwrap_or_default());
    let Some(shown) = Shown::read(&text) else { return };
    let named = shown.client_id().to_owned();
    let header: Value = serde_json::from_slice(header).unwrap_or_default();
    let kid = header["kid"].as_str().map(str::to_owned);
    let verified = shown.verify(&keys(kid.as_deref()));
    if header["alg"] != "EdDSA" && header["alg"] != "Ed25519" {
        assert_eq!(verified, None);
        return;
    }
    let assertion = verified.expect("its key verifies it");
    let parts: Vec<_> = text.split(|b| *b == b'.').collect();
    // A number beyond all numbers, in a member that nobody asks for, is no reason for us to refuse.
    let Ok(seen) = serde_json::from_slice::<Value>(&octets(std::str::from_utf8(parts[1]).expect("ASCII"))) else {
        return;
    };
    for (name, value) in [("iss", &named), ("sub", &named), ("aud", &assertion.audience), ("jti", &assertion.id)] {
        assert_eq!(seen[name].as_str(), Some(value.as_str()), "{name}");
    }
    assert!(!assertion.id.is_empty() && assertion.client_id == named);
    for (name, date) in [("exp", Some(assertion.expires)), ("iat", assertion.issued), ("nbf", assertion.not_before)] {
        let seconds = seen.get(name).map(|value| UnixSeconds(value.as_f64().expect(name) as i64));
        assert_eq!(seconds, date, "{name}");
    }
}

fn keys(kid: Option<&str>) -> KeySet {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed has 32 octets");
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    if let Some(kid) = kid {
        key["kid"] = kid.into();
    }
    KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes(), 1).expect("a key set")
}
