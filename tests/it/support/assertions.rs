//! An API that verifies what the gateway asserts, with nothing but the published set and RFC 7515: none of our own code.

use super::gateway::{Setup, World};
use super::wire::Message;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// A verified assertion.
#[derive(Debug)]
pub struct Asserted {
    /// The header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
}

/// A gateway that asserts by the members of `section`.
pub fn setup(section: &str) -> Setup {
    Setup { further: format!("assertion: {section}\n"), ..Setup::default() }
}

/// The set as it is published now.
pub fn published(world: &World) -> Value {
    let answer = world.admin("/jwks.json");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

/// The ids in a set, in its order.
pub fn ids(set: &Value) -> Vec<&str> {
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect()
}

/// The assertion that a request carries.
pub fn of(request: &Message) -> String {
    request.one("x-auth-assertion").to_owned()
}

/// What the last request of the upstream asserts, verified with the set of now.
pub fn last(world: &World) -> Asserted {
    verify(&of(&world.upstream.last()), &published(world)).expect("it verifies")
}

/// What a JWT asserts, if a key of `set` signed it.
pub fn verify(jwt: &str, set: &Value) -> Option<Asserted> {
    let parts: Vec<&str> = jwt.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return None };
    let signed = &jwt[..header.len() + 1 + claims.len()];
    let read = |text: &str| serde_json::from_slice(&decode(text)).unwrap();
    let (header, claims): (Value, Value) = (read(header), read(claims));
    let named: Vec<_> = set["keys"].as_array()?.iter().filter(|key| key["kid"] == header["kid"]).collect();
    let [key] = named.as_slice() else { return None };
    assert_eq!((&key["alg"], &key["use"]), (&header["alg"], &"sig".into()));
    is_signed(key, signed.as_bytes(), &decode(signature)).then_some(Asserted { header, claims })
}

fn is_signed(key: &Value, signed: &[u8], signature: &[u8]) -> bool {
    let member = |name: &str| decode(key[name].as_str().unwrap());
    match key["alg"].as_str().unwrap() {
        "ES256" => {
            let point = [vec![4], member("x"), member("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
        }
        "EdDSA" => UnparsedPublicKey::new(&ED25519, member("x")).verify(signed, signature).is_ok(),
        "PS256" => {
            let key = RsaPublicKeyComponents { n: member("n"), e: member("e") };
            key.verify(&RSA_PSS_2048_8192_SHA256, signed, signature).is_ok()
        }
        other => panic!("{other} was not asked for"),
    }
}

fn decode(base64url: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(base64url).unwrap()
}

/// Whether a member of a set shows what only its owner may know (RFC 7518 §6).
pub fn is_private(key: &Value) -> bool {
    ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| key.get(name).is_some())
}
