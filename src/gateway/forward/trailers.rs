//! The trailers of a response (RFC 9110 §6.5): they go on to clients that say that they take them. A client may read one as
//! if it stood in the head, where we have looked at every field and the body came after; so a trailer says nothing of what a
//! head decides: framing, routing, who somebody is, what may be kept, what the content is. A sender need not announce them
//! (§6.6.2: SHOULD), so those that come without notice count too. Those of requests end here.

use super::super::http1::fields::Fields;
use super::super::read::Head;
use super::headers;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use std::ops::Not;

/// Whether the client takes trailers (RFC 9110 §10.1.4). HTTP/1.0 has none.
pub fn are_wanted(head: &Head) -> bool {
    let mut codings = head.fields().members("te");
    head.version() >= Version::HTTP_11 && codings.any(|coding| coding.eq_ignore_ascii_case(b"trailers"))
}

/// Those of these lines that may go on, if any; `head` are the fields that came before the body.
pub fn passing(lines: &[Bytes], head: &Fields) -> Option<HeaderMap> {
    let mut trailers = HeaderMap::new();
    for (name, value) in lines.iter().filter_map(|line| parts(line)).filter(|(name, _)| may_pass(name, head)) {
        trailers.append(name, value);
    }
    trailers.is_empty().not().then_some(trailers)
}

/// The names that the upstream announces, of those that may go on.
pub fn announced(head: &Fields) -> impl Iterator<Item = HeaderName> {
    let names = head.members("trailer").filter_map(|name| HeaderName::from_bytes(name).ok());
    names.filter(|name| may_pass(name, head))
}

fn parts(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
    let value = value.strip_prefix(b":")?.trim_ascii();
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
}

/// RFC 9110 §6.5.1 names the kinds; of what it does not name a browser or a client of ours might act on some. What `Connection`
/// names ends here as in a head (§7.6.1).
fn may_pass(name: &HeaderName, head: &Fields) -> bool {
    let name = name.as_str();
    let is_digest = matches!(name, "content-digest" | "repr-digest");
    let is_decided = DECIDES.contains(&name) || PREFIXES.iter().any(|kind| name.starts_with(kind));
    (is_digest || !(is_decided || headers::is_no_answers(name.as_bytes())))
        && !headers::nominated_in(head).any(|option| option.eq_ignore_ascii_case(name.as_bytes()))
}

/// What is decided before the body, by its name.
const DECIDES: [&str; 27] = [
    "host",
    "max-forwards",
    "range",
    "accept-ranges",
    "cookie",
    "set-cookie",
    "set-cookie2",
    "www-authenticate",
    "authentication-info",
    "dpop",
    "dpop-nonce",
    "age",
    "cache-control",
    "pragma",
    "expires",
    "date",
    "vary",
    "warning",
    "location",
    "retry-after",
    "refresh",
    "allow",
    "via",
    "alt-svc",
    "clear-site-data",
    "strict-transport-security",
    "x-frame-options",
];
/// The same, by its kind. Digests may stand behind what they are of (RFC 9530 §2).
const PREFIXES: [&str; 7] = ["content-", "if-", "proxy-", "access-control-", "cross-origin-", "sec-", "cdn-"];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(texts: &[&'static str]) -> Vec<Bytes> {
        texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect()
    }

    #[test]
    fn what_a_head_decides_is_no_trailer() {
        for name in [
            "Transfer-Encoding",
            "content-length",
            "Trailer",
            "TE",
            "connection",
            "Upgrade",
            "keep-alive",
            "host",
            "authorization",
            "www-authenticate",
            "proxy-authenticate",
            "authentication-info",
            "dpop-nonce",
            "set-cookie",
            "Cookie",
            "x-auth-subject",
            "X-Auth-Anything",
            "x_auth_subject",
            "x.y",
            "client-cert",
            "client-cert-chain",
            "forwarded",
            "x-forwarded-for",
            "x-fapi-interaction-id",
            "content-type",
            "content-encoding",
            "Content-Range",
            "cache-control",
            "age",
            "expires",
            "date",
            "vary",
            "location",
            "retry-after",
            "access-control-allow-origin",
            "content-security-policy",
            "strict-transport-security",
            "expect",
            "if-match",
            "range",
            "via",
        ] {
            let line = Bytes::from(format!("{name}: x"));
            assert_eq!(passing(&[line], &Fields::of(&[])), None, "{name}");
        }
    }

    #[test]
    fn everything_else_passes_as_it_came() {
        let trailers = passing(
            &lines(&[
                "Server-Timing: a;dur=1",
                "x-jws-signature:a..b ",
                "etag: \"a\"",
                "Content-Digest: sha-256=:AA==:",
                "a:",
                "a: b",
            ]),
            &Fields::of(&[]),
        )
        .unwrap();
        let seen: Vec<_> = trailers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(
            seen,
            [
                ("server-timing", "a;dur=1"),
                ("x-jws-signature", "a..b"),
                ("etag", "\"a\""),
                ("content-digest", "sha-256=:AA==:"),
                ("a", ""),
                ("a", "b")
            ]
        );
    }

    #[test]
    fn what_belongs_to_the_hop_goes_no_further() {
        let nominating = Fields::of(&[("Connection", "close, X-Hop")]);
        assert_eq!(passing(&lines(&["x-hop: 1"]), &nominating), None);
        assert!(passing(&lines(&["x-hop: 1"]), &Fields::of(&[])).is_some());
    }

    #[test]
    fn what_will_not_come_is_not_announced() {
        let head = Fields::of(&[("Trailer", "ETag, content-length,,@"), ("trailer", "x-sum ,Set-Cookie"), ("a", "b")]);
        assert_eq!(announced(&head).map(|name| name.to_string()).collect::<Vec<_>>(), ["etag", "x-sum"]);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in proptest::collection::vec(any::<u8>(), 0..64)) {
            passing(&[line.into()], &Fields::of(&[]));
        }
    }
}
