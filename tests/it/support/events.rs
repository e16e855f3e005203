//! An issuer that pushes security events: the tokens it makes, and the requests it sends.

use super::client::Request;
use super::gateway::{Setup, World};
use super::tokens::{ISSUER, NOW, Token};
use super::wire::Message;
use serde_json::{Value, json};

/// Whom the events are meant for.
pub const RECEIVER: &str = "https://api.bank.example/events";
/// CAEP.
pub const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
/// CAEP.
pub const CREDENTIAL_CHANGE: &str = "https://schemas.openid.net/secevent/caep/event-type/credential-change";
/// What RISC events begin with.
pub const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type";
/// What the events of OAuth begin with.
pub const OAUTH: &str = "https://schemas.openid.net/secevent/oauth/event-type";
/// Of the stream itself.
pub const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// Two workers, events of the issuer `bank`, and these further sections.
pub fn configured(more: &str) -> Setup {
    let further = format!("events: {{ audience: \"{RECEIVER}\", issuers: [bank] }}\n{more}");
    Setup { server: "  workers: 2\n".to_owned(), further, ..Setup::default() }
}

/// The claims of a good token with this event about the customer of the tests' tokens.
pub fn set(uri: &str, payload: impl Into<Value>) -> Value {
    let payload = payload.into();
    json!({
        "iss": ISSUER, "aud": RECEIVER, "jti": "set-1", "iat": NOW, "txn": "t",
        "sub_id": customer(), "events": {uri: payload}
    })
}

/// The customer of the tests' tokens.
pub fn customer() -> Value {
    json!({"format": "iss_sub", "iss": ISSUER, "sub": "customer-1"})
}

/// A good one: the customer's session has ended.
pub fn session_revoked() -> Value {
    set(SESSION_REVOKED, json!({"event_timestamp": NOW}))
}

/// `claims` with this one instead.
pub fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

/// `claims` without this one.
pub fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// The token with these claims, in the making.
pub fn signed(claims: &Value) -> Token {
    Token::good().header("typ", "secevent+jwt").claims_text(claims.to_string())
}

/// The request that brings `body`.
pub fn push(body: impl AsRef<[u8]>) -> Request {
    Request::new("POST", "/events").field("content-type: application/secevent+jwt").body(body)
}

/// Signs and brings these claims.
pub fn send(world: &World, claims: &Value) -> Message {
    world.ask_admin(&push(signed(claims).mint()))
}
