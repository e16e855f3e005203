//! One stream of an HTTP/2 connection: its request is given the form that the path expects, its answer goes out as fast as
//! the client takes it.

use super::super::Worker;
use super::super::body::ClientBody;
use super::super::connection::Peer;
use super::super::forward::headers::{self, INTERACTION_ID};
use super::super::http1::answer::DateLine;
use super::super::http1::head::BadHead;
use super::super::observe::record::End;
use super::super::respond::AnswerBody;
use crate::config::limits::HEADERS_MAX;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Body;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// The client takes no answer any more.
struct Gone;

impl Worker {
    /// Answers one request.
    pub(super) async fn exchange(
        self: Rc<Self>,
        request: Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
        peer: Rc<Peer>,
    ) {
        let (mut parts, body) = request.into_parts();
        let is_head = parts.method == Method::HEAD;
        let answer = match normalize(&mut parts) {
            Ok(()) => {
                let body = ClientBody::http2(body, &parts.headers);
                match while_wanted(&mut respond, self.handle(parts, body, &peer)).await {
                    Some(answer) => answer,
                    None => return,
                }
            }
            Err(bad) => {
                self.metrics().heads_unreadable.add(1);
                self.refuse_head(bad, &peer)
            }
        };
        let date = date(&self.date.get());
        // A client that is gone has no use for an answer, and its record says so.
        let _sent = self.send(answer, (is_head, date), &mut respond).await;
    }

    async fn send(
        &self,
        answer: Response<AnswerBody>,
        (is_head, date): (bool, HeaderValue),
        respond: &mut SendResponse<Bytes>,
    ) -> Result<(), Gone> {
        let head = head(&answer, is_head, date);
        let has_none = matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let mut body = answer.into_body();
        let is_over = is_head || has_none || body.size_hint().exact() == Some(0);
        let mut stream = respond.send_response(head, is_over).map_err(|_| Gone)?;
        if is_over {
            body.end(End::Complete);
            return Ok(());
        }
        let deadline = self.home.deadlines.deadline();
        loop {
            let frame = poll_fn(|cx| match Pin::new(&mut body).poll_frame(cx) {
                Poll::Pending => stream.poll_reset(cx).map(|_| Err(Gone)),
                Poll::Ready(frame) => Poll::Ready(Ok(frame)),
            });
            match frame.await? {
                Some(Ok(frame)) => {
                    let mut rest = frame.into_data().unwrap_or_default();
                    let is_last = body.is_end_stream();
                    while !rest.is_empty() {
                        deadline.set(self.timeouts.stall);
                        let room = poll_fn(|cx| match poll_room(&mut stream, rest.len(), cx) {
                            Poll::Pending => deadline.poll(cx).map(|()| Err(Gone)),
                            room @ Poll::Ready(_) => room,
                        });
                        let piece = rest.split_to(room.await?.min(rest.len()));
                        stream.send_data(piece, is_last && rest.is_empty()).map_err(|_| Gone)?;
                    }
                    deadline.clear();
                    if is_last {
                        return Ok(());
                    }
                }
                None => return stream.send_data(Bytes::new(), true).map_err(|_| Gone),
                // The client must not take what it has for the whole.
                Some(Err(_broken)) => {
                    stream.send_reset(Reason::INTERNAL_ERROR);
                    return Ok(());
                }
            }
        }
    }
}

fn date(line: &DateLine) -> HeaderValue {
    let value = line.get(b"date: ".len()..line.len() - b"\r\n".len()).unwrap_or_default();
    HeaderValue::from_bytes(value).expect("`httpdate` writes visible ASCII")
}

/// How much of `wanted` bytes the client takes now.
fn poll_room(stream: &mut SendStream<Bytes>, wanted: usize, cx: &mut Context<'_>) -> Poll<Result<usize, Gone>> {
    stream.reserve_capacity(wanted);
    let room = stream.capacity();
    if room > 0 {
        return Poll::Ready(Ok(room));
    }
    match ready!(stream.poll_capacity(cx)) {
        Some(Ok(room)) if room > 0 => Poll::Ready(Ok(room)),
        // Woken for nothing: asking again registers the task.
        Some(Ok(_)) => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Some(Err(_)) | None => Poll::Ready(Err(Gone)),
    }
}

/// The outcome of `work`, or nothing if the client takes its request back.
async fn while_wanted<T>(respond: &mut SendResponse<Bytes>, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => respond.poll_reset(cx).map(|_| None),
    })
    .await
}

/// The request as HTTP/1.1 would have it: `Host` for `:authority` (RFC 9113 §8.3.1; where both stand, the path compares them),
/// one `Cookie` (§8.2.3). What belongs to a connection was refused with its stream (§8.2.2).
fn normalize(parts: &mut Parts) -> Result<(), BadHead> {
    if parts.headers.len() > HEADERS_MAX {
        return Err(BadHead::TooLarge);
    }
    let authority = parts.uri.authority().map(Authority::as_str).map(HeaderValue::from_str);
    if let Some(authority) = authority
        && !parts.headers.contains_key(header::HOST)
    {
        parts.headers.insert(header::HOST, authority.map_err(|_| BadHead::Malformed)?);
    }
    join_cookies(&mut parts.headers).ok_or(BadHead::Malformed)
}

fn join_cookies(fields: &mut HeaderMap) -> Option<()> {
    if fields.get_all(header::COOKIE).iter().nth(1).is_some() {
        let crumbs: Vec<&[u8]> = fields.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
        let cookie = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])).ok()?;
        fields.insert(header::COOKIE, cookie);
    }
    Some(())
}

/// The head of an answer: no field of it belongs to a connection (RFC 9113 §8.2.2).
fn head(answer: &Response<AnswerBody>, is_head: bool, date: HeaderValue) -> Response<()> {
    let body = answer.body();
    let mut head = Response::new(());
    *head.status_mut() = answer.status();
    let fields = head.headers_mut();
    if let Some(theirs) = body.fields() {
        let tells_length = answer.status() != StatusCode::NO_CONTENT;
        for line in headers::returned(theirs, answer.headers()) {
            // The upstream's fields were read as fields; what is none here would break the connection for all.
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(line.name), HeaderValue::from_bytes(line.value))
                && (tells_length || name != header::CONTENT_LENGTH)
            {
                fields.append(name, value);
            }
        }
    }
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != header::CONNECTION) {
        fields.append(name, value.clone());
    }
    if let Some(id) = body.id() {
        fields.insert(INTERACTION_ID, id.clone());
    }
    // To a HEAD the length is that of the body which a GET would have had.
    let size = body.size_hint();
    let length = if is_head && body.fields().is_none() { Some(size.lower()) } else { size.exact() };
    let has_none = matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length) = length
        && !has_none
        && !(is_head && body.fields().is_some())
    {
        fields.entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    fields.entry(header::DATE).or_insert(date);
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, fields: &[(&'static str, &'static str)]) -> Parts {
        let mut request = Request::new(());
        *request.uri_mut() = uri.parse().unwrap();
        for (name, value) in fields {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        request.into_parts().0
    }

    #[test]
    fn the_authority_becomes_the_host_unless_there_is_one() {
        let mut bare = parts("https://api.bank.example/accounts", &[]);
        assert!(normalize(&mut bare).is_ok());
        assert_eq!(bare.headers[header::HOST], "api.bank.example");
        let mut both = parts("https://api.bank.example/accounts", &[("host", "other.example")]);
        assert!(normalize(&mut both).is_ok());
        assert_eq!(both.headers[header::HOST], "other.example", "the path compares them");
    }

    #[test]
    fn cookies_that_were_cut_for_compression_are_one_again() {
        let mut cut = parts("https://a/", &[("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")]);
        assert!(normalize(&mut cut).is_ok());
        assert_eq!(cut.headers.get_all(header::COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
    }

    #[test]
    fn as_many_fields_as_on_http_1_and_one_more() {
        let with = |count: usize| {
            let mut parts = parts("https://a/", &[]);
            (0..count).for_each(|_| {
                assert!(parts.headers.append("x", HeaderValue::from_static("1")) || parts.headers.len() == 1);
            });
            parts
        };
        assert_eq!(normalize(&mut with(HEADERS_MAX)), Ok(()));
        assert_eq!(normalize(&mut with(HEADERS_MAX + 1)), Err(BadHead::TooLarge));
    }
}
