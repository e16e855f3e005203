//! Reads one line of the gateway's access log. Whoever can write into the file, and whoever sent the request, is a
//! stranger: a line that is not exactly what the gateway writes is none, and long texts are cut.

use crate::clock::UnixSeconds;
use serde::Deserialize;

/// What a line says about one request. Absent in the line, absent here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox::portal) struct Line {
    /// When the request's head was complete, in milliseconds since 1970.
    pub(in crate::sandbox::portal) time_ms: u64,
    /// The correlation id, `x-fapi-interaction-id`: a UUID in lower case.
    pub(in crate::sandbox::portal) id: Box<str>,
    /// As the client spelled it.
    pub(in crate::sandbox::portal) method: Option<Box<str>>,
    /// Without the query, which is in no log.
    pub(in crate::sandbox::portal) path: Option<Box<str>>,
    /// The rule's path, as the operator wrote it.
    pub(in crate::sandbox::portal) route: Option<Box<str>>,
    /// Of the answer.
    pub(in crate::sandbox::portal) status: u16,
    /// Why it was refused; absent if it was not.
    pub(in crate::sandbox::portal) reason: Option<Box<str>>,
    /// Whose token it was, if it was good.
    pub(in crate::sandbox::portal) client_id: Option<Box<str>>,
    /// Whether the token was looked at `fresh` or `remembered`.
    pub(in crate::sandbox::portal) verdict: Option<Box<str>>,
    /// How long the API took.
    pub(in crate::sandbox::portal) upstream_us: Option<u64>,
    /// How long everything took.
    pub(in crate::sandbox::portal) duration_us: u64,
    /// Of the answer's body.
    pub(in crate::sandbox::portal) bytes: u64,
    /// How the answer ended, if not as it should.
    pub(in crate::sandbox::portal) end: Option<Box<str>>,
}

/// The line as it stands there. Fields that are read by nobody here may be anything.
#[derive(Deserialize)]
struct Spelled {
    time: String,
    id: String,
    method: Option<String>,
    path: Option<String>,
    route: Option<String>,
    status: u16,
    reason: Option<String>,
    client_id: Option<String>,
    verdict: Option<String>,
    upstream_us: Option<u64>,
    duration_us: u64,
    bytes: u64,
    end: Option<String>,
}

/// Reads a line without its newline; `None` if it is not one of the gateway's.
pub(in crate::sandbox::portal) fn parse(line: &[u8]) -> Option<Line> {
    if line.len() > LINE_BYTES_MAX {
        return None;
    }
    let spelled: Spelled = serde_json::from_slice(line).ok()?;
    Some(Line {
        time_ms: unix_ms(&spelled.time)?,
        id: uuid(&spelled.id)?,
        method: spelled.method.map(cut),
        path: spelled.path.map(cut),
        route: spelled.route.map(cut),
        status: Some(spelled.status).filter(|status| (100..600).contains(status))?,
        reason: spelled.reason.map(cut),
        // Half a name would be somebody else's.
        client_id: whole(spelled.client_id)?,
        verdict: spelled.verdict.map(cut),
        upstream_us: spelled.upstream_us,
        duration_us: spelled.duration_us,
        bytes: spelled.bytes,
        end: spelled.end.map(cut),
    })
}

/// A correlation id as it is compared: the gateway takes UUIDs of either case and no others.
pub(in crate::sandbox::portal) fn uuid(text: &str) -> Option<Box<str>> {
    let is_uuid = text.len() == UUID_BYTES
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    is_uuid.then(|| text.to_ascii_lowercase().into())
}

fn cut(text: String) -> Box<str> {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}

#[expect(clippy::option_option, reason = "no name is fine, a name too long is not")]
fn whole(text: Option<String>) -> Option<Option<Box<str>>> {
    match text {
        Some(text) if text.len() > TEXT_CHARS_MAX => None,
        other => Some(other.map(Into::into)),
    }
}

/// `2026-03-01T12:00:05.123Z` and no other spelling.
fn unix_ms(text: &str) -> Option<u64> {
    const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    let bytes = text.as_bytes();
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    if bytes.len() != FORM.len() || !bytes.iter().zip(FORM).all(fits) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second, ms) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let midnight = UnixSeconds::of_date((year, month, day)).0;
    u64::try_from((midnight + (hour * 60 + minute) * 60 + second) * 1000 + ms).ok()
}

/// The longest path that the gateway takes is 8 KiB, and every octet of it may stand there as six.
pub(in crate::sandbox::portal) const LINE_BYTES_MAX: usize = 64 * 1024;
/// What a page can show of one text.
const TEXT_CHARS_MAX: usize = 256;
const UUID_BYTES: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: &str = r#"{"time":"2026-03-01T12:00:05.123Z","id":"6B5C2E1E-0000-4000-8000-000000000001","client":"127.0.0.1","method":"GET","path":"/accounts/\u00e9\"","route":"/accounts/{id}","status":403,"reason":"scope_missing","issuer":"sandbox","client_id":"app_1","verdict":"fresh","duration_us":312,"bytes":12}"#;

    #[test]
    fn a_line_of_the_gateway_is_read() {
        let line = parse(LINE.as_bytes()).unwrap();
        assert_eq!((line.time_ms, line.status, line.duration_us), (1_772_366_405_123, 403, 312));
        assert_eq!(&*line.id, "6b5c2e1e-0000-4000-8000-000000000001");
        assert_eq!(line.path.as_deref(), Some("/accounts/é\""));
        assert_eq!((line.client_id.as_deref(), line.reason.as_deref()), (Some("app_1"), Some("scope_missing")));
        assert_eq!((line.upstream_us, line.end), (None, None));
    }

    #[test]
    fn what_the_gateway_does_not_write_is_no_line() {
        let long_name = format!("\"client_id\":\"{}\"", "a".repeat(TEXT_CHARS_MAX + 1));
        for (from, to) in [
            (".123Z", "Z"),
            ("2026-03-01", "2026-13-01"),
            ("2026-03-01", "1969-12-31"),
            ("T12:", "T24:"),
            ("-000000000001", "-00000000000g"),
            ("\"status\":403", "\"status\":99"),
            ("\"status\":403", "\"status\":\"403\""),
            ("\"bytes\":12}", "\"bytes\":-1}"),
            ("\"bytes\":12}", "\"bytes\":12}{}"),
            ("\"client_id\":\"app_1\"", &long_name),
            ("\"time\"", "\"when\""),
        ] {
            let line = LINE.replacen(from, to, 1);
            assert_ne!(line, LINE, "{from}");
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
        let padded = |length: usize| format!("{LINE}{}", " ".repeat(length - LINE.len()));
        assert!(parse(padded(LINE_BYTES_MAX).as_bytes()).is_some());
        assert!(parse(padded(LINE_BYTES_MAX + 1).as_bytes()).is_none());
    }

    #[test]
    fn a_text_is_cut_at_its_bound_and_says_so() {
        let path = |length: usize| {
            let line = LINE.replace("/accounts/\\u00e9\\\"", &"é".repeat(length));
            parse(line.as_bytes()).unwrap().path.unwrap()
        };
        assert_eq!(path(TEXT_CHARS_MAX).chars().count(), TEXT_CHARS_MAX);
        assert!(path(TEXT_CHARS_MAX + 1).ends_with("é…"));
    }

    #[test]
    fn known_times() {
        for (text, ms) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2000-02-29T00:00:00.001Z", 951_782_400_001),
            ("2024-02-29T23:59:59.999Z", 1_709_251_199_999),
            ("2100-03-01T00:00:00.000Z", 4_107_542_400_000),
        ] {
            assert_eq!(unix_ms(text), Some(ms), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_the_reader(line in proptest::collection::vec(any::<u8>(), 0..400)) {
            parse(&line);
        }

        #[test]
        fn whatever_stands_in_a_path_comes_out_as_it_went_in(path in "\\PC{0,40}", cut in 0..LINE.len()) {
            let line = serde_json::json!({"time": "2026-03-01T12:00:05.123Z", "id": "00000000-0000-0000-0000-000000000000",
                "path": path, "status": 200, "duration_us": 1, "bytes": 0});
            let read = parse(line.to_string().as_bytes()).unwrap();
            prop_assert_eq!(read.path.as_deref(), Some(path.as_str()));
            // Half a line is none.
            prop_assert_eq!(parse(&LINE.as_bytes()[..cut]), None);
        }
    }
}
