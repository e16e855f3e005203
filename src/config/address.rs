//! Hosts, ports and addresses, as the sections need them.

use super::fault::Problem;
use http::Uri;
use http::uri::Scheme;
use std::net::{IpAddr, SocketAddr};

/// An address to listen on. Names are refused: what they mean is decided elsewhere and later.
pub(super) fn socket(text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| {
        Problem::new("is not an address to listen on")
            .hint("write an IP address and a port: 127.0.0.1:8080 or [::1]:8080")
    })
}

/// The host of a URI, in lower case and without brackets.
pub(super) fn host_of(uri: &Uri) -> Option<String> {
    let host = uri.host()?.to_ascii_lowercase();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().ok().map(|_| address.to_owned()),
        None => is_name(&host).then_some(host),
    }
}

/// An absolute `http` or `https` URI with a host, and without what could hide where it leads.
pub(super) fn absolute(text: &str) -> Result<(Uri, String, Transport), Problem> {
    let uri: Uri = text.parse().map_err(|_| Problem::new("is not a URI"))?;
    let transport = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => Transport::Tls,
        Some(scheme) if *scheme == Scheme::HTTP => Transport::Plain,
        Some(_) | None => return Err(Problem::new("begins with neither `https://` nor `http://`")),
    };
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(
            Problem::new("holds user information").hint("credentials do not belong into a URI: URIs end up in logs")
        );
    }
    // The parser drops fragments without a word, and takes `host:` for no port at all.
    let port_is_odd = uri.authority().is_some_and(|authority| match authority.port() {
        Some(port) => port.as_u16() == 0,
        None => authority.as_str() != authority.host(),
    });
    if text.contains('#') {
        return Err(Problem::new("holds a fragment").hint("remove `#` and what follows"));
    }
    if port_is_odd {
        return Err(Problem::new("has no port from 1 to 65535 after the `:`"));
    }
    match host_of(&uri) {
        Some(host) => Ok((uri, host, transport)),
        None => Err(Problem::new("names no valid host")),
    }
}

/// Whether a URI's connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Transport {
    /// `http:`
    Plain,
    /// `https:`
    Tls,
}

/// Labels of letters, digits, `-` and `_` (containers are named so), separated by dots; lower case.
pub(super) fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    };
    // A name whose last label is a number would be read as an address by some (RFC 3986 §7.4, WHATWG URL).
    let last_is_number = host.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    host.len() <= 253 && host.split('.').all(is_label) && (!last_is_number || host.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        for good in ["a", "api.bank.example", "10.0.0.1", "my_container", "xn--bankas-s9a", "1a"] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "-a",
            "a-",
            "A",
            "a b",
            "a:1",
            "a/b",
            "ş",
            "10.0.0",
            "10.0.0.256",
            "127.1",
            "1",
        ] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(!is_name(&"a".repeat(64)));
    }

    #[test]
    fn uris_say_plainly_where_they_lead() {
        for (text, host) in [
            ("http://127.0.0.1:9001", "127.0.0.1"),
            ("https://Auth.Bank.example/jwks?x=1", "auth.bank.example"),
            ("http://[::1]:80/", "::1"),
        ] {
            assert_eq!(absolute(text).unwrap().1, host, "{text}");
        }
        for text in [
            "",
            "/jwks",
            "auth.bank.example",
            "ftp://a",
            "http://",
            "http://:80",
            "http://u@a",
            "http://u:p@a",
            "http://a#b",
            "http://a:",
            "http://a:0",
            "http://a:70000",
            "http://a b",
            "http://[::g]",
            "http://[]",
            "http://127.1",
        ] {
            assert!(absolute(text).is_err(), "{text}");
        }
    }
}
