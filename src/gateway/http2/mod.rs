//! HTTP/2 from clients (RFC 9113): the connection. Its frames and its header compression are the crate `h2`'s; each stream
//! becomes a request like any other and takes the same path. Spoken only where TLS agreed on it: never in the clear, never
//! by an upgrade.

mod exchange;
pub mod strain;

use super::Worker;
use super::connection::Peer;
use crate::config::limits::{
    HTTP2_CONNECTION_WINDOW, HTTP2_LOCAL_RESETS_MAX, HTTP2_PENDING_RESETS_MAX, HTTP2_SEND_BYTES_MAX,
    HTTP2_STREAM_WINDOW,
};
use crate::net::client::ClientStream;
use crate::net::thread;
use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use strain::{Strain, Strained};

/// What a connection has to do next.
enum Next {
    /// Answer a request.
    Answer(Box<Request<RecvStream>>, SendResponse<Bytes>),
    /// Leave: its time is over, or we are about to go.
    Late,
    /// Cut off a client that keeps us busy with nothing.
    CutOff,
    /// Nothing: the client has left.
    End,
}

impl Worker {
    /// Serves a connection to its end. Each stream has a task of its own on this thread: `h2` wakes only the one that can go on,
    /// and what several of them have to say leaves in one write.
    pub(super) async fn serve_http2(self: &Rc<Self>, stream: ClientStream, peer: Rc<Peer>) {
        let strain = Strain::new();
        let io = Strained::new(stream, strain.clone(), Rc::clone(&peer.activity));
        let mut handshake = pin!(self.http2_settings().handshake::<_, Bytes>(io));
        let connection = poll_fn(|cx| match handshake.as_mut().poll(cx) {
            Poll::Ready(connection) => Poll::Ready(connection.ok()),
            Poll::Pending => peer.activity.poll_late(cx).map(|()| None),
        });
        let Some(mut connection) = connection.await else { return };
        peer.activity.carry_many();
        self.metrics().connections_http2.add(1);
        let mut is_leaving = false;
        loop {
            match poll_fn(|cx| poll_next(&mut connection, &strain, &peer, cx)).await {
                Next::Answer(request, respond) => {
                    peer.activity.begin();
                    thread::beside(Rc::clone(self).exchange(*request, respond, Rc::clone(&peer)));
                }
                // RFC 9113 §6.8: what is on its way to us is still answered.
                Next::Late if peer.activity.is_hurried() && !is_leaving => {
                    is_leaving = true;
                    connection.graceful_shutdown();
                    peer.activity.told();
                }
                Next::Late => {
                    self.metrics().connections_late.add(1);
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

    fn http2_settings(&self) -> Builder {
        let mut settings = Builder::new();
        settings
            .max_concurrent_streams(self.bounds.streams_max)
            .max_header_list_size(u32::try_from(self.bounds.head_bytes_max).unwrap_or(u32::MAX))
            .initial_window_size(HTTP2_STREAM_WINDOW)
            .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
            .max_send_buffer_size(HTTP2_SEND_BYTES_MAX)
            .max_pending_accept_reset_streams(HTTP2_PENDING_RESETS_MAX)
            .max_local_error_reset_streams(Some(HTTP2_LOCAL_RESETS_MAX));
        settings
    }
}

fn poll_next(
    connection: &mut Connection<Strained, Bytes>,
    strain: &Strain,
    peer: &Peer,
    cx: &mut Context<'_>,
) -> Poll<Next> {
    match connection.poll_accept(cx) {
        _ if strain.is_too_much() => Poll::Ready(Next::CutOff),
        Poll::Ready(Some(Ok((request, respond)))) => Poll::Ready(Next::Answer(Box::new(request), respond)),
        Poll::Ready(Some(Err(_)) | None) => Poll::Ready(Next::End),
        Poll::Pending => peer.activity.poll_late(cx).map(|()| Next::Late),
    }
}
