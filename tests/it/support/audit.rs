//! What the tests of the audit log have in common: a gateway that has one, its lines, and what is said of them.

use super::client::id;
use super::eventually;
use super::gateway::{Setup, World};
use super::keys;
use super::server::Server;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// With these further lines below `audit_log:`.
pub fn with(lines: &str) -> Setup {
    Setup { further: format!("audit_log:\n  path: audit.log\n  sync: 10ms\n{lines}"), ..Setup::default() }
}

/// Every line so far, as JSON.
pub fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line}"))).collect()
}

/// The line of the request number `n`, once it is written.
pub fn line_of(world: &World, n: usize) -> Value {
    let id = id(n);
    eventually("a line of the audit log", || lines(&world.path("audit.log")).into_iter().find(|line| line["id"] == *id))
}

/// What each line is about.
pub fn events(path: &Path) -> Vec<String> {
    lines(path).iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect()
}

/// What `scopegate audit verify` says, and its exit code.
pub fn verify(folder: &Path, words: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scopegate"));
    let output = command.args(["audit", "verify"]).args(words).current_dir(folder).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

/// What it says of a log that is intact.
pub fn assert_intact(folder: &Path, words: &[&str]) -> String {
    let (code, said) = verify(folder, words);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("intact: "), "{said}");
    said
}

/// Where it is.
pub fn folder(world: &World) -> PathBuf {
    world.path("audit.log").parent().unwrap().to_path_buf()
}

/// Starts it with the keys that it may name beside it: `audit.key` and its public half `audit.pub`, `other.pub`, and
/// `subject.key`.
pub fn with_keys(setup: Setup) -> World {
    let upstream = Server::echo();
    let address = upstream.address();
    let keys = keys::set(&[keys::ec()]).to_string();
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let pem =
        |kind: &str, der: &[u8]| format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der));
    let private = pem("PRIVATE KEY", pair.to_pkcs8().unwrap().as_ref());
    let info = [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], pair.public_key().as_ref()].concat();
    let other = [&info[..12], &[9; 32][..]].concat();
    setup.launch(
        upstream,
        address,
        &[
            ("jwks.json", keys),
            ("audit.key", private),
            ("audit.pub", pem("PUBLIC KEY", &info)),
            ("other.pub", pem("PUBLIC KEY", &other)),
            ("subject.key", "the key of subjects".to_owned()),
        ],
    )
}
