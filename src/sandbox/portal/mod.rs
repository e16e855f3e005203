//! The developer portal: pages on which a third party adds its applications and learns to use the APIs.

mod add;
mod application;
mod callback;
mod home;
mod snippets;

use super::{Site, page};
use axum::Router;
use axum::routing::get;
use std::sync::Arc;

/// Every page of the portal.
pub(super) fn router() -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(home::get))
        .route("/applications", get(application::list).post(add::post))
        .route("/applications/new", get(add::get))
        .route("/applications/{client_id}", get(application::get))
        .route("/callback", get(callback::get))
        .route("/bank.css", get(page::style))
}
