//! An answer on its way to the client: its status, its fields that are ours, and where its bytes come from. Its end, or its
//! being dropped, ends the request's record.
//!
//! No `http::Response`: that carries a map of fields and one of extensions, and most answers have neither. It changes hands
//! several times on its way, so what it weighs is paid for several times.

use super::forward::body::{Broken, Part, Response, ResponseBody};
use super::forward::switched::Switched;
use super::http1::fields::Fields;
use super::interaction::InteractionId;
use super::observe::end::End;
use super::observe::record::Record;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use std::task::{Context, Poll};

/// An answer.
pub struct Answer {
    status: StatusCode,
    ours: OurFields,
    content: Content,
    record: Option<Box<Record>>,
}

/// Where the bytes come from.
enum Content {
    /// Us; `None` once it was sent.
    Ours(Option<Bytes>),
    /// The upstream.
    Theirs(ResponseBody),
}

/// Fields that we say something by, in the order in which they are sent: a handful at most, and mostly none.
#[derive(Debug, Default)]
pub struct OurFields(Vec<(HeaderName, HeaderValue)>);

impl Answer {
    /// One of ours.
    pub fn ours(status: StatusCode, bytes: Bytes) -> Self {
        Self::with(status, Content::Ours(Some(bytes)))
    }

    /// The upstream's.
    pub fn theirs(response: Response) -> Self {
        Self::with(response.status, Content::Theirs(response.body))
    }

    fn with(status: StatusCode, content: Content) -> Self {
        Self { status, ours: OurFields::default(), content, record: None }
    }

    /// The same, and from here on it owns the request's record.
    #[must_use]
    pub fn recorded(self, record: Box<Record>) -> Self {
        Self { record: Some(record), ..self }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The fields that are ours.
    pub fn fields(&self) -> &OurFields {
        &self.ours
    }

    /// The same, to add to them.
    pub fn fields_mut(&mut self) -> &mut OurFields {
        &mut self.ours
    }

    /// The fields that came with it, if it is the upstream's.
    pub fn their_fields(&self) -> Option<&Fields> {
        match &self.content {
            Content::Ours(_) => None,
            Content::Theirs(body) => body.fields(),
        }
    }

    /// The correlation id, until the record has ended.
    pub fn id(&self) -> Option<&InteractionId> {
        self.record.as_ref().map(|record| record.id())
    }

    /// How long its body is, or what is left of it; `None` where its end comes as a surprise.
    pub fn length(&self) -> Option<u64> {
        match &self.content {
            Content::Ours(bytes) => Some(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Content::Theirs(body) => body.length(),
        }
    }

    /// Whether trailers may come behind its last piece.
    pub fn keeps_trailers(&self) -> bool {
        match &self.content {
            Content::Ours(_) => false,
            Content::Theirs(body) => body.keeps_trailers(),
        }
    }

    /// The next part of its body: `None` at the end.
    pub fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, Broken>>> {
        let polled = match &mut self.content {
            Content::Ours(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Part::Data(bytes)))),
            Content::Theirs(body) => body.poll_part(cx),
        };
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => self.end(End::Complete),
            Poll::Ready(Some(Err(Broken))) => self.end(End::UpstreamBroke),
            Poll::Ready(Some(Ok(part))) => {
                if let (Part::Data(data), Some(record)) = (part, &mut self.record) {
                    record.sent(data.len());
                }
                if self.is_over() {
                    self.end(End::Complete);
                }
            }
        }
        polled
    }

    /// Whether nothing more of its body comes.
    pub fn is_over(&self) -> bool {
        match &self.content {
            Content::Ours(bytes) => bytes.is_none(),
            Content::Theirs(body) => body.is_over(),
        }
    }

    /// Ready once an upstream's answer has taken too long as a whole, while the client does not take it.
    pub fn poll_end(&self, cx: &Context<'_>) -> Poll<()> {
        match &self.content {
            Content::Ours(_) => Poll::Pending,
            Content::Theirs(body) => body.poll_end(cx),
        }
    }

    /// Ends the record: this is all that there is of the answer.
    pub fn end(&mut self, end: End) {
        if let Some(mut record) = self.record.take() {
            record.ended(end);
        }
    }

    /// The connection to the server and the record, behind a head that switches protocols.
    pub fn into_switched(self) -> Option<(Switched, Box<Record>)> {
        match self.content {
            Content::Ours(_) => None,
            Content::Theirs(body) => body.into_switched().zip(self.record),
        }
    }
}

impl OurFields {
    /// Says this by `name`, where something was said by it before in its place.
    pub fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, said)) => *said = value,
            None => self.append(name, value),
        }
    }

    /// Says this by `name` too.
    pub fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.push((name, value));
    }

    /// Whether something is said by `name`.
    pub fn has(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

    #[test]
    fn a_field_of_ours_is_replaced_or_added_to() {
        let mut fields = OurFields::default();
        assert!(!fields.has(&header::VARY));
        fields.insert(header::VARY, HeaderValue::from_static("a"));
        fields.insert(header::ALLOW, HeaderValue::from_static("GET"));
        let texts = |fields: &OurFields| {
            fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect::<Vec<_>>()
        };
        fields.insert(header::VARY, HeaderValue::from_static("b"));
        assert_eq!(texts(&fields), ["vary: b", "allow: GET"]);
        fields.append(header::VARY, HeaderValue::from_static("c"));
        assert_eq!(texts(&fields), ["vary: b", "allow: GET", "vary: c"]);
        assert!(fields.has(&header::VARY) && !fields.has(&header::DATE));
    }
}
