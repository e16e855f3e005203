//! Confirmation of Funds: whether an account holds enough, yes or no, for the issuer of a card.

mod confirmations;
mod consents;

pub(in crate::sandbox) use consents::Asked;

use super::Bank;
use axum::Router;
use axum::routing::{get, post};
use std::sync::Arc;

/// Behind the API's path.
pub(super) fn routes() -> Router<Arc<Bank>> {
    Router::new()
        .route("/funds-confirmation-consents", post(consents::create))
        .route("/funds-confirmation-consents/{ConsentId}", get(consents::read).delete(consents::delete))
        .route("/funds-confirmations", post(confirmations::create))
}
