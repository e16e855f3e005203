//! Configurations for benchmarks: one issuer, one upstream, as many routes as are asked for.

use super::issuer::{AUDIENCE, ISSUER};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

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

/// What few benchmarks ask for.
#[derive(Default)]
pub(crate) struct Further<'a> {
    /// The folder of `tls.pem` and `tls.key`.
    pub(crate) tls: Option<&'a Path>,
    /// Issuers before the one whose tokens are used.
    pub(crate) issuers: usize,
}

impl Configuration<'_> {
    /// Its text. The keys are expected in `jwks.json` beside it.
    pub(crate) fn text(&self) -> String {
        self.text_with(&Further::default())
    }

    /// The same with something more.
    pub(crate) fn text_with(&self, further: &Further<'_>) -> String {
        let Self { listen, upstream, routes, verdicts, access_log } = self;
        let tls = further.tls.map(Path::display).map_or(String::new(), |folder| {
            format!(", tls: {{ certificate: {folder}/tls.pem, key: {folder}/tls.key }}")
        });
        let mut text = format!(
            "server: {{ listen: '{listen}', workers: 1{tls} }}
admin: {{ listen: '127.0.0.1:0' }}
access_log: {{ path: {access_log} }}
limits: {{ verdicts: {verdicts}, requests_per_connection: 1000000000, connections_per_network: 20000 }}
issuers:
"
        );
        for number in 0..further.issuers {
            text.push_str(&issuer(&format!("other{number}"), &format!("{ISSUER}/{number}")));
        }
        text.push_str(&issuer("bank", ISSUER));
        write!(
            text,
            "upstreams:
  - {{ name: api, servers: ['http://{upstream}'] }}
routes:
  - {{ path: /accounts, methods: [GET], scopes: [accounts], upstream: api }}
  - {{ path: '/accounts/{{account_id}}/balances', methods: [GET], scopes: [accounts], upstream: api }}
  - {{ path: /payments, methods: [POST], scopes: [payments], upstream: api }}
"
        )
        .unwrap();
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

fn issuer(name: &str, issuer: &str) -> String {
    format!(
        "  - name: {name}
    issuer: {issuer}
    audiences: [{AUDIENCE}]
    algorithms: [RS256, PS256, ES256, EdDSA]
    jwks: {{ file: jwks.json }}
"
    )
}
