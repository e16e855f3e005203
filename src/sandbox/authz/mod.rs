//! The authorization server: one endpoint, one file, each with its own errors.

mod access_token;
mod authorize;
mod back;
mod client;
mod code_grant;
mod consent;
mod cookie;
mod gateway;
mod keys;
mod login;
mod metadata;
mod pkce;
mod refresh_grant;
mod request;
mod token;
mod token_fault;

pub(super) use gateway::{Told, revoke_at_gateway, revoke_authorization};
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
    let fixed = |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    let secret = Router::new()
        .route("/token", post(token::post))
        .layer(DefaultBodyLimit::max(TOKEN_REQUEST_BYTES_MAX))
        // `Pragma` is for what still asks for RFC 6749 §5.1 to the letter.
        .layer(fixed(header::PRAGMA, "no-cache"))
        .layer(fixed(header::CACHE_CONTROL, "no-store"));
    let public = Router::new()
        .route("/jwks.json", get(keys::get))
        .route("/.well-known/oauth-authorization-server", get(metadata::get));
    secret.merge(public).layer(fixed(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
}

/// The longest token request carries a redirect URI, a code, a verifier and a client's id and secret.
const TOKEN_REQUEST_BYTES_MAX: usize = 8 * 1024;
