//! One exchange on an HTTP/2 connection. The request's task polls it; the connection's own task moves the frames.

use super::super::super::http1::fields::Fields;
use super::super::super::http1::framing::{Announced, Announcement, Framing};
use super::super::body::{Broken, RequestBody, Response, ResponseBody, Source};
use super::super::connection::SendFault;
use super::super::exchange::Exchange;
use super::super::sending::Outgoing;
use super::request;
use super::session::Ticket;
use crate::config::limits::HEADERS_MAX;
use crate::gateway::reason::Reason;
use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::uri::Scheme;
use http::{HeaderMap, Method, StatusCode, header};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// A response on its way, and what is left of its request. Dropped before both have ended, the stream is reset and the
/// connection goes on.
pub(in super::super) struct Stream {
    fields: Fields,
    framing: Framing,
    receiving: RecvStream,
    pending: Pending,
}

/// An exchange whose response may not have begun.
struct Pending {
    sending: Sending,
    exchange: Option<Rc<Exchange>>,
    ticket: Ticket,
}

/// The half of an exchange that goes out.
struct Sending {
    stream: SendStream<Bytes>,
    body: Option<RequestBody>,
    piece: Bytes,
    is_over: bool,
    has_failed: bool,
}

impl Ticket {
    /// Sends a request and waits for the head of its response.
    pub(in super::super) async fn send(self, outgoing: &mut Outgoing<'_>) -> Result<Response, SendFault> {
        let scheme = if self.sessions.endpoint().is_secure() { Scheme::HTTPS } else { Scheme::HTTP };
        let request = request::head(outgoing, scheme).map_err(|_| SendFault::Refused(Reason::Internal))?;
        let method = request.method().clone();
        let mut body = outgoing.body.take_if(|body| !body.is_over());
        let sent = self.session.sender.borrow_mut().send_request(request, body.is_none());
        let Ok((mut answer, stream)) = sent else {
            // The connection has just become unusable, and nothing was sent on it.
            outgoing.body = outgoing.body.take().or(body);
            self.session.retire();
            return Err(SendFault::Unsent);
        };
        let exchange = self.sessions.exchange();
        exchange.begin(outgoing.end);
        if let Some(body) = &mut body {
            body.join(&exchange);
        }
        let is_repeatable = body.is_none() && method.is_idempotent();
        let sending = Sending { stream, is_over: body.is_none(), body, piece: Bytes::new(), has_failed: false };
        let mut pending = Pending { sending, exchange: Some(exchange), ticket: self };
        match poll_fn(|cx| pending.poll_head(&mut answer, cx)).await {
            Ok(response) => pending.begin(response, &method).map_err(SendFault::Refused),
            Err(NoHead::Unprocessed) if is_repeatable => Err(SendFault::Unsent),
            Err(NoHead::Unprocessed) => Err(SendFault::Refused(Reason::UpstreamInvalid)),
            Err(NoHead::Fault(reason)) => Err(SendFault::Refused(reason)),
        }
    }
}

/// Why no head of a response comes.
enum NoHead {
    /// The server has said that it did nothing with the request (RFC 9113 §8.7).
    Unprocessed,
    Fault(Reason),
}

impl Pending {
    fn poll_head(
        &mut self,
        answer: &mut ResponseFuture,
        cx: &mut Context<'_>,
    ) -> Poll<Result<http::Response<RecvStream>, NoHead>> {
        self.sending.poll_unless_failed(cx);
        let fault = self.exchange().fault();
        match Pin::new(answer).poll(cx) {
            Poll::Ready(Ok(response)) => Poll::Ready(Ok(response)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(match fault {
                Some(reason) => NoHead::Fault(reason),
                None if is_unprocessed(&error) => NoHead::Unprocessed,
                None => NoHead::Fault(Reason::UpstreamInvalid),
            })),
            Poll::Pending => match fault {
                Some(reason) => Poll::Ready(Err(NoHead::Fault(reason))),
                None => self.poll_late(cx).map(|reason| Err(NoHead::Fault(reason))),
            },
        }
    }

    /// Ready, with whose fault it is, once a party was waited for too long. An upstream that is late may be gone without a
    /// word: the connection takes no more requests.
    fn poll_late(&self, cx: &Context<'_>) -> Poll<Reason> {
        let reason = ready!(self.exchange().poll_late(cx));
        if reason == Reason::UpstreamLate {
            self.ticket.session.retire();
        }
        Poll::Ready(reason)
    }

    /// The response has begun.
    fn begin(self, response: http::Response<RecvStream>, method: &Method) -> Result<Response, Reason> {
        self.exchange().rest();
        let (head, receiving) = response.into_parts();
        let mut fields = Fields::default();
        let framing = framing(&head.headers, head.status, method, receiving.is_end_stream())?;
        head.headers.iter().for_each(|(name, value)| fields.push(name.as_str(), value.as_bytes()));
        let stream = Box::new(Stream { fields, framing, receiving, pending: self });
        Ok(Response { status: head.status, body: ResponseBody::new(Source::Stream(stream)) })
    }

    fn exchange(&self) -> &Exchange {
        self.exchange.as_deref().expect("it is taken on drop only")
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // It knows the exchange too.
        self.sending.body = None;
        if let Some(exchange) = self.exchange.take() {
            self.ticket.sessions.keep(exchange);
        }
    }
}

impl Stream {
    /// The fields of the response.
    pub(in super::super) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Where its body ends.
    pub(in super::super) fn framing(&self) -> &Framing {
        &self.framing
    }

    /// What bounds the exchange.
    pub(in super::super) fn exchange(&self) -> &Exchange {
        self.pending.exchange()
    }

    /// Whether the response has ended.
    pub(in super::super) fn is_over(&self) -> bool {
        self.receiving.is_end_stream()
    }

    /// The next piece: `None` at the end, which must be where the length says, if there is one. Trailers are dropped.
    pub(in super::super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        self.pending.sending.poll_unless_failed(cx);
        match self.receiving.poll_data(cx) {
            Poll::Ready(Some(Ok(piece))) => {
                self.pending.exchange().rest();
                // What the client does not take is not asked for: the next piece is polled when this one has gone.
                let released = self.receiving.flow_control().release_capacity(piece.len());
                let fits = released.is_ok() && take(&mut self.framing, piece.len());
                Poll::Ready(Some(if fits { Ok(piece) } else { Err(Broken) }))
            }
            Poll::Ready(Some(Err(_reset))) => Poll::Ready(Some(Err(Broken))),
            Poll::Ready(None) if matches!(self.framing, Framing::Length(1..)) => Poll::Ready(Some(Err(Broken))),
            Poll::Ready(None) => {
                self.pending.ticket.is_complete = self.pending.sending.is_over;
                Poll::Ready(None)
            }
            Poll::Pending => {
                self.pending.exchange().wait_for_more();
                self.pending.poll_late(cx).map(|_| Some(Err(Broken)))
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // A response that has ended with its last piece is not polled once more.
        self.pending.ticket.is_complete |= self.is_over() && self.pending.sending.is_over;
    }
}

impl Sending {
    /// Lets the request body go on. A fault shows in what is received, or not received, next.
    fn poll_unless_failed(&mut self, cx: &mut Context<'_>) {
        if !self.has_failed
            && let Poll::Ready(Err(_)) = self.poll(cx)
        {
            self.has_failed = true;
        }
    }

    /// Hands over as much as the server and our own bound allow; only then the body is asked for more, so that a slow
    /// upstream slows the client and not us.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        while !self.is_over {
            while !self.piece.is_empty() {
                let room = self.stream.capacity().min(self.piece.len());
                if room == 0 {
                    self.stream.reserve_capacity(self.piece.len());
                    ready!(self.stream.poll_capacity(cx)).ok_or(Broken)?.map_err(|_| Broken)?;
                    continue;
                }
                let part = self.piece.split_to(room);
                self.is_over = self.piece.is_empty() && self.body.is_none();
                self.stream.send_data(part, self.is_over).map_err(|_| Broken)?;
            }
            let Some(body) = &mut self.body else { return Poll::Ready(Ok(())) };
            match ready!(body.poll_piece(cx)) {
                Some(Ok(data)) => {
                    self.piece = data;
                    // The last piece ends the stream too.
                    if body.is_over() && !self.piece.is_empty() {
                        self.body = None;
                    }
                }
                Some(Err(broken)) => {
                    self.stream.send_reset(h2::Reason::CANCEL);
                    return Poll::Ready(Err(broken));
                }
                None => {
                    self.body = None;
                    self.is_over = true;
                    self.stream.send_data(Bytes::new(), true).map_err(|_| Broken)?;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// RFC 9113 §8.7: by refusing the stream, or by naming a last one before it when it leaves.
fn is_unprocessed(error: &h2::Error) -> bool {
    error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
}

/// Where the body ends. The stream says it, and a length beside it must agree: it goes on to the client.
fn framing(fields: &HeaderMap, status: StatusCode, method: &Method, is_over: bool) -> Result<Framing, Reason> {
    let mut announced = Announced::default();
    fields.get_all(header::CONTENT_LENGTH).iter().for_each(|value| announced.length(value.as_bytes()));
    let announcement = announced.reading().map_err(|_| Reason::UpstreamInvalid)?;
    if fields.len() > HEADERS_MAX {
        return Err(Reason::UpstreamInvalid);
    }
    let has_no_body =
        *method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) || is_over;
    Ok(match announcement {
        _ if has_no_body => Framing::Length(0),
        Announcement::Length(length) => Framing::Length(length),
        Announcement::Nothing | Announcement::Chunked => Framing::Close,
    })
}

/// Whether so many bytes belong to the body; then they are counted.
fn take(framing: &mut Framing, bytes: usize) -> bool {
    match framing {
        Framing::Length(left) => match left.checked_sub(bytes as u64) {
            Some(less) => {
                *left = less;
                true
            }
            None => false,
        },
        Framing::Chunked(_) | Framing::Close => true,
    }
}
