//! Configurations for benchmarks: one issuer, one upstream, as many routes as are asked for.

use super::issuer::{AUDIENCE, ISSUER};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// What differs between benchmarks.
pub(crate) struct Configuration<'a> {
    /// Where the gateway listens; the admin listener takes any free port.
    pub(crate) listen: SocketAddr,
    pub(crate) upstream: SocketAddr,
    /// Routes beside those that requests are for.
    pub(crate) routes: usize,
    /// Verdicts remembered: 1 makes every token cold that is not used twice in a row.
    pub(crate) verdicts: usize,
    /// A path, or `off`.
    pub(crate) access_log: &'a str,
}

impl Configuration<'_> {
    /// Its text. The keys are expected in `jwks.json` beside it.
    pub(crate) fn text(&self) -> String {
        let Self { listen, upstream, routes, verdicts, access_log } = self;
        let mut text = format!(
            "server: {{ listen: '{listen}', workers: 1 }}
admin: {{ listen: '127.0.0.1:0' }}
access_log: {{ path: {access_log} }}
limits: {{ verdicts: {verdicts}, requests_per_connection: 1000000000 }}
issuers:
  - name: bank
    issuer: {ISSUER}
    audiences: [{AUDIENCE}]
    algorithms: [RS256, PS256, ES256, EdDSA]
    jwks: {{ file: jwks.json }}
upstreams:
  - {{ name: api, servers: ['http://{upstream}'] }}
routes:
  - {{ path: /accounts, methods: [GET], scopes: [accounts], upstream: api }}
  - {{ path: '/accounts/{{account_id}}/balances', methods: [GET], scopes: [accounts], upstream: api }}
  - {{ path: /payments, methods: [POST], scopes: [payments], upstream: api }}
"
        );
        for number in 0..*routes {
            let group = number % 97;
            writeln!(
                text,
                "  - {{ path: '/filler{group}/{{id}}/part{number}', methods: [GET], scopes: [accounts], upstream: api }}"
            )
            .unwrap();
        }
        text
    }
}
