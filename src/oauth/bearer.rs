//! Reads one `Authorization` field value (RFC 6750 §2.1, RFC 9449 §7.1, RFC 9110 §11.4).

/// How a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever has it may use it, unless it says otherwise (RFC 6750).
    Bearer,
    /// With a proof of its holder's key (RFC 9449).
    Dpop,
}

/// What an `Authorization` value holds, as far as an OAuth gateway cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// One of our schemes, in any case, and what should be one token.
    Token(Scheme, &'a [u8]),
    /// One of our schemes without a token.
    Malformed(Scheme),
    /// Another scheme: the request carries no access token.
    OtherScheme,
}

/// Splits scheme and token: `scheme 1*SP b64token`. Whether the token is one is for `is_b64token` to say: a caller may
/// know it from before.
pub fn parse(value: &[u8]) -> Credentials<'_> {
    let Some((scheme, rest)) =
        [(Scheme::Bearer, BEARER), (Scheme::Dpop, DPOP)].into_iter().find_map(|(scheme, name)| {
            let (start, rest) = value.split_at_checked(name.len())?;
            start.eq_ignore_ascii_case(name).then_some((scheme, rest))
        })
    else {
        return Credentials::OtherScheme;
    };
    match rest {
        [b' ', ..] => Credentials::Token(scheme, skip_spaces(rest)),
        // Nothing follows, or a tab, which is no separator here. `Bearerx` is another scheme.
        [] | [b'\t', ..] => Credentials::Malformed(scheme),
        _ => Credentials::OtherScheme,
    }
}

/// `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
pub fn is_b64token(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|b| **b == b'=').count();
    let body = token.get(..token.len() - padding).unwrap_or_default();
    // No early exit: the compiler turns this into vector instructions, and tokens are long.
    !body.is_empty() && body.iter().fold(true, |good, b| good & is_token_octet(*b))
}

/// `-`, `.` and `/` with the digits are one range.
fn is_token_octet(octet: u8) -> bool {
    octet.is_ascii_alphabetic() | matches!(octet, b'-'..=b'9' | b'_' | b'~' | b'+')
}

/// `1*SP`: spaces only, where `trim_ascii_start` would also eat tabs.
fn skip_spaces(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|b| **b == b' ').count();
    text.get(spaces..).unwrap_or_default()
}

const BEARER: &[u8] = b"bearer";
const DPOP: &[u8] = b"dpop";

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(value: &str) -> Credentials<'_> {
        match parse(value.as_bytes()) {
            Credentials::Token(scheme, token) if is_b64token(token) => Credentials::Token(scheme, token),
            Credentials::Token(scheme, _) | Credentials::Malformed(scheme) => Credentials::Malformed(scheme),
            Credentials::OtherScheme => Credentials::OtherScheme,
        }
    }

    #[test]
    fn one_token_in_any_case_of_the_scheme() {
        for (value, expected) in [
            ("Bearer abc", Credentials::Token(Scheme::Bearer, b"abc")),
            ("bearer abc", Credentials::Token(Scheme::Bearer, b"abc")),
            ("bEaReR  abc==", Credentials::Token(Scheme::Bearer, b"abc==")),
            ("dpop abc", Credentials::Token(Scheme::Dpop, b"abc")),
            ("DPoP", Credentials::Malformed(Scheme::Dpop)),
            ("Bearer a-._~+/9", Credentials::Token(Scheme::Bearer, b"a-._~+/9")),
        ] {
            assert_eq!(checked(value), expected, "{value:?}");
        }
    }

    #[test]
    fn everything_else_is_malformed_or_another_scheme() {
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer\tabc",
            "Bearer a b",
            "Bearer a,b",
            "Bearer a, Bearer b",
            "Bearer a=b",
            "Bearer =",
            "Bearer abc ",
            "Bearer \tabc",
            "Bearer ab\u{e7}",
            "Bearer \"abc\"",
        ] {
            assert_eq!(checked(value), Credentials::Malformed(Scheme::Bearer), "{value:?}");
        }
        for value in ["", "Basic abc", "Bear", "Bearerx abc", "DPoPx abc", "Negotiate"] {
            assert_eq!(parse(value.as_bytes()), Credentials::OtherScheme, "{value:?}");
        }
    }
}
