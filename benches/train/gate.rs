//! A gateway that is trained: one process with one worker.

use super::client::{self, Client, Plain, Secure};
use super::requests::ORIGIN;
use super::support::issuer::{AUDIENCE, ISSUER};
use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use rustls::ClientConfig;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A running one. Dropped, it is ended without ceremony.
pub(super) struct Gate {
    name: &'static str,
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
    said: PathBuf,
}

/// What differs between them, as configuration.
pub(super) struct Shape {
    server: &'static str,
    upstream: String,
    /// Of routes whose answers come from the upstream. One gate's tokens do not reach another: there it has open routes.
    route: String,
    further: &'static str,
}

impl Shape {
    pub(super) fn plain(upstream: SocketAddr) -> Self {
        Self { server: "", upstream: format!("servers: ['http://{upstream}']"), route: String::new(), further: "" }
    }

    pub(super) fn secure(upstream: SocketAddr) -> Self {
        Self {
            server: ", pseudonym: second, tls: { certificate: server.pem, key: server.key }",
            ..Self::plain(upstream)
        }
    }

    pub(super) fn rich(upstream: SocketAddr) -> Self {
        let port = upstream.port();
        Self {
            server: ", trusted_hops: [127.0.0.0/8]",
            upstream: format!(
                "servers: ['https://127.0.0.1:{port}'], protocol: http2, tls: {{ ca_file: server.pem, server_name: localhost }}"
            ),
            route: format!(", cors: {{ origins: ['{ORIGIN}'] }}, service: ais, rewrite: {{ from: /, to: /open }}"),
            further: "assertion: { issuer: 'https://api.bank.example' }
audit_log: { path: audit.log }
quotas:
  - { name: calls, per: client, rate: 100000/s, routes: all }
  - { name: under-way, per: subject, at_once: 1000, routes: all }
",
        }
    }

    /// All of it, with routes beside those that are used, as a bank's API has them.
    fn text(&self, name: &str, listen: SocketAddr, admin: SocketAddr) -> String {
        let Self { server, upstream, route, further } = self;
        let mut text = format!(
            "server: {{ listen: '{listen}', workers: 1, public_origin: 'https://api.bank.example'{server} }}
admin: {{ listen: '{admin}' }}
access_log: {{ path: {name}.log }}
dpop: {{ max_age: 10m }}
issuers:
  - {{ name: bank, issuer: {ISSUER}, audiences: [{AUDIENCE}], algorithms: [RS256, PS256, ES256, EdDSA], jwks: {{ file: jwks.json }} }}
upstreams:
  - {{ name: api, {upstream} }}
{further}routes:
  - {{ path: /accounts, methods: [GET], scopes: [accounts], upstream: api{route} }}
  - {{ path: '/accounts/{{account_id}}/balances', methods: [GET], scopes: [accounts], upstream: api{route} }}
  - {{ path: /statements, methods: [GET], scopes: [accounts], upstream: api{route} }}
  - {{ path: /payments, methods: [POST], scopes: [payments], upstream: api{route} }}
  - {{ path: /cards, methods: [GET], scopes: [cards], upstream: api }}
  - {{ path: '/open/{{*rest}}', methods: [GET, POST], access: open, upstream: api }}
"
        );
        for number in 0..100 {
            let path = format!("/part{}/{{id}}/number{number}", number % 7);
            writeln!(text, "  - {{ path: '{path}', methods: [GET], scopes: [accounts], upstream: api }}").unwrap();
        }
        text
    }
}

impl Gate {
    /// Starts `program` with its files in `folder`, and waits until it listens.
    pub(super) fn start(program: &Path, folder: &Path, name: &'static str, shape: &Shape) -> anyhow::Result<Self> {
        let (address, admin) = (free_address()?, free_address()?);
        let (file, said) = (folder.join(format!("{name}.yaml")), folder.join(format!("{name}.said")));
        fs::write(&file, shape.text(name, address, admin))?;
        let output = File::create(&said)?;
        let child = Command::new(program)
            .args(["serve".as_ref(), "--config".as_ref(), file.as_os_str()])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let mut gate = Self { name, child, address, admin, said };
        let begin = Instant::now();
        while TcpStream::connect_timeout(&address, STEP).is_err() {
            let ended = gate.child.try_wait()?;
            ensure!(ended.is_none() && begin.elapsed() < WAIT, "{name} does not serve: {}", gate.said());
            sleep(STEP);
        }
        Ok(gate)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn connect(&self) -> anyhow::Result<Client<Plain>> {
        Client::connect(self.address)
    }

    pub(super) fn connect_all(&self, count: usize) -> anyhow::Result<Vec<Client<Plain>>> {
        (0..count).map(|_| self.connect()).collect()
    }

    pub(super) fn connect_tls(&self, config: &Arc<ClientConfig>) -> anyhow::Result<Client<Secure>> {
        Client::connect_tls(self.address, config)
    }

    pub(super) fn connect_tls_all(&self, count: usize) -> anyhow::Result<Vec<Client<Secure>>> {
        let config = client::resuming();
        (0..count).map(|_| self.connect_tls(&config)).collect()
    }

    pub(super) fn connect_admin(&self) -> anyhow::Result<Client<Plain>> {
        Client::connect(self.admin)
    }

    /// Asks it to end, and waits until it has, in order.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("no process id")?;
        kill_process(pid, Signal::TERM)?;
        let begin = Instant::now();
        while begin.elapsed() < WAIT {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("{} ended with {status}: {}", self.name, self.said()),
                None => sleep(STEP),
            }
        }
        bail!("{} does not end: {}", self.name, self.said())
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        self.child.kill().and_then(|()| self.child.wait().map(drop)).ok();
    }
}

/// An address that nobody listens on just now.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

const STEP: Duration = Duration::from_millis(50);
/// For a start or an end: connections that clients have left are drained at once.
const WAIT: Duration = Duration::from_secs(20);
