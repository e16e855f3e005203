//! Header fields that only pass through: kept as they arrived, without a map. Their memory serves one message after
//! the other.

/// The fields of one message, in its order. Names keep their case.
#[derive(Debug, Default)]
pub struct Fields {
    block: Vec<u8>,
    places: Vec<Place>,
}

/// Where a field stands in the block: name from `start` to `colon`, value from `value` to `end`, and the field behind it from
/// `next`.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    colon: usize,
    value: usize,
    end: usize,
    next: usize,
}

impl Fields {
    /// Takes over the fields that were found in `head`, every line of which ends with CRLF: all at once, as they stand there.
    pub(in super::super) fn fill(&mut self, head: &[u8], parsed: &[httparse::Header<'_>]) {
        self.block.clear();
        self.places.clear();
        let Some(first) = parsed.first() else { return };
        let begin = distance(head, first.name.as_bytes());
        let lines = head.get(begin..).and_then(|lines| lines.strip_suffix(b"\r\n")).unwrap_or_default();
        self.block.extend_from_slice(lines);
        self.places.extend(parsed.iter().map(|field| {
            let start = distance(head, field.name.as_bytes()).saturating_sub(begin);
            let value = distance(head, field.value).saturating_sub(begin);
            Place { start, colon: start + field.name.len(), value, end: value + field.value.len(), next: 0 }
        }));
        let mut next = self.block.len();
        for place in self.places.iter_mut().rev() {
            place.next = std::mem::replace(&mut next, place.start);
        }
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

    /// The length of all lines.
    pub fn bytes(&self) -> usize {
        self.block.len()
    }

    /// Name and value of every field.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines().map(|line| (line.name, line.value))
    }

    /// Every field, with the line that it makes in a message.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let part = |from, to| self.block.get(from..to).unwrap_or_default();
        self.places.iter().map(move |place| Line {
            name: part(place.start, place.colon),
            value: part(place.value, place.end),
            line: part(place.start, place.next),
        })
    }
}

/// Where `part` of `whole` begins in it.
fn distance(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct Line<'f> {
    /// Its name, in the case in which it arrived.
    pub name: &'f [u8],
    /// Its value, without white space around it.
    pub value: &'f [u8],
    /// All of it, with its CRLF.
    pub line: &'f [u8],
}
