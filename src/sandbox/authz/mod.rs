//! The authorization server: one endpoint, one file, each with its own errors.

mod access_token;
mod authorize;
mod back;
mod call;
mod client;
mod code_grant;
mod consent;
mod cors;
mod decision;
mod details;
mod gateway;
mod introspect;
mod keys;
mod login;
mod matter;
mod metadata;
mod my_access;
mod one_time_code;
mod pkce;
mod proof;
mod pushed;
mod question;
mod refresh_grant;
mod revoke;
mod token;
mod token_fault;
mod under_way;
mod upkeep;
mod visit;
mod words;

pub(super) use access_token::id_of;
pub(super) use code_grant::redeem;
pub(super) use details::Details;
pub(super) use gateway::{Told, revoke_at_gateway, tell_what_is_due};
pub(super) use keys::Keys;
pub(super) use pkce::Challenge;
pub(super) use pushed::{LIFETIME_SECONDS as PUSHED_SECONDS, PREFIX as PUSHED_PREFIX};
pub(super) use refresh_grant::{find, refresh};
pub(super) use revoke::{end_access_token, end_authorization};
pub(super) use token::{Presenter, Tokens, own_token};
pub(super) use token_fault::TokenFault;
pub(super) use under_way::UnderWay;
pub(super) use upkeep::keep_up;

use super::Site;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
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
        .route("/one-time-code", get(one_time_code::get).post(one_time_code::post))
        .route("/consent", get(consent::get).post(consent::post))
        .route("/my/access", get(my_access::get).post(my_access::post))
}

/// What applications and the gateway call themselves.
pub(super) fn endpoints() -> Router<Arc<Site>> {
    let fixed = |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    let called_by_scripts = Router::new()
        .route(token::PATH, post(token::post))
        .route(pushed::PATH, post(pushed::post))
        .route(metadata::REVOKE, post(revoke::post))
        .layer(middleware::from_fn(cors::allow));
    let secret = called_by_scripts
        .route(metadata::INTROSPECT, post(introspect::post))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        // `Pragma` is for what still asks for RFC 6749 §5.1 to the letter.
        .layer(fixed(header::PRAGMA, "no-cache"))
        .layer(fixed(header::CACHE_CONTROL, "no-store"));
    let public = Router::new()
        .route(metadata::JWKS, get(keys::get))
        .route("/.well-known/oauth-authorization-server", get(metadata::get))
        // Libraries that know OpenID Connect alone look here; what they find says that there are no ID tokens.
        .route("/.well-known/openid-configuration", get(metadata::get))
        .layer(middleware::from_fn(cors::allow));
    secret.merge(public)
}

/// The longest request carries an assertion, a redirect URI, a code and a verifier, or authorization details.
const REQUEST_BYTES_MAX: usize = 8 * 1024;
