//! `GET /.well-known/oauth-authorization-server` (RFC 8414): where everything is and what is supported.

use crate::sandbox::Site;
use crate::sandbox::scopes::Api;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers with the metadata.
pub(super) async fn get(State(site): State<Arc<Site>>) -> Json<Value> {
    let issuer = &site.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks.json"),
        "service_documentation": format!("{issuer}/"),
        "scopes_supported": Api::ALL.map(Api::scope),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    }))
}
