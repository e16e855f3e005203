//! What an operator would write for this bank: the configuration of the gateway in front of it. It lies in the sandbox's
//! folder, so that `scopegate check` and `scopegate routes` can be tried on it.

use crate::sandbox::Api;
use crate::sandbox::bank::{AUDIENCE, routes};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;

/// What the gateway has to know of the rest; its files are named below.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    /// Where it listens.
    pub(super) listen: SocketAddr,
    /// Where operators, and the bank's own servers, reach it.
    pub(super) admin: SocketAddr,
    /// The scheme that it and the authorization server speak.
    pub(super) scheme: &'static str,
    /// The authorization server.
    pub(super) portal: SocketAddr,
    /// The banking APIs.
    pub(super) apis: SocketAddr,
    /// Where the pages of applications that run in browsers come from.
    pub(super) origins: &'a BTreeSet<String>,
}

/// The configuration as YAML.
pub(super) fn write(around: &Surroundings<'_>) -> String {
    let Surroundings { listen, admin, scheme, portal, apis, .. } = around;
    let (origin, issuer) = (format!("{scheme}://{listen}"), format!("{scheme}://{portal}"));
    let audiences = Api::ALL.map(|api| api.audience(&origin)).join(", ");
    let is_tls = *scheme == "https";
    // Any certificate is good whose key the client has: a token bound to it says whose it must be (RFC 8705 §6.2).
    let tls = if is_tls {
        format!("  tls: {{ certificate: {SERVER}, key: {SERVER_KEY}, client_certificate: optional }}\n")
    } else {
        String::new()
    };
    let trust = if is_tls { format!(", ca_file: {AUTHORITY}") } else { String::new() };
    let mut text = format!(
        "# The gateway in front of the sandbox, written at its start.\n\
         server:\n  listen: '{listen}'\n  workers: 1\n  realm: sandbox\n  public_origin: {origin}\n  errors: obie\n{tls}\
         admin: {{ listen: '{admin}' }}\n\
         access_log: {{ path: {ACCESS_LOG} }}\n\
         revocations: {{ file: {REVOCATIONS}, keep: 24h }}\n\
         dpop: {{ nonce: off }}\n\
         assertion: {{ issuer: {origin} }}\n\
         issuers:\n  \
           - name: sandbox\n    \
             issuer: {issuer}\n    \
             audiences: [{audiences}]\n    \
             algorithms: [ES256]\n    \
             jwks: {{ uri: {issuer}/jwks.json{trust} }}\n    \
             introspection: {{ endpoint: {issuer}/introspect, client_id: {CLIENT_ID}, \
         client_secret: {{ file: {CLIENT_SECRET} }}{trust} }}\n    \
             claims: {{ grant: gty, consent: consent_id }}\n    \
             leeway: 0s\n\
         upstreams:\n  - {{ name: {AUDIENCE}, servers: [http://{apis}] }}\n\
         resources:\n",
    );
    for api in Api::ALL {
        let (resource, title) = (api.audience(&origin), api.title());
        writeln!(text, "  - {{ resource: {resource}, name: {title}, documentation: {issuer}/apis/{} }}", api.scope())
            .expect("writing to a String does not fail");
    }
    text.push_str("routes:\n");
    // No `audience` per route: scope and API are one here, and "insufficient scope" tells a developer what to ask for.
    for route in &routes::ALL {
        let (path, method, scope, grant) = (route.template(), route.method(), route.scope(), route.grant());
        let step_up = route.acr().map(|acr| format!(", step_up: {{ acr_values: ['{acr}'] }}")).unwrap_or_default();
        let cors = if around.origins.is_empty() {
            String::new()
        } else {
            format!(
                ", cors: {{ origins: [{}] }}",
                around.origins.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            )
        };
        writeln!(
            text,
            "  - {{ path: '{path}', methods: [{method}], scopes: [{scope}], grants: [{grant}], \
             upstream: {AUDIENCE}{step_up}{cors} }}"
        )
        .expect("writing to a String does not fail");
    }
    text
}

/// The configuration itself.
pub(super) const FILE: &str = "gateway.yaml";
/// The gateway's access log.
pub(super) const ACCESS_LOG: &str = "access.log";
/// What was revoked.
pub(super) const REVOCATIONS: &str = "revocations";
/// The gateway's client id at the authorization server, which it asks about opaque tokens.
pub(super) const CLIENT_ID: &str = "gateway";
/// The file of its secret there.
pub(super) const CLIENT_SECRET: &str = "gateway-secret";
/// The authority that developers are told to trust.
pub(super) const AUTHORITY: &str = "authority.pem";
/// The certificate of gateway and portal.
pub(super) const SERVER: &str = "server.pem";
/// Its key.
pub(super) const SERVER_KEY: &str = "server-key.pem";
/// A client's certificate, with its key behind it, as `curl --cert` takes it.
pub(super) const CLIENT: &str = "client.pem";

#[cfg(test)]
mod tests {
    use super::super::folder::Folder;
    use super::*;
    use crate::commands::sandbox::certificates;
    use crate::config;

    #[test]
    fn the_configuration_has_no_fault() {
        crate::net::tls::install_provider();
        let folder = Folder::temporary().unwrap();
        folder.write(CLIENT_SECRET, "a-secret-of-the-gateway-alone").unwrap();
        certificates::make(&folder, &["127.0.0.1".parse().unwrap()]).unwrap();
        let [listen, admin, portal, apis] =
            ["127.0.0.1:8080", "127.0.0.1:9090", "127.0.0.1:8000", "127.0.0.1:9001"].map(|a| a.parse().unwrap());
        let origins = BTreeSet::from(["https://app.example".to_owned()]);
        for (scheme, origins) in [("http", &BTreeSet::new()), ("https", &origins)] {
            let text = write(&Surroundings { listen, admin, scheme, portal, apis, origins });
            let settings = config::parse(&text, &folder.file(FILE)).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
            assert_eq!((settings.routes.len(), settings.issuers.len()), (routes::ALL.len(), 1));
            assert_eq!(settings.server.tls.is_some(), scheme == "https");
        }
    }
}
