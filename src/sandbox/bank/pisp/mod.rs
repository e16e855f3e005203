//! Payment Initiation: a consent to one payment, its submission, what becomes of it.

mod consents;
mod payments;

use super::Bank;
use super::fault::{Code, Fault};
use super::vouched::Caller;
use crate::sandbox::secret::Digest;
use axum::Router;
use axum::routing::{get, post};
use http::HeaderMap;
use serde_json::Value;
use std::sync::Arc;

/// Behind the API's path.
pub(super) fn routes() -> Router<Arc<Bank>> {
    Router::new()
        .route("/domestic-payment-consents", post(consents::create))
        .route("/domestic-payment-consents/{ConsentId}", get(consents::read))
        .route("/domestic-payment-consents/{ConsentId}/funds-confirmation", get(consents::funds))
        .route("/domestic-payments", post(payments::submit))
        .route("/domestic-payments/{DomesticPaymentId}", get(payments::read))
}

/// The key under which a request is done once (OB-7), and what it came with.
#[derive(Clone, Copy, Debug)]
struct Once {
    /// Of the application, the operation and the key.
    key: Digest,
    /// Of the body: of what it says, however it is spaced.
    body: Digest,
}

impl Once {
    fn read(headers: &HeaderMap, caller: &Caller, operation: &str, words: &Value) -> Result<Self, Fault> {
        let mut values = headers.get_all(HEADER).iter();
        let value = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().unwrap_or_default().trim(),
            (None, _) => return Err(Fault::new(Code::HeaderMissing, "this operation takes a key").at(HEADER)),
            (Some(_), Some(_)) => "",
        };
        if value.is_empty() || value.len() > KEY_BYTES_MAX {
            return Err(Fault::new(Code::HeaderInvalid, "a key is 1 to 40 characters").at(HEADER));
        }
        let key = Digest::of(&format!("{}\n{operation}\n{value}", caller.client_id));
        Ok(Self { key, body: Digest::of(&words.to_string()) })
    }
}

/// The body differs from the one that came with the key: what that created stays as it is.
fn other_body() -> Fault {
    Fault::new(Code::HeaderInvalid, "the key came with another body before").at(HEADER)
}

const HEADER: &str = "x-idempotency-key";
const KEY_BYTES_MAX: usize = 40;
