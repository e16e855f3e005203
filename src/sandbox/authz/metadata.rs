//! `GET /.well-known/oauth-authorization-server` (RFC 8414): where everything is and what is supported.

use super::{pushed, token};
use crate::oauth::algorithm::Algorithm;
use crate::oauth::signer;
use crate::sandbox::Site;
use crate::sandbox::scopes::Api;
use crate::sandbox::store::Acr;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers with the metadata.
pub(super) async fn get(State(site): State<Arc<Site>>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(document(&site)))
}

fn document(site: &Site) -> Value {
    let issuer = &site.issuer;
    let at = |path: &str| format!("{issuer}{path}");
    let methods = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];
    let algorithms = signer::ALGORITHMS.map(Algorithm::as_str);
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at(token::PATH),
        "pushed_authorization_request_endpoint": at(pushed::PATH),
        "introspection_endpoint": at(INTROSPECT),
        "revocation_endpoint": at(REVOKE),
        "jwks_uri": at(JWKS),
        "service_documentation": at("/"),
        "scopes_supported": Api::ALL.map(Api::scope),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": algorithms,
        "authorization_details_types_supported": ["account_access", "payment", "funds_confirmation"],
        "acr_values_supported": Acr::ALL.iter().map(|acr| acr.as_str()).collect::<Vec<_>>(),
        "authorization_response_iss_parameter_supported": true,
        "require_pushed_authorization_requests": false,
    });
    // Certificates are shown in the handshake: without TLS there is none.
    if let Some(members) = document.as_object_mut().filter(|_| issuer.starts_with("https://")) {
        // RFC 8705 §5: the same addresses, where a certificate is asked for and need not be shown.
        let aliases = json!({
            "token_endpoint": at(token::PATH),
            "pushed_authorization_request_endpoint": at(pushed::PATH),
            "revocation_endpoint": at(REVOKE),
        });
        members.insert("mtls_endpoint_aliases".to_owned(), aliases);
        members.insert("tls_client_certificate_bound_access_tokens".to_owned(), true.into());
    }
    document
}

pub(super) const INTROSPECT: &str = "/introspect";
pub(super) const REVOKE: &str = "/revoke";
pub(super) const JWKS: &str = "/jwks.json";
