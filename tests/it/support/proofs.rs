//! Makes DPoP proofs: good ones by default, spoilt in one place by each test.

use super::client::Request;
use super::gateway::{Setup, World};
use super::keys::{Key, base64url};
use super::reasons::description;
use super::tokens::{NOW, Token};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A proof in the making.
#[derive(Clone)]
pub struct Proof {
    header: Value,
    claims: Value,
    key: Key,
}

impl Proof {
    /// A good one for `GET /accounts` with this token, never used before.
    pub fn good(key: &Key, token: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let id = format!("proof-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let header = json!({"typ": "dpop+jwt", "alg": key.algorithm(), "jwk": bare(key)});
        let claims = json!({
            "jti": id, "htm": "GET", "htu": format!("{ORIGIN}/accounts"), "iat": NOW, "ath": ath(token)
        });
        Self { header, claims, key: key.clone() }
    }

    /// With this claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// Without this claim.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    /// With this header member.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// Without this header member.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.as_object_mut().unwrap().remove(name);
        self
    }

    /// With this member in its key.
    pub fn jwk(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header["jwk"][name] = value.into();
        self
    }

    /// Signed by another key than it brings.
    pub fn signed_by(mut self, key: &Key) -> Self {
        self.key = key.clone();
        self
    }

    /// The proof.
    pub fn mint(&self) -> String {
        let part = format!("{}.{}", base64url(self.header.to_string()), base64url(self.claims.to_string()));
        let algorithm = self.header["alg"].as_str().unwrap_or_default();
        format!("{part}.{}", base64url(self.key.sign(algorithm, part.as_bytes())))
    }
}

/// The key as a proof brings it.
fn bare(key: &Key) -> Value {
    let mut jwk = key.jwk();
    for name in ["kid", "use"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    jwk
}

/// RFC 7638: for `cnf.jkt`. The members stand in order as `serde_json` sorts them.
pub fn thumbprint(key: &Key) -> String {
    base64url(digest(&SHA256, bare(key).to_string().as_bytes()))
}

/// For the claim `ath`.
pub fn ath(token: &str) -> String {
    base64url(digest(&SHA256, token.as_bytes()))
}

/// A gateway that takes proofs on these terms.
pub fn setup(dpop: &str) -> Setup {
    Setup {
        server: format!("  workers: 2\n  public_origin: {ORIGIN}\n"),
        further: format!("dpop: {dpop}\n"),
        ..Setup::default()
    }
}

/// The client's key, and a token that is bound to it.
pub fn bound() -> (Key, String) {
    let key = Key::new("client");
    let token = Token::good().claim("cnf", json!({"jkt": thumbprint(&key)})).mint();
    (key, token)
}

/// `GET /accounts` with a token and a proof.
pub fn dpop(token: &str, proof: &str) -> Request {
    Request::get("/accounts").field(&format!("authorization: DPoP {token}")).field(&format!("dpop: {proof}"))
}

/// What a challenge says of algorithms.
pub const ALGS: &str = "algs=\"ES256 PS256 EdDSA\"";

/// What every challenge begins with where `ORIGIN` is known: META-4.
pub const SPACE: &str =
    "realm=\"bank\", resource_metadata=\"https://api.bank.example/.well-known/oauth-protected-resource\"";

/// The challenge for this reason.
pub fn error(reason: &str) -> String {
    let code = match reason {
        "proof_key_wrong" => "invalid_token",
        "proof_nonce" => "use_dpop_nonce",
        _ => "invalid_dpop_proof",
    };
    let text = description(reason);
    format!("DPoP {SPACE}, error=\"{code}\", error_description=\"{text}\", {ALGS}")
}

/// Sends each row's request and demands its refusal: the exact challenge, the exact reason, and nothing upstream.
pub fn refuses(world: &World, rows: Vec<(&str, Request, &str)>) {
    // Each row has a line of its own in the log, also where a world is asked twice.
    static NEXT: AtomicUsize = AtomicUsize::new(100);
    let before = world.upstream.hits();
    let first = NEXT.fetch_add(rows.len(), Ordering::Relaxed);
    let mut expected = Vec::new();
    for (n, (name, request, reason)) in (first..).zip(rows) {
        let answer = world.send(&request.numbered(n));
        let challenge = error(reason);
        assert_eq!((answer.status(), answer.get("www-authenticate")), (401, Some(challenge.as_str())), "{name}");
        assert_eq!(answer.one("cache-control"), "no-store", "{name}");
        expected.push((name, reason));
    }
    for (n, (name, reason)) in (first..).zip(expected) {
        assert_eq!(world.log_line(n)["reason"], reason, "{name}");
    }
    assert_eq!(world.upstream.hits(), before);
}

/// Sends each row's request and demands that it passes.
pub fn accepts(world: &World, rows: Vec<(&str, Request)>) {
    for (name, request) in rows {
        let answer = world.send(&request);
        assert_eq!(answer.status(), 200, "{name}: {:?} {}", answer.get("www-authenticate"), answer.text());
    }
}

/// The gateway as the tests' clients know it.
pub const ORIGIN: &str = "https://api.bank.example";
