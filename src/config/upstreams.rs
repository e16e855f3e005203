//! `upstreams`: where permitted requests go.

use super::address::{self, Transport};
use super::assertion::{self, Audience};
use super::balance::{self, Eject, HealthCheck};
use super::bounded::{count, timeout};
use super::fault::Problem;
use super::names::Names;
use super::reader::{Section, Value, distinct};
use super::upstream_tls::{self, UpstreamTls};
use super::{bounds, quantity};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;

/// A set of servers that answer alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The operator's name for it.
    pub name: Arc<str>,
    /// At least one.
    pub servers: Vec<UpstreamServer>,
    /// How its servers are known and what they are shown; `None`: they are spoken to in the clear.
    pub tls: Option<UpstreamTls>,
    /// What is spoken to them.
    pub protocol: Protocol,
    /// What they are asked beside requests.
    pub health: Option<HealthCheck>,
    /// When one that fails is left alone.
    pub eject: Eject,
    /// Connections to each server, all workers together.
    pub connections_max: usize,
    /// Requests that wait for a connection, all workers together.
    pub pending_max: usize,
    /// How long one of them waits.
    pub pending_timeout: Duration,
    /// Between two lookups of a server's name.
    pub lookup_interval: Duration,
    /// Bound on opening a connection, its handshake included.
    pub connect_timeout: Duration,
    /// Bound from the request's last byte to the head of the response.
    pub response_timeout: Duration,
    /// Bound on an exchange as a whole, where its route says nothing else.
    pub total_timeout: Total,
    /// Bound on silence within a body, and on keeping an idle connection.
    pub idle_timeout: Duration,
}

/// The bound on an exchange as a whole, from its permit to the last byte of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// So long.
    Within(Duration),
    /// As long as something moves.
    Unbounded,
}

/// One server of an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamServer {
    /// A name or an address, without brackets.
    pub host: Box<str>,
    /// TCP port.
    pub port: u16,
    /// Its share of the requests, beside those of the others.
    pub weight: u32,
}

/// What is spoken to the servers of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1: one exchange at a time on a connection.
    Http1,
    /// HTTP/2: through TLS by ALPN, else by prior knowledge (RFC 9113 §3.2, §3.3).
    Http2,
}

/// An upstream, and whom its assertions are for. Apart, because connections do not depend on that.
type Asserted = (Upstream, Audience);

/// `upstreams:`; at least one. `is_asserted`: there is a section `assertion:`.
pub(super) fn read(value: &Value<'_>, is_asserted: bool) -> (Names, Option<Vec<Asserted>>) {
    let Some(items) = value.list() else { return (Names::unreadable(NOUN), None) };
    let mut names = Names::new(NOUN);
    let upstreams: Vec<Option<Asserted>> = items.iter().map(|item| upstream(item, &mut names, is_asserted)).collect();
    (names, upstreams.into_iter().collect())
}

/// What references to upstreams call them.
pub(super) const NOUN: &str = "upstream";

fn upstream(value: &Value<'_>, names: &mut Names, is_asserted: bool) -> Option<Asserted> {
    let section = value.section(&KEYS);
    let name = names.add(section.as_ref().and_then(|section| section.need("name")));
    let section = section?;
    let servers = section.need("servers").and_then(|value| servers(&value));
    let tls = tls(&section, servers.as_ref().map(|(_, transport)| *transport));
    let protocol = section.read_or("protocol", Protocol::Http1, |value| value.parse(protocol));
    let health = section.read_or("health", None, |value| balance::health(&value).map(Some));
    let eject = section.read_or("eject", Eject::default(), |value| balance::eject(&value));
    let connections_max =
        count(&section, "connections", bounds::UPSTREAM_CONNECTIONS_MAX, bounds::UPSTREAM_CONNECTIONS_MOST);
    let pending_max = section
        .read_or("pending", bounds::UPSTREAM_PENDING_MAX, |value| value.whole_number(0, bounds::UPSTREAM_PENDING_MOST));
    let pending_timeout = timeout(&section, "pending_timeout", PENDING_TIMEOUT_DEFAULT);
    let lookup_interval = section.read_or("lookup_interval", LOOKUP_INTERVAL_DEFAULT, |value| {
        value
            .parse(|text| quantity::within(quantity::duration(text)?, bounds::LOOKUP_INTERVAL_MIN, bounds::TIMEOUT_MAX))
    });
    let connect_timeout = timeout(&section, "connect_timeout", CONNECT_TIMEOUT_DEFAULT);
    let response_timeout = timeout(&section, "response_timeout", RESPONSE_TIMEOUT_DEFAULT);
    let total_timeout = section.read_or("total_timeout", TOTAL_TIMEOUT_DEFAULT, |value| value.parse(total));
    let idle_timeout = timeout(&section, "idle_timeout", IDLE_TIMEOUT_DEFAULT);
    let audience = assertion::audience(&section, name.as_ref(), is_asserted);
    let upstream = Upstream {
        name: name?,
        servers: servers?.0,
        tls: tls?,
        protocol: protocol?,
        health: health?,
        eject: eject?,
        connections_max: connections_max?,
        pending_max: pending_max?,
        pending_timeout: pending_timeout?,
        lookup_interval: lookup_interval?,
        connect_timeout: connect_timeout?,
        response_timeout: response_timeout?,
        total_timeout: total_timeout?,
        idle_timeout: idle_timeout?,
    };
    Some((upstream, audience?))
}

/// Servers that are reached alike: all in the clear or all through TLS, so that no request depends on chance for that.
fn servers(value: &Value<'_>) -> Option<(Vec<UpstreamServer>, Transport)> {
    let mut servers = distinct(value.list()?, weighted)?.into_iter();
    let (first, transport) = servers.next()?;
    let mut all = vec![first];
    for (server, other) in servers {
        if other != transport {
            value.refuse(
                Problem::new("some of these are https and some http")
                    .hint("make an upstream of each kind, or all https"),
            );
            return None;
        }
        all.push(server);
    }
    Some((all, transport))
}

/// A server by its address, or with more to say of it.
fn weighted(value: &Value<'_>) -> Option<(UpstreamServer, Transport)> {
    if value.is_text() {
        return value.parse(server);
    }
    let section = value.section(&["address", "weight"])?;
    let server = section.need("address").and_then(|address| address.parse(server));
    let weight = balance::weight(&section)?;
    server.map(|(server, transport)| (UpstreamServer { weight, ..server }, transport))
}

fn server(text: &str) -> Result<(UpstreamServer, Transport), Problem> {
    let (uri, host, transport) = address::absolute(text)?;
    // A path here would be put before the one that was decided on, and change it.
    let bare = text.find("://").and_then(|at| text.get(at + 3..)).is_some_and(|rest| !rest.contains(['/', '?']));
    if !bare {
        return Err(
            Problem::new("holds more than host and port").hint("remove the path: the request's own path is sent")
        );
    }
    let port = match transport {
        Transport::Plain => 80,
        Transport::Tls if ServerName::try_from(&*host).is_err() => {
            return Err(Problem::new("names a host that no certificate could have"));
        }
        Transport::Tls => 443,
    };
    Ok((UpstreamServer { host: host.into(), port: uri.port_u16().unwrap_or(port), weight: 1 }, transport))
}

/// `tls:`, for servers behind `https`; `transport` is `None` where they could not be read.
#[expect(clippy::option_option, reason = "the outer says whether it could be read, the inner whether it is there")]
fn tls(section: &Section<'_>, transport: Option<Transport>) -> Option<Option<UpstreamTls>> {
    let tls = section.find("tls").map(|value| (upstream_tls::read(&value), value));
    match (tls, transport?) {
        (None, Transport::Plain) => Some(None),
        (None, Transport::Tls) => Some(Some(UpstreamTls::default())),
        (Some((tls, _)), Transport::Tls) => tls.map(Some),
        (Some((_, value)), Transport::Plain) => {
            value.refuse(Problem::new("concerns servers behind https").hint("write `https://` for each of `servers`"));
            None
        }
    }
}

/// A duration, or `off`.
pub(super) fn total(text: &str) -> Result<Total, Problem> {
    match text {
        "off" => Ok(Total::Unbounded),
        _ => {
            let duration = quantity::duration(text)
                .map_err(|problem| problem.hint("write `off`, or a whole number and a unit: 500ms, 10s or 5m"))?;
            quantity::within(duration, bounds::TIMEOUT_MIN, bounds::TIMEOUT_MAX).map(Total::Within)
        }
    }
}

fn protocol(text: &str) -> Result<Protocol, Problem> {
    match text {
        "http1" => Ok(Protocol::Http1),
        "http2" => Ok(Protocol::Http2),
        _ => {
            Err(Problem::new("is not what upstreams are spoken to with")
                .did_you_mean(text, ["http1", "http2"].into_iter()))
        }
    }
}

const KEYS: [&str; 16] = [
    "name",
    "servers",
    "tls",
    "protocol",
    "health",
    "eject",
    "connections",
    "pending",
    "pending_timeout",
    "lookup_interval",
    "connect_timeout",
    "response_timeout",
    "total_timeout",
    "idle_timeout",
    "assertion",
    "audience",
];
/// A burst has passed by then, or it was none; and no client has lost its patience yet.
const PENDING_TIMEOUT_DEFAULT: Duration = Duration::from_secs(1);
/// A server that has moved is found soon, and a resolver on the same machine or network does not notice the questions.
const LOOKUP_INTERVAL_DEFAULT: Duration = Duration::from_secs(5);
/// A connection within a data centre takes milliseconds; two seconds allow for one lost packet.
const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(2);
/// Longer than a bank's API may take, shorter than a client waits.
const RESPONSE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// No exchange goes on for ever, and a download of 100 MB over a mobile network (3 Mbit/s) is over by then.
const TOTAL_TIMEOUT_DEFAULT: Total = Total::Within(Duration::from_mins(5));
/// Shorter than the idle timeouts that servers commonly have, so that we close first.
const IDLE_TIMEOUT_DEFAULT: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_may_be_as_high_as_they_say_and_no_higher() {
        let read = |terms: &str| {
            let text = format!(
                "server: {{ listen: 127.0.0.1:0 }}\nupstreams: [{{ name: a, servers: [http://a], {terms} }}]\n\
                 routes: [{{ path: /, methods: [GET], access: open, upstream: a }}]\n"
            );
            super::super::parse(&text, std::path::Path::new("x.yaml")).map(|mut settings| settings.upstreams.remove(0))
        };
        let most = read("connections: 65535, pending: 65536, pending_timeout: 24h, total_timeout: 24h").unwrap();
        assert_eq!((most.connections_max, most.pending_max), (65_535, 65_536));
        assert_eq!(
            (most.pending_timeout, most.total_timeout),
            (bounds::TIMEOUT_MAX, Total::Within(bounds::TIMEOUT_MAX))
        );
        let least = read("connections: 1, pending: 0, total_timeout: off, lookup_interval: 1s").unwrap();
        assert_eq!((least.connections_max, least.pending_max, least.total_timeout), (1, 0, Total::Unbounded));
        for beyond in ["connections: 65536", "pending: 65537", "total_timeout: 25h", "lookup_interval: 999ms"] {
            assert!(read(beyond).is_err(), "{beyond}");
        }
    }

    #[test]
    fn a_server_is_a_scheme_a_host_and_a_port() {
        for (text, host, port, transport) in [
            ("http://127.0.0.1:9001", "127.0.0.1", 9001, Transport::Plain),
            ("http://Accounts.internal", "accounts.internal", 80, Transport::Plain),
            ("http://[::1]:9001", "::1", 9001, Transport::Plain),
            ("https://Accounts.internal", "accounts.internal", 443, Transport::Tls),
            ("https://[::1]:9001", "::1", 9001, Transport::Tls),
        ] {
            assert_eq!(server(text), Ok((UpstreamServer { host: host.into(), port, weight: 1 }, transport)), "{text}");
        }
        for text in
            ["https://a/", "http://a/", "http://a/b", "http://a?b", "http://u@a", "http://a#", "a:80", "//a", "http:a"]
        {
            assert!(server(text).is_err(), "{text}");
        }
    }
}
