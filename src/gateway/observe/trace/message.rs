//! Protocol Buffers, as far as OTLP needs them: fields of a message appended one after the other. Pure.

/// An attribute's value.
#[derive(Clone, Copy, Debug)]
pub enum Value<'v> {
    /// A text.
    Text(&'v str),
    /// A number.
    Number(u64),
}

/// A message, text or octets, with its length before it.
pub fn bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    varint(out, u64::from(number << 3 | LENGTH_DELIMITED));
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A number or an enumerator.
pub fn number(out: &mut Vec<u8>, number: u32, value: u64) {
    varint(out, u64::from(number << 3 | VARINT));
    varint(out, value);
}

/// A `fixed64`.
pub fn fixed64(out: &mut Vec<u8>, number: u32, value: u64) {
    varint(out, u64::from(number << 3 | FIXED64));
    out.extend_from_slice(&value.to_le_bytes());
}

/// A `fixed32`.
pub fn fixed32(out: &mut Vec<u8>, number: u32, value: u32) {
    varint(out, u64::from(number << 3 | FIXED32));
    out.extend_from_slice(&value.to_le_bytes());
}

/// A `KeyValue` of OTLP.
pub fn attribute(out: &mut Vec<u8>, place: u32, key: &str, value: Value<'_>) {
    let (mut any, mut pair) = (Vec::new(), Vec::new());
    match value {
        Value::Text(text) => bytes(&mut any, 1, text.as_bytes()),
        Value::Number(value) => number(&mut any, 3, value),
    }
    bytes(&mut pair, 1, key.as_bytes());
    bytes(&mut pair, 2, &any);
    bytes(out, place, &pair);
}

/// `rejected_spans` of an `ExportTraceServiceResponse`; `None` where it cannot be read.
pub fn rejected(answer: &[u8]) -> Option<u64> {
    let mut rejected = 0;
    fields(answer, |number, value| {
        if let (1, Field::Bytes(partial)) = (number, value) {
            fields(partial, |number, value| {
                if let (1, Field::Number(count)) = (number, value) {
                    rejected = count;
                }
            })?;
        }
        Some(())
    })?;
    Some(rejected)
}

enum Field<'f> {
    Number(u64),
    Bytes(&'f [u8]),
    Other,
}

/// Every field of a message, or `None` where it breaks off.
fn fields<'f, R>(mut rest: &'f [u8], mut each: impl FnMut(u64, Field<'f>) -> R) -> Option<()> {
    while !rest.is_empty() {
        let (tag, behind) = take_varint(rest)?;
        let (field, behind) = match u32::try_from(tag & 7).ok()? {
            VARINT => take_varint(behind).map(|(value, rest)| (Field::Number(value), rest))?,
            FIXED64 => (Field::Other, behind.get(8..)?),
            FIXED32 => (Field::Other, behind.get(4..)?),
            LENGTH_DELIMITED => {
                let (length, behind) = take_varint(behind)?;
                let (value, rest) = behind.split_at_checked(usize::try_from(length).ok()?)?;
                (Field::Bytes(value), rest)
            }
            _ => return None,
        };
        each(tag >> 3, field);
        rest = behind;
    }
    Some(())
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

fn take_varint(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, octet) in text.iter().take(10).enumerate() {
        value |= u64::from(octet & 0x7f).checked_shl(u32::try_from(place).ok()? * 7)?;
        if octet & 0x80 == 0 {
            return Some((value, text.get(place + 1..)?));
        }
    }
    None
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH_DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_encoding_are_written() {
        let mut out = Vec::new();
        number(&mut out, 1, 150);
        bytes(&mut out, 2, b"testing");
        assert_eq!(out, [&[0x08, 0x96, 0x01, 0x12, 0x07][..], b"testing"].concat());
        out.clear();
        fixed32(&mut out, 16, 0x301);
        assert_eq!(out, [0x85, 0x01, 0x01, 0x03, 0, 0]);
    }

    #[test]
    fn what_a_collector_rejected_is_read() {
        let (mut partial, mut answer) = (Vec::new(), Vec::new());
        assert_eq!(rejected(b""), Some(0));
        number(&mut partial, 1, 300);
        bytes(&mut partial, 2, b"too many");
        fixed64(&mut answer, 9, 5);
        bytes(&mut answer, 1, &partial);
        assert_eq!(rejected(&answer), Some(300));
        assert_eq!(rejected(&answer[..answer.len() - 1]), None);
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(answer in proptest::collection::vec(any::<u8>(), 0..64)) {
            rejected(&answer);
        }
    }
}
