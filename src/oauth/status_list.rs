//! Token Status Lists (draft-ietf-oauth-status-list): where a token says that its status stands, and a list, read
//! strictly. Whose list it is and how old it may be is for `gateway::verify::status`.

use super::numeric_date::NumericDate;
use crate::clock::UnixSeconds;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use miniz_oxide::inflate;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::time::Duration;

/// The claim `status` of a token (§6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It stands in a list.
    Listed(Reference),
    /// It names another mechanism, alone or beside a list, or none at all: what we do not understand may say that the
    /// token was revoked.
    Foreign,
}

/// A place in a list (§6.2).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Reference {
    /// Which status, from 0.
    #[serde(rename = "idx")]
    pub index: u64,
    /// Where the list is fetched.
    pub uri: Box<str>,
}

/// The payload of a Status List Token (§5.1).
#[derive(Debug)]
pub struct StatusList {
    /// `sub`: where it is to be fetched.
    pub uri: String,
    /// `iat`
    pub issued: UnixSeconds,
    /// `exp`
    pub expires: Option<UnixSeconds>,
    /// `ttl`: after this it should be fetched anew.
    pub ttl: Option<Duration>,
    /// What it is about.
    pub statuses: Statuses,
}

/// The statuses of a list, in 1, 2, 4 or 8 bits each (§4.1).
#[derive(Debug, PartialEq, Eq)]
pub struct Statuses {
    bits: u8,
    octets: Box<[u8]>,
}

/// Why a payload is no status list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadList {
    /// Not the JSON of §5.1: a member is missing, twice, or of the wrong type.
    Unreadable,
    /// Not 1, 2, 4 or 8 bits a status.
    Bits,
    /// `lst` is no base64url.
    Encoding,
    /// `lst` is no zlib data, or inflates to more than the bound.
    Compression,
}

impl StatusList {
    /// Reads a payload whose list has at most `bytes_max` bytes.
    pub fn parse(payload: &str, bytes_max: usize) -> Result<Self, BadList> {
        let payload: Payload<'_> = object(payload).ok_or(BadList::Unreadable)?;
        let list: Compressed = object(payload.status_list.get()).ok_or(BadList::Unreadable)?;
        Ok(Self {
            uri: payload.sub,
            issued: payload.iat.0,
            expires: payload.exp.map(|date| date.0),
            ttl: payload.ttl.map(seconds).transpose()?,
            statuses: Statuses::inflate(list.bits, &list.lst, bytes_max)?,
        })
    }
}

impl Statuses {
    /// From `bits` and `lst` (§4.2). The bound comes first: a few hundred bytes inflate to a gigabyte.
    fn inflate(bits: u8, text: &str, bytes_max: usize) -> Result<Self, BadList> {
        if !matches!(bits, 1 | 2 | 4 | 8) {
            return Err(BadList::Bits);
        }
        let zlib = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadList::Encoding)?;
        let octets = inflate::decompress_to_vec_zlib_with_limit(&zlib, bytes_max).map_err(|_| BadList::Compression)?;
        Ok(Self { bits, octets: octets.into() })
    }

    /// The status at `index`; `None` beyond the end. The first status is in the lowest bits of the first octet (§4.1).
    pub fn get(&self, index: u64) -> Option<u8> {
        let per_octet = u64::from(8 / self.bits);
        let octet = self.octets.get(usize::try_from(index / per_octet).ok()?)?;
        let shift = u8::try_from(index % per_octet).ok()? * self.bits;
        Some(octet >> shift & u8::MAX >> (8 - self.bits))
    }
}

#[derive(Deserialize)]
struct Payload<'p> {
    sub: String,
    iat: NumericDate,
    exp: Option<NumericDate>,
    ttl: Option<f64>,
    #[serde(borrow)]
    status_list: &'p RawValue,
}

#[derive(Deserialize)]
struct Compressed {
    bits: u8,
    lst: String,
}

/// A derived reader would take an array for a struct.
fn object<'p, T: Deserialize<'p>>(json: &'p str) -> Option<T> {
    if json.trim_start().starts_with('{') { serde_json::from_str(json).ok() } else { None }
}

/// Whatever is longer than time itself is as long as that.
fn seconds(ttl: f64) -> Result<Duration, BadList> {
    if ttl < 0.0 { Err(BadList::Unreadable) } else { Ok(Duration::try_from_secs_f64(ttl).unwrap_or(Duration::MAX)) }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StatusVisitor)
    }
}

struct StatusVisitor;

impl<'de> Visitor<'de> for StatusVisitor {
    type Value = Status;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of status mechanisms")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Status, A::Error> {
        let (mut listed, mut is_foreign) = (None, false);
        while let Some(name) = members.next_key::<String>()? {
            if name != "status_list" {
                members.next_value::<IgnoredAny>()?;
                is_foreign = true;
            } else if listed.is_none() {
                let list: Box<RawValue> = members.next_value()?;
                listed = Some(object(list.get()).ok_or_else(|| de::Error::custom("not a place in a list"))?);
            } else {
                return Err(de::Error::duplicate_field("status_list"));
            }
        }
        Ok(match listed {
            Some(reference) if !is_foreign => Status::Listed(reference),
            Some(_) | None => Status::Foreign,
        })
    }
}

impl fmt::Display for BadList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "a member is missing, twice or of the wrong type",
            Self::Bits => "`bits` is none of 1, 2, 4 and 8",
            Self::Encoding => "`lst` is not base64url",
            Self::Compression => "`lst` is no zlib data, or too much",
        })
    }
}

impl std::error::Error for BadList {}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec_zlib;
    use proptest::prelude::*;

    const BYTES_MAX: usize = 1 << 17;

    fn payload(list: &str) -> String {
        format!(r#"{{"sub":"https://a/1","iat":5,"status_list":{list}}}"#)
    }

    fn read(bits: u8, text: &str) -> Result<Statuses, BadList> {
        let list = payload(&format!(r#"{{"bits":{bits},"lst":"{text}"}}"#));
        StatusList::parse(&list, BYTES_MAX).map(|list| list.statuses)
    }

    fn deflate(octets: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(compress_to_vec_zlib(octets, 6))
    }

    /// SL-3, the vectors of §4.1, §4.2 and appendix C.1.
    #[test]
    fn the_vectors_of_the_draft_are_read_as_it_says() {
        for (bits, text, expected) in [
            (1, "eNrbuRgAAhcBXQ", &[1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1][..]),
            (2, "eNo76fITAAPfAgc", &[1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3][..]),
        ] {
            let list = read(bits, text).unwrap();
            let found: Vec<u8> = (0..).map_while(|index| list.get(index)).collect();
            assert_eq!(found, expected);
        }
        let million = read(1, MILLION).unwrap();
        let set: Vec<u64> = (0..1 << 20).filter(|index| million.get(*index) == Some(1)).collect();
        assert_eq!(set, [0, 1993, 25460, 159_495, 495_669, 554_353, 645_645, 723_232, 854_545, 934_534, 1_000_345]);
        assert_eq!(million.get(1 << 20), None);
    }

    const MILLION: &str = "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAAACAZC8L2AEb";

    /// SL-3: lowest bits first, whatever the width; nothing beyond the end.
    #[test]
    fn statuses_stand_lowest_bits_first() {
        let text = deflate(&[0b1110_0100, 0x5A]);
        for (bits, expected) in [
            (1, &[0, 0, 1, 0, 0, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0][..]),
            (2, &[0, 1, 2, 3, 2, 2, 1, 1][..]),
            (4, &[4, 14, 10, 5][..]),
            (8, &[0xE4, 0x5A][..]),
        ] {
            let list = read(bits, &text).unwrap();
            let found: Vec<u8> = (0..).map_while(|index| list.get(index)).collect();
            assert_eq!(found, expected, "{bits}");
            assert_eq!(list.get(u64::MAX), None);
        }
        assert_eq!(read(1, &deflate(b"")).unwrap().get(0), None);
    }

    /// SL-3: a zip bomb is a megabyte long on the wire and a gigabyte behind it.
    #[test]
    fn what_inflates_to_more_than_the_bound_is_refused() {
        assert!(read(8, &deflate(&vec![0; BYTES_MAX])).unwrap().get(BYTES_MAX as u64 - 1).is_some());
        assert_eq!(read(8, &deflate(&vec![0; BYTES_MAX + 1])).err(), Some(BadList::Compression));
        assert_eq!(read(8, &deflate(&vec![0; 1 << 26])).err(), Some(BadList::Compression));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for (bits, text, fault) in [
            (0, "eNrbuRgAAhcBXQ", BadList::Bits),
            (3, "eNrbuRgAAhcBXQ", BadList::Bits),
            (16, "eNrbuRgAAhcBXQ", BadList::Bits),
            (1, "eNrbuRgAAhcBXQ=", BadList::Encoding),
            (1, "eNrbuRgAAhcBX+", BadList::Encoding),
            (1, "eNrbuRgAAhcBXR", BadList::Encoding),
            (1, "", BadList::Compression),
            (1, "eA", BadList::Compression),
            (1, "eNrbuRgAAhcB", BadList::Compression),
            (1, "eNrbuRgAAhcBXA", BadList::Compression),
            (1, "27kYAA", BadList::Compression),
        ] {
            assert_eq!(read(bits, text).err(), Some(fault), "{bits} {text}");
        }
        let good = r#"{"bits":1,"lst":"eNrbuRgAAhcBXQ"}"#;
        assert!(StatusList::parse(&payload(good), BYTES_MAX).is_ok());
        for bad in [
            "",
            "[]",
            r#"["https://a/1",5,null,null,{"bits":1,"lst":"eNrbuRgAAhcBXQ"}]"#,
            &payload("null"),
            &payload(r#"[1,"eNrbuRgAAhcBXQ"]"#),
            &payload(r#"{"bits":"1","lst":"eNrbuRgAAhcBXQ"}"#),
            &payload(r#"{"bits":1}"#),
            &payload(r#"{"bits":1,"bits":1,"lst":"eNrbuRgAAhcBXQ"}"#),
            &payload(good).replace("sub", "sup"),
            &payload(good).replace("iat", "nbf"),
            &payload(good).replace('5', "\"5\""),
            &payload(good).replace('5', "5,\"iat\":6"),
            &payload(good).replace('5', "5,\"exp\":\"6\""),
            &payload(good).replace('5', "5,\"ttl\":-1"),
            &payload(good).replace('5', "5,\"ttl\":\"1\""),
            &payload(good).replace('5', "5,\"ttl\":1e999"),
        ] {
            assert_eq!(StatusList::parse(bad, BYTES_MAX).err(), Some(BadList::Unreadable), "{bad}");
        }
    }

    #[test]
    fn how_long_a_list_is_good_may_be_any_number() {
        let with = |text: &str| payload(r#"{"bits":1,"lst":"eNrbuRgAAhcBXQ"}"#).replace('5', text);
        for (text, expires, ttl) in [
            ("5", None, None),
            ("5,\"exp\":7.9,\"ttl\":0", Some(7), Some(Duration::ZERO)),
            ("5,\"ttl\":1.5", None, Some(Duration::from_millis(1500))),
            ("5,\"ttl\":1e99", None, Some(Duration::MAX)),
        ] {
            let list = StatusList::parse(&with(text), BYTES_MAX).unwrap();
            assert_eq!((list.expires.map(|date| date.0), list.ttl, list.issued.0), (expires, ttl, 5), "{text}");
        }
    }

    #[test]
    fn a_claim_names_a_place_in_a_list_and_nothing_else() {
        let read = |text: &str| serde_json::from_str::<Status>(text);
        let listed = Status::Listed(Reference { index: 7, uri: "u".into() });
        assert_eq!(read(r#"{"status_list":{"idx":7,"uri":"u","more":1}}"#).unwrap(), listed);
        for foreign in [
            "{}",
            r#"{"other":1}"#,
            r#"{"other":1,"status_list":{"idx":7,"uri":"u"}}"#,
            r#"{"status_list":{"idx":7,"uri":"u"},"a":{}}"#,
        ] {
            assert_eq!(read(foreign).unwrap(), Status::Foreign, "{foreign}");
        }
        for bad in [
            "null",
            "1",
            "\"active\"",
            "[]",
            r#"{"status_list":null}"#,
            r#"{"status_list":[7,"u"]}"#,
            r#"{"status_list":{"idx":7}}"#,
            r#"{"status_list":{"uri":"u"}}"#,
            r#"{"status_list":{"idx":-1,"uri":"u"}}"#,
            r#"{"status_list":{"idx":1.0,"uri":"u"}}"#,
            r#"{"status_list":{"idx":"7","uri":"u"}}"#,
            r#"{"status_list":{"idx":18446744073709551616,"uri":"u"}}"#,
            r#"{"status_list":{"idx":7,"uri":["u"]}}"#,
            r#"{"status_list":{"idx":7,"idx":8,"uri":"u"}}"#,
            r#"{"status_list":{"idx":7,"uri":"u"},"status_list":{"idx":7,"uri":"u"}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        /// What an issuer packs is what we read, at every index.
        #[test]
        fn what_is_packed_reads_back(exponent in 0_u8..4, statuses in prop::collection::vec(any::<u8>(), 0..300)) {
            let bits = 1 << exponent;
            let statuses: Vec<u8> = statuses.iter().map(|status| status & u8::MAX >> (8 - bits)).collect();
            let pack = |octet: &[u8]| octet.iter().rev().fold(0_u16, |all, status| all << bits | u16::from(*status));
            let octets: Vec<u8> = statuses.chunks(8 / usize::from(bits)).map(|octet| pack(octet).to_le_bytes()[0]).collect();
            let list = read(bits, &deflate(&octets)).unwrap();
            for (index, status) in (0..).zip(&statuses) {
                prop_assert_eq!(list.get(index), Some(*status));
            }
            prop_assert_eq!(list.get(octets.len() as u64 * u64::from(8 / bits)), None);
        }

        #[test]
        fn no_octets_are_too_many_or_panic(data in prop::collection::vec(any::<u8>(), 0..200), bits in any::<u8>()) {
            let text = URL_SAFE_NO_PAD.encode([&[0x78, 0xDA], &data[..]].concat());
            if let Ok(list) = read(bits, &text) {
                prop_assert!(list.octets.len() <= BYTES_MAX);
            }
        }
    }
}
