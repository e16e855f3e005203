//! A date in JSON, as all JWTs write it (RFC 7519 §2).

use crate::clock::UnixSeconds;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use std::fmt;

/// `NumericDate` (RFC 7519 §2): a JSON number, not a string (CVE-2026-25537), not before 1970, not past year 9999.
pub(super) struct NumericDate(pub(super) UnixSeconds);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumericDateVisitor)
    }
}

struct NumericDateVisitor;

impl Visitor<'_> for NumericDateVisitor {
    type Value = NumericDate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds since 1970")
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<NumericDate, E> {
        i64::try_from(seconds)
            .ok()
            .filter(|seconds| *seconds <= YEAR_9999)
            .map(|seconds| NumericDate(UnixSeconds(seconds)))
            .ok_or_else(|| de::Error::custom("date out of range"))
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<NumericDate, E> {
        // The whole second before a fractional date: `exp` is never extended by rounding.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "checked to lie within the range"
        )]
        if (0.0..=YEAR_9999 as f64).contains(&seconds) {
            Ok(NumericDate(UnixSeconds(seconds as i64)))
        } else {
            Err(de::Error::custom("date out of range"))
        }
    }
}

/// 9999-12-31T23:59:59Z: a later date is a mistake or an attack on somebody's arithmetic.
const YEAR_9999: i64 = 253_402_300_799;
