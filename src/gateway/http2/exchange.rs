//! One stream of an HTTP/2 connection: its request is given the form that the path expects, its answer goes out as fast as
//! the client takes it.

use super::super::Worker;
use super::super::answer::{Answer, OurFields};
use super::super::body::ClientBody;
use super::super::connection::Peer;
use super::super::forward::body::Part;
use super::super::forward::headers::{self, INTERACTION_ID};
use super::super::forward::trailers;
use super::super::http1::answer::DateLine;
use super::super::http1::fields::Fields;
use super::super::http1::framing::Announced;
use super::super::http1::head::{BadHead, HeadBounds};
use super::super::interim::Interim;
use super::super::observe::end::End;
use super::super::request;
use crate::net::deadline::Deadline;
use crate::net::patience::Patience;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

/// The way back to the client of one stream: for its answer, and for what is said before it.
pub struct Responder(RefCell<SendResponse<Bytes>>);

/// The client takes no answer any more.
struct Gone;

/// Whether an answer may say how long its body is (RFC 9110 §8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TellsLength {
    Yes,
    No,
}

impl Responder {
    /// Says something before the answer (RFC 9110 §15.2). A stream that is over hears nothing.
    pub fn interim(&self, status: StatusCode, fields: HeaderMap) {
        let mut answer = Response::new(());
        *answer.status_mut() = status;
        *answer.headers_mut() = fields;
        self.0.borrow_mut().send_informational(answer).ok();
    }

    fn answer(&self, head: Response<()>, is_over: bool) -> Result<SendStream<Bytes>, Gone> {
        self.0.borrow_mut().send_response(head, is_over).map_err(|_| Gone)
    }

    fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<Gone> {
        self.0.borrow_mut().poll_reset(cx).map(|_| Gone)
    }
}

/// Says something of the upstream's before the answer (RFC 9113 §8.1).
pub fn inform(responder: &Responder, status: StatusCode, theirs: &Fields) {
    let mut fields = HeaderMap::new();
    append(&mut fields, theirs, (&OurFields::default(), TellsLength::No));
    responder.interim(status, fields);
}

impl Worker {
    /// Answers one request.
    pub(super) async fn exchange(
        self: &Rc<Self>,
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        peer: &Peer,
    ) {
        let client = Rc::new(Responder(RefCell::new(respond)));
        let (parts, body) = request.into_parts();
        let is_head = parts.method == Method::HEAD;
        let answer = match normalize(parts, self.bounds.head) {
            Ok(request) => {
                let interim = Interim::http2(&client, &request.fields);
                let body = ClientBody::http2(body, &request.fields, &client);
                let work = pin!(self.handle(request, (body, interim), peer));
                match while_wanted(&client, work).await {
                    Some(answer) => answer,
                    None => return,
                }
            }
            Err(bad) => {
                self.metrics().heads_unreadable.add(1);
                self.refuse_head(bad, peer)
            }
        };
        // A client that is gone has no use for an answer, and its record says so.
        let _sent = self.send(answer, is_head, &client).await;
    }

    async fn send(&self, mut answer: Answer, is_head: bool, client: &Responder) -> Result<(), Gone> {
        let head = head(&answer, is_head, &self.date.get());
        let has_none = matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let is_over = is_head || has_none || answer.length() == Some(0);
        let mut stream = client.answer(head, is_over)?;
        if is_over {
            answer.end(End::Complete);
            return Ok(());
        }
        let mut waits = None;
        loop {
            // Before anything is taken from the upstream: a client whose window is shut has none of it kept for it here.
            poll_fn(|cx| self.poll_room(&mut stream, 1, (&mut waits, &answer, cx))).await?;
            let part = poll_fn(|cx| match answer.poll_part(cx) {
                Poll::Pending => stream.poll_reset(cx).map(|_| Err(Gone)),
                Poll::Ready(part) => Poll::Ready(Ok(part)),
            });
            match part.await? {
                Some(Ok(Part::Trailers(trailers))) => return stream.send_trailers(*trailers).map_err(|_| Gone),
                Some(Ok(Part::Data(mut rest))) => {
                    let is_last = answer.is_over();
                    while !rest.is_empty() {
                        let room =
                            poll_fn(|cx| self.poll_room(&mut stream, rest.len(), (&mut waits, &answer, cx))).await?;
                        let piece = rest.split_to(room.min(rest.len()).min(FRAME_BYTES_MAX));
                        if let Some((deadline, patience)) = &waits {
                            patience.moved(deadline, piece.len());
                        }
                        stream.send_data(piece, is_last && rest.is_empty()).map_err(|_| Gone)?;
                    }
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

    /// How much of `wanted` bytes of `answer` the client takes now. One that takes next to nothing for too long is gone; most
    /// take what they get, and need no deadline.
    fn poll_room(
        &self,
        stream: &mut SendStream<Bytes>,
        wanted: usize,
        (waits, answer, cx): (&mut Option<(Deadline, Patience)>, &Answer, &mut Context<'_>),
    ) -> Poll<Result<usize, Gone>> {
        stream.reserve_capacity(wanted);
        let mut room = stream.capacity();
        while room == 0 {
            room = match stream.poll_capacity(cx) {
                Poll::Ready(Some(Ok(room))) => room,
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(Gone)),
                Poll::Pending => {
                    let (deadline, patience) = waits
                        .get_or_insert_with(|| (self.home.deadlines.deadline(), Patience::new(self.timeouts.pace)));
                    patience.wait(deadline);
                    let is_over = deadline.poll(cx).is_ready() || answer.poll_end(cx).is_ready();
                    return if is_over { Poll::Ready(Err(Gone)) } else { Poll::Pending };
                }
            };
        }
        if let Some((deadline, patience)) = waits {
            patience.moved(deadline, 0);
            deadline.clear();
        }
        Poll::Ready(Ok(room))
    }
}

/// The outcome of `work`, or nothing if the client takes its request back. One that it has taken back before we came to it
/// costs nobody anything (CVE-2023-44487). The work is pinned by the caller: here it would be copied, and have room twice.
fn while_wanted<T>(client: &Responder, mut work: Pin<&mut impl Future<Output = T>>) -> impl Future<Output = Option<T>> {
    poll_fn(move |cx| match client.poll_gone(cx) {
        Poll::Ready(Gone) => Poll::Ready(None),
        Poll::Pending => work.as_mut().poll(cx).map(Some),
    })
}

/// The request as HTTP/1.1 would have it: `Host` for `:authority` (RFC 9113 §8.3.1; where both stand, the path compares them),
/// one `Cookie` (§8.2.3), and within the same bounds. What belongs to a connection was refused with its stream (§8.2.2).
fn normalize(parts: Parts, bounds: HeadBounds) -> Result<Box<request::Request>, BadHead> {
    // The connection is secure, and so is everything that is asked for on it (RFC 9110 §7.4).
    let is_other_scheme = parts.uri.scheme().is_some_and(|scheme| *scheme != Scheme::HTTPS);
    let mut request = Box::new(request::Request::from(parts));
    let request::Request { target, fields, .. } = &mut *request;
    // Before crumbs of cookies are joined: it would be within then.
    let is_padded = fields.iter().any(|(_, value)| is_padded(value));
    join_cookies(fields);
    if fields.len() > bounds.fields_max || target.as_str().len() + fields.bytes() > bounds.bytes_max {
        return Err(BadHead::TooLarge);
    }
    // Two that agree pass `h2`, and so do none and noughts before a number; an upstream may read them otherwise (RFC 9112 §6.3).
    let mut announced = Announced::default();
    fields.all("content-length").for_each(|value| announced.length(value));
    if is_other_scheme || is_padded || announced.reading().is_err() {
        return Err(BadHead::Malformed);
    }
    if let Some(authority) = target.authority()
        && !fields.has("host")
    {
        fields.push("host", authority.as_bytes());
    }
    Ok(request)
}

/// White space around a value, which `h2` lets pass, makes a request malformed (RFC 9113 §8.2.1): whoever writes it in lines
/// cuts it off, and others would see another value than we did.
fn is_padded(value: &[u8]) -> bool {
    [value.first(), value.last()].into_iter().flatten().any(|octet| matches!(octet, b' ' | b'\t'))
}

fn join_cookies(fields: &mut Fields) {
    if fields.all("cookie").nth(1).is_some() {
        let cookie = fields.all("cookie").collect::<Vec<_>>().join(&b"; "[..]);
        fields.set("cookie", &cookie);
    }
}

/// The head of an answer: no field of it belongs to a connection (RFC 9113 §8.2.2).
fn head(answer: &Answer, is_head: bool, date: &DateLine) -> Response<()> {
    let theirs = answer.their_fields();
    let mut head = Response::new(());
    *head.status_mut() = answer.status();
    let fields = head.headers_mut();
    if let Some(theirs) = theirs {
        let tells = if answer.status() == StatusCode::NO_CONTENT { TellsLength::No } else { TellsLength::Yes };
        append(fields, theirs, (answer.fields(), tells));
        if answer.keeps_trailers() {
            fields.extend(trailers::announced(theirs).map(|name| (header::TRAILER, name.into())));
        }
    }
    for (name, value) in answer.fields().iter().filter(|(name, _)| *name != header::CONNECTION) {
        fields.append(name, value.clone());
    }
    if let Some(id) = answer.id() {
        fields.insert(INTERACTION_ID, once(id.value()));
    }
    // To a HEAD the length is that of the body which a GET would have had.
    let has_none = matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length) = answer.length()
        && !has_none
        && !(is_head && theirs.is_some())
    {
        fields.entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    fields.entry(header::DATE).or_insert_with(|| self::date(date));
    head
}

/// Adds the upstream's fields, but for those that end here or are replaced by `ours`.
fn append(fields: &mut HeaderMap, theirs: &Fields, (ours, tells): (&OurFields, TellsLength)) {
    for line in headers::returned(theirs, ours) {
        // The upstream's fields were read as fields; what is none here would break the connection for all.
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(line.name), HeaderValue::from_bytes(line.value))
            && (tells == TellsLength::Yes || name != header::CONTENT_LENGTH)
        {
            let value = if name == header::DATE { once(value) } else { value };
            fields.append(name, value);
        }
    }
}

fn date(line: &DateLine) -> HeaderValue {
    let value = line.get(b"date: ".len()..line.len() - b"\r\n".len()).unwrap_or_default();
    once(HeaderValue::from_bytes(value).expect("`httpdate` writes visible ASCII"))
}

/// A value that does not come again stays out of the table of fields (RFC 7541 §2.3.2): it would push out those that do, and
/// the search for any of its name has to pass it.
fn once(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// What is handed on at once: with its frame's header it fills a TLS record.
const FRAME_BYTES_MAX: usize = 16 * 1024 - 9;

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: HeadBounds = HeadBounds { bytes_max: 8192, fields_max: 100 };

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
        let host = |parts| normalize(parts, BOUNDS).unwrap().fields.only("host").unwrap().to_vec();
        assert_eq!(host(parts("https://api.bank.example/accounts", &[])), b"api.bank.example");
        let both = parts("https://api.bank.example/accounts", &[("host", "other.example")]);
        assert_eq!(host(both), b"other.example", "the path compares them");
    }

    #[test]
    fn cookies_that_were_cut_for_compression_are_one_again() {
        let cut = parts("https://a/", &[("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")]);
        assert_eq!(normalize(cut, BOUNDS).unwrap().fields.only("cookie"), Some(&b"a=1; b=2; c=3"[..]));
    }

    #[test]
    fn as_many_fields_as_on_http_1_and_one_more() {
        let with = |count: usize| {
            let mut parts = parts("https://a/", &[]);
            for _ in 0..count {
                parts.headers.append("x", HeaderValue::from_static("1"));
            }
            parts
        };
        assert!(normalize(with(BOUNDS.fields_max), BOUNDS).is_ok());
        assert_eq!(normalize(with(BOUNDS.fields_max + 1), BOUNDS).err(), Some(BadHead::TooLarge));
    }

    #[test]
    fn as_many_bytes_as_on_http_1_and_one_more() {
        let parts = || parts("https://a/bc", &[("cookie", "a=1"), ("x", "yz")]);
        let as_lines = "/bc".len() + "cookie: a=1\r\n".len() + "x: yz\r\n".len();
        let of = |bytes_max| HeadBounds { bytes_max, ..BOUNDS };
        assert!(normalize(parts(), of(as_lines)).is_ok());
        assert_eq!(normalize(parts(), of(as_lines - 1)).err(), Some(BadHead::TooLarge));
    }

    #[test]
    fn another_scheme_and_two_lengths_are_refused() {
        let plain = parts("http://a/", &[]);
        assert_eq!(normalize(plain, BOUNDS).err(), Some(BadHead::Malformed));
        let twice = parts("https://a/", &[("content-length", "5"), ("content-length", "5")]);
        assert_eq!(normalize(twice, BOUNDS).err(), Some(BadHead::Malformed));
    }

    /// `h2` takes these.
    #[test]
    fn a_length_with_two_readings_is_refused() {
        for (length, fault) in
            [("0", None), ("5", None), ("", Some(BadHead::Malformed)), ("05", Some(BadHead::Malformed))]
        {
            let with = parts("https://a/", &[("content-length", length)]);
            assert_eq!(normalize(with, BOUNDS).err(), fault, "{length:?}");
        }
    }

    #[test]
    fn white_space_around_a_value_is_refused() {
        for (value, is_good) in
            [("", true), ("y z", true), (" y", false), ("\ty", false), ("y ", false), ("y\t", false)]
        {
            for name in ["x", "cookie"] {
                let with = parts("https://a/", &[(name, value), ("cookie", "b=2")]);
                assert_eq!(normalize(with, BOUNDS).is_ok(), is_good, "{name}: {value:?}");
            }
        }
    }
}
