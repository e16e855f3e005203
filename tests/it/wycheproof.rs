//! Wycheproof's JSON Web Signature vectors (C2SP/wycheproof, `json_web_signature_test.json`), all of them, through the
//! same code that verifies tokens. The file is not ours to ship: the variable `SCOPEGATE_WYCHEPROOF` says where it is.

use scopegate::oauth::algorithm::Algorithm;
use scopegate::oauth::jwk::KeySet;
use scopegate::oauth::jws::Jws;
use serde_json::{Value, json};

#[test]
fn every_verdict_is_the_files_or_explained() {
    #[expect(clippy::disallowed_methods, reason = "a test's own data")]
    let Ok(path) = std::env::var("SCOPEGATE_WYCHEPROOF") else {
        eprintln!("NOT RUN: SCOPEGATE_WYCHEPROOF does not name json_web_signature_test.json");
        return;
    };
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (mut agreed, mut explained, mut wrong) = (0, 0, Vec::new());
    for group in file["testGroups"].as_array().unwrap() {
        // A shared secret has no public half: then its whole key stands in the set, which must leave it out.
        let key = group.get("public").unwrap_or(&group["private"]);
        let set = KeySet::parse(json!({"keys": [key]}).to_string().as_bytes(), 1).unwrap();
        for test in group["tests"].as_array().unwrap() {
            let accepted = accepts(&set, test["jws"].as_str().unwrap_or_default());
            let id = test["tcId"].as_u64().unwrap();
            match (test["result"].as_str().unwrap(), accepted) {
                ("valid", true) | ("invalid", false) => agreed += 1,
                ("valid" | "acceptable", false) if explanation(id, key).is_some() => explained += 1,
                (result, _) => wrong.push(format!("tcId {id} ({}): {result}, we say {accepted}", test["comment"])),
            }
        }
    }
    eprintln!(
        "Wycheproof JWS: {agreed} verdicts agree, {explained} are stricter and explained, {} are wrong",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(agreed + explained, file["numberOfTests"].as_u64().unwrap());
}

/// As the gateway does it, with the key's own algorithms for the issuer's.
fn accepts(set: &KeySet, jws: &str) -> bool {
    let Ok(jws) = Jws::split(jws.as_bytes()) else { return false };
    let Ok(header) = jws.header() else { return false };
    let Ok(algorithm) = header.alg.parse::<Algorithm>() else { return false };
    let fits = |key: &&scopegate::oauth::jwk::Key| key.fits(algorithm);
    set.keys.iter().filter(fits).any(|key| jws.is_signed_by(key, algorithm))
}

/// Why we refuse what the file accepts. Nothing that the file refuses is ever accepted.
fn explanation(id: u64, key: &Value) -> Option<&'static str> {
    match (key["kty"].as_str(), key["crv"].as_str()) {
        (Some("oct"), _) => Some("shared secrets are refused by policy: who can check such a token can mint one"),
        (_, Some("P-521")) => Some("ES512 is not offered; the file's key also names it ES521, which is no algorithm"),
        _ => EXPLAINED.iter().find(|(explained, _)| *explained == id).map(|(_, why)| *why),
    }
}

const EXPLAINED: [(u64, &str); 2] = [
    (346, "a PS384 signature by a key that says it is for PS256"),
    (350, "a PS384 signature by a key that says it is for PS256"),
];
