//! W3C Trace Context: `traceparent` read strictly, and written. Pure.

use crate::config::bounds::TRACE_STATE_BYTES_MAX;
use crate::gateway::http1::fields::Fields;
use http::{HeaderName, HeaderValue};

/// Whose child a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Never 0.
    pub trace: u128,
    /// Never 0.
    pub span: u64,
    /// Whether its own trace is kept.
    pub is_sampled: bool,
}

/// The parent that a request names. Two of them, or one that is not of the form, is none (§4.3).
pub fn parent(fields: &Fields) -> Option<Parent> {
    fields.only(TRACEPARENT).and_then(parse)
}

/// `version "-" trace-id "-" parent-id "-" trace-flags`, all in lower case (§3.2.2). Of a version to come what we know is
/// read, if it stands where we know it (§3.2.4).
pub fn parse(text: &[u8]) -> Option<Parent> {
    let (version, rest) = field(text, 2)?;
    let (trace, rest) = field(rest, 32)?;
    let (span, rest) = field(rest, 16)?;
    let flags = rest.get(..2)?;
    let version = hexadecimal(version)?;
    let is_whole = match rest.get(2) {
        None => true,
        Some(next) => version > 0 && *next == b'-',
    };
    let (trace, span) = (hexadecimal(trace)?, u64::try_from(hexadecimal(span)?).ok()?);
    let flags = hexadecimal(flags)?;
    (is_whole && version != 0xff && trace != 0 && span != 0).then_some(Parent {
        trace,
        span,
        is_sampled: flags & 1 == 1,
    })
}

/// A `traceparent` of version 00.
#[expect(clippy::missing_panics_doc, reason = "never: it writes hexadecimal digits and hyphens")]
pub fn write(trace: u128, span: u64, is_sampled: bool) -> HeaderValue {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    let digits =
        |value: u128, count: u32| (0..count).rev().map(move |place| digit(((value >> (place * 4)) & 15) as u8));
    let places = text.iter_mut().enumerate().filter(|(place, _)| *place > 2 && !matches!(place, 35 | 52));
    let all = digits(trace, 32).chain(digits(u128::from(span), 16)).chain(digits(u128::from(is_sampled), 2));
    for ((_, place), digit) in places.zip(all) {
        *place = digit;
    }
    HeaderValue::from_bytes(&text).expect("hexadecimal digits and hyphens are visible ASCII")
}

/// Whether `tracestate` can go on: what is longer than everybody must take (§3.3.1.5) we do not pass on.
pub fn is_state_fit(fields: &Fields) -> bool {
    fields.all(TRACESTATE).map(|value| value.len() + 1).sum::<usize>() <= TRACE_STATE_BYTES_MAX + 1
}

/// So many octets, and what is behind the hyphen after them.
fn field(text: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let (field, rest) = text.split_at_checked(length)?;
    Some((field, rest.strip_prefix(b"-")?))
}

fn hexadecimal(text: &[u8]) -> Option<u128> {
    text.iter().try_fold(0_u128, |value, octet| {
        let digit = match octet {
            b'0'..=b'9' => octet - b'0',
            b'a'..=b'f' => octet - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

/// Whose child a request is.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What the participants before us want to know again.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_example_of_the_recommendation_is_read() {
        let parent = parse(GOOD.as_bytes()).unwrap();
        assert_eq!((parent.trace, parent.span), (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7));
        assert!(parent.is_sampled);
        assert!(!parse(&GOOD.as_bytes()[..54].iter().chain(b"0").copied().collect::<Vec<_>>()).unwrap().is_sampled);
        // A version to come, with more behind it; flags that we do not know.
        assert!(parse(GOOD.replacen("00", "cc", 1).as_bytes()).is_some());
        assert!(parse(format!("{}-what", GOOD.replacen("00", "01", 1)).as_bytes()).is_some());
        assert!(parse(GOOD.replace("-01", "-ff").as_bytes()).unwrap().is_sampled);
    }

    #[test]
    fn what_is_not_of_the_form_is_no_parent() {
        for bad in [
            String::new(),
            "00".to_owned(),
            GOOD[1..].to_owned(),
            GOOD[..54].to_owned(),
            format!("{GOOD}0"),
            format!("{GOOD}-"),
            format!("{GOOD}-01"),
            format!(" {GOOD}"),
            GOOD.to_uppercase(),
            GOOD.replacen("00", "ff", 1),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replace('-', "_"),
            GOOD.replace("4bf9", "4bg9"),
            format!("{}x", GOOD.replacen("00", "01", 1)),
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn two_parents_are_none() {
        let mut fields = Fields::default();
        assert_eq!(parent(&fields), None);
        fields.push("traceparent", GOOD.as_bytes());
        assert!(parent(&fields).is_some());
        fields.push("traceparent", GOOD.as_bytes());
        assert_eq!(parent(&fields), None);
    }

    #[test]
    fn a_state_of_512_bytes_goes_on_and_no_longer_one() {
        for (length, fits) in [(1, true), (512, true), (513, false)] {
            let mut fields = Fields::default();
            fields.push("tracestate", "a".repeat(length).as_bytes());
            assert_eq!(is_state_fit(&fields), fits, "{length}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(trace in 1_u128.., span in 1_u64.., is_sampled: bool) {
            let text = write(trace, span, is_sampled);
            prop_assert_eq!(parse(text.as_bytes()), Some(Parent { trace, span, is_sampled }));
        }

        #[test]
        fn nothing_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(parent) = parse(&text) {
                prop_assert!(parent.trace != 0 && parent.span != 0);
            }
        }
    }
}
