//! The chain of the audit log: how a line is sealed to the one before it, and how it is read back. Pure: nothing here
//! opens a file.
//!
//! ```text
//! {"seq":17,"time":"2027-01-15T08:00:00.000Z","event":"request",…,"hash":"9f86d0…"}
//! ```
//!
//! `hash` is the SHA-256 of the hash of the line before, as it is written there, and of this line's own octets up to
//! `,"hash"`. So it can be checked without us: `printf %s "$hash_before$begin" | sha256sum`.

use aws_lc_rs::digest::{Context, SHA256};
use std::fmt;

/// The hash of a line, as it is written: 64 hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; HASH_BYTES]);

/// Where a chain stands: the number and the hash of its last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Counts the lines, from 1.
    pub seq: u64,
    /// What the next line is sealed to.
    pub hash: Hash,
}

/// One line, taken apart. That it reads well says nothing of its hash.
#[derive(Clone, Copy, Debug)]
pub struct Line<'l> {
    /// Its number.
    pub seq: u64,
    /// When it was written, RFC 3339.
    pub time: &'l str,
    /// What it tells of.
    pub event: &'l str,
    /// What stands there as its hash.
    pub hash: Hash,
    /// What the hash is of, beside the hash before.
    sealed: &'l [u8],
    /// The fields behind `event`, each with its comma.
    fields: &'l [u8],
}

impl Hash {
    /// Before the first line.
    pub const START: Self = Self([b'0'; HASH_BYTES]);

    /// From its text.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let is_hex = text.iter().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
        text.try_into().ok().filter(|_| is_hex).map(Self)
    }

    /// Of a line that begins so, behind one with this hash.
    fn after(self, sealed: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&self.0);
        context.update(sealed);
        let mut text = [b'0'; HASH_BYTES];
        let digest = context.finish();
        let nibbles = digest.as_ref().iter().flat_map(|octet| [octet >> 4, octet & 15]);
        for (place, nibble) in text.iter_mut().zip(nibbles) {
            *place = DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
        }
        Self(text)
    }

    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Link {
    /// Of a chain without a line.
    pub const START: Self = Self { seq: 0, hash: Hash::START };

    /// Appends a line with these fields, each with its comma before it; `time` and `event` are the first two. What
    /// `sign` appends, if there is anything to sign, is sealed with them.
    pub fn append(&mut self, out: &mut Vec<u8>, fields: &[u8], sign: impl FnOnce(&Hash, &[u8]) -> Vec<u8>) {
        let start = out.len();
        self.seq += 1;
        out.extend_from_slice(BEGIN);
        out.extend_from_slice(itoa::Buffer::new().format(self.seq).as_bytes());
        out.extend_from_slice(fields);
        let signed = sign(&self.hash, out.get(start..).unwrap_or_default());
        out.extend_from_slice(&signed);
        self.hash = self.hash.after(out.get(start..).unwrap_or_default());
        out.extend_from_slice(HASH);
        out.extend_from_slice(self.hash.as_bytes());
        out.extend_from_slice(END);
    }
}

impl<'l> Line<'l> {
    /// Takes a line without its newline apart, if it has the form of ours.
    pub fn read(line: &'l [u8]) -> Option<Self> {
        let (rest, end) = line.split_at_checked(line.len().checked_sub(HASH_BYTES + TAIL.len())?)?;
        let hash = Hash::parse(end.strip_suffix(TAIL)?)?;
        let sealed = rest.strip_suffix(HASH)?;
        let rest = sealed.strip_prefix(BEGIN)?;
        let digits = rest.iter().position(|octet| !octet.is_ascii_digit())?;
        let (number, rest) = rest.split_at_checked(digits)?;
        let number = std::str::from_utf8(number).ok()?;
        let seq = number.parse().ok().filter(|seq: &u64| seq.to_string() == number)?;
        let (time, rest) = rest.strip_prefix(TIME)?.split_at_checked(TIME_BYTES)?;
        let rest = rest.strip_prefix(EVENT)?;
        let quote = rest.iter().position(|octet| *octet == b'"')?;
        let (event, fields) = rest.split_at_checked(quote)?;
        let text = |octets| std::str::from_utf8(octets).ok().filter(|text| !text.contains(['"', '\\']));
        Some(Self { seq, time: text(time)?, event: text(event)?, hash, sealed, fields: fields.get(1..)? })
    }

    /// Where the chain stands with it.
    pub fn link(&self) -> Link {
        Link { seq: self.seq, hash: self.hash }
    }

    /// Whether it is sealed to a line with this hash.
    pub fn follows(&self, before: &Hash) -> bool {
        before.after(self.sealed) == self.hash
    }

    /// The field `name` of a line that we write ourselves: plain text or a number, and the first of that name.
    pub fn field(&self, name: &str) -> Option<&'l str> {
        let fields = std::str::from_utf8(self.fields).ok()?;
        let (_, rest) = fields.split_once(&format!(",\"{name}\":"))?;
        match rest.strip_prefix('"') {
            Some(text) => text.split('"').next(),
            None => rest.split(',').next(),
        }
    }

    /// Its signature, and what it is of beside the hash before.
    pub fn signed(&self) -> Option<(&'l [u8], &'l str)> {
        let rest = self.sealed.strip_suffix(b"\"")?;
        let (rest, signature) = rest.split_at_checked(rest.len().checked_sub(SIGNATURE_BYTES)?)?;
        Some((rest.strip_suffix(SIGNATURE)?, std::str::from_utf8(signature).ok()?))
    }
}

/// A signature, as a field.
pub(super) fn signature_field(signature: &str) -> Vec<u8> {
    [SIGNATURE, signature.as_bytes(), b"\""].concat()
}

const BEGIN: &[u8] = b"{\"seq\":";
const TIME: &[u8] = b",\"time\":\"";
const TIME_BYTES: usize = 24;
const EVENT: &[u8] = b"\",\"event\":\"";
const HASH: &[u8] = b",\"hash\":\"";
const TAIL: &[u8] = b"\"}";
const END: &[u8] = b"\"}\n";
const SIGNATURE: &[u8] = b",\"signature\":\"";
/// Of Ed25519 in base64url without padding.
const SIGNATURE_BYTES: usize = 86;
const HASH_BYTES: usize = 64;
const DIGITS: [u8; 16] = *b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;

    const FIELDS: &[u8] = b",\"time\":\"2027-01-15T08:00:00.000Z\",\"event\":\"request\",\"id\":\"a\",\"bytes\":12";

    fn line() -> String {
        let mut out = Vec::new();
        let mut link = Link::START;
        link.append(&mut out, FIELDS, |_, _| Vec::new());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_read_as_it_was_written_and_is_json() {
        let text = line();
        let line = Line::read(text.trim_end().as_bytes()).unwrap();
        assert_eq!((line.seq, line.time, line.event), (1, "2027-01-15T08:00:00.000Z", "request"));
        assert_eq!((line.field("id"), line.field("bytes"), line.field("none")), (Some("a"), Some("12"), None));
        assert!(line.follows(&Hash::START));
        assert!(!line.follows(&line.hash));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["hash"], line.hash.to_string());
    }

    /// What the documentation promises: `sha256sum` finds the same.
    #[test]
    fn the_hash_is_that_of_the_text_before() {
        let text = line();
        let begin = text.split(",\"hash\"").next().unwrap();
        let digest = sha256(format!("{}{begin}", Hash::START).as_bytes());
        let hex: String = digest.iter().flat_map(|octet| super::super::hexadecimal(*octet)).collect();
        assert!(text.contains(&hex), "{text}");
    }

    #[test]
    fn what_is_not_of_this_form_is_no_line() {
        let text = line();
        let good = text.trim_end();
        for bad in [
            String::new(),
            "{}".to_owned(),
            good[1..].to_owned(),
            good[..good.len() - 1].to_owned(),
            format!("{good} "),
            good.replace("\"seq\":1", "\"seq\":01"),
            good.replace("\"seq\":1", "\"seq\":+1"),
            good.replace("\"seq\":1", "\"seq\":18446744073709551616"),
            good.replace("\"time\"", "\"date\""),
            good.replace("\"event\"", "\"e\""),
        ] {
            assert!(Line::read(bad.as_bytes()).is_none(), "{bad}");
        }
        let upper = good.rsplit_once(":\"").map(|(head, hash)| format!("{head}:\"{}", hash.to_uppercase())).unwrap();
        assert!(Line::read(upper.as_bytes()).is_none());
    }
}
