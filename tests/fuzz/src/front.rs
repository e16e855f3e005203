//! What balancers and proxies say of their clients.

use http::{HeaderMap, HeaderName, HeaderValue};
use scopegate::gateway::forwarded::{self, Told};
use scopegate::gateway::http1::fields::Fields;
use scopegate::net::proxy::{self, Progress, Source};
use std::net::{IpAddr, SocketAddr};

/// A header is complete at one length, whatever follows it, and names whom it names by another reading.
pub fn proxy_header(data: &[u8]) {
    let Ok(Progress::Complete(source, length)) = proxy::parse(data) else { return };
    let header = &data[..length];
    for end in 0..length {
        assert_eq!(proxy::parse(&header[..end]), Ok(Progress::Partial), "at {end}");
    }
    assert_eq!(proxy::parse(header), Ok(Progress::Complete(source, length)));
    let named = if header.starts_with(b"PROXY") { by_line(header) } else { by_octets(header) };
    match source {
        Source::Client(address) => assert_eq!(named, Some(address)),
        Source::Balancer | Source::Unnamed => assert_eq!(named, None),
    }
}

fn by_line(header: &[u8]) -> Option<SocketAddr> {
    let words: Vec<&str> = std::str::from_utf8(header).unwrap().split_ascii_whitespace().collect();
    let [_, "TCP4" | "TCP6", from, _, port, _] = words[..] else { return None };
    Some(SocketAddr::new(from.parse().unwrap(), port.parse().unwrap()))
}

fn by_octets(header: &[u8]) -> Option<SocketAddr> {
    let at = |place: usize| u16::from(header[place]) << 8 | u16::from(header[place + 1]);
    match (header[12], header[13]) {
        (0x21, 0x11) => {
            let ip = IpAddr::from([header[16], header[17], header[18], header[19]]);
            Some(SocketAddr::new(ip, at(24)))
        }
        (0x21, 0x21) => {
            let groups: [u16; 8] = std::array::from_fn(|group| at(16 + 2 * group));
            Some(SocketAddr::new(IpAddr::from(groups), at(48)))
        }
        _ => None,
    }
}

/// Each line is a field: `f` begins one of `Forwarded`, anything else one of `X-Forwarded-For`. What goes on reads back
/// as the same, and a reader who trusts nobody finds the last hop in it.
pub fn forwarded_chain(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|b| *b == b'\n').take(8) {
        let name = if line.starts_with(b"f") { "forwarded" } else { "x-forwarded-for" };
        let Some(Ok(value)) = line.get(1..).map(HeaderValue::from_bytes) else { continue };
        headers.append(HeaderName::from_static(name), value);
    }
    let trusts = |address: IpAddr| matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10);
    let told = forwarded::read(&Fields::from(&headers), trusts);
    let one = |chain: &str| HeaderMap::from_iter([(http::header::FORWARDED, HeaderValue::from_str(chain).unwrap())]);
    assert_eq!(forwarded::read(&Fields::from(&one(&told.chain)), trusts), Told { is_bad: false, ..told.clone() });
    let elements = forwarded::read(&Fields::from(&one(&told.chain)), |_| true);
    assert!(elements.chain.is_empty() || told.chain.ends_with(&elements.chain));
    if let Some(client) = told.client {
        let text = told.chain.to_ascii_lowercase();
        let shown = client.to_string();
        // Unless it is written with backslashes, or in another form of IPv6.
        assert!(client.is_ipv6() || text.contains('\\') || text.contains(&shown) || text.contains("::ffff"), "{text}");
    }
}
