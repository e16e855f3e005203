//! The header fields of a request on its way to the upstream, and of a response on its way back: hop-by-hop fields end
//! here, nobody's identity but ours gets through, and nothing else is touched.

use super::super::authorize::permit::Permit;
use super::super::policy::Texts;
use super::super::read::Head;
use super::super::verify::token::IDENTITY_PREFIX;
use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use smallvec::SmallVec;

/// What we say of the request to the upstream.
pub struct About<'a> {
    /// `Forwarded` (RFC 7239): the client's address and protocol.
    pub forwarded: &'a HeaderValue,
    /// The correlation id.
    pub id: &'a HeaderValue,
    /// Our texts.
    pub texts: &'a Texts,
}

/// Removes what must not arrive, then adds what the upstream may trust. In this order: a client can nominate our
/// fields in `Connection` only on its own copy (CVE-2024-45410).
pub fn prepare(head: &mut Head, permit: &Permit<'_>, about: &About<'_>) {
    let headers = &mut head.parts.headers;
    for name in untrusted(headers) {
        headers.remove(name);
    }
    for (name, value) in permit.identity() {
        headers.insert(name, value.clone());
    }
    headers.insert(header::FORWARDED, about.forwarded.clone());
    headers.insert(INTERACTION_ID, about.id.clone());
    let via = if head.parts.version == Version::HTTP_10 { &about.texts.via_10 } else { &about.texts.via_11 };
    headers.append(header::VIA, via.clone());
    // Origin form (RFC 9112 §3.2.1): the bytes of path and query stay the same.
    if head.parts.uri.authority().is_some()
        && let Some(target) = head.parts.uri.path_and_query().cloned()
    {
        head.parts.uri = target.into();
    }
    head.parts.version = Version::HTTP_11;
}

/// Removes the hop-by-hop fields of a response (RFC 9110 §7.6.1) and gives it the correlation id.
pub fn restore(headers: &mut HeaderMap, id: &HeaderValue) {
    let mut gone = nominated(headers);
    gone.extend(headers.keys().filter(|name| is_hop_by_hop(name.as_str())).cloned());
    for name in gone {
        headers.remove(name);
    }
    headers.insert(INTERACTION_ID, id.clone());
}

type Names = SmallVec<[HeaderName; 8]>;

/// Every field of a request that ends here.
fn untrusted(headers: &HeaderMap) -> Names {
    let mut names = nominated(headers);
    let ends_here = |name: &&HeaderName| is_hop_by_hop(name.as_str()) || is_ours(name.as_str());
    names.extend(headers.keys().filter(ends_here).cloned());
    names
}

/// The fields that `Connection` names. `Host` and `Content-Length` frame and route the message: naming them is an
/// attack, and they stay.
fn nominated(headers: &HeaderMap) -> Names {
    let values = headers.get_all(header::CONNECTION).iter();
    let options = values.flat_map(|value| value.as_bytes().split(|b| *b == b','));
    options
        .filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok())
        .filter(|name| *name != header::HOST && *name != header::CONTENT_LENGTH)
        .collect()
}

/// RFC 9110 §7.6.1, and what belongs to the connection by older usage. `Expect` was answered here; the sending side
/// writes its own framing.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "transfer-encoding"
            | "te"
            | "trailer"
            | "upgrade"
            | "expect"
            | "proxy-authorization"
            | "proxy-authenticate"
            | "keep-alive"
            | "proxy-connection"
    )
}

/// Fields that only a gateway may set, in every spelling. Servers behind us fold `_` and `.` into `-`
/// (CVE-2025-64484, CVE-2026-39858), so a name with anything but letters, digits and hyphens is not forwarded at all.
fn is_ours(name: &str) -> bool {
    name.starts_with(IDENTITY_PREFIX)
        || name.starts_with("x-forwarded-")
        || name.starts_with("client-cert")
        || matches!(name, "authorization" | "forwarded" | "x-real-ip" | "x-fapi-interaction-id")
        || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The correlation id of FAPI 1.0 §6.2.1, on every request and response.
pub const INTERACTION_ID: HeaderName = HeaderName::from_static("x-fapi-interaction-id");

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

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
        ] {
            assert!(untrusted(&fields(&[(name, "x")])).iter().any(|gone| gone == name), "{name}");
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
            assert!(untrusted(&fields(&[(name, "x")])).is_empty(), "{name}");
        }
    }

    #[test]
    fn connection_nominates_only_what_is_not_framing() {
        let headers = fields(&[("connection", "close, X-Secret , host,content-length, @,")]);
        assert_eq!(nominated(&headers).iter().map(HeaderName::as_str).collect::<Vec<_>>(), ["close", "x-secret"]);
    }
}
