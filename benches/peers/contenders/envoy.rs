//! Envoy with `jwt_authn` and its cache of verified tokens; the scope is checked by its filter for roles.

use super::{Site, write};
use crate::load::stream::Transport;
use crate::support::issuer::{AUDIENCE, ISSUER};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub(super) fn command(site: &Site<'_>, folder: &Path, listen: SocketAddr) -> anyhow::Result<Option<Vec<PathBuf>>> {
    let Some(envoy) = site.tools.envoy.clone() else {
        return Ok(None);
    };
    let file = write(folder, "envoy.yaml", &configuration(site, listen))?;
    let words = ["--concurrency", "1", "--log-level", "error", "--disable-hot-restart", "-c"];
    Ok(Some([envoy].into_iter().chain(words.map(PathBuf::from)).chain([file]).collect()))
}

fn configuration(site: &Site<'_>, listen: SocketAddr) -> String {
    let (upstream, shared) = (site.upstream, site.folder.display());
    let speaks = match site.transport {
        Transport::Plain => "name: plain".to_owned(),
        Transport::Tls => tls(&site.folder, "http/1.1"),
        Transport::Http2 => tls(&site.folder, "h2"),
    };
    format!(
        r#"static_resources:
  listeners:
  - address: {listen}
    filter_chains:
    - {speaks}
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": {TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: door
          generate_request_id: false
          route_config: {{ virtual_hosts: [{{ name: all, domains: ["*"], routes: [{{ match: {{ prefix: "/" }}, route: {{ cluster: api }} }}] }}] }}
          http_filters:
          - name: envoy.filters.http.jwt_authn
            typed_config:
              "@type": {TYPES}.filters.http.jwt_authn.v3.JwtAuthentication
              providers:
                bank:
                  issuer: {ISSUER}
                  audiences: [{AUDIENCE}]
                  payload_in_metadata: jwt
                  forward: false
                  jwt_cache_config: {{ jwt_cache_size: 10000 }}
                  local_jwks: {{ filename: {shared}/jwks.json }}
              rules: [{{ match: {{ prefix: "/" }}, requires: {{ provider_name: bank }} }}]
          - name: envoy.filters.http.rbac
            typed_config:
              "@type": {TYPES}.filters.http.rbac.v3.RBAC
              rules:
                action: ALLOW
                policies:
                  scope:
                    permissions: [{{ any: true }}]
                    principals:
                    - metadata:
                        filter: envoy.filters.http.jwt_authn
                        path: [{{ key: jwt }}, {{ key: scope }}]
                        value: {{ string_match: {{ contains: accounts }} }}
          - name: envoy.filters.http.router
            typed_config: {{ "@type": {TYPES}.filters.http.router.v3.Router, suppress_envoy_headers: true }}
  clusters:
  - name: api
    type: STATIC
    circuit_breakers: {{ thresholds: [{{ max_connections: 16384, max_pending_requests: 16384, max_requests: 16384 }}] }}
    load_assignment: {{ cluster_name: api, endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {upstream} }} }}] }}] }}
"#,
        listen = address(listen),
        upstream = address(upstream),
    )
}

fn address(address: SocketAddr) -> String {
    format!("{{ socket_address: {{ address: {}, port_value: {} }} }}", address.ip(), address.port())
}

fn tls(shared: &Path, protocol: &str) -> String {
    let shared = shared.display();
    format!(
        r#"transport_socket:
        name: tls
        typed_config:
          "@type": {TYPES}.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [{protocol}]
            tls_certificates: [{{ certificate_chain: {{ filename: {shared}/tls.pem }}, private_key: {{ filename: {shared}/tls.key }} }}]"#
    )
}

/// Where its configuration's types are.
const TYPES: &str = "type.googleapis.com/envoy.extensions";
