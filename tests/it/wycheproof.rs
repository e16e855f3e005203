//! Wycheproof's vectors for JSON Web Signatures and for sets of JSON Web Keys (C2SP/wycheproof), all of them, through the
//! same code that verifies tokens. The files are not ours to ship: the variable `SCOPEGATE_WYCHEPROOF` says where
//! `json_web_signature_test.json` is, and `json_web_key_test.json` lies beside it.

use scopegate::oauth::algorithm::Algorithm;
use scopegate::oauth::jwk::KeySet;
use scopegate::oauth::jws::Jws;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::PathBuf;

#[test]
fn every_verdict_on_a_signature_is_the_files_or_explained() {
    // A shared secret has no public half: then its whole key stands in the set, which must leave it out.
    run("json_web_signature_test.json", |key| json!({"keys": [key]}), explanation);
}

#[test]
fn every_verdict_on_a_key_set_is_the_files_or_explained() {
    run("json_web_key_test.json", Value::clone, |_, set| {
        let is_secret = set["keys"].as_array().unwrap().iter().all(|key| key["kty"] == "oct");
        is_secret.then_some("shared secrets are refused by policy: who can check such a token can mint one")
    });
}

fn run(name: &str, set_of: impl Fn(&Value) -> Value, explanation: impl Fn(u64, &Value) -> Option<&'static str>) {
    let Some(path) = file(name) else { return };
    let text = std::fs::read(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let file: Value = serde_json::from_slice(&text).unwrap();
    let (mut agreed, mut explained, mut wrong) = (0, 0, Vec::new());
    for group in file["testGroups"].as_array().unwrap() {
        let key = group.get("public").unwrap_or(&group["private"]);
        let set = KeySet::parse(set_of(key).to_string().as_bytes(), 10).unwrap();
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
    say(&format!("{name}: {agreed} verdicts agree, {explained} are stricter and explained, {} are wrong", wrong.len()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(agreed + explained, file["numberOfTests"].as_u64().unwrap());
}

fn file(name: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test's own data")]
    let signatures = std::env::var("SCOPEGATE_WYCHEPROOF").ok().map(PathBuf::from);
    if signatures.is_none() {
        say(&format!("NOT RUN, because SCOPEGATE_WYCHEPROOF names no file: {name}"));
    }
    Some(signatures?.with_file_name(name))
}

/// Past the harness, which shows nothing that a passing test prints.
fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// As the gateway does it, with the key's own algorithms for the issuer's.
fn accepts(set: &KeySet, jws: &str) -> bool {
    let Ok(jws) = Jws::read(jws.as_bytes()) else { return false };
    let Ok(header) = jws.header() else { return false };
    let Ok(algorithm) = header.alg.parse::<Algorithm>() else { return false };
    let kid = header.kid.as_deref();
    let fits = |key: &&scopegate::oauth::jwk::Key| (kid.is_none() || key.kid() == kid) && key.fits(algorithm);
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
