//! HTTP/2 from clients (RFC 9113): the connection. Its frames and its header compression are the crate `h2`'s; each stream
//! becomes a request like any other and takes the same path. Spoken only where TLS agreed on it: never in the clear, never
//! by an upgrade.
//!
//! What a client can make one connection hold: its windows of request bodies (256 KiB), a head and 64 KiB of an answer for each
//! of `limits.streams` (512 KiB of four answers at a time on a worker), one TLS record, the last token twice (10 KiB), and what `h2`
//! reads and writes by (some 30 KiB, also while it idles). Answers that its windows have no room for stay with the upstream. Out of
//! ill will it can make it more: `h2` keeps a whole read for the smallest piece of it, so pieces of bodies that wait for an upstream
//! can hold 17 MB (`HTTP2_SMALL_PIECES_MAX`), and names in its table of header compression 1.5 MB.

pub mod exchange;
mod huffman;
pub mod strain;
mod turns;
pub mod unpack;
pub mod wire;

use super::Worker;
use super::connection::Peer;
use crate::config::bounds::{
    HTTP2_CONNECTION_WINDOW, HTTP2_LOCAL_RESETS_MAX, HTTP2_PENDING_RESETS_MAX, HTTP2_RESETS_REMEMBERED,
    HTTP2_SEND_BYTES_MAX, HTTP2_SMALL_PIECES_MAX, HTTP2_STREAM_WINDOW,
};
use crate::net::client::ClientStream;
use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::task::coop;
use turns::{Exchanges, Turns};
use wire::Wire;

/// A connection, and what is under way on it.
struct Conversation<'c, F> {
    connection: Connection<Wire, Bytes>,
    wire: &'c Wire,
    peer: &'c Peer,
    exchanges: Exchanges<F>,
    turns: &'c Arc<Turns>,
    /// Of the connection's own turn.
    waker: Waker,
    /// The client was told that we are about to leave.
    is_leaving: bool,
    /// So many more may begin: until we leave, or after it.
    requests_left: usize,
}

/// Why a connection ends.
enum End {
    /// One side has said so, or is gone.
    Gone,
    /// Its time is over.
    Late,
    /// The client keeps us busy with nothing.
    Strained,
}

impl Worker {
    /// Serves a connection to its end.
    pub(super) async fn serve_http2(self: &Rc<Self>, stream: ClientStream, peer: &Peer) {
        let head = (self.home.deadlines.deadline(), self.timeouts.head);
        let wire = Wire::new(stream, Rc::clone(&peer.activity), head, self.home.buffers.clone());
        let Some(connection) = self.shake_hands(&wire, peer).await else { return };
        peer.activity.carry_many();
        self.metrics().connections_http2.add(1);
        let streams_max = self.bounds.streams_max as usize;
        let turns = poll_fn(|cx| Poll::Ready(Turns::new(streams_max, cx.waker()))).await;
        let mut conversation = Conversation {
            connection,
            wire: &wire,
            peer,
            exchanges: Exchanges::new(streams_max, &turns),
            turns: &turns,
            waker: turns.waker(turns::CONNECTION),
            is_leaving: false,
            requests_left: self.bounds.requests_max,
        };
        let answer = |request, respond| self.exchange(request, respond, peer);
        match poll_fn(|_| conversation.poll(answer)).await {
            End::Gone => {}
            End::Late if peer.activity.is_idle() => {}
            End::Late => self.metrics().connections_late.add(1),
            End::Strained => {
                self.metrics().connections_strained.add(1);
                conversation.cut_off();
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
        let head = self.bounds.head;
        let list = head.bytes_max + (head.fields_max + PSEUDO_MAX) * FIELD_OVERHEAD;
        let mut settings = Builder::new();
        settings
            .max_concurrent_streams(self.bounds.streams_max)
            .max_header_list_size(u32::try_from(list).unwrap_or(u32::MAX))
            .initial_window_size(HTTP2_STREAM_WINDOW)
            .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
            .max_send_buffer_size(HTTP2_SEND_BYTES_MAX)
            // What is still on its way on a stream that was refused is no fault of the client's.
            .max_concurrent_reset_streams(HTTP2_RESETS_REMEMBERED.max(self.bounds.streams_max as usize))
            .data_frame_budget(HTTP2_SMALL_PIECES_MAX)
            .reset_stream_duration(RESETS_KEPT)
            .max_pending_accept_reset_streams(HTTP2_PENDING_RESETS_MAX)
            .max_local_error_reset_streams(Some(HTTP2_LOCAL_RESETS_MAX));
        settings
    }
}

impl<F: Future<Output = ()>> Conversation<'_, F> {
    /// Lets everything go on that can, and sends what comes of it.
    fn poll(&mut self, answer: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F) -> Poll<End> {
        self.turns.begin();
        for _ in 0..ROUNDS_MAX {
            if self.turns.take(turns::CONNECTION)
                && let Poll::Ready(end) = self.poll_connection(&answer)
            {
                return Poll::Ready(end);
            }
            self.exchanges.poll();
            // What is left has its turn when the worker's other connections have had theirs.
            if !self.turns.is_any() || !coop::has_budget_remaining() {
                break;
            }
        }
        let ended = self.poll_end();
        self.turns.rest();
        ended
    }

    /// Takes in what the client says, and hands to the wire what is to be said to it.
    fn poll_connection(&mut self, answer: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F) -> Poll<End> {
        let waker = self.waker.clone();
        let mut cx = Context::from_waker(&waker);
        loop {
            // Exchanges that the client has taken back are still there until they have had their turn.
            let next = if self.exchanges.is_full() {
                self.connection.poll_closed(&mut cx).map(|ended| ended.err().map(Err))
            } else {
                self.connection.poll_accept(&mut cx)
            };
            return match next {
                _ if self.wire.is_strained() => Poll::Ready(End::Strained),
                Poll::Ready(Some(Ok((request, respond)))) => {
                    if let Poll::Ready(end) = self.count() {
                        return Poll::Ready(end);
                    }
                    self.exchanges.start(answer(request, respond));
                    continue;
                }
                Poll::Ready(Some(Err(fault))) if is_strain(&fault) => Poll::Ready(End::Strained),
                Poll::Ready(Some(Err(_)) | None) => Poll::Ready(End::Gone),
                Poll::Pending => Poll::Pending,
            };
        }
    }

    /// Another request begins. With the last that the connection may carry we leave; who does not want to know is cut off.
    fn count(&mut self) -> Poll<End> {
        let Some(left) = self.requests_left.checked_sub(1) else { return Poll::Ready(End::Strained) };
        self.requests_left = left;
        if left == 0 && !self.is_leaving {
            self.leave();
        }
        Poll::Pending
    }

    /// RFC 9113 §6.8: the client is told to begin nothing more, and what is on its way to us is still answered. That can be as
    /// many requests as it may have open: the second half is for those that it took up while the first ones ended.
    fn leave(&mut self) {
        self.is_leaving = true;
        self.requests_left = 2 * self.exchanges.max();
        self.peer.activity.hurry(LINGER);
        self.connection.graceful_shutdown();
    }

    fn poll_end(&mut self) -> Poll<End> {
        let cx = &mut Context::from_waker(&self.waker);
        if let Poll::Ready(Err(_)) = self.wire.poll_send(cx) {
            return Poll::Ready(End::Gone);
        }
        let (activity, is_late) = (&self.peer.activity, self.peer.activity.poll_late(cx).is_ready());
        if !self.is_leaving && (activity.is_hurried() || is_late && activity.is_idle()) {
            self.leave();
            self.turns.set(turns::CONNECTION);
            return Poll::Pending;
        }
        if is_late || self.wire.poll_late(cx).is_ready() { Poll::Ready(End::Late) } else { Poll::Pending }
    }

    /// What the client still sends is not read: one try to tell it, and the connection ends.
    fn cut_off(&mut self) {
        self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        let _told = self.connection.poll_closed(&mut Context::from_waker(&self.waker));
    }
}

/// Whether `h2` itself has had enough of the client.
fn is_strain(fault: &h2::Error) -> bool {
    fault.is_library() && fault.reason() == Some(Reason::ENHANCE_YOUR_CALM)
}

/// How often exchanges and connection have their turns, one after the other, before the worker's other connections have theirs.
/// Two are the rule: what was asked, and what was answered.
const ROUNDS_MAX: usize = 8;
/// How long a client that we have told that we leave may stay between two requests.
const LINGER: Duration = Duration::from_secs(1);
/// How long a stream that we reset is remembered.
const RESETS_KEPT: Duration = Duration::from_secs(10);
/// `:method`, `:scheme`, `:authority` and `:path`.
const PSEUDO_MAX: usize = 4;
/// What a field counts for beside its name and value.
const FIELD_OVERHEAD: usize = 32;
