//! RESPOND: a refusal becomes an answer here and nowhere else (RFC 6750 §3, RFC 9110 §15); an upstream's answer passes
//! through. Every answer carries the correlation id.

use super::envelope::{self, Told};
use super::forward::body::{Broken, ResponseBody};
use super::forward::switched::Switched;
use super::http1::fields::Fields;
use super::interaction::InteractionId;
use super::observe::record::{End, Record};
use super::reason::{Afterwards, Reason};
use super::refusal::{Extra, Refusal};
use super::resource::Document;
use crate::config::envelope::Envelope;
use crate::oauth::challenge::{Attributes, Challenges};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body of every answer. Its end, or its being dropped, ends the request's record.
pub struct AnswerBody {
    content: Content,
    record: Option<Box<Record>>,
}

/// Where the bytes come from.
pub enum Content {
    /// Us; `None` once it was sent.
    Ours(Option<Bytes>),
    /// The upstream.
    Theirs(ResponseBody),
}

/// An upstream's answer, with the nonce for the client's next proof if it needs another (RFC 9449 §8.2).
pub fn pass(mut response: Response<ResponseBody>, nonce: Option<HeaderValue>) -> Response<Content> {
    if let Some(nonce) = nonce {
        response.headers_mut().insert(DPOP_NONCE, nonce);
        response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    }
    response.map(Content::Theirs)
}

/// The metadata of a resource. It may be kept, and a change of it is everywhere soon (RFC 9728 §3.2, §7.10).
pub fn tell(document: &Document) -> Response<Bytes> {
    let mut response = Response::new(document.json.clone());
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response.headers_mut().insert(header::CACHE_CONTROL, FIVE_MINUTES);
    response
}

/// The answer to a refused request. `challenges` are those of the resource that was asked for.
pub fn refuse(refusal: &Refusal, challenges: &Challenges, envelope: Envelope, told: Told<'_>) -> Response<Content> {
    let reason = refusal.reason();
    let (kind, body) = envelope::write(envelope, reason, told).unzip();
    let mut response = Response::new(Content::Ours(Some(body.unwrap_or_default())));
    *response.status_mut() = reason.status();
    let fields = response.headers_mut();
    if let Some(kind) = kind {
        fields.insert(header::CONTENT_TYPE, kind);
    }
    // RFC 9111 §3.5: an answer about one caller's rights is no one else's.
    fields.insert(header::CACHE_CONTROL, NO_STORE);
    if let Some(challenge) = challenge_for(refusal, challenges) {
        fields.insert(header::WWW_AUTHENTICATE, challenge);
    }
    match refusal.extra() {
        Extra::Allow(methods) => drop(fields.insert(header::ALLOW, methods.clone())),
        Extra::RetryAfter(seconds) => drop(fields.insert(header::RETRY_AFTER, HeaderValue::from(*seconds))),
        Extra::Nonce(nonce) => drop(fields.insert(DPOP_NONCE, nonce.clone())),
        Extra::None | Extra::Challenge(_) => {}
    }
    if reason.afterwards() == Afterwards::Close {
        fields.insert(header::CONNECTION, CLOSE);
    }
    response
}

/// Ends the record with the body: from here on the body owns it.
pub fn follow(response: Response<Content>, record: Box<Record>) -> Response<AnswerBody> {
    response.map(|content| AnswerBody { content, record: Some(record) })
}

/// RFC 9110 §11.6.1: every 401 carries a challenge; RFC 6750 §3.1: without a token it carries no error.
fn challenge_for(refusal: &Refusal, challenges: &Challenges) -> Option<HeaderValue> {
    let reason = refusal.reason();
    let attributes = match (refusal.extra(), reason.code()) {
        (Extra::Challenge(attributes), _) => attributes.clone(),
        (_, Some(code)) => Attributes::error(code, reason.description()),
        (_, None) => return (reason.status() == StatusCode::UNAUTHORIZED).then(|| challenges.bare()),
    };
    Some(if reason == Reason::TokenTwice {
        challenges.refusing_all(&attributes)
    } else if reason == Reason::ProofAvoided {
        challenges.refusing_bearer(&attributes)
    } else {
        challenges.refusing(refusal.scheme(), &attributes)
    })
}

impl AnswerBody {
    /// The fields that came with it, if it is the upstream's.
    pub fn fields(&self) -> Option<&Fields> {
        match &self.content {
            Content::Ours(_) => None,
            Content::Theirs(body) => body.fields(),
        }
    }

    /// Whether trailers may come behind its last piece.
    pub fn keeps_trailers(&self) -> bool {
        match &self.content {
            Content::Ours(_) => false,
            Content::Theirs(body) => body.keeps_trailers(),
        }
    }

    /// Ready once an upstream's answer has taken too long as a whole, while the client does not take it.
    pub fn poll_end(&self, cx: &Context<'_>) -> Poll<()> {
        match &self.content {
            Content::Ours(_) => Poll::Pending,
            Content::Theirs(body) => body.poll_end(cx),
        }
    }

    /// The correlation id, until the record has ended.
    pub fn id(&self) -> Option<&InteractionId> {
        self.record.as_ref().map(|record| record.id())
    }

    /// The connection to the server and the record, behind a head that switches protocols.
    pub fn into_switched(self) -> Option<(Switched, Box<Record>)> {
        match self.content {
            Content::Ours(_) => None,
            Content::Theirs(body) => body.into_switched().zip(self.record),
        }
    }

    /// Ends the record: this is all that there is of the answer.
    pub fn end(&mut self, end: End) {
        if let Some(mut record) = self.record.take() {
            record.ended(end);
        }
    }

    fn sent(&mut self, bytes: usize) {
        if let Some(record) = &mut self.record {
            record.sent(bytes);
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = match &mut self.content {
            Content::Ours(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Theirs(body) => Pin::new(body).poll_frame(cx),
        };
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => self.end(End::Complete),
            Poll::Ready(Some(Err(_))) => self.end(End::UpstreamBroke),
            Poll::Ready(Some(Ok(frame))) => {
                self.sent(frame.data_ref().map_or(0, Bytes::len));
                if self.content.is_end_stream() {
                    self.end(End::Complete);
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Ours(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Content::Theirs(body) => body.size_hint(),
        }
    }
}

impl Content {
    /// All of a body that is ours.
    pub fn ours(bytes: Bytes) -> Self {
        Self::Ours(Some(bytes))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Ours(bytes) => bytes.is_none(),
            Self::Theirs(body) => body.is_end_stream(),
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FIVE_MINUTES: HeaderValue = HeaderValue::from_static("max-age=300");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Asks the client to end the connection after this answer.
pub const CLOSE: HeaderValue = HeaderValue::from_static("close");
