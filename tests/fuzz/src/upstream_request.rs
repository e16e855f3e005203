//! What goes upstream: one request in, exactly one out, the same to a reader that forgives nothing, and none of its fields
//! claims what only the gateway may say.

use bytes::BytesMut;
use http::{HeaderName, Method, header};
use scopegate::gateway::forward::codec::{self, Coding};
use scopegate::gateway::forward::headers;
use scopegate::gateway::http1::fields::Fields;
use scopegate::gateway::http1::framing::{Chunk, Framing};
use scopegate::gateway::http1::head::{HeadBounds, Progress};
use scopegate::gateway::read;

/// What a client sends, pipelined requests and all. Each that is read and whole goes on by itself.
pub fn upstream_request(wire: &[u8]) {
    let mut buffer = BytesMut::from(wire);
    for _ in 0..REQUESTS_MAX {
        let Ok(Some(head)) = Progress::default().take(&mut buffer, BOUNDS) else { return };
        let Ok(read) = read::head(head.request, TARGET_BYTES_MAX) else { return };
        let Some(sent) = Sent::from(&read, head.framing, &mut buffer) else { return };
        let seen = by_the_letter(&sent.octets).expect("it is one request, and nothing is left");
        assert_eq!((&seen.method, &seen.target, &seen.body), (&sent.method, &sent.target, &sent.body));
        assert_eq!(seen.host.as_deref(), read.fields().only(header::HOST));
        clean(&seen.names, read.fields());
    }
}

/// A request as it leaves, and what it is meant to be.
struct Sent {
    octets: Vec<u8>,
    method: Method,
    target: String,
    body: Vec<u8>,
}

impl Sent {
    /// As `forward::connection` does it. `None` where the body is not all there.
    fn from(head: &read::Head, mut framing: Framing, buffer: &mut BytesMut) -> Option<Self> {
        let coding = match &framing {
            Framing::Chunked(_) => Coding::Chunked,
            Framing::Length(_) => Coding::Length,
            Framing::Close => panic!("a request ends before its connection does"),
        };
        let target = match head.query() {
            Some(query) => format!("{}?{query}", head.path()),
            None => head.path().to_owned(),
        };
        let (method, mut octets, mut body) = (head.method().clone(), Vec::new(), Vec::new());
        codec::write_head(&mut octets, (&method, &target), coding, |out| {
            for line in headers::passing(head.fields(), &TOKEN_FIELDS) {
                headers::line(out, line.name, line.value);
            }
        });
        loop {
            match framing.take(buffer).ok()? {
                Chunk::Data(piece) => {
                    codec::write_data(&mut octets, &piece, coding);
                    body.extend_from_slice(&piece);
                }
                Chunk::End => break,
                Chunk::Incomplete => return None,
            }
        }
        codec::write_end(&mut octets, coding);
        Some(Self { octets, method, target, body })
    }
}

struct Seen {
    method: Method,
    target: String,
    host: Option<Vec<u8>>,
    names: Vec<String>,
    body: Vec<u8>,
}

/// RFC 9112 once more, without anything that a recipient may forgive. `None` where it is not one request and nothing else.
fn by_the_letter(octets: &[u8]) -> Option<Seen> {
    let end = octets.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, rest) = (octets.get(..end)?, octets.get(end + 4..)?);
    let mut lines = split(head);
    let start = String::from_utf8(lines.next()?.to_vec()).ok()?;
    let [method, target, "HTTP/1.1"] = start.split(' ').collect::<Vec<_>>()[..] else { return None };
    let is_target = target.starts_with('/') && target.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    let (mut names, mut hosts, mut lengths, mut codings) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        let colon = line.iter().position(|b| *b == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?.trim_ascii());
        let is_field = !name.is_empty()
            && name.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
            && value.iter().all(|b| *b == b'\t' || !b.is_ascii_control());
        let name = String::from_utf8(name.to_ascii_lowercase()).ok().filter(|_| is_field)?;
        match name.as_str() {
            "host" => hosts.push(value.to_vec()),
            "content-length" => lengths.push(value.to_vec()),
            "transfer-encoding" => codings.push(value.to_vec()),
            _ => {}
        }
        names.push(name);
    }
    let body = match (&lengths[..], &codings[..]) {
        ([], []) => Vec::new(),
        ([length], []) => rest.get(..decimal(length)?)?.to_vec(),
        ([], [coding]) if coding == b"chunked" => {
            return finish(rest).map(|body| Seen {
                method: method.parse().expect("a method"),
                target: target.to_owned(),
                host: hosts.pop(),
                names,
                body,
            });
        }
        _ => return None,
    };
    let is_one = rest.len() == body.len() && is_target && hosts.len() == 1;
    is_one.then(|| Seen {
        method: method.parse().expect("a method"),
        target: target.to_owned(),
        host: hosts.pop(),
        names,
        body,
    })
}

/// A chunked body and nothing behind it.
fn finish(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let digits = std::str::from_utf8(rest.get(..end)?).ok()?;
        let is_size = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let size = usize::from_str_radix(digits, 16).ok().filter(|_| is_size)?;
        rest = rest.get(end + 2..)?;
        if size == 0 {
            return (rest == b"\r\n").then_some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

fn decimal(text: &[u8]) -> Option<usize> {
    let is_number = text == b"0" || (text.iter().all(u8::is_ascii_digit) && !text.starts_with(b"0"));
    std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
}

/// Lines between CRLFs; a CR or LF that is none of them stays in its line, where it is no field.
fn split(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(head);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        match text.windows(2).position(|window| window == b"\r\n") {
            Some(at) => {
                rest = text.get(at + 2..);
                text.get(..at)
            }
            None => Some(text),
        }
    })
}

/// None of the names is one of ours in any spelling, belongs to a connection, or was nominated for one.
fn clean(names: &[String], received: &Fields) {
    let options: Vec<_> = received
        .all(header::CONNECTION)
        .flat_map(|value| value.split(|b| *b == b','))
        .map(|option| option.trim_ascii().to_ascii_lowercase())
        .collect();
    for name in names {
        let folded: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let is_ours = PREFIXES.iter().any(|prefix| folded.starts_with(prefix)) || NAMES.contains(&folded.as_str());
        assert!(!is_ours, "{name} claims what only the gateway may say");
        assert_eq!(*name, folded, "a name that some server folds into another");
        let is_nominated = options.iter().any(|option| option == name.as_bytes());
        assert!(!is_nominated || matches!(name.as_str(), "host" | "content-length"), "{name} was nominated");
    }
    let framing = names.iter().filter(|name| matches!(name.as_str(), "content-length" | "transfer-encoding")).count();
    assert!(framing <= 1, "framed twice");
}

const PREFIXES: [&str; 6] = ["x-auth-", "x-forwarded-", "x-envoy-", "client-cert", "x-ssl-", "ssl-client"];
/// What the gateway says, what holds tokens, and what belongs to one connection; `transfer-encoding` is its own.
const NAMES: [&str; 17] = [
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "dpop",
    "forwarded",
    "x-real-ip",
    "x-fapi-interaction-id",
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
];
const TOKEN_FIELDS: [HeaderName; 1] = [HeaderName::from_static("dpop")];
const REQUESTS_MAX: usize = 8;
const BOUNDS: HeadBounds = HeadBounds { bytes_max: 8 * 1024, fields_max: 100 };
const TARGET_BYTES_MAX: usize = 8 * 1024;
