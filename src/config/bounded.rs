//! Keys that have a default and bounds.

use super::bounds::{TIMEOUT_MAX, TIMEOUT_MIN};
use super::quantity;
use super::reader::Section;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How long something may take.
pub(super) fn timeout(section: &Section<'_>, key: &str, default: Duration) -> Option<Duration> {
    section.read_or(key, default, |value| {
        value.parse(|text| quantity::within(quantity::duration(text)?, TIMEOUT_MIN, TIMEOUT_MAX))
    })
}

/// How many there may be, at least one.
pub(super) fn count(section: &Section<'_>, key: &str, default: usize, most: usize) -> Option<usize> {
    section.read_or(key, default, |value| value.whole_number(1, most))
}

/// How large something may be, in bytes.
pub(super) fn size(section: &Section<'_>, key: &str, default: u64, bounds: RangeInclusive<u64>) -> Option<u64> {
    section.read_or(key, default, |value| value.parse(|text| quantity::sized(text, &bounds)))
}
