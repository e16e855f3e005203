//! The code in which strings of HTTP/2 may come (RFC 7541 §5.2, Appendix B), as far as tokens need it: the letters whose
//! codes have at most eight bits, which are all of base64url and most others of a field's value.

/// The text of `packed`; nothing if there is another letter in it, or it is not well-formed.
pub(super) fn decode(packed: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(packed.len() * 8 / BITS_MIN);
    // The last `count` bits of `bits` are not read yet.
    let (mut bits, mut count) = (0_u32, 0);
    for byte in packed {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 8 {
            let (letter, length) = look_up((bits >> (count - 8)).to_le_bytes())?;
            text.push(letter);
            count -= length;
        }
    }
    while count > 0 {
        let filled = (bits << (8 - count) | 0xff >> count).to_le_bytes();
        // What fills the last byte are the first bits of a code that ends no string, which are ones.
        if filled.first() == Some(&0xff) {
            break;
        }
        let (letter, length) = look_up(filled)?;
        text.push(letter);
        count = count.checked_sub(length)?;
    }
    Some(text)
}

/// The letter with which the eight bits begin, and how many of them it takes.
fn look_up([bits, ..]: [u8; 4]) -> Option<(u8, u32)> {
    LETTERS.get(usize::from(bits)).copied().filter(|(_, length)| *length > 0)
}

/// By the eight bits with which they begin; of length nought where a longer code begins so.
static LETTERS: [(u8, u32); 256] = letters();

/// Codes of one length follow each other in the order of their letters, and longer ones follow the shorter.
#[allow(clippy::indexing_slicing, reason = "it is a constant: where it panicked it would not compile")]
const fn letters() -> [(u8, u32); 256] {
    let mut letters = [(0, 0); 256];
    let (mut next, mut length) = (0, 0);
    while length < CODES.len() {
        let (mut of_length, (bits, in_order)) = (0, CODES[length]);
        while of_length < in_order.len() {
            let end = next + (1 << (8 - bits));
            while next < end {
                letters[next] = (in_order[of_length], bits);
                next += 1;
            }
            of_length += 1;
        }
        length += 1;
    }
    letters
}

/// The length of the shortest code.
const BITS_MIN: usize = 5;
/// How many bits, and the letters whose codes have so many.
const CODES: [(u32, &[u8]); 4] =
    [(5, b"012aceiost"), (6, b" %-./3456789=A_bdfghlmnpru"), (7, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"), (8, b"&*,;XZ")];

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// `text` packed; only letters that are in the table.
    pub(in super::super) fn encode(text: &[u8]) -> Vec<u8> {
        let codes = |letter: u8| {
            let first = LETTERS.iter().position(|(of, length)| *of == letter && *length > 0).unwrap();
            (0..LETTERS[first].1).map(move |bit| first >> (7 - bit) & 1)
        };
        let mut bits: Vec<_> = text.iter().copied().flat_map(codes).collect();
        bits.resize(bits.len().next_multiple_of(8), 1);
        bits.chunks(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | u8::try_from(*bit).unwrap())).collect()
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 7541 §C.4.1, §C.4.2, §C.6.1.
        assert_eq!(decode(b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff").unwrap(), b"www.example.com");
        assert_eq!(decode(b"\xa8\xeb\x10\x64\x9c\xbf").unwrap(), b"no-cache");
        assert_eq!(
            decode(b"\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff")
                .unwrap(),
            b"Mon, 21 Oct 2013 20:13:21 GMT"
        );
    }

    #[test]
    fn every_letter_comes_back_wherever_it_stands() {
        let letters: Vec<u8> = CODES.iter().flat_map(|(_, letters)| *letters).copied().collect();
        assert_eq!(letters.len(), 74);
        for end in 0..=letters.len() {
            assert_eq!(decode(&encode(&letters[..end])).unwrap(), &letters[..end]);
        }
    }

    #[test]
    fn what_does_not_end_as_it_must_is_not_read() {
        let cases: [(&str, &[u8]); 5] = [
            ("a byte of filling", b"\xa8\xeb\x10\x64\x9c\xbf\xff"),
            ("filled with noughts", b"\x18"),
            ("a longer code", b"\xfe\x00"),
            ("half of a longer code", b"\xfe"),
            ("the end of all strings", b"\xff\xff\xff\xff"),
        ];
        for (name, packed) in cases {
            assert_eq!(decode(packed), None, "{name}");
        }
        assert_eq!(decode(b"\x1f").unwrap(), b"a", "filled with ones");
        assert_eq!(decode(b"").unwrap(), b"");
    }
}
