//! The metadata of a protected resource (RFC 9728): the document, and where it is found.

use super::algorithm::Algorithm;
use super::scope::ScopeToken;
use serde::{Serialize, Serializer};
use std::ops::Not;

/// The document (RFC 9728 §2). What is empty or false is left out.
#[derive(Debug, Serialize)]
pub struct Metadata<'m> {
    /// The resource's identifier: a client refuses the document if it is another than it asked for (§3.3).
    pub resource: &'m str,
    /// Issuers whose tokens are accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_servers: Vec<&'m str>,
    /// Scopes that its parts need.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "scopes")]
    pub scopes_supported: Vec<&'m ScopeToken>,
    /// How a token may be sent.
    pub bearer_methods_supported: [&'static str; 1],
    /// Its name, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<&'m str>,
    /// What a developer should read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_documentation: Option<&'m str>,
    /// Whether tokens bound to a client certificate are accepted (RFC 8705).
    #[serde(skip_serializing_if = "Not::not")]
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Types of `authorization_details` that its parts need (RFC 9396).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_details_types_supported: Vec<&'m str>,
    /// Algorithms of DPoP proofs (RFC 9449).
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "algorithms")]
    pub dpop_signing_alg_values_supported: &'m [Algorithm],
    /// Whether every token must be bound to a key.
    #[serde(skip_serializing_if = "Not::not")]
    pub dpop_bound_access_tokens_required: bool,
}

impl Metadata<'_> {
    /// As it is sent.
    ///
    /// # Panics
    ///
    /// Never: texts, flags and lists of texts always have a place in JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, flags and lists of texts are always JSON")
    }
}

/// Where the metadata of the resource with this path is, at its origin (§3.1): inserted before the path, not after it.
pub fn metadata_path(path: &str) -> String {
    format!("{WELL_KNOWN}{path}")
}

fn scopes<S: Serializer>(scopes: &[&ScopeToken], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(scopes.iter().map(|scope| scope.as_str()))
}

fn algorithms<S: Serializer>(algorithms: &[Algorithm], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(algorithms.iter().map(|algorithm| algorithm.as_str()))
}

/// What every path of such metadata begins with; nothing else may stand there.
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

#[cfg(test)]
mod tests {
    use super::*;

    /// META-3.
    #[test]
    fn what_is_empty_or_false_is_left_out() {
        let least = Metadata {
            resource: "https://a",
            authorization_servers: Vec::new(),
            scopes_supported: Vec::new(),
            bearer_methods_supported: ["header"],
            resource_name: None,
            resource_documentation: None,
            tls_client_certificate_bound_access_tokens: false,
            authorization_details_types_supported: Vec::new(),
            dpop_signing_alg_values_supported: &[],
            dpop_bound_access_tokens_required: false,
        };
        assert_eq!(least.to_json(), br#"{"resource":"https://a","bearer_methods_supported":["header"]}"#);
        let scope = "accounts".parse().unwrap();
        let most = Metadata {
            authorization_servers: vec!["https://i"],
            scopes_supported: vec![&scope],
            resource_name: Some("\"Bank\""),
            resource_documentation: Some("https://d"),
            tls_client_certificate_bound_access_tokens: true,
            authorization_details_types_supported: vec!["payment"],
            dpop_signing_alg_values_supported: &[Algorithm::Es256],
            dpop_bound_access_tokens_required: true,
            ..least
        };
        let expected = r#"{"resource":"https://a","authorization_servers":["https://i"],"scopes_supported":["accounts"],"bearer_methods_supported":["header"],"resource_name":"\"Bank\"","resource_documentation":"https://d","tls_client_certificate_bound_access_tokens":true,"authorization_details_types_supported":["payment"],"dpop_signing_alg_values_supported":["ES256"],"dpop_bound_access_tokens_required":true}"#;
        assert_eq!(String::from_utf8(most.to_json()).unwrap(), expected);
    }
}
