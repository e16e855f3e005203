//! HTTP/2 from clients (RFC 9113): the connection. Its frames and its header compression are the crate `h2`'s; each stream
//! becomes a request like any other and takes the same path. Spoken only where TLS agreed on it: never in the clear, never
//! by an upgrade.

pub mod exchange;
pub mod strain;
pub mod wire;

use super::Worker;
use super::connection::Peer;
use crate::config::limits::{
    HEADERS_MAX, HTTP2_CONNECTION_WINDOW, HTTP2_LOCAL_RESETS_MAX, HTTP2_PENDING_RESETS_MAX, HTTP2_SEND_BYTES_MAX,
    HTTP2_STREAM_WINDOW,
};
use crate::net::client::{ClientStream, Phase};
use crate::net::thread;
use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use wire::Wire;

/// What a connection has to do next.
enum Next {
    /// Answer a request.
    Answer(Box<Request<RecvStream>>, SendResponse<Bytes>),
    /// Tell the client that we are about to leave.
    Leave,
    /// End: its time is over.
    Late,
    /// Cut off a client that keeps us busy with nothing.
    CutOff,
    /// Nothing: it has ended.
    End,
}

impl Worker {
    /// Serves a connection to its end. Each stream has a task of its own on this thread: `h2` wakes only the one that can go on,
    /// and what several of them have to say leaves in one write.
    pub(super) async fn serve_http2(self: &Rc<Self>, stream: ClientStream, peer: Rc<Peer>) {
        let head = (self.home.deadlines.deadline(), self.timeouts.head);
        let wire = Wire::new(stream, Rc::clone(&peer.activity), head, self.home.buffers.clone());
        let Some(mut connection) = self.shake_hands(&wire, &peer).await else { return };
        peer.activity.carry_many();
        self.metrics().connections_http2.add(1);
        let mut is_leaving = false;
        loop {
            match poll_fn(|cx| poll_next(&mut connection, (&wire, &peer), is_leaving, cx)).await {
                Next::Answer(request, respond) => {
                    peer.activity.begin();
                    thread::beside(Rc::clone(self).exchange(*request, respond, Rc::clone(&peer)));
                }
                // RFC 9113 §6.8: what is on its way to us is still answered.
                Next::Leave => {
                    is_leaving = true;
                    peer.activity.hurry(LINGER);
                    connection.graceful_shutdown();
                }
                Next::Late => {
                    if peer.activity.phase() != Phase::Idle {
                        self.metrics().connections_late.add(1);
                    }
                    return;
                }
                Next::CutOff => {
                    self.metrics().connections_strained.add(1);
                    connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                    // What it still sends is not read: one try to tell it, and the connection ends.
                    let _told = poll_fn(|cx| Poll::Ready(connection.poll_closed(cx))).await;
                    return;
                }
                Next::End => return,
            }
        }
    }

    /// Nothing, if the client is no client of HTTP/2, or too slow.
    async fn shake_hands(&self, wire: &Wire, peer: &Peer) -> Option<Connection<Wire, Bytes>> {
        let mut handshake = pin!(self.http2_settings().handshake(wire.clone()));
        poll_fn(|cx| match handshake.as_mut().poll(cx) {
            Poll::Ready(connection) => Poll::Ready(connection.ok()),
            Poll::Pending => match wire.poll_send(cx) {
                Poll::Ready(Err(_)) => Poll::Ready(None),
                Poll::Ready(Ok(())) | Poll::Pending => peer.activity.poll_late(cx).map(|()| None),
            },
        })
        .await
    }

    fn http2_settings(&self) -> Builder {
        // What HTTP/1.1 would take is not refused here, where a field counts for 32 bytes more (RFC 9113 §6.5.2): we look again.
        let list = self.bounds.head_bytes_max + (HEADERS_MAX + PSEUDO_MAX) * FIELD_OVERHEAD;
        let mut settings = Builder::new();
        settings
            .max_concurrent_streams(self.bounds.streams_max)
            .max_header_list_size(u32::try_from(list).unwrap_or(u32::MAX))
            .initial_window_size(HTTP2_STREAM_WINDOW)
            .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
            .max_send_buffer_size(HTTP2_SEND_BYTES_MAX)
            // What is still on its way on a stream that was refused is no fault of the client's.
            .max_concurrent_reset_streams(self.bounds.streams_max as usize)
            .reset_stream_duration(RESETS_KEPT)
            .max_pending_accept_reset_streams(HTTP2_PENDING_RESETS_MAX)
            .max_local_error_reset_streams(Some(HTTP2_LOCAL_RESETS_MAX));
        settings
    }
}

fn poll_next(
    connection: &mut Connection<Wire, Bytes>,
    (wire, peer): (&Wire, &Peer),
    is_leaving: bool,
    cx: &mut Context<'_>,
) -> Poll<Next> {
    match connection.poll_accept(cx) {
        _ if wire.is_strained() => return Poll::Ready(Next::CutOff),
        Poll::Ready(Some(Ok((request, respond)))) => return Poll::Ready(Next::Answer(Box::new(request), respond)),
        Poll::Ready(Some(Err(fault))) if fault.reason() == Some(Reason::ENHANCE_YOUR_CALM) && fault.is_library() => {
            return Poll::Ready(Next::CutOff);
        }
        Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Next::End),
        Poll::Pending => {}
    }
    if let Poll::Ready(Err(_)) = wire.poll_send(cx) {
        return Poll::Ready(Next::End);
    }
    let (activity, is_late) = (&peer.activity, peer.activity.poll_late(cx).is_ready());
    if !is_leaving && (activity.is_hurried() || is_late && activity.phase() == Phase::Idle) {
        return Poll::Ready(Next::Leave);
    }
    if is_late || wire.poll_late(cx).is_ready() { Poll::Ready(Next::Late) } else { Poll::Pending }
}

/// How long a client that we have told that we leave may stay between two requests.
const LINGER: Duration = Duration::from_secs(1);
/// How long a stream that we reset is remembered.
const RESETS_KEPT: Duration = Duration::from_secs(10);
/// `:method`, `:scheme`, `:authority` and `:path`.
const PSEUDO_MAX: usize = 4;
/// What a field counts for beside its name and value.
const FIELD_OVERHEAD: usize = 32;
