//! Heads: what our tokenizer makes of one, beside hyper's (httparse) and the HTTP library's names and values. Ours may refuse
//! more, and only for a reason that stands in `is_refused_by_us_alone`.

use bytes::BytesMut;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use scopegate::config::bounds::UPSTREAM_HEAD_BYTES_MAX;
use scopegate::config::limits::HEADERS_MAX;
use scopegate::gateway::forward::codec;
use scopegate::gateway::http1::fields::Fields;
use scopegate::gateway::http1::head::{HeadBounds, Progress};
use scopegate::gateway::http1::lines::Lines;
use scopegate::gateway::request::Target;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// One head, as a request and as a response, and the same head cut in two.
pub fn head(data: &[u8]) {
    let (cut, wire) = data.split_first().map_or((0, data), |(first, wire)| (usize::from(*first), wire));
    let ours = request(wire);
    assert_eq!(cut_request(wire, cut), ours, "cut at {cut}");
    match (ours, theirs_of_request(wire)) {
        (Some(ours), theirs) => assert_eq!(Some(ours), theirs, "ours on the left"),
        (None, Some(theirs)) => assert!(is_refused_by_us_alone(wire, &theirs.2), "only they take {theirs:?}"),
        (None, None) => {}
    }
    match (response(wire), theirs_of_response(wire)) {
        (Some(ours), theirs) => assert_eq!(Some(ours), theirs, "ours on the left"),
        (None, Some(theirs)) => assert!(is_refused_by_us_alone(wire, &theirs.1), "only they take {theirs:?}"),
        (None, None) => {}
    }
}

/// The list: a line that ends in an LF alone, empty lines before the first one (a request may have one), a fragment, more than
/// there may be, a body that could end in two places or that HTTP/1.0 does not know.
fn is_refused_by_us_alone(wire: &[u8], fields: &Pairs) -> bool {
    let has_bare_lf = wire.iter().enumerate().any(|(at, octet)| *octet == b'\n' && (at == 0 || wire[at - 1] != b'\r'));
    let speaks_of_a_body = fields.iter().any(|(name, _)| {
        name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding")
    });
    let first = wire.split(|octet| *octet == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let is_late = wire.starts_with(b"\r\n");
    has_bare_lf || is_late || first.contains(&b'#') || wire.len() > BOUNDS.bytes_max || speaks_of_a_body
}

type Request = (Method, (Target, Version), Pairs);

fn request(wire: &[u8]) -> Option<Request> {
    let head = *Progress::default().take(&mut BytesMut::from(wire), BOUNDS).ok()??.request;
    Some((head.method, (head.target, head.version), pairs(&head.fields)))
}

fn cut_request(wire: &[u8], cut: usize) -> Option<Request> {
    let (first, second) = wire.split_at(cut.min(wire.len()));
    let (mut progress, mut buffer) = (Progress::default(), BytesMut::from(first));
    let head = match progress.take(&mut buffer, BOUNDS).ok()? {
        Some(head) => head,
        None => {
            buffer.extend_from_slice(second);
            progress.take(&mut buffer, BOUNDS).ok()??
        }
    };
    let head = *head.request;
    Some((head.method, (head.target, head.version), pairs(&head.fields)))
}

fn theirs_of_request(wire: &[u8]) -> Option<Request> {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut slots);
    request.parse(wire).ok()?.is_complete().then_some(())?;
    let uri = Uri::try_from(request.path?).ok()?;
    let fields = theirs(request.headers, |name| name.to_ascii_lowercase())?;
    Some((
        Method::from_bytes(request.method?.as_bytes()).ok()?,
        (Target::from(&uri), version(request.version?)),
        fields,
    ))
}

fn response(wire: &[u8]) -> Option<(StatusCode, Pairs)> {
    let (mut buffer, mut lines, mut fields) = (BytesMut::from(wire), Lines::default(), Fields::default());
    let head = codec::read_head(&mut buffer, &Method::GET, (&mut lines, &mut fields)).ok()??;
    Some((head.status, pairs(&fields)))
}

fn theirs_of_response(wire: &[u8]) -> Option<(StatusCode, Pairs)> {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut slots);
    response.parse(wire).ok()?.is_complete().then_some(())?;
    let status = StatusCode::from_u16(response.code?).ok()?;
    Some((status, theirs(response.headers, str::to_owned)?))
}

fn theirs(fields: &[httparse::Header<'_>], spelled: impl Fn(&str) -> String) -> Option<Pairs> {
    let pair = |field: &httparse::Header<'_>| {
        HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        Some((spelled(field.name).into_bytes(), HeaderValue::from_bytes(field.value).ok()?.as_bytes().to_vec()))
    };
    fields.iter().map(pair).collect()
}

fn pairs(fields: &Fields) -> Pairs {
    fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

fn version(minor: u8) -> Version {
    if minor == 1 { Version::HTTP_11 } else { Version::HTTP_10 }
}

const BOUNDS: HeadBounds = HeadBounds { bytes_max: UPSTREAM_HEAD_BYTES_MAX, fields_max: HEADERS_MAX };
