//! Percent-encoding (RFC 3986 §2.1): two hexadecimal digits, in any case, are one octet.

/// The octet that `%` and these digits stand for.
pub(super) fn octet(high: u8, low: u8) -> Option<u8> {
    Some(hex(high)? << 4 | hex(low)?)
}

/// `text` with every well-formed escape decoded; what is none stays as it is.
pub(super) fn decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let (octet, tail) = match (first, tail) {
            (b'%', [high, low, after @ ..]) => match octet(*high, *low) {
                Some(octet) => (octet, after),
                None => (*first, tail),
            },
            _ => (*first, tail),
        };
        decoded.push(octet);
        rest = tail;
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
