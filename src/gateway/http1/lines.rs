//! The lines of a head (RFC 9112 §2.1), of requests and of responses, found and taken apart as they arrive: each is looked at
//! once, however slowly they come.
//!
//! Nothing is forgiven. Every line ends with CRLF: a bare LF or CR is a line's end to some and not to others (§2.2). A name
//! stands directly before its colon (§5.1), a value on one line (§5.2).

use super::fields::Fields;
use super::head::{BadHead, HeadBounds};

/// How far a head has come.
#[derive(Debug, Default)]
pub struct Lines {
    /// Where the line begins that is not complete.
    begun: usize,
    /// Before this it has no end.
    searched: usize,
    /// The length of the first line; 0 until that is complete.
    start_line: usize,
}

/// A head that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The length of its first line, without the CRLF.
    pub start_line: usize,
    /// The length of it all.
    pub head: usize,
}

impl Lines {
    /// Whether bytes of a head have arrived.
    pub fn have_begun(&self) -> bool {
        self.searched > 0
    }

    /// Looks at what has arrived of a head at the front of `buffer`: `None` until it is complete. What is found wrong first is
    /// the fault. Its fields are in `fields` then.
    pub fn read(&mut self, buffer: &[u8], bounds: HeadBounds, fields: &mut Fields) -> Result<Option<Span>, BadHead> {
        if !self.have_begun() {
            fields.clear();
        }
        while let Some(found) = memchr::memchr(b'\n', buffer.get(self.searched..).unwrap_or_default()) {
            let end = self.searched + found;
            if end >= bounds.bytes_max {
                return Err(self.too_long());
            }
            let line = buffer.get(self.begun..end).and_then(|line| line.strip_suffix(b"\r"));
            match (self.start_line, line.ok_or(BadHead::Malformed)?) {
                (0, []) => return Err(BadHead::Malformed),
                (0, line) => self.start_line = line.len(),
                (start_line, []) => {
                    *self = Self::default();
                    let span = Span { start_line, head: end + 1 };
                    fields.keep(buffer.get(..span.head).unwrap_or_default());
                    return Ok(Some(span));
                }
                _ if fields.len() >= bounds.fields_max => return Err(BadHead::TooLarge),
                (_, line) => fields.note(self.begun, line).ok_or(BadHead::Malformed)?,
            }
            self.searched = end + 1;
            self.begun = self.searched;
        }
        self.searched = buffer.len();
        if buffer.len() < bounds.bytes_max { Ok(None) } else { Err(self.too_long()) }
    }

    fn too_long(&self) -> BadHead {
        if self.start_line == 0 { BadHead::TargetTooLong } else { BadHead::TooLarge }
    }
}

/// `tchar` (RFC 9110 §5.6.2): what names and methods are made of.
pub fn is_tchar(octet: u8) -> bool {
    // One load in place of a dozen comparisons: every octet of every name comes by here.
    TCHARS.get(usize::from(octet)).is_some_and(|is_one| *is_one)
}

/// Whether these octets are what values and reason phrases are made of (RFC 9110 §5.5): visible ones, spaces, tabs, and those
/// beyond ASCII.
pub fn is_text(octets: &[u8]) -> bool {
    // Nearly always they are ASCII without tabs. Counted from the space on, those are the lowest ones, so that the highest is all
    // there is to know: the compiler looks for it in many octets at a time.
    let highest = octets.iter().fold(0, |highest: u8, octet| highest.max(octet.wrapping_sub(b' ')));
    highest <= b'~' - b' ' || octets.iter().all(|octet| matches!(octet, b'\t' | b' '..=b'~' | 0x80..))
}

#[expect(clippy::indexing_slicing, reason = "beyond the table it would not compile")]
static TCHARS: [bool; 256] = {
    let mut tchars = [false; 256];
    let mut octet = 0_u8;
    while octet < 0x80 {
        let is_mark = matches!(
            octet,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        );
        tchars[octet as usize] = octet.is_ascii_alphanumeric() || is_mark;
        octet += 1;
    }
    tchars
};

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    const BOUNDS: HeadBounds = HeadBounds { bytes_max: 8192, fields_max: 100 };

    type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

    /// The fields of a head with these lines behind its first.
    fn read(lines: &[u8]) -> Result<Option<Pairs>, BadHead> {
        let head = [b"x\r\n", lines].concat();
        let mut fields = Fields::default();
        let span = Lines::default().read(&head, BOUNDS, &mut fields)?;
        Ok(span.map(|span| {
            assert_eq!(span.start_line, 1);
            fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
        }))
    }

    /// The one field in this line.
    fn one(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        read(&[line, b"\r\n\r\n"].concat()).ok()?.and_then(|fields| fields.into_iter().next())
    }

    /// What the tokenizer of hyper and the HTTP library make of these lines together.
    fn by_others(lines: &[u8]) -> Option<Pairs> {
        let mut slots = [httparse::EMPTY_HEADER; BOUNDS.fields_max];
        let Ok(httparse::Status::Complete((length, fields))) = httparse::parse_headers(lines, &mut slots) else {
            return None;
        };
        let pair = |field: &httparse::Header<'_>| {
            HeaderName::from_bytes(field.name.as_bytes()).ok()?;
            Some((field.name.as_bytes().to_vec(), HeaderValue::from_bytes(field.value).ok()?.as_bytes().to_vec()))
        };
        fields.iter().map(pair).collect::<Option<_>>().filter(|_| length == lines.len())
    }

    #[test]
    fn a_field_is_a_token_a_colon_and_text() {
        for (line, name, value) in [
            ("a:b", "a", "b"),
            ("A: B", "A", "B"),
            ("a:\tb \t ", "a", "b"),
            ("a:", "a", ""),
            ("a: \t ", "a", ""),
            ("a::", "a", ":"),
            ("a: b: c", "a", "b: c"),
            ("a: b\tc  d", "a", "b\tc  d"),
            ("!#$%&'*+-.^_`|~09AZaz: x", "!#$%&'*+-.^_`|~09AZaz", "x"),
            ("a: \u{e7}", "a", "\u{e7}"),
        ] {
            assert_eq!(one(line.as_bytes()), Some((name.into(), value.into())), "{line:?}");
        }
        for line in [
            ":",
            ": b",
            " a: b",
            "\ta: b",
            "a : b",
            "a\t: b",
            "a b: c",
            "a",
            " ",
            "\"a\": b",
            "(a): b",
            "a/b: c",
            "a: b\0",
            "a: \x7f",
            "a: b\rc",
            "a: \r",
            "a\r: b",
            "\u{e7}: b",
            "a: b\x0b",
            "a: \x0c",
        ] {
            assert_eq!(one(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn every_octet_stands_where_others_let_it_stand_and_nowhere_else() {
        for octet in 0..=u8::MAX {
            for line in [
                vec![octet, b':'],
                vec![b'a', octet, b':'],
                vec![b'a', b':', octet],
                vec![b'a', b':', b'b', octet, b'c'],
            ] {
                let lines = [&line[..], b"\r\n\r\n"].concat();
                // An LF is the one thing in which we differ.
                let theirs = by_others(&lines).filter(|_| octet != b'\n');
                assert_eq!(read(&lines).ok().flatten(), theirs, "{line:?}");
            }
        }
    }

    #[test]
    fn lines_end_with_crlf_and_in_no_other_way() {
        for lines in ["a: b\n\r\n", "a: b\r\n\n", "\n", "a: b\n\n", "a: b\r\r\n\r\n", "\r\r\n", "a: b\r\n c\r\n\r\n"] {
            assert_eq!(read(lines.as_bytes()), Err(BadHead::Malformed), "{lines:?}");
        }
        for lines in ["", "\r", "a: b", "a: b\r", "a: b\r\n", "a: b\r\n\r"] {
            assert_eq!(read(lines.as_bytes()), Ok(None), "{lines:?}");
        }
    }

    #[test]
    fn a_head_that_comes_octet_by_octet_is_the_same() {
        let head = b"GET / HTTP/1.1\r\nhost: a\r\nx:\r\nX:  b \r\n\r\n";
        let (mut lines, mut fields) = (Lines::default(), Fields::default());
        for end in 0..head.len() {
            assert_eq!(lines.read(&head[..end], BOUNDS, &mut fields), Ok(None), "{end}");
        }
        let span = lines.read(head, BOUNDS, &mut fields);
        assert_eq!(span, Ok(Some(Span { start_line: 14, head: head.len() })));
        let fields: Vec<_> = fields.iter().collect();
        assert_eq!(fields, [(&b"host"[..], &b"a"[..]), (b"x", b""), (b"X", b"b")]);
        assert!(!lines.have_begun());
    }

    #[test]
    fn what_is_wrong_first_is_the_fault() {
        let with = |lines: &str, bounds| {
            Lines::default().read(format!("first\r\n{lines}").as_bytes(), bounds, &mut Fields::default())
        };
        let one_field = HeadBounds { fields_max: 1, ..BOUNDS };
        assert_eq!(with("a: b\r\nc: d\r\n?\r\n", one_field), Err(BadHead::TooLarge));
        assert_eq!(with("a: b\r\n?\r\nc: d\r\n", BOUNDS), Err(BadHead::Malformed), "before the rest has arrived");
        let short = |bytes_max| HeadBounds { bytes_max, ..BOUNDS };
        assert_eq!(with("a: b\r\n\r\n", short(15)).unwrap().unwrap().head, 15);
        assert_eq!(with("a: b\r\n\r\n", short(14)), Err(BadHead::TooLarge));
        assert_eq!(with("", short(6)), Err(BadHead::TargetTooLong));
        assert_eq!(with("", short(7)), Err(BadHead::TooLarge), "there is no room for an end");
    }

    proptest! {
        /// What we read, others read as the same; what only they read has a line that ends with an LF alone.
        #[test]
        fn others_read_the_same(
            lines in proptest::collection::vec("[aB:\\- \t]{0,3}:?[ \ta\u{e7}\0\x7f\r:]{0,5}(\r\n|\r\n|\r\n|\n|\r)", 0..4),
            end in "(\r\n|\r\n|\r\n|\n)",
        ) {
            let lines = format!("{}{end}", lines.concat());
            let has_bare_lf = lines.as_bytes().iter().enumerate().any(|(at, b)| {
                *b == b'\n' && (at == 0 || lines.as_bytes()[at - 1] != b'\r')
            });
            let theirs = by_others(lines.as_bytes()).filter(|_| !has_bare_lf);
            // Nor is anything read behind the first empty line.
            let ours = read(lines.as_bytes()).ok().flatten();
            let first = if lines.starts_with("\r\n") { Some(2) } else { lines.find("\r\n\r\n").map(|at| at + 4) };
            if first.is_none_or(|end| end == lines.len()) {
                prop_assert_eq!(ours, theirs);
            }
        }
    }
}
