//! A gateway with its configuration, its upstream and its log, as one value. Dropped, it is drained.

use super::client::{Client, Request, id};
use super::server::Server;
use super::tokens::{AUDIENCE, ISSUER, NOW, Token};
use super::wire::Message;
use super::{eventually, keys};
use scopegate::clock::Clock;
use scopegate::commands::gateway::Gateway;
use scopegate::config;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use tempfile::TempDir;

/// The pieces of a configuration. Every piece has a default that works.
pub struct Setup {
    /// Where it listens.
    pub listen: &'static str,
    /// Further lines below `server:`.
    pub server: String,
    /// Further lines below `admin:`.
    pub admin: String,
    /// Lines below `limits:`.
    pub limits: String,
    /// The issuers' entries.
    pub issuers: String,
    /// Where the upstream `api` is said to be: `["https://a:1"]`. Empty: where it is, by `http`.
    pub servers: String,
    /// Further lines of the upstream `api`.
    pub upstream: String,
    /// The routes' entries.
    pub routes: String,
    /// Further sections, whole.
    pub further: String,
    /// Where time comes from.
    pub clock: Clock,
}

/// A running gateway in front of one upstream.
pub struct World {
    /// What it forwards to.
    pub upstream: Server,
    /// Its time.
    pub clock: Clock,
    /// Numbers the rows of `refuses`, so that each has a line of its own in the log.
    pub(super) rows: AtomicUsize,
    /// What every challenge begins with, where the configuration has no `resources`.
    pub(super) space: String,
    gateway: Option<Gateway>,
    folder: TempDir,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0",
            server: "  workers: 1\n".to_owned(),
            admin: String::new(),
            limits: "  drain_timeout: 5s\n".to_owned(),
            issuers: issuer("bank", ISSUER, "{ file: jwks.json }"),
            servers: String::new(),
            upstream: String::new(),
            routes: [
                route("/accounts", "GET, HEAD", "scopes: [accounts]"),
                route("/accounts/{id}", "GET, HEAD, PUT, DELETE", "scopes: [accounts]"),
                route("/payments", "POST", "scopes: [payments]"),
                route("/open/{*rest}", "GET, HEAD, POST", "access: open"),
            ]
            .concat(),
            further: String::new(),
            clock: Clock::manual(NOW),
        }
    }
}

impl Setup {
    /// With these routes instead of the default ones.
    pub fn routes(routes: &[String]) -> Self {
        Self { routes: routes.concat(), ..Self::default() }
    }

    /// With these lines below `limits:`, each `key: value`.
    pub fn limits(lines: &[&str]) -> Self {
        Self { limits: lines.iter().flat_map(|line| ["  ", line, "\n"]).collect(), ..Self::default() }
    }

    /// With these issuers' entries.
    pub fn issuers(entries: &[String]) -> Self {
        Self { issuers: entries.concat(), ..Self::default() }
    }

    /// The text of the configuration; the upstream is at `upstream`.
    pub fn yaml(&self, upstream: SocketAddr) -> String {
        let mut text = format!("server:\n  listen: {}\n  realm: bank\n{}", self.listen, self.server);
        write!(text, "admin:\n  listen: 127.0.0.1:0\n{}access_log:\n  path: access.log\n", self.admin).unwrap();
        if !self.limits.is_empty() {
            write!(text, "limits:\n{}", self.limits).unwrap();
        }
        if !self.issuers.is_empty() {
            write!(text, "issuers:\n{}", self.issuers).unwrap();
        }
        let Self { servers, upstream: extra, routes, further, .. } = self;
        let servers = if servers.is_empty() { &format!("[\"http://{upstream}\"]") } else { servers };
        write!(text, "upstreams:\n  - name: api\n    servers: {servers}\n{extra}").unwrap();
        write!(text, "routes:\n{routes}{further}").unwrap();
        text
    }

    /// Starts it in front of an upstream that echoes the request line.
    pub fn start(self) -> World {
        self.before(Server::echo())
    }

    /// Starts it in front of `upstream`.
    pub fn before(self, upstream: Server) -> World {
        let address = upstream.address();
        self.at(upstream, address)
    }

    /// Starts it in front of an address that need not be the upstream's.
    pub fn at(self, upstream: Server, address: SocketAddr) -> World {
        let set = keys::set(&[keys::ec(), keys::rsa(), keys::ed()]).to_string();
        self.launch(upstream, address, &[("jwks.json", set)])
    }

    /// Starts it with these files beside the configuration.
    pub fn with_files(self, files: &[(&str, String)]) -> World {
        let upstream = Server::echo();
        let address = upstream.address();
        self.launch(upstream, address, files)
    }

    /// Starts it so, and in front of an address that need not be the upstream's.
    pub fn launch(self, upstream: Server, address: SocketAddr, files: &[(&str, String)]) -> World {
        World::launch(&self.yaml(address), self.clock, upstream, files)
    }
}

impl World {
    /// With this configuration, and these files beside it.
    pub fn launch(yaml: &str, clock: Clock, upstream: Server, files: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let settings =
            config::parse(yaml, &folder.path().join("scopegate.yaml")).unwrap_or_else(|faults| panic!("{faults}"));
        let metadata = |origin| format!(", resource_metadata=\"{origin}/.well-known/oauth-protected-resource\"");
        let space =
            format!("realm=\"bank\"{}", settings.server.public_origin.as_ref().map(metadata).unwrap_or_default());
        let gateway = Gateway::start(settings, clock.clone()).unwrap();
        Self { upstream, clock, rows: AtomicUsize::new(ROWS), space, gateway: Some(gateway), folder }
    }

    /// With the default configuration.
    pub fn start() -> Self {
        Setup::default().start()
    }

    /// The gateway itself.
    pub fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().expect("it is there until it is drained")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.gateway().addresses()[0]
    }

    /// A new connection.
    pub fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// One request on a connection of its own.
    pub fn send(&self, request: &Request) -> Message {
        self.client().send(request)
    }

    /// `GET` with a token.
    pub fn get(&self, path: &str, token: &Token) -> Message {
        self.send(&Request::get(path).token(&token.mint()))
    }

    /// One of the operators' pages.
    pub fn admin(&self, path: &str) -> Message {
        self.ask_admin(&Request::get(path))
    }

    /// A request to the operators' listener.
    pub fn ask_admin(&self, request: &Request) -> Message {
        Client::connect(self.gateway().admin()).send(&request.clone().host(Some("localhost")))
    }

    /// Ends it, and starts it anew in the same folder.
    pub fn restart(&mut self, setup: &Setup) {
        self.drain();
        let settings = config::parse(&setup.yaml(self.upstream.address()), &self.path("scopegate.yaml")).unwrap();
        self.gateway = Some(Gateway::start(settings, self.clock.clone()).unwrap());
    }

    /// Waits until every issuer has keys.
    pub fn wait_ready(&self) {
        eventually("readiness", || (self.admin("/readyz").status() == 200).then_some(()));
    }

    /// The value of a line of the metrics page; 0 where there is none.
    pub fn metric(&self, line: &str) -> f64 {
        let page = self.admin("/metrics").text();
        page.lines().find_map(|text| text.strip_prefix(line)?.trim().parse().ok()).unwrap_or_default()
    }

    /// Where configuration, keys and log are.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Applies another configuration in front of the same upstream.
    pub fn reload(&self, setup: &Setup) -> anyhow::Result<()> {
        let settings = config::parse(&setup.yaml(self.upstream.address()), &self.path("scopegate.yaml"))
            .unwrap_or_else(|faults| panic!("{faults}"));
        self.gateway().reload(&settings)
    }

    /// The whole log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("access.log")).unwrap_or_default()
    }

    /// The line of the request with the correlation id number `n`, once it is written.
    pub fn log_line(&self, n: usize) -> serde_json::Value {
        let id = id(n);
        eventually("a line of the access log", || {
            let log = self.log();
            // The last line may be half written.
            log[..log.rfind('\n')?]
                .lines()
                .find(|line| line.contains(&id))
                .map(|line| serde_json::from_str(line).unwrap())
        })
    }

    /// Lets it end.
    pub fn drain(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.drain();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.drain();
    }
}

/// The entry of an issuer whose tokens may be signed by any of the tests' keys.
pub fn issuer(name: &str, issuer: &str, jwks: &str) -> String {
    format!(
        "  - name: {name}\n    issuer: \"{issuer}\"\n    audiences: [\"{AUDIENCE}\"]\n    \
         algorithms: [RS256, PS256, ES256, EdDSA]\n    jwks: {jwks}\n    claims: {{ grant: gty, consent: consent_id }}\n"
    )
}

/// The entry of a route; `terms` are lines such as `scopes: [accounts]`.
pub fn route(path: &str, methods: &str, terms: &str) -> String {
    let terms = terms.replace('\n', "\n    ");
    format!("  - path: \"{path}\"\n    methods: [{methods}]\n    upstream: api\n    {terms}\n")
}

const ROWS: usize = 1_000_000; // Above the numbers that tests give themselves.
