//! The bodies of the fuzz targets: each takes bytes, and panics where what it checks does not hold.
//!
//! They are plain functions, so that `cargo test` runs them too, on the seeds and on mutations of them.

mod answer;
mod assertion;
mod certificate;
mod claims_set;
mod dpop;
mod front;
mod head;
mod hops;
mod log_line;
mod logs;
mod openapi;
mod payment;
mod request;
mod strain;
mod unpack;
mod upstream_request;
pub use answer::{one_response, response};
pub use assertion::assertion;
pub use certificate::certificate;
use claims_set::NAMES;
pub use claims_set::claims;
pub use dpop::dpop;
pub use front::{forwarded_chain, proxy_header};
pub use head::head;
pub use hops::{trailers, via};
pub use log_line::log_line;
pub use logs::{audit, traceparent};
pub use openapi::document as openapi;
pub use payment::payment;
pub use request::request;
pub use strain::strain;
pub use unpack::unpack;
pub use upstream_request::upstream_request;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::BytesMut;
use miniz_oxide::deflate::compress_to_vec_zlib;
use scopegate::config::bounds::JWKS_KEYS_MAX;
use scopegate::gateway::http1::framing::{Chunk, Chunks};
use scopegate::gateway::read;
use scopegate::oauth::bearer::{self, Credentials, Scheme};
use scopegate::oauth::introspection::{self, Introspected};
use scopegate::oauth::jwk::KeySet;
use scopegate::oauth::jws::Jws;
use scopegate::oauth::metadata;
use scopegate::oauth::security_event;
use scopegate::oauth::status_list::StatusList;
use serde_json::Value;
use std::path::Path;

/// One target: its name, which is that of its seeds' folder, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 30] = [
    ("path", path),
    ("bearer", bearer),
    ("claims", claims),
    ("introspection", introspection),
    ("security_event", security_event),
    ("status_list", status_list),
    ("keys", keys),
    ("jws", jws),
    ("certificate", certificate),
    ("metadata", issuer_metadata),
    ("dpop", dpop),
    ("assertion", assertion),
    ("config", configuration),
    ("openapi", openapi),
    ("head", head),
    ("request", request),
    ("upstream_request", upstream_request),
    ("response", response),
    ("one_response", one_response),
    ("chunked", chunked),
    ("strain", strain),
    ("unpack", unpack),
    ("trailers", trailers),
    ("via", via),
    ("log_line", log_line),
    ("payment", payment),
    ("proxy_header", proxy_header),
    ("forwarded_chain", forwarded_chain),
    ("traceparent", traceparent),
    ("audit", audit),
];

/// A path that passes has one reading: decoding it adds no segment, no dot segment, no separator and nothing that a
/// second decoding would change.
pub fn path(data: &[u8]) {
    if !read::is_canonical(data) {
        return;
    }
    let decoded = percent_decoded(data);
    let segments = |path: &[u8]| path.split(|b| *b == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>();
    assert_eq!(segments(data).len(), segments(&decoded).len());
    let between = segments(&decoded).len() - 1;
    for (place, segment) in segments(&decoded).iter().enumerate().skip(1) {
        assert!(!segment.is_empty() || place == between, "an empty segment");
        assert!(segment != b"." && segment != b"..", "a dot segment");
    }
    assert!(!decoded.iter().any(|b| b.is_ascii_control() || b"\\%;?#".contains(b)), "structure");
    assert!(std::str::from_utf8(&decoded).is_ok());
    let text = std::str::from_utf8(data).expect("only ASCII is canonical");
    let uri: http::Uri = text.parse().expect("the HTTP library reads it");
    assert_eq!((uri.path(), uri.query()), (text, None));
}

fn percent_decoded(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = path;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'%' {
            let (digits, tail) = tail.split_at(2);
            let digits = std::str::from_utf8(digits).expect("digits are ASCII");
            decoded.push(u8::from_str_radix(digits, 16).expect("two digits follow"));
            rest = tail;
        } else {
            decoded.push(*first);
        }
    }
    decoded
}

/// What is found is what the grammar of RFC 6750 §2.1 says, written down a second time.
pub fn bearer(data: &[u8]) {
    let found = match bearer::parse(data) {
        Credentials::Token(Scheme::Bearer, token) => Some(token).filter(|token| bearer::is_b64token(token)),
        Credentials::Token(Scheme::Dpop, _) | Credentials::Malformed(_) | Credentials::OtherScheme => None,
    };
    let expected = data.split_at_checked(6).and_then(|(scheme, rest)| {
        let spaces = rest.iter().take_while(|b| **b == b' ').count();
        let token = rest.get(spaces..)?;
        let body = token.iter().position(|b| *b == b'=').map_or(token, |end| &token[..end]);
        let is_good = scheme.eq_ignore_ascii_case(b"bearer")
            && spaces > 0
            && !body.is_empty()
            && body.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(b))
            && token[body.len()..].iter().all(|b| *b == b'=');
        is_good.then_some(token)
    });
    assert_eq!(found, expected);
}

/// Only an object whose one member `active` is the boolean is an answer, and what is active has the claims that another
/// reader sees; so it is within a signed answer.
pub fn introspection(data: &[u8]) {
    let Ok(json) = std::str::from_utf8(data) else { return };
    // A number beyond all numbers, in a member that nobody asks for, is no reason for us to refuse.
    let Ok(seen) = serde_json::from_str::<Value>(json) else { return };
    if let Ok(answer) = introspection::parse(json, NAMES) {
        agree(&answer, &seen);
    }
    if let Ok(envelope) = introspection::parse_signed(json, NAMES) {
        agree(&envelope.answer, seen.get("token_introspection").expect("it was read before"));
    }
}

fn agree(answer: &Introspected<'_>, seen: &Value) {
    let is_active = matches!(answer, Introspected::Active(_));
    assert_eq!(seen.get("active"), Some(&Value::Bool(is_active)));
    if let Introspected::Active(claims) = answer {
        assert_eq!(seen.get("sub").and_then(Value::as_str), claims.subject.as_deref());
        assert_eq!(seen.get("token_type").and_then(Value::as_str), claims.token_type.as_deref());
    }
}

/// What passes is what another reader of JSON sees, and no event names somebody whom its text does not name.
pub fn security_event(data: &[u8]) {
    let Ok(json) = std::str::from_utf8(data) else { return };
    let Ok(set) = security_event::parse(json) else { return };
    // A number beyond all numbers, in a member that nobody asks for, is no reason for us to refuse.
    let Ok(seen) = serde_json::from_str::<Value>(json) else { return };
    assert!(seen.get("sub").is_none() && seen.get("exp").is_none());
    for (name, value) in [("iss", &set.issuer), ("jti", &set.id)] {
        assert_eq!(seen[name].as_str(), Some(value.as_str()), "{name}");
    }
    let date = |value: &Value| value.as_f64().expect("a number");
    assert!(set.issued.0 >= 0 && set.issued.0 as f64 <= date(&seen["iat"]));
    let events = seen["events"].as_object().expect("events are an object");
    assert_eq!(set.events.len(), events.len());
    for (event, payload) in set.events.iter().zip(events.values()) {
        let said = [payload.get("event_timestamp"), seen.get("toe"), seen.get("iat")];
        let latest = said.into_iter().flatten().filter_map(Value::as_f64).fold(0.0, f64::max);
        assert!(event.occurred.0 >= 0 && event.occurred.0 as f64 <= latest, "a date grew");
        let subject = seen.get("sub_id").or_else(|| payload.get("subject"));
        let named = |name: &str| subject.is_some_and(|subject| has_text(subject, name));
        let people = event.subject.users.iter().chain(&event.subject.tokens);
        assert!(people.into_iter().all(|one| named(&one.issuer) && named(&one.name)));
        assert!(event.subject.clients.iter().all(|client| named(client)));
    }
}

fn has_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(one) => one == text,
        Value::Array(many) => many.iter().any(|one| has_text(one, text)),
        Value::Object(members) => members.values().any(|one| has_text(one, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A list that passes keeps to its bound, and packed anew it is the same list.
pub fn status_list(data: &[u8]) {
    let Ok(json) = std::str::from_utf8(data) else { return };
    let Ok(list) = StatusList::parse(json, STATUS_BYTES_MAX) else { return };
    let Ok(seen) = serde_json::from_str::<Value>(json) else { return };
    assert_eq!(seen["sub"].as_str(), Some(list.uri.as_str()));
    assert!(seen["iat"].as_f64().is_some_and(|seen| list.issued.0 as f64 <= seen));
    let bits = seen["status_list"]["bits"].as_u64().expect("it was read before");
    let per_octet = 8 / bits;
    let count = (0..).take_while(|index| list.statuses.get(*index).is_some()).count() as u64;
    assert!(count.is_multiple_of(per_octet) && count / per_octet <= STATUS_BYTES_MAX as u64);
    let octets: Vec<u8> = (0..count / per_octet)
        .map(|octet| {
            (0..per_octet).fold(0, |all, place| {
                let status = list.statuses.get(octet * per_octet + place).expect("it is before the end");
                all | status << (place * bits)
            })
        })
        .collect();
    let mut anew = seen;
    anew["status_list"]["lst"] = URL_SAFE_NO_PAD.encode(compress_to_vec_zlib(&octets, 1)).into();
    let anew = StatusList::parse(&anew.to_string(), STATUS_BYTES_MAX).expect("it is a list");
    assert_eq!(anew.statuses, list.statuses);
}

/// No secret, no private key and no surplus one gets in.
pub fn keys(data: &[u8]) {
    let Ok(set) = KeySet::parse(data, JWKS_KEYS_MAX) else { return };
    assert!(set.keys.len() <= JWKS_KEYS_MAX);
    assert!(set.keys.iter().all(|key| ALGORITHMS.iter().any(|name| name.parse().is_ok_and(|name| key.fits(name)))));
    let Ok(seen) = serde_json::from_slice::<Value>(data) else { return };
    let is_public = |key: &&Value| {
        key.get("d").is_none() && key.get("k").is_none() && key.get("kty").is_some_and(|kind| kind != "oct")
    };
    let public = seen.get("keys").and_then(Value::as_array).map_or(0, |keys| keys.iter().filter(is_public).count());
    assert!(set.keys.len() <= public);
}

/// What leads to keys is one object that names the issuer and an https address, as another reader sees it.
pub fn issuer_metadata(data: &[u8]) {
    let issuer = "https://a.example/t";
    let Ok(found) = metadata::key_set_of(issuer, data) else { return };
    // A number that is too large for the other reader stands in what ours does not look at.
    let Ok(seen) = serde_json::from_slice::<Value>(data) else { return };
    assert_eq!(seen.get("issuer").and_then(Value::as_str), Some(issuer));
    let named: http::Uri = seen.get("jwks_uri").and_then(Value::as_str).expect("a text").parse().expect("a URI");
    assert_eq!((found.scheme_str(), &found), (Some("https"), &named));
    assert!(found.host().is_some_and(|host| !host.is_empty()));
    assert!(!found.to_string().contains('#') && !found.authority().expect("a host").as_str().contains('@'));
}

/// A token that passes has three parts, each of which a decoder without vectors reads as well, and a header that asks for
/// nothing that we do not understand.
pub fn jws(data: &[u8]) {
    let parts: Vec<_> = data.split(|b| *b == b'.').collect();
    let octets: Vec<_> = parts.iter().filter_map(|part| URL_SAFE_NO_PAD.decode(part).ok()).collect();
    let is_whole = matches!(&octets[..], [header, _, signature] if !header.is_empty() && !signature.is_empty());
    let Ok(jws) = Jws::read(data) else {
        assert!(!is_whole || parts.len() != 3);
        return;
    };
    assert!(is_whole && parts.len() == 3);
    assert_eq!(jws.payload().ok(), std::str::from_utf8(&octets[1]).ok());
    let Ok(header) = jws.header() else { return };
    let Ok(seen) = serde_json::from_slice::<Value>(&octets[0]) else { return };
    assert_eq!(seen.get("alg").and_then(Value::as_str), Some(&*header.alg));
    assert_eq!(seen.get("kid").and_then(Value::as_str), header.kid.as_deref());
    for name in ["crit", "b64"] {
        assert!(seen.get(name).is_none_or(Value::is_null), "{name}");
    }
}

/// Settings, or at least one fault that can be told.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(faults) = scopegate::config::parse(text, Path::new("/nowhere/gate.yaml")) {
        assert!(faults.count() > 0);
        assert!(!faults.to_string().is_empty());
    }
}

/// However the network cuts a chunked body, it is the same body. The first byte says where it is cut.
pub fn chunked(data: &[u8]) {
    let Some((step, wire)) = data.split_first() else { return };
    let whole = dechunked(std::iter::once(wire));
    let pieces = dechunked(wire.chunks(usize::from(*step).max(1)));
    match (&whole, &pieces) {
        (Some((body, is_over, rest)), Some(other)) => {
            assert_eq!((body, is_over), (&other.0, &other.1));
            if *is_over {
                assert!(wire.ends_with(rest));
            }
        }
        (None, None) => {}
        _ => panic!("whole {whole:?}, in pieces {pieces:?}"),
    }
}

/// The body, whether it is complete, and what is left over; `None` for a fault.
pub(crate) fn dechunked<'w>(pieces: impl Iterator<Item = &'w [u8]>) -> Option<(Vec<u8>, bool, Vec<u8>)> {
    let (mut buffer, mut chunks, mut body) = (BytesMut::new(), Chunks::default(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match chunks.next(&mut buffer) {
                Ok(Chunk::Data(data)) => body.extend_from_slice(&data),
                Ok(Chunk::Incomplete | Chunk::End) => break,
                Err(_) => return None,
            }
        }
    }
    Some((body, chunks.is_over(), buffer.to_vec()))
}

/// Small, so that the engine reaches it.
const STATUS_BYTES_MAX: usize = 4096;
const ALGORITHMS: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
