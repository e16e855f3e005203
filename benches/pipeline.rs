//! The whole path over loopback: one client connection, one worker, one upstream. The time is that of a round trip,
//! so half of it and more is the kernel's: compare one run with another, not with a stage.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on should stop, and say where"
)]

mod support {
    pub(crate) mod configuration;
    pub(crate) mod issuer;
    pub(crate) mod message;
    pub(crate) mod upstream;
}

use criterion::{Criterion, criterion_group, criterion_main};
use scopegate::clock::Clock;
use scopegate::commands::gateway::Gateway;
use scopegate::config;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;
use support::configuration::Configuration;
use support::issuer::Issuer;
use support::{message, upstream};
use tempfile::TempDir;

criterion_group! {
    name = pipeline;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = warm, beside, cold, refused
}
criterion_main!(pipeline);

fn warm(c: &mut Criterion) {
    let door = Door::open(1000);
    let token = door.issuer.token("RS256", 0);
    let (get, post) = (get(&token), post(&token));
    let mut client = door.client();
    c.bench_function("pipeline: the same token", |b| b.iter(|| client.ask(&get, OK)));
    c.bench_function("pipeline: the same token, a body of 1 KiB", |b| b.iter(|| client.ask(&post, OK)));
    drop(client);
    door.close();
}

/// With a candidate of as many routes, and with one whose issuer differs, so that it judges every token for itself.
fn beside(c: &mut Criterion) {
    for (name, change) in [("the same issuer", ["", ""]), ("another audience", ["audiences: [", "audiences: [more, "])]
    {
        let door = Door::beside(1000, Some(change));
        let get = get(&door.issuer.token("RS256", 0));
        let mut client = door.client();
        c.bench_function(&format!("pipeline: the same token, beside a candidate, {name}"), |b| {
            b.iter(|| client.ask(&get, OK));
        });
        drop(client);
        door.close();
    }
}

fn cold(c: &mut Criterion) {
    for algorithm in ["RS256", "ES256"] {
        let door = Door::open(1);
        let requests: Vec<_> = (0..64).map(|number| get(&door.issuer.token(algorithm, number))).collect();
        let (mut client, mut turn) = (door.client(), requests.iter().cycle());
        c.bench_function(&format!("pipeline: a new token every time, {algorithm}"), |b| {
            b.iter(|| client.ask(turn.next().unwrap(), OK));
        });
        drop(client);
        door.close();
    }
}

fn refused(c: &mut Criterion) {
    let door = Door::open(1000);
    let mut client = door.client();
    let request = b"GET /accounts HTTP/1.1\r\nhost: api.bank.example\r\n\r\n";
    c.bench_function("pipeline: no token", |b| b.iter(|| client.ask(request, "HTTP/1.1 401")));
    drop(client);
    door.close();
}

/// A gateway between a client and an upstream that answers 1 KiB.
struct Door {
    issuer: Issuer,
    gateway: Gateway,
    /// Holds the keys and the access log.
    folder: TempDir,
}

impl Door {
    fn open(verdicts: usize) -> Self {
        Self::beside(verdicts, None)
    }

    /// Beside a candidate that differs in one text.
    fn beside(verdicts: usize, candidate: Option<[&str; 2]>) -> Self {
        let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::new());
        std::fs::write(folder.path().join("jwks.json"), issuer.key_set()).unwrap();
        let configuration = Configuration {
            listen: "127.0.0.1:0".parse().unwrap(),
            upstream: upstream::start(1024),
            routes: 100,
            verdicts,
            access_log: "access.log",
        };
        let mut text = configuration.text();
        if let Some([from, to]) = candidate {
            let changed = if from.is_empty() { text.clone() } else { text.replace(from, to) };
            std::fs::write(folder.path().join("candidate.yaml"), changed).unwrap();
            text.push_str("shadow: { config: candidate.yaml }\n");
        }
        let settings = config::parse(&text, &folder.path().join("scopegate.yaml")).unwrap();
        let gateway = Gateway::start(settings, Clock::System).unwrap();
        Self { issuer, gateway, folder }
    }

    fn client(&self) -> Client {
        let stream = TcpStream::connect(self.gateway.addresses()[0]).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Client { stream, received: vec![0; 64 * 1024] }
    }

    /// The clients must be gone, or the gateway would wait for them.
    fn close(self) {
        self.gateway.drain();
        self.folder.close().unwrap();
    }
}

/// One connection, one request at a time.
struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    fn ask(&mut self, request: &[u8], expected: &str) {
        self.stream.write_all(request).unwrap();
        let mut length = 0;
        while message::whole(&self.received[..length]).is_none() {
            let count = self.stream.read(&mut self.received[length..]).unwrap();
            assert_ne!(count, 0, "the gateway closed the connection");
            length += count;
        }
        assert!(
            self.received.starts_with(expected.as_bytes()),
            "{}",
            String::from_utf8_lossy(&self.received[..length])
        );
    }
}

fn get(token: &str) -> Vec<u8> {
    let head = "GET /accounts/22289-4f2e/balances HTTP/1.1\r\nhost: api.bank.example\r\naccept: application/json";
    format!("{head}\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
}

fn post(token: &str) -> Vec<u8> {
    let head =
        "POST /payments HTTP/1.1\r\nhost: api.bank.example\r\ncontent-type: application/json\r\ncontent-length: 1024";
    format!("{head}\r\nauthorization: Bearer {token}\r\n\r\n{}", "x".repeat(1024)).into_bytes()
}

const OK: &str = "HTTP/1.1 200";
