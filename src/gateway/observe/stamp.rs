//! When something happened, as logs and refusals tell it: RFC 3339 in UTC, with milliseconds.

use crate::clock::UnixSeconds;

/// A time as RFC 3339 in UTC, with milliseconds.
pub struct Stamp([u8; 24]);

impl Stamp {
    /// Its text, as it stands in a line.
    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The same.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The last second that was asked for: its text is good for every request in it.
pub(crate) struct Seconds {
    second: u64,
    text: [u8; 24],
}

impl Seconds {
    /// The stamp of a time in milliseconds.
    pub(crate) fn stamp(&mut self, unix_ms: u64) -> Stamp {
        let (second, ms) = (unix_ms / 1000, unix_ms % 1000);
        if self.second != second {
            *self = Self::of(second);
        }
        let mut stamp = self.text;
        let [.., hundreds, tens, ones, _zone] = &mut stamp;
        for (place, digit) in [hundreds, tens, ones].into_iter().zip([ms / 100, ms / 10 % 10, ms % 10]) {
            *place = b'0' + u8::try_from(digit).unwrap_or_default();
        }
        Stamp(stamp)
    }

    /// A year past 9999 has no place in it, and a clock that says so is wrong.
    fn of(second: u64) -> Self {
        let (year, month, day) = UnixSeconds(i64::try_from(second).unwrap_or(i64::MAX)).date();
        let of_day = second % 86_400;
        let (hour, minute) = (of_day / 3600, of_day / 60 % 60);
        let digits = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}", of_day % 60);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (place, octet) in text.iter_mut().zip(digits.bytes()) {
            *place = octet;
        }
        Self { second, text }
    }
}

impl Default for Seconds {
    fn default() -> Self {
        Self::of(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        let mut seconds = Seconds::default();
        for (unix_ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_001, "2000-02-28T23:59:59.001Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_435_404_007, "2026-11-23T12:03:24.007Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(seconds.stamp(unix_ms).as_str(), expected);
        }
    }
}
