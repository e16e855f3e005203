//! What is counted: one kind of request, sent one after the other.

use crate::clients::{Ask, Client, Protocol};
use crate::doors::{Door, Kind};
use crate::support::issuer::Issuer;
use anyhow::{Context as _, bail};
use std::fs;
use std::path::Path;

/// One kind of request.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) door: Kind,
    request: Request,
    protocol: Protocol,
    connections: usize,
    /// The scenario that is the measure of this one, where it may be 1.05 times as much.
    pub(crate) bound_to: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Request {
    /// The token of the last request.
    Warm,
    /// 1,000 tokens in turn, all of them seen before.
    Remembered,
    /// A token that was never seen, of this algorithm.
    Cold(&'static str),
    /// No token: 401.
    Bare,
    /// A good token without the scope: 403.
    Narrow,
    /// The token of the last request, and 1 KiB to pass on.
    Body,
}

impl Scenario {
    const fn new(name: &'static str, door: Kind, request: Request) -> Self {
        Self { name, door, request, protocol: Protocol::Http1, connections: 1, bound_to: None }
    }

    const fn by(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    const fn over(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    const fn bound_to(mut self, other: &'static str) -> Self {
        self.bound_to = Some(other);
        self
    }

    /// Instructions per request, and where they were spent as `NAME.callgrind` in `profiles`.
    pub(crate) fn count(&self, door: &mut Door, issuer: &Issuer, profiles: Option<&Path>) -> anyhow::Result<u64> {
        let asks = self.request.asks(issuer);
        let mut clients =
            (0..self.connections).map(|_| Client::connect(self.protocol, door)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut turn = 0;
        let mut send = |count: usize| -> anyhow::Result<()> {
            for _ in 0..count {
                let status = clients[turn % self.connections].ask(&asks[turn % asks.len()])?;
                if status != self.request.status() {
                    bail!("{}: the gateway answers {status}", self.name);
                }
                turn += 1;
            }
            Ok(())
        };
        send(self.request.warm_up().max(2 * self.connections))?;
        door.gateway.reset()?;
        let mut windows = Vec::new();
        for _ in 0..WINDOWS {
            send(self.request.count())?;
            windows.push(door.gateway.take()?);
        }
        let (total, profile) = windows.iter().min().context("no window")?;
        if let Some(folder) = profiles {
            fs::create_dir_all(folder)?;
            let kept = folder.join(format!("{}.callgrind", self.name));
            fs::copy(profile, &kept).with_context(|| kept.display().to_string())?;
        }
        let count = self.request.count() as u64;
        Ok((total + count / 2) / count)
    }
}

impl Request {
    /// What to send in turn. All have the same length.
    fn asks(self, issuer: &Issuer) -> Vec<Ask> {
        let token = |algorithm, number| Some(issuer.token(algorithm, FIRST + number));
        let get = |path, token| Ask { method: "GET", path, token, body: "" };
        match self {
            Self::Warm => vec![get("/accounts", token("RS256", 0))],
            Self::Remembered => (0..TOKENS).map(|number| get("/accounts", token("RS256", number))).collect(),
            Self::Cold(algorithm) => {
                let all = self.warm_up() + WINDOWS * self.count();
                (0..all).map(|number| get("/accounts", token(algorithm, TOKENS + number))).collect()
            }
            Self::Bare => vec![get("/accounts", None)],
            Self::Narrow => vec![get("/funds", token("RS256", 0))],
            Self::Body => vec![Ask { method: "POST", path: "/payments", token: token("RS256", 0), body: BODY }],
        }
    }

    const fn status(self) -> u16 {
        match self {
            Self::Warm | Self::Remembered | Self::Cold(_) | Self::Body => 200,
            Self::Bare => 401,
            Self::Narrow => 403,
        }
    }

    const fn warm_up(self) -> usize {
        match self {
            Self::Remembered => TOKENS,
            Self::Warm | Self::Cold(_) | Self::Bare | Self::Narrow | Self::Body => 50,
        }
    }

    /// Requests in a window.
    const fn count(self) -> usize {
        match self {
            Self::Cold(_) => 100,
            Self::Remembered => TOKENS,
            Self::Warm | Self::Bare | Self::Narrow | Self::Body => 500,
        }
    }
}

pub(crate) const SCENARIOS: [Scenario; 15] = [
    Scenario::new("warm", Kind::Plain, Request::Warm),
    Scenario::new("connections", Kind::Plain, Request::Warm).over(64),
    Scenario::new("tokens", Kind::Plain, Request::Remembered),
    Scenario::new("cold-rs256", Kind::Plain, Request::Cold("RS256")),
    Scenario::new("cold-es256", Kind::Plain, Request::Cold("ES256")),
    Scenario::new("refusal-401", Kind::Plain, Request::Bare),
    Scenario::new("refusal-403", Kind::Plain, Request::Narrow),
    Scenario::new("body", Kind::Plain, Request::Body),
    Scenario::new("tls", Kind::Tls, Request::Warm).by(Protocol::Http1OverTls),
    Scenario::new("http2", Kind::Tls, Request::Warm).by(Protocol::Http2),
    Scenario::new("routes-warm", Kind::Routes, Request::Warm).bound_to("warm"),
    Scenario::new("routes-tokens", Kind::Routes, Request::Remembered).bound_to("tokens"),
    Scenario::new("issuers-warm", Kind::Issuers, Request::Warm).bound_to("warm"),
    Scenario::new("issuers-tokens", Kind::Issuers, Request::Remembered).bound_to("tokens"),
    Scenario::new("issuers-cold", Kind::Issuers, Request::Cold("ES256")).bound_to("cold-es256"),
];

const TOKENS: usize = 1000;
/// Numbers of five digits, so that every token has the same length.
const FIRST: usize = 10_000;
/// The one with the least counts: what the clock sets going comes on top, and more often on a slow machine.
const WINDOWS: usize = 3;
const BODY: &str = match std::str::from_utf8(&[b'x'; 1024]) {
    Ok(text) => text,
    Err(_) => "",
};
