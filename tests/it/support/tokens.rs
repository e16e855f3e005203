//! Mints tokens: good ones by default, spoilt in one place by each test.

use super::keys::{self, Key, base64url};
use serde_json::{Value, json};

/// A token in the making.
#[derive(Clone)]
pub struct Token {
    header: Value,
    claims: Value,
    key: Key,
    header_text: Option<String>,
    claims_text: Option<String>,
}

impl Token {
    /// A good one of the issuer `bank`: a customer's, with the scopes `accounts` and `payments`.
    pub fn good() -> Self {
        let key = keys::ec();
        let header = json!({"alg": key.algorithm(), "typ": "at+jwt", "kid": key.kid()});
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "customer-1", "client_id": "tpp-1", "jti": "token-1",
            "iat": NOW, "exp": NOW + 300, "scope": "accounts payments", "gty": "authorization_code"
        });
        Self { header, claims, key, header_text: None, claims_text: None }
    }

    /// Signed by this key, by its algorithm and under its id.
    pub fn by(mut self, key: &Key) -> Self {
        self.key = key.clone();
        self.header("alg", json!(key.algorithm())).header("kid", json!(key.kid()))
    }

    /// With this claim; `null` is a value.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// With this scope.
    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", scope)
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

    /// With this text for a header.
    pub fn header_text(mut self, text: impl Into<String>) -> Self {
        self.header_text = Some(text.into());
        self
    }

    /// With this text for claims.
    pub fn claims_text(mut self, text: impl Into<String>) -> Self {
        self.claims_text = Some(text.into());
        self
    }

    /// The claims as text, for tests that spoil text.
    pub fn claims_json(&self) -> String {
        self.claims_text.clone().unwrap_or_else(|| self.claims.to_string())
    }

    /// What is signed: header and claims, encoded.
    pub fn signed_part(&self) -> String {
        let header = self.header_text.clone().unwrap_or_else(|| self.header.to_string());
        format!("{}.{}", base64url(header), base64url(self.claims_json()))
    }

    /// The token.
    pub fn mint(&self) -> String {
        let algorithm = self.header["alg"].as_str().unwrap_or_default().to_owned();
        self.mint_with(|part| self.key.sign(&algorithm, part))
    }

    /// The token with a signature made otherwise.
    pub fn mint_with(&self, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        let part = self.signed_part();
        let signature = base64url(sign(part.as_bytes()));
        format!("{part}.{signature}")
    }
}

/// Where the tests' clocks stand.
pub const NOW: i64 = 1_800_000_000;
/// Who signs.
pub const ISSUER: &str = "https://auth.bank.example";
/// Who is meant.
pub const AUDIENCE: &str = "https://api.bank.example";
