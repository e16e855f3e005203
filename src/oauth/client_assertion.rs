//! The JWT by which we prove to an authorization server who we are: `private_key_jwt` (RFC 7523 §2.2).

use super::signer::Signer;
use crate::clock::UnixSeconds;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

/// An assertion of `client_id` for `audience` that holds for `LIFETIME`. `None` where the system gives no chance
/// or the key fails.
pub fn make(signer: &Signer, client_id: &str, audience: &str, now: UnixSeconds) -> Option<String> {
    let mut id = [0; 16];
    rand::fill(&mut id).ok()?;
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": URL_SAFE_NO_PAD.encode(id),
        "iat": now.0,
        "exp": now.0.saturating_add(LIFETIME_SECONDS),
    });
    signer.sign(&claims.to_string())
}

/// What its header says that it is: RFC 7523 names no type of its own.
pub const TYPE: &str = "JWT";
/// Long enough for clocks that differ, too short to be worth stealing.
const LIFETIME_SECONDS: i64 = 60;
