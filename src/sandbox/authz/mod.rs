//! The authorization server: one endpoint, one file, each with its own errors.

mod authorize;
mod back;
mod client;
mod consent;
mod cookie;
mod keys;
mod login;
mod metadata;
mod pkce;
mod token;
mod token_fault;

pub(super) use keys::SigningKey;
pub(super) use pkce::Challenge;

use super::Site;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use http::{HeaderValue, header};
use std::sync::Arc;
use tower_http::set_header::SetResponseHeaderLayer;

/// What customers see in their browser.
pub(super) fn pages() -> Router<Arc<Site>> {
    Router::new()
        .route("/authorize", get(authorize::get))
        .route("/login", get(login::get).post(login::post))
        .route("/logout", post(login::leave))
        .route("/consent", get(consent::get).post(consent::post))
}

/// What applications call themselves. Scripts of any origin may: nothing here looks at cookies (RFC 9700 §2.6).
pub(super) fn endpoints() -> Router<Arc<Site>> {
    Router::new()
        .route("/token", post(token::post))
        .route("/jwks.json", get(keys::get))
        .route("/.well-known/oauth-authorization-server", get(metadata::get))
        .layer(DefaultBodyLimit::max(TOKEN_REQUEST_BYTES_MAX))
        .layer(SetResponseHeaderLayer::overriding(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")))
}

/// The longest token request carries a redirect URI, a code, a verifier and a client's id and secret.
const TOKEN_REQUEST_BYTES_MAX: usize = 8 * 1024;
