//! The key that signs access tokens, and the set that publishes its public half (RFC 7517).

use crate::sandbox::Site;
use crate::sandbox::secret::Digest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// One ES256 key, made when the sandbox starts and gone when it ends.
pub(in crate::sandbox) struct SigningKey {
    id: String,
    private: EncodingKey,
    public: Value,
}

/// `GET /jwks.json`
pub(super) async fn get(State(site): State<Arc<Site>>) -> Response {
    let set = json!({ "keys": [site.key.public] });
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(set)).into_response()
}

impl SigningKey {
    /// A new key. Its id is its thumbprint (RFC 7638), so that two keys never share one.
    pub(in crate::sandbox) fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .expect("AWS-LC ends the process rather than return without randomness");
        let private = pair.to_pkcs8v1().expect("a key that was just made can be written");
        let (x, y) = coordinates(pair.public_key().as_ref());
        let id = Digest::of(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)).base64url();
        let public = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id, "x": x, "y": y,
        });
        Self { id, private: EncodingKey::from_ec_der(private.as_ref()), public }
    }

    /// A signed access token.
    pub(super) fn sign(&self, claims: &impl Serialize) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, claims, &self.private).expect("an ES256 key signs, and these claims are JSON")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

/// The two halves of an uncompressed point: `0x04 || x || y` (SEC 1 §2.3.3).
fn coordinates(point: &[u8]) -> (String, String) {
    let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
    (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
}
