//! `limits:`: the bounds that an operator may move, with their defaults. All others are in `bounds.rs`.

use super::bounded::{count, size, timeout};
use super::fault::Problem;
use super::quantity;
use super::reader::Value;
use std::time::Duration;

/// The bounds that the configuration's `limits:` may move. Sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Request line and header fields together.
    pub head_bytes_max: usize,
    /// Fields of a request's head.
    pub fields_max: usize,
    /// Path and query; RFC 9112 §3 asks for at least 8,000.
    pub target_bytes_max: usize,
    /// A request body, where the route says nothing.
    pub body_bytes_max: u64,
    /// Open client connections, all workers together.
    pub connections_max: usize,
    /// Requests at a time on an HTTP/2 connection.
    pub streams_max: u32,
    /// Open connections of one client network (an IPv4 address, an IPv6 /56), all workers together. Proxies of ours are not
    /// counted, nor is who reaches a listener without TLS: they speak for others.
    pub connections_per_network_max: usize,
    /// Requests that one connection carries, one after the other or at a time.
    pub requests_per_connection_max: usize,
    /// From a connection's beginning to the end of its TLS handshake, and of what a balancer says before it.
    pub handshake_timeout: Duration,
    /// From the first byte of a head to its last.
    pub head_timeout: Duration,
    /// Silence between requests on a connection.
    pub idle_timeout: Duration,
    /// Silence within a request or response body on the client's side.
    pub stall_timeout: Duration,
    /// Bytes that a second of waiting for the client must bring within a body, once `stall_timeout` is used up; with 0,
    /// silence alone counts.
    pub rate_min: u64,
    /// Connections that speak something else than HTTP, all workers together.
    pub tunnels_max: usize,
    /// Silence in both directions of one.
    pub tunnel_idle_timeout: Duration,
    /// The longest that one may last. Its token may end it sooner.
    pub tunnel_lifetime: Duration,
    /// From SIGTERM to the end, whatever is still in flight.
    pub drain_timeout: Duration,
    /// Verdicts kept, all workers together.
    pub verdicts_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 32 * 1024,
            fields_max: HEADERS_MAX,
            target_bytes_max: 8 * 1024,
            body_bytes_max: 1024 * 1024,
            connections_max: 20_000,
            streams_max: 100,
            connections_per_network_max: 20_000 / NETWORKS_MIN,
            requests_per_connection_max: 1_000_000,
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_secs(30),
            rate_min: 500,
            tunnels_max: 1000,
            tunnel_idle_timeout: Duration::from_mins(5),
            tunnel_lifetime: Duration::from_hours(1),
            drain_timeout: Duration::from_secs(30),
            verdicts_max: 200_000,
        }
    }
}

impl Limits {
    /// `limits:`; a key that is absent keeps its default.
    pub(super) fn read(value: &Value<'_>) -> Option<Self> {
        let section = value.section(&KEYS)?;
        let default = Self::default();
        let head = size(&section, "head", default.head_bytes_max as u64, HEAD_BYTES_MIN..=HEAD_BYTES_MOST);
        let fields_max = count(&section, "headers", default.fields_max, HEADERS_MOST);
        let target =
            size(&section, "target", default.target_bytes_max as u64, TARGET_BYTES_MIN..=TARGET_BYTES_MOST as u64);
        let body_bytes_max = size(&section, "body", default.body_bytes_max, 0..=BODY_BYTES_MOST);
        let connections_max = count(&section, "connections", default.connections_max, CONNECTIONS_MOST);
        let streams_max = count(&section, "streams", default.streams_max as usize, STREAMS_MOST);
        let share = connections_max.map_or(CONNECTIONS_MOST, |most| (most / NETWORKS_MIN).max(1));
        let connections_per_network_max = count(&section, "connections_per_network", share, CONNECTIONS_MOST);
        let requests_per_connection_max =
            count(&section, "requests_per_connection", default.requests_per_connection_max, REQUESTS_MOST);
        let handshake_timeout = timeout(&section, "handshake_timeout", default.handshake_timeout);
        let head_timeout = timeout(&section, "head_timeout", default.head_timeout);
        let idle_timeout = timeout(&section, "idle_timeout", default.idle_timeout);
        let stall_timeout = timeout(&section, "stall_timeout", default.stall_timeout);
        let rate_min = size(&section, "min_rate", default.rate_min, 0..=RATE_MOST);
        let tunnels_max = count(&section, "tunnels", default.tunnels_max, CONNECTIONS_MOST);
        let tunnel_idle_timeout = timeout(&section, "tunnel_idle_timeout", default.tunnel_idle_timeout);
        let tunnel_lifetime = timeout(&section, "tunnel_lifetime", default.tunnel_lifetime);
        let drain_timeout = timeout(&section, "drain_timeout", default.drain_timeout);
        let verdicts_max = count(&section, "verdicts", default.verdicts_max, VERDICTS_MOST);
        if let (Some(head), Some(target)) = (head, target)
            && target > head
        {
            let value = section.find("target").or_else(|| section.find("head"));
            let problem = Problem::new("a `target` longer than the `head` around it can never arrive");
            value.as_ref().unwrap_or(section.whole()).refuse(problem.hint("raise `head` or lower `target`"));
        }
        Some(Self {
            head_bytes_max: usize::try_from(head?).ok()?,
            fields_max: fields_max?,
            target_bytes_max: usize::try_from(target?).ok()?,
            body_bytes_max: body_bytes_max?,
            connections_max: connections_max?,
            streams_max: u32::try_from(streams_max?).ok()?,
            connections_per_network_max: connections_per_network_max?,
            requests_per_connection_max: requests_per_connection_max?,
            handshake_timeout: handshake_timeout?,
            head_timeout: head_timeout?,
            idle_timeout: idle_timeout?,
            stall_timeout: stall_timeout?,
            rate_min: rate_min?,
            tunnels_max: tunnels_max?,
            tunnel_idle_timeout: tunnel_idle_timeout?,
            tunnel_lifetime: tunnel_lifetime?,
            drain_timeout: drain_timeout?,
            verdicts_max: verdicts_max?,
        })
    }
}

/// The longest body of a route, in bytes.
pub(super) fn body(text: &str) -> Result<u64, Problem> {
    quantity::sized(text, &(0..=BODY_BYTES_MOST))
}

/// Header fields of one message, where an operator says nothing else of requests; more is an attack on the upstream's parser or
/// on ours. Also the trailers of one body.
pub const HEADERS_MAX: usize = 100;
/// What an operator may raise `headers` to: where a field stands is kept beside the head, in 40 bytes for each, and whoever
/// looks for one by its name walks over all of them.
pub const HEADERS_MOST: usize = 256;
/// Below `limits:`.
const KEYS: [&str; 18] = [
    "head",
    "headers",
    "target",
    "body",
    "connections",
    "streams",
    "connections_per_network",
    "requests_per_connection",
    "handshake_timeout",
    "head_timeout",
    "idle_timeout",
    "stall_timeout",
    "min_rate",
    "tunnels",
    "tunnel_idle_timeout",
    "tunnel_lifetime",
    "drain_timeout",
    "verdicts",
];
/// What an operator may lower `head` to: less does not hold the tokens of today.
const HEAD_BYTES_MIN: u64 = 8 * 1024;
/// What an operator may raise `head` to.
const HEAD_BYTES_MOST: u64 = 1024 * 1024;
/// What an operator may lower `target` to.
const TARGET_BYTES_MIN: u64 = 256;
/// What an operator may raise `target` to: longer ones the HTTP library does not take, and HTTP/2 could not carry on.
pub const TARGET_BYTES_MOST: usize = u16::MAX as usize - 1;
/// What an operator may raise `body` to.
const BODY_BYTES_MOST: u64 = 16 * 1024 * 1024 * 1024;
/// What an operator may raise `connections` to; Linux has no more file descriptors for one process.
const CONNECTIONS_MOST: usize = 1_048_576;
/// What an operator may raise `requests_per_connection` to: beyond it, it means never.
const REQUESTS_MOST: usize = 1_000_000_000;
/// What an operator may raise `min_rate` to: slow lines are no attack.
const RATE_MOST: u64 = 64 * 1024;
/// What an operator may raise `streams` to: each holds some KiB.
const STREAMS_MOST: usize = 10_000;
/// Unless told otherwise one network has at most one in so many of all connections: many third parties may share an
/// address, and none may have them all.
const NETWORKS_MIN: usize = 4;
/// What an operator may raise `verdicts` to; at about half a KiB each they fill the memory of a large machine.
const VERDICTS_MOST: usize = 50_000_000;
