//! Reads and writes `application/x-www-form-urlencoded`, the language of OAuth's requests.
//! Repetition stays visible here: each endpoint refuses it in its own words (RFC 6749 §3.1, §3.2).

use std::fmt::Write as _;

/// The parameters of one query or form, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

/// The text is not a form: a broken escape, not UTF-8, or too many parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAForm;

impl Params {
    /// Takes a form apart; the bytes are bounded by the listener, the number of pairs here.
    pub(super) fn parse(form: &[u8]) -> Result<Self, NotAForm> {
        let pairs = form.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
        let mut params = Vec::new();
        for pair in pairs {
            if params.len() == PARAMS_MAX {
                return Err(NotAForm);
            }
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let [name, value] = [(); 2].map(|()| decode(halves.next().unwrap_or_default()));
            params.push((name?, value?));
        }
        Ok(Self(params))
    }

    /// The value of `name`; an empty value counts as absent (RFC 6749 §3.1).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).find(|value| !value.is_empty())
    }

    /// Every value of `name`: for lists of check boxes.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    /// Every pair, as it came.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether `name` stands there twice.
    pub(super) fn repeats(&self, name: &str) -> bool {
        self.all(name).nth(1).is_some()
    }

    /// Whether any name stands there twice.
    pub(super) fn repeats_any(&self) -> bool {
        self.0.iter().any(|(name, _)| self.repeats(name))
    }
}

/// Undoes the form encoding of one name or value.
pub(super) fn decode(text: &[u8]) -> Result<String, NotAForm> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => bytes.push(hex(rest.next())? << 4 | hex(rest.next())?),
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|_| NotAForm)
}

/// Encodes one name or value: everything but the unreserved characters of RFC 3986 §2.3.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String does not fail");
        }
    }
    encoded
}

/// `name=value` pairs joined by `&`.
pub(super) fn join(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

fn hex(digit: Option<&u8>) -> Result<u8, NotAForm> {
    let digit = digit.and_then(|byte| char::from(*byte).to_digit(16)).ok_or(NotAForm)?;
    u8::try_from(digit).map_err(|_| NotAForm)
}

/// The longest form of ours, *Add Application*, has fewer than ten.
const PARAMS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for text in ["", "a b", "a+b", "100%", "id:with:colons", "Çağrı & Söhne", "\u{0}\r\n"] {
            assert_eq!(decode(encode(text).as_bytes()).unwrap(), text);
        }
        let form = join(&[("a b", "1&2"), ("c", "=")]);
        let params = Params::parse(form.as_bytes()).unwrap();
        assert_eq!((params.get("a b"), params.get("c")), (Some("1&2"), Some("=")));
    }

    #[test]
    fn broken_escapes_and_other_encodings_are_refused() {
        for bad in ["a=%", "a=%4", "a=%zz", "a=%+1", "%ff=1", "a=%c3"] {
            assert_eq!(Params::parse(bad.as_bytes()).unwrap_err(), NotAForm, "{bad}");
        }
        let many = |count: usize| vec!["a=1"; count].join("&");
        assert!(Params::parse(many(PARAMS_MAX).as_bytes()).is_ok());
        assert!(Params::parse(many(PARAMS_MAX + 1).as_bytes()).is_err());
    }

    #[test]
    fn repetition_is_seen_and_an_empty_value_is_absent() {
        let params = Params::parse(b"a=1&b=&a=1&c").unwrap();
        assert!(params.repeats("a") && params.repeats_any() && !params.repeats("b"));
        assert_eq!((params.get("b"), params.get("c"), params.get("d")), (None, None, None));
    }
}
