//! The header fields of a request on its way to the upstream, and of a response on its way back: hop-by-hop fields end
//! here, nobody's identity but ours gets through, and nothing else is touched.

use super::super::answer::OurFields;
use super::super::assertion::Assertion;
use super::super::authorize::permit::Permit;
use super::super::http1::fields::{Fields, Line};
use super::super::interaction::InteractionId;
use super::super::interim::Interim;
use super::super::observe::receipt::Receipt;
use super::super::observe::trace::Trace;
use super::super::observe::trace::context::TRACEPARENT;
use super::super::rewrite::Target;
use super::super::upgrade::Upgrade;
use super::super::verify::identity::IDENTITY_PREFIX;
use http::{HeaderName, HeaderValue, header};
use smallvec::SmallVec;
use std::rc::Rc;

/// What belongs to a request on its way: what we say of it to the upstream, and where interim answers to it go.
pub struct About<'a> {
    /// What is asked of the upstream.
    pub target: &'a Target<'a>,
    /// `Forwarded` (RFC 7239), as it stands in a request: the client's address and protocol.
    pub forwarded: &'a [u8],
    /// What its certificate says of the client, as it stands in a request.
    pub certificate: [&'a [u8]; 2],
    /// The correlation id.
    pub id: &'a InteractionId,
    /// `Via` (RFC 9110 §7.6.3), likewise, with the version that the client spoke.
    pub via: &'a [u8],
    /// Fields that hold tokens.
    pub token_fields: &'a [HeaderName],
    /// Ours, for an upstream that wants one.
    pub assertion: Option<&'a Assertion>,
    /// What the request goes on in, if the upstream agrees.
    pub upgrade: Option<&'a Upgrade<'a>>,
    /// Its place in a trace, where requests are traced.
    pub trace: Option<&'a Trace>,
    /// Whether the client takes trailers.
    pub wants_trailers: bool,
    /// Told when the last byte of the body is here, if there is a body.
    pub receipt: Option<&'a Rc<Receipt>>,
    /// The client, until there is an answer.
    pub interim: &'a Interim,
}

/// Where the fields of a request are put: one list of rules for every version of HTTP.
pub(super) trait Sink {
    /// A field that goes on as it came.
    fn passing(&mut self, line: &Line<'_>);
    /// A field of ours.
    fn field(&mut self, name: &HeaderName, value: &HeaderValue);
    /// Fields of ours as they stand in HTTP/1.1, each with its CRLF.
    fn lines(&mut self, lines: &[u8]);
}

impl Sink for Vec<u8> {
    fn passing(&mut self, line: &Line<'_>) {
        let Line { name, value, line: whole } = *line;
        // What has one octet of white space, and that a space behind the colon, is spelled so already.
        if whole.len() == name.len() + value.len() + b": \r\n".len() && whole.get(name.len() + 1) == Some(&b' ') {
            self.extend_from_slice(whole);
        } else {
            self::line(self, name, value);
        }
    }

    fn field(&mut self, name: &HeaderName, value: &HeaderValue) {
        field(self, name.as_str(), value);
    }

    fn lines(&mut self, lines: &[u8]) {
        self.extend_from_slice(lines);
    }
}

/// Writes the fields of a request as the upstream may see them: first what the client sent and may send, then what we
/// vouch for. In this order and never mixed: a client can nominate our fields in `Connection` only on its own copy
/// (CVE-2024-45410).
pub(super) fn write(out: &mut impl Sink, fields: &Fields, permit: &Permit<'_>, about: &About<'_>) {
    let passing = passing(fields, about.token_fields);
    match about.trace {
        None => passing.for_each(|line| out.passing(&line)),
        Some(trace) => {
            passing.filter(|line| !trace.replaces(line.name)).for_each(|line| out.passing(&line));
            out.field(&TRACEPARENT, trace.field());
        }
    }
    permit.identity().iter().for_each(|fields| out.lines(fields));
    out.lines(about.assertion.map_or(&[], Assertion::line));
    about.certificate.iter().for_each(|fields| out.lines(fields));
    out.lines(about.forwarded);
    out.lines(about.id.line());
    out.lines(about.via);
}

/// The fields of a request that go on as they came: none that belongs to the client's connection, claims what only we may
/// say, or holds a token.
pub fn passing<'h>(fields: &'h Fields, token_fields: &'h [HeaderName]) -> impl Iterator<Item = Line<'h>> {
    let nominated = nominated(fields);
    fields.lines().filter(move |Line { name, .. }| {
        let is_token = token_fields.iter().any(|field| field.as_str().as_bytes() == *name);
        !(is_hop_by_hop(name)
            || is_ours(name)
            || is_token
            || nominated.iter().any(|one| one.eq_ignore_ascii_case(name)))
    })
}

/// Appends one field as it stands in a message.
pub fn field(out: &mut Vec<u8>, name: &str, value: &HeaderValue) {
    line(out, name.as_bytes(), value.as_bytes());
}

/// Appends one field, by its octets.
pub fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The fields of a response that may go on to the client: not the hop-by-hop ones (RFC 9110 §7.6.1), and none that
/// `ours` or the correlation id replaces. What an answer varies by adds up. `Client-Cert` is no field of responses, and one
/// that was chosen by it is good for nobody else (RFC 9440 §2.2, §2.4).
pub fn returned<'f>(fields: &'f Fields, ours: &'f OurFields) -> impl Iterator<Item = Line<'f>> {
    let nominated = listed(nominated_in(fields));
    // Who may read an answer in a browser is said by one of us, and then in full.
    let is_shared = ours.has(&header::ACCESS_CONTROL_EXPOSE_HEADERS);
    let is_about_sharing =
        |name: &[u8]| name.get(..CORS_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(CORS_PREFIX));
    let passing = fields.lines().filter(move |line| {
        let is = |name: &str| is_called(line.name, name);
        !(HOP_BY_HOP.iter().any(|name| is(name))
            || is(INTERACTION_ID.as_str())
            || (is_shared && is_about_sharing(line.name))
            || nominated.iter().any(|name| name.eq_ignore_ascii_case(line.name) && !is("content-length"))
            || CLIENT_CERT.iter().any(|name| is(name))
            || ours.iter().any(|(name, _)| *name != header::VARY && is(name.as_str())))
    });
    passing.map(
        |line| if varies_by_certificate(&line) { Line { value: b"*", line: b"vary: *\r\n", ..line } } else { line },
    )
}

/// Whether a field's name is this one, which is in lower case, of letters, digits and hyphens. Names are tokens, and of
/// a token's octets only letters are made others by this bit, so that none has to be looked at by itself.
pub fn is_called(name: &[u8], known: &str) -> bool {
    name.len() == known.len()
        && name.iter().zip(known.as_bytes()).fold(0, |all, (octet, known)| all | ((octet | 0x20) ^ known)) == 0
}

/// What `Connection` names.
pub(in super::super) fn nominated_in(fields: &Fields) -> impl Iterator<Item = &[u8]> {
    fields.members("connection")
}

/// Whether a field belongs to one hop, or is one that only we write: no upstream's answer has a word in either.
pub(super) fn is_no_answers(name: &[u8]) -> bool {
    is_hop_by_hop(name) || is_ours(name)
}

fn varies_by_certificate(line: &Line<'_>) -> bool {
    let names_one =
        |field: &[u8]| CLIENT_CERT.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(field.trim_ascii()));
    is_called(line.name, "vary") && line.value.split(|b| *b == b',').any(names_one)
}

/// The fields that `Connection` names. `Host` and `Content-Length` frame and route the message: naming them is an
/// attack, and they stay.
fn nominated(fields: &Fields) -> Names<'_> {
    let stays = |name: &&[u8]| name.eq_ignore_ascii_case(b"host") || name.eq_ignore_ascii_case(b"content-length");
    listed(nominated_in(fields).filter(|name| !stays(name)))
}

type Names<'f> = SmallVec<[&'f [u8]; 2]>;

/// `collect` would ask the iterator for one after the other, which costs more than all else here.
fn listed<'f>(names: impl Iterator<Item = &'f [u8]>) -> Names<'f> {
    let mut list = Names::new();
    names.for_each(|name| list.push(name));
    list
}

fn is_hop_by_hop(name: &[u8]) -> bool {
    HOP_BY_HOP.iter().any(|known| known.as_bytes() == name)
}

/// Fields that only a gateway may set, in every spelling. Servers behind us fold `_` and `.` into `-`
/// (CVE-2025-64484, CVE-2026-39858), so a name with anything but letters, digits and hyphens is not forwarded at all.
fn is_ours(name: &[u8]) -> bool {
    name.starts_with(IDENTITY_PREFIX.as_bytes())
        || name.starts_with(b"x-forwarded-")
        || name.starts_with(b"x-envoy-")
        || name.starts_with(b"client-cert")
        || name.starts_with(b"ssl-client")
        || name.starts_with(b"x-ssl-")
        || matches!(name, b"authorization" | b"forwarded" | b"x-real-ip" | b"x-fapi-interaction-id")
        || is_override(name)
        || !name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// By these an upstream that honours them acts on another method or path than the one that was decided on.
fn is_override(name: &[u8]) -> bool {
    matches!(
        name,
        b"x-http-method-override" | b"x-http-method" | b"x-method-override" | b"x-original-url" | b"x-rewrite-url"
    )
}

/// RFC 9110 §7.6.1, and what belongs to the connection by older usage. `Expect` was answered here; the sending side
/// writes its own framing.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-authorization",
    "proxy-authenticate",
    "keep-alive",
    "proxy-connection",
];

const CORS_PREFIX: &[u8] = b"access-control-";
/// RFC 9440 §2
const CLIENT_CERT: [&str; 2] = ["client-cert", "client-cert-chain"];

/// The correlation id of FAPI 1.0 §6.2.1, on every request and response.
pub const INTERACTION_ID: HeaderName = HeaderName::from_static("x-fapi-interaction-id");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::http1::head::HeadBounds;
    use crate::gateway::http1::lines::Lines;

    #[test]
    fn every_spelling_of_a_trusted_field_ends_here() {
        for name in [
            "x-auth-subject",
            "x_auth_subject",
            "x.auth.subject",
            "x-auth_subject",
            "x-auth-anything",
            "x~auth",
            "x!a",
            "forwarded",
            "x-forwarded-for",
            "x_forwarded_for",
            "x-real-ip",
            "client-cert",
            "client_cert",
            "client-cert-chain",
            "transfer_encoding",
            "authorization",
            "proxy-authorization",
            "te",
            "keep-alive",
            "proxy-connection",
            "upgrade",
            "expect",
            "trailer",
            "connection",
            "x-http-method-override",
            "x-original-url",
            "x-rewrite-url",
            "x-ssl-cert",
            "ssl-client-cert",
        ] {
            assert!(is_hop_by_hop(name.as_bytes()) || is_ours(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn everything_else_is_left_alone() {
        for name in [
            "host",
            "content-length",
            "accept",
            "cookie",
            "x-idempotency-key",
            "x-jws-signature",
            "psu-ip-address",
            "tpp-signature-certificate",
            "x-fapi-customer-ip-address",
            "via",
            "date",
            "x-authority",
            "max-forwards",
        ] {
            assert!(!is_hop_by_hop(name.as_bytes()) && !is_ours(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_field_goes_on_in_one_spelling() {
        for (received, sent) in [
            ("a: b\r\n", "a: b\r\n"),
            ("a:b\r\n", "a: b\r\n"),
            ("a:\tb\r\n", "a: b\r\n"),
            ("a:b \r\n", "a: b\r\n"),
            ("a:  b\t\r\n", "a: b\r\n"),
            ("a:\r\n", "a: \r\n"),
            ("a: \r\n", "a: \r\n"),
            ("a:\t\r\n", "a: \r\n"),
            ("a:b c\r\n", "a: b c\r\n"),
        ] {
            let (mut fields, bounds) = (Fields::default(), HeadBounds { bytes_max: 64, fields_max: 1 });
            let head = format!("x\r\n{received}\r\n");
            assert!(Lines::default().read(head.as_bytes(), bounds, &mut fields).unwrap().is_some());
            let mut out = Vec::new();
            fields.lines().for_each(|line| out.passing(&line));
            assert_eq!(String::from_utf8(out).unwrap(), sent, "{received:?}");
        }
    }

    #[test]
    fn a_name_is_known_in_any_case_and_no_other_is() {
        for known in HOP_BY_HOP.iter().chain(&CLIENT_CERT) {
            assert!(is_called(known.as_bytes(), known) && is_called(known.to_ascii_uppercase().as_bytes(), known));
            for place in 0..known.len() {
                for octet in
                    (b'!'..=b'~').filter(|octet| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet))
                {
                    let mut name = known.as_bytes().to_vec();
                    name[place] = octet;
                    let text = String::from_utf8(name).unwrap();
                    assert_eq!(is_called(text.as_bytes(), known), text.eq_ignore_ascii_case(known), "{text}, {known}");
                }
            }
            assert!(!is_called(format!("{known}s").as_bytes(), known));
        }
    }

    #[test]
    fn connection_nominates_only_what_is_not_framing() {
        let headers = Fields::of(&[("connection", "close, X-Secret , host,content-length, @,")]);
        assert_eq!(nominated(&headers)[..], [&b"close"[..], b"X-Secret", b"@", b""]);
    }
}
