//! The PROXY protocol, versions 1 and 2 (its specification of 2020/03/05): a balancer says, before the first byte of its
//! client, who that is. It proves nothing, so only those are listened to whom the configuration trusts, and from them it
//! must come. What is not exactly one header is refused: a guess would give a request another's address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Whom a header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The balancer's client.
    Client(SocketAddr),
    /// The balancer speaks for itself (`LOCAL`): it looks whether we are there.
    Balancer,
    /// A client without an address, or with one of a kind that we do not know (`UNKNOWN`, `UNSPEC`, `UNIX`).
    Unnamed,
}

/// How far a header has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All of it is there, and so long it is.
    Complete(Source, usize),
    /// What is there can be the beginning of one.
    Partial,
}

/// What came is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadHeader;

/// Reads a header off the front of `bytes`. What follows it is not looked at.
pub fn parse(bytes: &[u8]) -> Result<Progress, BadHeader> {
    let begins = |signature: &[u8]| bytes.iter().zip(signature).all(|(octet, expected)| octet == expected);
    match bytes {
        _ if bytes.starts_with(SIGNATURE_2) => binary(bytes),
        _ if bytes.starts_with(SIGNATURE_1) => line(bytes),
        _ if begins(SIGNATURE_1) || begins(SIGNATURE_2) => Ok(Progress::Partial),
        _ => Err(BadHeader),
    }
}

/// Takes a header off `stream` and not a byte more. The caller bounds the time.
pub async fn take(stream: &mut TcpStream, bytes_max: usize) -> io::Result<Result<Source, BadHeader>> {
    let mut taken = 0;
    let mut bytes = vec![0; FIRST_BYTES.min(bytes_max)];
    loop {
        let room = bytes.get_mut(taken..).unwrap_or_default();
        if room.is_empty() {
            let more = (bytes.len() * 2).min(bytes_max);
            if more == bytes.len() {
                return Ok(Err(BadHeader));
            }
            bytes.resize(more, 0);
            continue;
        }
        // Looked at first and then taken, so that what belongs to the client stays for whoever reads next.
        let seen = taken + stream.peek(room).await?;
        if seen == taken {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (belongs, source) = match parse(bytes.get(..seen).unwrap_or_default()) {
            Ok(Progress::Complete(source, length)) => (length, Some(source)),
            Ok(Progress::Partial) => (seen, None),
            Err(bad) => return Ok(Err(bad)),
        };
        stream.read_exact(bytes.get_mut(taken..belongs).unwrap_or_default()).await?;
        taken = belongs;
        if let Some(source) = source {
            return Ok(Ok(source));
        }
    }
}

/// §2.1: `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443`, and a line's end within 107 bytes.
fn line(bytes: &[u8]) -> Result<Progress, BadHeader> {
    let head = bytes.get(..LINE_BYTES_MAX).unwrap_or(bytes);
    let Some(end) = head.iter().position(|b| *b == b'\n') else {
        return if head.len() < LINE_BYTES_MAX { Ok(Progress::Partial) } else { Err(BadHeader) };
    };
    let text = head.get(SIGNATURE_1.len()..end).and_then(|text| text.strip_suffix(b"\r")).ok_or(BadHeader)?;
    let text = std::str::from_utf8(text).map_err(|_| BadHeader)?;
    let source = match text.split_once(' ') {
        Some(("TCP4", rest)) => client::<Ipv4Addr>(rest)?,
        Some(("TCP6", rest)) => client::<Ipv6Addr>(rest)?,
        // Whatever follows it is to be ignored.
        Some(("UNKNOWN", _)) => Source::Unnamed,
        None if text == "UNKNOWN" => Source::Unnamed,
        Some(_) | None => return Err(BadHeader),
    };
    Ok(Progress::Complete(source, end + 1))
}

/// Two addresses and two ports, with one space between any two of them.
fn client<A: std::str::FromStr + Into<IpAddr>>(text: &str) -> Result<Source, BadHeader> {
    let mut parts = text.split(' ');
    let mut next = || parts.next().ok_or(BadHeader);
    let (from, to, from_port, to_port) = (next()?, next()?, next()?, next()?);
    if parts.next().is_some() {
        return Err(BadHeader);
    }
    let address = |text: &str| text.parse::<A>().map(Into::into).map_err(|_| BadHeader);
    address(to)?;
    port(to_port)?;
    Ok(Source::Client(SocketAddr::new(address(from)?, port(from_port)?)))
}

/// Decimal, without sign and leading zeroes.
fn port(text: &str) -> Result<u16, BadHeader> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().map_err(|_| BadHeader) } else { Err(BadHeader) }
}

/// §2.2: signature, version and command, family and transport, length; then addresses and further values.
fn binary(bytes: &[u8]) -> Result<Progress, BadHeader> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
        return Ok(Progress::Partial);
    };
    let [.., command, family, high, low] = *head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let addresses = match (command, family) {
        (LOCAL, _) => None,
        (PROXY, TCP_4) => Some(ADDRESSES_4),
        (PROXY, TCP_6) => Some(ADDRESSES_6),
        (PROXY, UNSPECIFIED) => Some(0),
        (PROXY, UNIX) => Some(ADDRESSES_UNIX),
        // Datagrams cannot have come over TCP; nothing else is assigned.
        _ => return Err(BadHeader),
    };
    if addresses.is_some_and(|addresses| length < addresses) {
        return Err(BadHeader);
    }
    let Some(body) = rest.get(..length) else { return Ok(Progress::Partial) };
    let source = match addresses {
        // What stands in it is to be ignored.
        None => Source::Balancer,
        Some(addresses) => {
            let (block, values) = body.split_at_checked(addresses).ok_or(BadHeader)?;
            // Where no family is given, what follows is not defined.
            if family != UNSPECIFIED {
                well_formed(values)?;
            }
            source(block)
        }
    };
    Ok(Progress::Complete(source, HEAD_BYTES + length))
}

/// Both addresses, then both ports.
fn source(block: &[u8]) -> Source {
    let number = |octets: Option<&[u8]>| octets.and_then(|octets| Some(u16::from_be_bytes(octets.try_into().ok()?)));
    let address = match block.len() {
        ADDRESSES_4 => block.first_chunk::<4>().map(|octets| IpAddr::from(*octets)).zip(number(block.get(8..10))),
        ADDRESSES_6 => block.first_chunk::<16>().map(|octets| IpAddr::from(*octets)).zip(number(block.get(32..34))),
        _ => None,
    };
    address.map_or(Source::Unnamed, |(ip, port)| Source::Client(SocketAddr::new(ip, port)))
}

/// Type, length, value, to the last byte. None of them is used.
fn well_formed(mut values: &[u8]) -> Result<(), BadHeader> {
    while !values.is_empty() {
        let ([_, high, low], rest) = values.split_first_chunk::<3>().ok_or(BadHeader)?;
        values = rest.get(usize::from(u16::from_be_bytes([*high, *low]))..).ok_or(BadHeader)?;
    }
    Ok(())
}

const SIGNATURE_1: &[u8] = b"PROXY ";
const SIGNATURE_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// §2.1: the longest line, with its end.
const LINE_BYTES_MAX: usize = 107;
/// Of version 2, before addresses.
const HEAD_BYTES: usize = 16;
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const UNSPECIFIED: u8 = 0x00;
const TCP_4: u8 = 0x11;
const TCP_6: u8 = 0x21;
const UNIX: u8 = 0x31;
const ADDRESSES_4: usize = 12;
const ADDRESSES_6: usize = 36;
const ADDRESSES_UNIX: usize = 216;
/// Room for what nearly all headers have.
const FIRST_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(address: &str, length: usize) -> Progress {
        Progress::Complete(Source::Client(address.parse().unwrap()), length)
    }

    /// Version 2: a head of this command and family before `body`.
    fn two(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [SIGNATURE_2, &[command, family], &length, body].concat()
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 0xDC, 0x04, 0x01, 0xBB];

    #[test]
    fn a_line_names_the_client() {
        for (text, address) in [
            ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", "192.0.2.1:56324"),
            ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"),
            ("PROXY TCP6 2001:db8::1 2001:db8::2 0 443\r\n", "[2001:db8::1]:0"),
            ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 443\r\n", "[::ffff:192.0.2.1]:1"),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(named(address, text.len())), "{text:?}");
            let more = format!("{text}GET / HTTP/1.1\r\n");
            assert_eq!(parse(more.as_bytes()), Ok(named(address, text.len())), "{more:?}");
        }
        for text in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"] {
            assert_eq!(parse(text.as_bytes()), Ok(Progress::Complete(Source::Unnamed, text.len())), "{text:?}");
        }
    }

    #[test]
    fn a_line_that_is_not_exactly_one_is_refused() {
        for text in [
            "GET / HTTP/1.1\r\n",
            "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY\tTCP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2\r\n",
            "PROXY TCP4\r\n",
            "PROXY \r\n",
            "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
            "PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 x 1 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
            "PROXY UNKNOWNX\r\n",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(BadHeader), "{text:?}");
        }
    }

    #[test]
    fn a_line_ends_within_107_bytes() {
        let of = |bytes: usize| format!("{:x<1$}\r\n", "PROXY UNKNOWN ", bytes - 2);
        assert_eq!(parse(of(107).as_bytes()), Ok(Progress::Complete(Source::Unnamed, 107)));
        assert_eq!(parse(of(108).as_bytes()), Err(BadHeader));
        assert_eq!(parse(&of(108).as_bytes()[..106]), Ok(Progress::Partial));
    }

    #[test]
    fn a_binary_header_names_the_client() {
        let v6 = [&[0x20, 1, 0x0D, 0xB8][..], &[0; 11], &[1], &[0; 16], &[0, 7], &[1, 0xBB]].concat();
        let unix = [7; 216];
        let values = [&V4[..], &[0x04, 0, 2, 9, 9], &[0x20, 0, 0]].concat();
        for (name, bytes, source) in [
            ("IPv4", two(PROXY, TCP_4, &V4), Source::Client("192.0.2.1:56324".parse().unwrap())),
            ("IPv6", two(PROXY, TCP_6, &v6), Source::Client("[2001:db8::1]:7".parse().unwrap())),
            ("with values", two(PROXY, TCP_4, &values), Source::Client("192.0.2.1:56324".parse().unwrap())),
            ("unix", two(PROXY, UNIX, &unix), Source::Unnamed),
            ("unspecified", two(PROXY, UNSPECIFIED, &[]), Source::Unnamed),
            ("unspecified, with anything", two(PROXY, UNSPECIFIED, &[1, 2]), Source::Unnamed),
            ("local", two(LOCAL, UNSPECIFIED, &[]), Source::Balancer),
            ("local, with anything", two(LOCAL, 0xFF, &[1, 2]), Source::Balancer),
        ] {
            assert_eq!(parse(&bytes), Ok(Progress::Complete(source, bytes.len())), "{name}");
        }
    }

    #[test]
    fn a_binary_header_that_is_not_as_it_should_be_is_refused() {
        for (name, bytes) in [
            ("another version", two(0x11, TCP_4, &V4)),
            ("another command", two(0x22, TCP_4, &V4)),
            ("datagrams", two(PROXY, 0x12, &V4)),
            ("datagrams of IPv6", two(PROXY, 0x22, &[0; 36])),
            ("another family", two(PROXY, 0x41, &[0; 36])),
            ("an address too short", two(PROXY, TCP_4, &V4[..11])),
            ("an address of the other family", two(PROXY, TCP_6, &V4)),
            ("a value cut off", two(PROXY, TCP_4, &[&V4[..], &[4, 0]].concat())),
            ("a value too short", two(PROXY, TCP_4, &[&V4[..], &[4, 0, 2, 1]].concat())),
            ("a signature cut short", b"\r\n\r\n\0\r\nQUIT\r".to_vec()),
        ] {
            assert_eq!(parse(&bytes), Err(BadHeader), "{name}");
        }
    }

    proptest! {
        /// Whatever was there and is complete says the same with anything behind it, and nothing complete before its end.
        #[test]
        fn a_header_is_complete_at_one_length(
            octets in any::<[u8; 4]>(), ports in any::<[u16; 2]>(), behind in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let ip = Ipv4Addr::from(octets);
            let text = format!("PROXY TCP4 {ip} {ip} {} {}\r\n", ports[0], ports[1]).into_bytes();
            let body = [octets, octets].concat().into_iter().chain(ports.into_iter().flat_map(u16::to_be_bytes));
            let binary = two(PROXY, TCP_4, &body.collect::<Vec<_>>());
            for header in [text, binary] {
                for end in 0..header.len() {
                    prop_assert_eq!(parse(&header[..end]), Ok(Progress::Partial));
                }
                let expected = Source::Client(SocketAddr::new(ip.into(), ports[0]));
                let all = [&header[..], &behind].concat();
                prop_assert_eq!(parse(&all), Ok(Progress::Complete(expected, header.len())));
            }
        }

        #[test]
        fn no_bytes_make_it_panic_or_claim_more_than_there_is(bytes in "(PROXY |TCP[46] |UNKNOWN|[0-9.: ]|\r\n|\\PC){0,12}") {
            if let Ok(Progress::Complete(_, length)) = parse(bytes.as_bytes()) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
