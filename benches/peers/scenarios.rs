//! The questions that the benchmark answers, and what the load of each is like.

use super::load::Habit;
use super::load::stream::Transport;
use super::names;

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// One token over plain HTTP/1.1: the headline
    Plain,
    /// 1,000 tokens in turn against one
    Tokens,
    /// 1,000,000 tokens in turn against one; takes minutes to sign and to fill the cache
    Million,
    /// Every token new, against its signature's verification by itself and a request with a known one
    Cold,
    /// HTTP/1.1 over TLS
    Tls,
    /// HTTP/2 over TLS, 10 connections of 100 streams
    Http2,
    /// A new TLS connection for every request
    Handshakes,
    /// A known token beside a flood of forged ones, over a hundred connections
    Flood,
    /// Answers of 1 MiB
    Bodies,
    /// Memory at rest and of idle connections
    Idle,
    /// 10,000 routes, and 100 issuers, against one
    Routes,
}

/// What a scenario's load is like.
pub(crate) struct Shape {
    /// As it is asked for.
    pub(crate) name: &'static str,
    /// What is measured, in a sentence.
    pub(crate) title: &'static str,
    /// Whose row the others are divided by.
    pub(crate) base: &'static str,
    pub(crate) transport: Transport,
    pub(crate) habit: Habit,
    /// Of the upstream's answers.
    pub(crate) body_bytes: usize,
    /// Requests a second that are offered.
    pub(crate) rate: u32,
    pub(crate) connections: usize,
}

impl Scenario {
    /// All but the million, in the order of the table.
    pub(crate) const USUAL: [Self; 10] = [
        Self::Plain,
        Self::Tokens,
        Self::Cold,
        Self::Routes,
        Self::Tls,
        Self::Http2,
        Self::Handshakes,
        Self::Flood,
        Self::Bodies,
        Self::Idle,
    ];

    /// Of its load.
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Plain => PLAIN,
            Self::Tokens => {
                Shape { name: "tokens", title: "1,000 RS256 tokens in turn", base: names::ONE_TOKEN, ..PLAIN }
            }
            Self::Million => {
                let title = "1,000,000 ES256 tokens in turn, all of them known";
                Shape { name: "million", title, base: names::ONE_TOKEN, ..PLAIN }
            }
            Self::Cold => {
                Shape { name: "cold", title: "every token new", base: names::WARM_ES256, rate: 3_000, ..PLAIN }
            }
            Self::Tls => {
                let title = "HTTP/1.1 over TLS, kept alive";
                Shape { name: "tls", title, transport: Transport::Tls, ..PLAIN }
            }
            Self::Http2 => {
                let (transport, habit) = (Transport::Http2, Habit::Streams(100));
                let title = "HTTP/2 over TLS, connections of 100 streams";
                Shape { name: "http2", title, transport, habit, connections: 10, ..PLAIN }
            }
            Self::Handshakes => {
                let (transport, habit) = (Transport::Tls, Habit::Reconnect);
                let title = "a new TLS connection for every request, none resumed";
                Shape { name: "handshakes", title, transport, habit, rate: 1_000, ..PLAIN }
            }
            Self::Flood => {
                let title =
                    "one known RS256 token beside a forged one over a hundred connections, as fast as it is refused";
                Shape { name: "flood", title, base: names::HAPROXY_JWT, rate: 200, connections: 4, ..PLAIN }
            }
            Self::Bodies => {
                let (title, body_bytes) = ("answers of 1 MiB", 1024 * 1024);
                Shape { name: "bodies", title, body_bytes, rate: 500, connections: 16, ..PLAIN }
            }
            Self::Idle => {
                let title = "memory at rest, and of connections that are idle after a request";
                Shape { name: "idle", title, connections: 2_000, ..PLAIN }
            }
            Self::Routes => {
                let title = "10,000 routes, and 100 issuers";
                Shape { name: "routes", title, base: names::FEW_ROUTES, ..PLAIN }
            }
        }
    }
}

/// Others say what differs.
const PLAIN: Shape = Shape {
    name: "plain",
    title: "one RS256 token over plain HTTP/1.1, answers of 1 KiB",
    base: names::NGINX,
    transport: Transport::Plain,
    habit: Habit::KeepAlive,
    body_bytes: 1024,
    rate: 10_000,
    connections: 64,
};
