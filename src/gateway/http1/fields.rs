//! Header fields that only pass through: kept as they arrived, without a map. Their memory serves one message after
//! the other.

/// The fields of one message, in its order. Names keep their case.
#[derive(Debug, Default)]
pub struct Fields {
    block: Vec<u8>,
    places: Vec<Place>,
}

/// Where a field stands in the block: name from `start` to `colon`, value from `value` to `end`.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    colon: usize,
    value: usize,
    end: usize,
}

impl Fields {
    /// Takes over the fields of a head.
    pub(in super::super) fn fill(&mut self, parsed: &[httparse::Header<'_>]) {
        self.block.clear();
        self.places.clear();
        for field in parsed {
            self.push(field.name, field.value);
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
        self.places.push(Place { start, colon, value: begin, end: self.block.len() });
        self.block.extend_from_slice(b"\r\n");
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
            line: part(place.start, place.end + b"\r\n".len()),
        })
    }
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
