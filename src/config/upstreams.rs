//! `upstreams`: where permitted requests go.

use super::address::{self, Transport};
use super::assertion::{self, Audience};
use super::fault::Problem;
use super::names::Names;
use super::reader::{Section, Value, distinct};
use super::{limits, quantity};
use std::sync::Arc;
use std::time::Duration;

/// A set of servers that answer alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The operator's name for it.
    pub name: Arc<str>,
    /// At least one.
    pub servers: Vec<UpstreamServer>,
    /// Bound on opening a connection.
    pub connect_timeout: Duration,
    /// Bound from the request's last byte to the head of the response.
    pub response_timeout: Duration,
    /// Bound on silence within a body, and on keeping an idle connection.
    pub idle_timeout: Duration,
}

/// One server of an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamServer {
    /// A name or an address, without brackets.
    pub host: Box<str>,
    /// TCP port.
    pub port: u16,
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
    let servers = section.need("servers").and_then(|value| distinct(value.list()?, |item| item.parse(server)));
    let connect_timeout = timeout(&section, "connect_timeout", CONNECT_TIMEOUT_DEFAULT);
    let response_timeout = timeout(&section, "response_timeout", RESPONSE_TIMEOUT_DEFAULT);
    let idle_timeout = timeout(&section, "idle_timeout", IDLE_TIMEOUT_DEFAULT);
    let audience = assertion::audience(&section, name.as_ref(), is_asserted);
    let upstream = Upstream {
        name: name?,
        servers: servers?,
        connect_timeout: connect_timeout?,
        response_timeout: response_timeout?,
        idle_timeout: idle_timeout?,
    };
    Some((upstream, audience?))
}

fn timeout(section: &Section<'_>, key: &str, default: Duration) -> Option<Duration> {
    section.read_or(key, default, |value| {
        value.parse(|text| limits::within(quantity::duration(text)?, limits::TIMEOUT_MIN, limits::TIMEOUT_MAX))
    })
}

fn server(text: &str) -> Result<UpstreamServer, Problem> {
    let (uri, host, transport) = address::absolute(text)?;
    if transport == Transport::Tls {
        return Err(Problem::new("asks for TLS towards an upstream, which does not exist yet").hint("use http://"));
    }
    // A path here would be put before the one that was decided on, and change it.
    let bare = text.find("://").and_then(|at| text.get(at + 3..)).is_some_and(|rest| !rest.contains(['/', '?']));
    if !bare {
        return Err(
            Problem::new("holds more than host and port").hint("remove the path: the request's own path is sent")
        );
    }
    Ok(UpstreamServer { host: host.into(), port: uri.port_u16().unwrap_or(80) })
}

const KEYS: [&str; 7] =
    ["name", "servers", "connect_timeout", "response_timeout", "idle_timeout", "assertion", "audience"];
/// A connection within a data centre takes milliseconds; two seconds allow for one lost packet.
const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(2);
/// Longer than a bank's API may take, shorter than a client waits.
const RESPONSE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// Shorter than the idle timeouts that servers commonly have, so that we close first.
const IDLE_TIMEOUT_DEFAULT: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_scheme_a_host_and_a_port() {
        for (text, host, port) in [
            ("http://127.0.0.1:9001", "127.0.0.1", 9001),
            ("http://Accounts.internal", "accounts.internal", 80),
            ("http://[::1]:9001", "::1", 9001),
        ] {
            assert_eq!(server(text), Ok(UpstreamServer { host: host.into(), port }), "{text}");
        }
        for text in
            ["https://a", "http://a/", "http://a/b", "http://a?b", "http://u@a", "http://a#", "a:80", "//a", "http:a"]
        {
            assert!(server(text).is_err(), "{text}");
        }
    }
}
