//! Reads DER (X.690 §10): one-byte tags, definite lengths in their shortest form. It allocates nothing, never calls itself
//! and stops at the first thing that it does not understand.

use crate::clock::UnixSeconds;
use std::ops::RangeInclusive;

/// The bytes are not DER, or not the DER that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadDer;

/// What is left to read of one constructed value.
#[derive(Clone, Copy, Debug)]
pub struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Reads from the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next value: its tag and its contents.
    pub fn read(&mut self) -> Result<(u8, &'a [u8]), BadDer> {
        let (tag, rest) = self.0.split_first().ok_or(BadDer)?;
        // The low bits all set begin a tag of several bytes, which no certificate has.
        if tag & 0x1F == 0x1F {
            return Err(BadDer);
        }
        let (length, rest) = length(rest)?;
        let (contents, rest) = rest.split_at_checked(length).ok_or(BadDer)?;
        self.0 = rest;
        Ok((*tag, contents))
    }

    /// The contents of the next value, which must have this tag.
    pub fn take(&mut self, tag: u8) -> Result<&'a [u8], BadDer> {
        let (found, contents) = self.read()?;
        if found == tag { Ok(contents) } else { Err(BadDer) }
    }

    /// The contents of the next value, if that has this tag.
    pub fn take_if(&mut self, tag: u8) -> Result<Option<&'a [u8]>, BadDer> {
        if self.0.first() == Some(&tag) { self.take(tag).map(Some) } else { Ok(None) }
    }

    /// The values within the next one, which must have this tag.
    pub fn enter(&mut self, tag: u8) -> Result<Self, BadDer> {
        self.take(tag).map(Self)
    }

    /// A `UTCTime` or `GeneralizedTime`, in the one form of RFC 5280 §4.1.2.5.
    pub fn time(&mut self) -> Result<UnixSeconds, BadDer> {
        let (tag, text) = self.read()?;
        time(tag, text).ok_or(BadDer)
    }

    /// There must be nothing left.
    pub fn end(self) -> Result<(), BadDer> {
        if self.is_empty() { Ok(()) } else { Err(BadDer) }
    }
}

/// The one value that `bytes` are, which must have this tag.
pub fn only(bytes: &[u8], tag: u8) -> Result<Der<'_>, BadDer> {
    let mut outer = Der(bytes);
    let inner = outer.enter(tag)?;
    outer.end()?;
    Ok(inner)
}

/// The length at the front of `bytes`, and what follows it. Each has one form: a second one would give what was signed
/// two spellings.
fn length(bytes: &[u8]) -> Result<(usize, &[u8]), BadDer> {
    let (first, rest) = bytes.split_first().ok_or(BadDer)?;
    let octets = match first {
        0..=0x7F => return Ok((usize::from(*first), rest)),
        0x81..=0x84 => usize::from(first - 0x80),
        _ => return Err(BadDer),
    };
    let (octets, rest) = rest.split_at_checked(octets).ok_or(BadDer)?;
    let length = octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
    let is_shortest = length > 0x7F && octets.first() != Some(&0);
    if is_shortest { Ok((length, rest)) } else { Err(BadDer) }
}

fn time(tag: u8, text: &[u8]) -> Option<UnixSeconds> {
    let digits = text.strip_suffix(b"Z").filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let number = |digits: &[u8]| digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => digits.split_at(2),
        (GENERALIZED_TIME, 14) => digits.split_at(4),
        _ => return None,
    };
    let year = match number(year) {
        short @ 0..50 if tag == UTC_TIME => 2000 + short,
        short if tag == UTC_TIME => 1900 + short,
        year => year,
    };
    let mut pairs = rest.chunks(2).map(number);
    let mut next = |range: RangeInclusive<i64>| pairs.next().filter(|number| range.contains(number));
    let month = next(1..=12)?;
    let day = next(1..=days_in(year, month))?;
    let (hour, minute, second) = (next(0..=23)?, next(0..=59)?, next(0..=59)?);
    Some(UnixSeconds(UnixSeconds::of_date((year, month, day)).0 + (hour * 60 + minute) * 60 + second))
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `BOOLEAN`
pub const BOOLEAN: u8 = 0x01;
/// `INTEGER`
pub const INTEGER: u8 = 0x02;
/// `BIT STRING`
pub const BIT_STRING: u8 = 0x03;
/// `OCTET STRING`
pub const OCTET_STRING: u8 = 0x04;
/// `OBJECT IDENTIFIER`
pub const OBJECT_IDENTIFIER: u8 = 0x06;
/// `UTF8String`
pub const UTF8_STRING: u8 = 0x0C;
/// `PrintableString`
pub const PRINTABLE_STRING: u8 = 0x13;
/// `UTCTime`
pub const UTC_TIME: u8 = 0x17;
/// `GeneralizedTime`
pub const GENERALIZED_TIME: u8 = 0x18;
/// `SEQUENCE`
pub const SEQUENCE: u8 = 0x30;
/// `SET`
pub const SET: u8 = 0x31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_form() {
        let long = [&[0x04, 0x81, 0x80][..], &[7; 128]].concat();
        assert_eq!(Der::new(&long).read(), Ok((OCTET_STRING, &[7; 128][..])));
        assert_eq!(Der::new(&[0x04, 0x7F]).read(), Err(BadDer), "cut off");
        for bad in [
            &b""[..],
            &[0x04],
            &[0x04, 0x80],
            &[0x04, 0x81, 0x01, 0x00],
            &[0x04, 0x82, 0x00, 0x80],
            &[0x04, 0x85, 1, 0, 0, 0, 0],
            &[0x04, 0xFF],
            &[0x1F, 0x01, 0x00],
            &[0x04, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
        ] {
            assert_eq!(Der::new(bad).read(), Err(BadDer), "{bad:?}");
        }
        assert!(only(&[0x30, 0x00, 0x00], SEQUENCE).is_err() && only(&[0x30, 0x00], SEQUENCE).is_ok());
    }

    #[test]
    fn times_are_those_of_rfc_5280() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "500101000000Z", Some(-631_152_000)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, "000229000000Z", Some(951_782_400)),
            (GENERALIZED_TIME, "21000301000000Z", Some(4_107_542_400)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (GENERALIZED_TIME, "00000101000000Z", Some(-62_167_219_200)),
            (GENERALIZED_TIME, "21000229000000Z", None),
            (GENERALIZED_TIME, "20261123120324.5Z", None),
            (GENERALIZED_TIME, "20261123120324", None),
            (UTC_TIME, "20261123120324Z", None),
            (UTC_TIME, "261123120324+0100", None),
            (UTC_TIME, "2611231203Z", None),
            (UTC_TIME, "261123246060Z", None),
            (UTC_TIME, "261301000000Z", None),
            (UTC_TIME, "26 123120324Z", None),
            (UTF8_STRING, "261123120324Z", None),
        ] {
            assert_eq!(time(tag, text.as_bytes()), expected.map(UnixSeconds), "{text}");
        }
    }
}
