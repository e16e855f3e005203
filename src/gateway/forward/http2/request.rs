//! The head of a request for HTTP/2: the same fields as by HTTP/1.1, in another form.

use super::super::super::http1::fields::Line;
use super::super::headers::{self, Sink};
use super::super::sending::Outgoing;
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version, header};

/// A field of ours that HTTP/2 does not take; none should be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadField;

/// Fields as HTTP/2 sends them.
struct Fields {
    map: HeaderMap,
    /// What HTTP/1.1 calls `Host`.
    authority: Option<HeaderValue>,
    is_whole: bool,
}

/// The head of `outgoing`, for a server behind this scheme. Its `:authority` is the `Host` that HTTP/1.1 would send, its
/// `:path` the target, octet by octet (RFC 9113 §8.3.1).
pub(super) fn head(outgoing: &Outgoing<'_>, scheme: Scheme) -> Result<Request<()>, BadField> {
    let received = outgoing.head.fields();
    let map = HeaderMap::with_capacity(received.len() + FIELDS_ADDED);
    let mut fields = Fields { map, authority: None, is_whole: true };
    headers::write(&mut fields, received, outgoing.permit, outgoing.about);
    let Fields { map, authority, is_whole: true } = fields else { return Err(BadField) };
    let mut target = Parts::default();
    target.scheme = Some(scheme);
    target.authority = authority.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    target.path_and_query = Some(PathAndQuery::try_from(outgoing.about.target.as_str()).map_err(|_| BadField)?);
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_parts(target).map_err(|_| BadField)?;
    *request.method_mut() = outgoing.head.method().clone();
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = map;
    Ok(request)
}

impl Sink for Fields {
    fn passing(&mut self, line: &Line<'_>) {
        match (HeaderName::from_bytes(line.name), HeaderValue::from_bytes(line.value)) {
            (Ok(name), Ok(value)) => self.field(&name, &value),
            (Err(_), _) | (_, Err(_)) => self.is_whole = false,
        }
    }

    fn field(&mut self, name: &HeaderName, value: &HeaderValue) {
        if *name == header::HOST {
            self.authority = Some(value.clone());
        } else if !is_connections(name, value) {
            self.map.append(name, value.clone());
        }
    }

    fn lines(&mut self, lines: &[u8]) {
        // In whole lines, or not at all: an upstream could take a request without them for one that needs none.
        let mut rest = lines;
        while !rest.is_empty() {
            let Some((name, value, after)) = first(rest) else {
                self.is_whole = false;
                return;
            };
            self.map.append(name, value);
            rest = after;
        }
    }
}

/// The first of these lines, and the rest of them.
fn first(lines: &[u8]) -> Option<(HeaderName, HeaderValue, &[u8])> {
    let end = memchr::memmem::find(lines, b"\r\n")?;
    let (line, rest) = (lines.get(..end)?, lines.get(end + 2..)?);
    let colon = memchr::memmem::find(line, b": ")?;
    let name = HeaderName::from_bytes(line.get(..colon)?).ok()?;
    let value = HeaderValue::from_bytes(line.get(colon + 2..)?).ok()?;
    Some((name, value, rest))
}

/// Fields that make a message of HTTP/2 malformed (RFC 9113 §8.2.2), whoever lets them through before.
fn is_connections(name: &HeaderName, value: &HeaderValue) -> bool {
    [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE].contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
        || (*name == header::TE && value != "trailers")
}

/// About so many fields are ours.
const FIELDS_ADDED: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        Fields { map: HeaderMap::new(), authority: None, is_whole: true }
    }

    #[test]
    fn lines_become_fields() {
        let mut out = fields();
        out.lines(b"X-Auth-Subject: a: b\r\nx-auth-scope: \r\n");
        out.lines(b"");
        assert!(out.is_whole);
        assert_eq!(
            (&out.map["x-auth-subject"], &out.map["x-auth-scope"]),
            (&"a: b".parse().unwrap(), &"".parse().unwrap())
        );
    }

    #[test]
    fn a_line_that_is_none_spoils_the_whole() {
        for lines in ["x: y", "x: y\r\nz\r\n", "x y: z\r\n", ": z\r\n", "\r\n", "x: y\0\r\n"] {
            let mut out = fields();
            out.lines(lines.as_bytes());
            assert!(!out.is_whole, "{lines:?}");
        }
    }

    #[test]
    fn what_belongs_to_a_connection_stays_behind() {
        let mut out = fields();
        for (name, value) in [
            ("host", "api.bank.example:8443"),
            ("connection", "x"),
            ("transfer-encoding", "chunked"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("te", "gzip"),
            ("x-a", "1"),
            ("x-a", "2"),
        ] {
            out.field(&HeaderName::from_static(name), &HeaderValue::from_static(value));
        }
        let kept: Vec<_> = out.map.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(kept, [("te", "trailers"), ("x-a", "1"), ("x-a", "2")]);
        assert_eq!(out.authority.unwrap(), "api.bank.example:8443");
    }
}
