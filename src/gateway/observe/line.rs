//! Writes one access-log line: JSON, one object, fields in a fixed order, absent ones left out. Every text that a
//! client or an issuer chose is escaped.

use super::super::verify::cache::CacheUse;
use super::super::verify::token::VerifiedToken;
use super::metrics::Outcome;
use super::record::Record;
use super::stamp::Stamp;
use http::Version;

/// Appends the line of `record`, with its newline. `stamp` is when its head was complete.
pub(super) fn write(block: &mut Vec<u8>, record: &Record, stamp: &Stamp, took_us: u64) {
    block.extend_from_slice(b"{\"time\":\"");
    block.extend_from_slice(stamp.octets());
    quoted(block, b"\",\"id\":\"", record.id.octets());
    if let Some(trace) = &record.trace {
        text(block, b",\"trace_id\":\"", trace.id().as_bytes());
    }
    block.extend_from_slice(&record.client);
    if let Some(method) = &record.method {
        quoted(block, b",\"method\":\"", method.as_str().as_bytes());
    }
    if let Some(path) = record.path() {
        text(block, b",\"path\":\"", path.as_bytes());
    }
    if let Some(version) = record.version {
        block.extend_from_slice(protocol(version));
    }
    if let Some(name) = record.name() {
        block.extend_from_slice(name);
    }
    if let Some(route) = record.route() {
        block.extend_from_slice(&route.service_line);
    }
    outcome(block, record.outcome);
    if let Some(quota) = record.quota() {
        text(block, b",\"quota\":\"", quota.as_bytes());
    }
    if let Some(certificate) = &record.certificate {
        block.extend_from_slice(certificate.line());
    }
    if let Some(token) = &record.token {
        holder(block, token);
    }
    match record.cache {
        Some(CacheUse::Hit) => block.extend_from_slice(b",\"verdict\":\"remembered\""),
        Some(CacheUse::Miss) => block.extend_from_slice(b",\"verdict\":\"fresh\""),
        None => {}
    }
    if let (Some(wait_us), Some(route)) = (record.upstream_us, record.route()) {
        block.extend_from_slice(&route.upstream_line);
        number(block, b",\"upstream_us\":", wait_us);
    }
    if let Some(received_us) = record.received_us() {
        number(block, b",\"received_us\":", received_us);
    }
    if let (Some(first_us), Outcome::Passed(_)) = (record.first_us, record.outcome) {
        number(block, b",\"first_us\":", first_us);
    }
    number(block, b",\"duration_us\":", took_us);
    number(block, b",\"bytes\":", record.bytes);
    if let Some(end) = record.end.name() {
        quoted(block, b",\"end\":\"", end.as_bytes());
    }
    block.extend_from_slice(b"}\n");
}

/// Whose token it was: its issuer's name, and its client.
pub(super) fn holder(block: &mut Vec<u8>, token: &VerifiedToken) {
    let (issuer, client) = token.line();
    block.extend_from_slice(issuer);
    if let Some(client) = client {
        text(block, b",\"client_id\":\"", client);
    }
}

/// A field as it stands in a line, for what stays the same over many requests and is made once.
pub fn field(name: &str, value: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    named(&mut field, name, value);
    field
}

/// Appends a field of any name.
pub(super) fn named(block: &mut Vec<u8>, name: &str, value: &[u8]) {
    block.extend_from_slice(b",\"");
    block.extend_from_slice(name.as_bytes());
    text(block, b"\":\"", value);
}

fn protocol(version: Version) -> &'static [u8] {
    match version {
        Version::HTTP_2 => b",\"protocol\":\"HTTP/2\"",
        Version::HTTP_10 => b",\"protocol\":\"HTTP/1.0\"",
        _ => b",\"protocol\":\"HTTP/1.1\"",
    }
}

pub(super) fn outcome(block: &mut Vec<u8>, outcome: Outcome) {
    match outcome {
        Outcome::Passed(status) => put(block, b",\"status\":", status.as_str().as_bytes()),
        Outcome::Refused(reason) => {
            put(block, b",\"status\":", reason.status().as_str().as_bytes());
            quoted(block, b",\"reason\":\"", reason.name().as_bytes());
        }
    }
}

// The beginnings of fields come with their length in their type, so that each is a few stores and no call to copy them: a line
// has twenty, and a request with a remembered token spends more on its line than on its token.

/// Appends `value` behind `begin`.
fn put<const N: usize>(block: &mut Vec<u8>, begin: &[u8; N], value: &[u8]) {
    block.extend_from_slice(begin);
    block.extend_from_slice(value);
}

/// A value whose grammar has nothing that must be escaped: a UUID, a method, a name of ours. `begin` ends with its first quote.
fn quoted<const N: usize>(block: &mut Vec<u8>, begin: &[u8; N], value: &[u8]) {
    put(block, begin, value);
    block.push(b'"');
}

/// A value that somebody chose.
fn text<const N: usize>(block: &mut Vec<u8>, begin: &[u8; N], value: &[u8]) {
    block.extend_from_slice(begin);
    if is_plain(value) {
        block.extend_from_slice(value);
    } else {
        escape(block, value);
    }
    block.push(b'"');
}

fn number<const N: usize>(block: &mut Vec<u8>, begin: &[u8; N], value: u64) {
    put(block, begin, itoa::Buffer::new().format(value).as_bytes());
}

/// Whether nothing of it must be escaped. Eight octets are looked at as one word, the last ones maybe twice.
fn is_plain(value: &[u8]) -> bool {
    match value.last_chunk::<8>() {
        Some(last) => value.as_chunks::<8>().0.iter().chain([last]).all(|word| is_plain_word(*word)),
        None => value.iter().all(|octet| matches!(octet, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E)),
    }
}

/// Whether there is no control, no `"`, no `\`, no DEL and nothing beyond ASCII. In each term the highest bit of an octet tells
/// that it is one; only such an octet borrows from the next or carries into it, so that none is told of without cause.
fn is_plain_word(word: [u8; 8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let octets = u64::from_ne_bytes(word);
    let zero = |octets: u64| octets.wrapping_sub(ONES) & !octets;
    let is = |octet: u8| zero(octets ^ (ONES * u64::from(octet)));
    let is_control = octets.wrapping_sub(ONES * 0x20);
    let is_delete = octets.wrapping_add(ONES);
    (octets | is_control | is_delete | is(b'"') | is(b'\\')) & (ONES * 0x80) == 0
}

/// RFC 8259 §7; octets that are not ASCII become the code points of Latin-1, so that every line is UTF-8.
fn escape(block: &mut Vec<u8>, value: &[u8]) {
    for byte in value {
        match byte {
            b'"' | b'\\' => block.extend_from_slice(&[b'\\', *byte]),
            0x20..=0x7E => block.push(*byte),
            _ => {
                let hex = |nibble: u8| char::from_digit(u32::from(nibble), 16).map_or(b'0', |digit| digit as u8);
                block.extend_from_slice(b"\\u00");
                block.extend_from_slice(&[hex(byte >> 4), hex(byte & 15)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whatever_a_client_sends_stays_inside_its_string() {
        let mut block = b"{\"x\":1".to_vec();
        named(&mut block, "path", b"a\"b\\c\r\n\0\xff/");
        block.push(b'}');
        let parsed: serde_json::Value = serde_json::from_slice(&block).unwrap();
        assert_eq!(parsed["path"], "a\"b\\c\r\n\0\u{ff}/");
    }

    proptest! {
        /// In words as octet by octet, wherever in a word it stands, and whatever is beside it.
        #[test]
        fn what_must_be_escaped_is_found(value in proptest::collection::vec(any::<u8>(), 0..20), around in 0x20_u8..0x7f) {
            for octet in 0..=u8::MAX {
                let is_one = |octet: u8| matches!(octet, 0..0x20 | b'"' | b'\\' | 0x7f..);
                let mut alone = vec![around; value.len()];
                for place in 0..alone.len() {
                    alone[place] = octet;
                    prop_assert_eq!(is_plain(&alone), !alone.iter().any(|octet| is_one(*octet)), "{:?}", alone);
                    alone[place] = around;
                }
                prop_assert_eq!(is_plain(&value), !value.iter().any(|octet| is_one(*octet)), "{:?}", value);
            }
        }
    }
}
