//! DPoP proofs: what our reader accepts, others verify and read alike. No fuzzer finds a signature, so what is fed is
//! either a proof as it comes, or header and claims in two lines, which are signed here.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, Ed25519KeyPair, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::clock::UnixSeconds;
use scopegate::oauth::algorithm::Algorithm;
use scopegate::oauth::dpop::{self, Proof};
use serde_json::{Value, json};

/// Whatever passes verifies again, has every claim, brings a public key and nothing else, and says to another reader what
/// it says to us.
pub fn dpop(data: &[u8]) {
    let text = match data.iter().position(|b| *b == b'\n') {
        Some(end) => signed(&data[..end], &data[end + 1..]),
        None => data.to_vec(),
    };
    if let Ok(proof) = dpop::read(&text, &ACCEPTED) {
        check(std::str::from_utf8(&text).expect("only ASCII is a proof"), &proof);
    }
}

/// By the key whose public half the seeds bring.
pub(crate) fn signed(header: &[u8], claims: &[u8]) -> Vec<u8> {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed has 32 octets");
    let part = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    format!("{part}.{}", URL_SAFE_NO_PAD.encode(pair.sign(part.as_bytes()))).into_bytes()
}

fn check(text: &str, proof: &Proof) {
    let (part, signature) = text.rsplit_once('.').expect("three parts");
    let (header, claims) = part.split_once('.').expect("three parts");
    let read = |part: &str| serde_json::from_slice::<Value>(&octets(part));
    // A number beyond all numbers, in a member that nobody asks for, is no reason for us to refuse.
    let (Ok(header), Ok(claims)) = (read(header), read(claims)) else { return };
    let text_of = |object: &Value, name: &str| object[name].as_str().expect(name).to_owned();

    assert!(text_of(&header, "typ").eq_ignore_ascii_case("dpop+jwt"));
    for name in ["crit", "b64"] {
        assert!(header.get(name).is_none(), "{name}");
    }
    let jwk = &header["jwk"];
    for name in ["d", "p", "q", "k"] {
        assert!(jwk.get(name).is_none(), "{name} in a key");
    }
    assert_eq!(proof.key, thumbprint(jwk));
    assert!(verifies(jwk, &text_of(&header, "alg"), part.as_bytes(), &octets(signature)), "not signed by its key");

    assert_eq!(text_of(&claims, "jti"), proof.id);
    assert!(!proof.id.is_empty());
    assert_eq!((text_of(&claims, "htm"), text_of(&claims, "htu")), (proof.method.clone(), proof.uri.clone()));
    assert_eq!(claims.get("ath").map(|_| octets(&text_of(&claims, "ath"))), proof.token.map(|token| token.to_vec()));
    assert_eq!(claims.get("nonce").map(|_| text_of(&claims, "nonce")), proof.nonce);
    for (name, date) in [("iat", Some(proof.issued)), ("exp", proof.expires), ("nbf", proof.not_before)] {
        let seen = claims.get(name).map(|value| value.as_f64().expect(name));
        assert_eq!(seen.map(|seconds| UnixSeconds(seconds as i64)), date, "{name}");
    }
}

pub(crate) fn octets(base64url: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(base64url).expect("it was decoded before")
}

/// RFC 7638: the required members in order, which is how `serde_json` sorts them.
fn thumbprint(jwk: &Value) -> [u8; 32] {
    let names: &[&str] = match jwk["kty"].as_str() {
        Some("RSA") => &["e", "kty", "n"],
        Some("EC") => &["crv", "kty", "x", "y"],
        Some("OKP") => &["crv", "kty", "x"],
        other => panic!("a key of {other:?}"),
    };
    let required: Value = names.iter().map(|name| ((*name).to_owned(), jwk[*name].clone())).collect();
    digest(&SHA256, required.to_string().as_bytes()).as_ref().try_into().expect("SHA-256 has 32 octets")
}

fn verifies(jwk: &Value, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
    let member = |name: &str| octets(jwk[name].as_str().expect(name));
    let point = || [&[4][..], &member("x"), &member("y")].concat();
    let by = |method, key: Vec<u8>| UnparsedPublicKey::new(method, key).verify(message, signature).is_ok();
    let rsa =
        |method| PublicKeyComponents { n: member("n"), e: member("e") }.verify(method, message, signature).is_ok();
    match (algorithm, &jwk["kty"], &jwk["crv"]) {
        ("EdDSA", kty, crv) if (kty, crv) == (&json!("OKP"), &json!("Ed25519")) => by(&ED25519, member("x")),
        ("ES256", kty, crv) if (kty, crv) == (&json!("EC"), &json!("P-256")) => by(&ECDSA_P256_SHA256_FIXED, point()),
        ("ES384", kty, crv) if (kty, crv) == (&json!("EC"), &json!("P-384")) => by(&ECDSA_P384_SHA384_FIXED, point()),
        ("RS256", kty, _) if *kty == json!("RSA") => rsa(&RSA_PKCS1_2048_8192_SHA256),
        ("PS256", kty, _) if *kty == json!("RSA") => rsa(&RSA_PSS_2048_8192_SHA256),
        other => panic!("accepted: {other:?}"),
    }
}

const ACCEPTED: [Algorithm; 5] =
    [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256, Algorithm::Ps256];
