//! The header fields of one message, by whichever version of HTTP it came: as they arrived, in their order, without a map. A
//! message has few: to walk over all of them and compare lengths first costs less than to hash one name, and most of the fields
//! that the path asks for are not there.

use super::lines;
use http::HeaderMap;
use std::fmt;

/// The fields of one message. Every name is a token, and no value has a control character but tabs (RFC 9110 §5.1, §5.5).
#[derive(Clone, Default)]
pub struct Fields {
    /// Their lines, as they stand in a message of HTTP/1.1, and what else was there.
    block: Vec<u8>,
    places: Vec<Place>,
}

/// Where a field stands in the block: name from `start` to `colon`, value from `value` to `end`, and what is behind its line from
/// `next`.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    colon: usize,
    value: usize,
    end: usize,
    next: usize,
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct Line<'f> {
    /// Its name: a request's in lower case, a response's in the case in which it arrived.
    pub name: &'f [u8],
    /// Its value, without white space around it.
    pub value: &'f [u8],
    /// All of it, with its CRLF.
    pub line: &'f [u8],
}

impl Fields {
    /// The values of all fields of this name, in their order.
    pub fn all(&self, name: impl AsRef<str>) -> impl Iterator<Item = &[u8]> {
        let is_it = move |place: &&Place| {
            let name = name.as_ref().as_bytes();
            place.colon - place.start == name.len() && self.part(place.start, place.colon).eq_ignore_ascii_case(name)
        };
        self.places.iter().filter(is_it).map(|place| self.part(place.value, place.end))
    }

    /// The value of the one field of this name; `None` where there are several too.
    pub fn only(&self, name: impl AsRef<str>) -> Option<&[u8]> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// The members of the list that all fields of this name make together (RFC 9110 §5.6.1), without white space around them.
    pub fn members(&self, name: impl AsRef<str>) -> impl Iterator<Item = &[u8]> {
        self.all(name).flat_map(|value| value.split(|octet| *octet == b',')).map(<[u8]>::trim_ascii)
    }

    /// Whether there is a field of this name.
    pub fn has(&self, name: impl AsRef<str>) -> bool {
        self.all(name).next().is_some()
    }

    /// Name and value of every field.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines().map(|line| (line.name, line.value))
    }

    /// Every field, with the line that it makes in a message.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.places.iter().map(|place| Line {
            name: self.part(place.start, place.colon),
            value: self.part(place.value, place.end),
            line: self.part(place.start, place.next),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The length of all lines.
    pub fn bytes(&self) -> usize {
        self.places.iter().map(|place| place.next - place.start).sum()
    }

    /// Adds a field.
    pub(in super::super) fn push(&mut self, name: &str, value: &[u8]) {
        let start = self.block.len();
        self.block.extend_from_slice(name.as_bytes());
        let colon = self.block.len();
        self.block.extend_from_slice(b": ");
        let begin = self.block.len();
        self.block.extend_from_slice(value);
        let end = self.block.len();
        self.block.extend_from_slice(b"\r\n");
        self.places.push(Place { start, colon, value: begin, end, next: self.block.len() });
    }

    /// Makes this the one field of its name.
    pub(in super::super) fn set(&mut self, name: &str, value: &[u8]) {
        let Self { block, places } = self;
        let is_other = |place: &Place| {
            !block.get(place.start..place.colon).is_some_and(|known| known.eq_ignore_ascii_case(name.as_bytes()))
        };
        places.retain(is_other);
        self.push(name, value);
    }

    /// Forgets all fields, but keeps the memory: it serves one message after the other.
    pub(super) fn clear(&mut self) {
        self.block.clear();
        self.places.clear();
    }

    /// Notes where the field of this line stands (RFC 9112 §5), which begins at `start` of a head that is kept later. `None`: it
    /// is none.
    pub(super) fn note(&mut self, start: usize, line: &[u8]) -> Option<()> {
        let name = line.iter().position(|octet| !lines::is_tchar(*octet)).filter(|length| *length > 0)?;
        let rest = line.get(name..)?.strip_prefix(b":").filter(|rest| lines::is_text(rest))?;
        let next = start + line.len() + b"\r\n".len();
        let text = rest.trim_ascii_start();
        let value = start + line.len() - text.len();
        let end = value + text.trim_ascii_end().len();
        if self.places.capacity() == 0 {
            self.places.reserve(USUAL);
        }
        self.places.push(Place { start, colon: start + name, value, end, next });
        Some(())
    }

    /// Keeps the head whose fields were noted: all at once, so that no place has to be moved.
    pub(super) fn keep(&mut self, head: &[u8]) {
        self.block.extend_from_slice(head);
    }

    /// Spells all names in lower case.
    pub(super) fn lower(&mut self) {
        for place in &self.places {
            if let Some(name) = self.block.get_mut(place.start..place.colon) {
                name.make_ascii_lowercase();
            }
        }
    }

    /// These, for tests.
    #[cfg(test)]
    pub(in super::super) fn of(lines: &[(&str, &str)]) -> Self {
        let mut fields = Self::default();
        for (name, value) in lines {
            fields.push(name, value.as_bytes());
        }
        fields
    }

    fn part(&self, from: usize, to: usize) -> &[u8] {
        self.block.get(from..to).unwrap_or_default()
    }
}

/// Names alone: values may be tokens.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines().map(|line| line.name.escape_ascii().to_string())).finish()
    }
}

/// Those of a message of HTTP/2.
impl From<&HeaderMap> for Fields {
    fn from(map: &HeaderMap) -> Self {
        let bytes: usize = map.iter().map(|(name, value)| name.as_str().len() + value.len() + b": \r\n".len()).sum();
        // With room for the `Host` that HTTP/2 has elsewhere: all of it would be moved for that.
        let (block, places) = (Vec::with_capacity(bytes + HOST_ROOM), Vec::with_capacity(map.len() + 1));
        let mut fields = Self { block, places };
        map.iter().for_each(|(name, value)| fields.push(name.as_str(), value.as_bytes()));
        fields
    }
}

/// A value as text; one with octets beyond ASCII is none.
pub fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|text| text.is_ascii())
}

/// Room for the fields of an ordinary message.
const USUAL: usize = 16;
/// Room for one with an ordinary name in it.
const HOST_ROOM: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

    #[test]
    fn a_name_is_found_in_any_case_and_whole() {
        let fields = Fields::of(&[("Accept", "a"), ("accept-encoding", "b"), ("ACCEPT", "c"), ("x", "")]);
        assert_eq!(fields.all(header::ACCEPT).collect::<Vec<_>>(), [b"a", b"c"]);
        assert_eq!(fields.only(header::ACCEPT), None, "there are two");
        assert_eq!((fields.only("Accept-Encoding"), fields.only("X")), (Some(&b"b"[..]), Some(&b""[..])));
        for absent in ["accep", "accept-", "ccept", "", "y"] {
            assert!(!fields.has(absent) && fields.only(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn one_that_is_set_stands_alone() {
        let mut fields = Fields::of(&[("a", "1"), ("B", "2"), ("b", "3"), ("c", "4")]);
        fields.set("b", b"5");
        let all: Vec<_> = fields.lines().map(|line| line.line).collect();
        assert_eq!(all, [b"a: 1\r\n", b"c: 4\r\n", b"b: 5\r\n"]);
        assert_eq!((fields.len(), fields.bytes()), (3, 18));
    }

    #[test]
    fn a_map_becomes_fields_in_its_order() {
        let mut map = HeaderMap::new();
        for (name, value) in [("b", "1"), ("a", ""), ("b", "2")] {
            map.append(name, value.parse().unwrap());
        }
        let fields = Fields::from(&map);
        let theirs: Vec<_> = map.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
        assert_eq!(fields.iter().collect::<Vec<_>>(), theirs);
    }

    #[test]
    fn values_are_not_told_to_whoever_prints_them() {
        let shown = format!("{:?}", Fields::of(&[("authorization", "Bearer secret")]));
        assert_eq!(shown, r#"["authorization"]"#);
    }

    #[test]
    fn text_is_ascii() {
        assert_eq!(text(b"a\tb~"), Some("a\tb~"));
        assert_eq!((text("\u{e7}".as_bytes()), text(b"\xff"), text(b"")), (None, None, Some("")));
    }
}
