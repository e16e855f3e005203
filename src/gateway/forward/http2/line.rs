//! One HTTP/2 connection's own work: it reads and writes frames for as long as there is somebody to do it for.

use super::super::connect::{ConnectFault, Endpoint};
use super::super::transport::Transport;
use crate::config::bounds::{
    UPSTREAM_HEAD_BYTES_MAX, UPSTREAM_RESETS_MAX, UPSTREAM_STREAMS_MAX, UPSTREAM_WINDOW_BYTES,
};
use crate::net::deadline::Deadline;
use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A connection at work. Its task and whoever takes a place on it poll it, both in the name of the task.
pub(super) struct Line {
    connection: RefCell<Option<Connection<Transport, Bytes>>>,
    task: RefCell<Waker>,
    /// When it ends though nothing else ends it; not armed while there are exchanges.
    pub(super) deadline: Deadline,
}

/// Opens a connection to `endpoint` and waits for its settings: how many streams it takes is known before the first, and
/// that it speaks HTTP/2 at all before anything is sent that could be meant seriously.
pub(super) async fn open(
    endpoint: &Arc<Endpoint>,
) -> Result<(SendRequest<Bytes>, Connection<Transport, Bytes>, SocketAddr), ConnectFault> {
    let opening = async {
        let (transport, peer) = endpoint.open().await?;
        let shaken = builder().handshake(transport).await;
        let (sender, mut connection) = shaken.map_err(|fault| endpoint.disagrees(fault))?;
        poll_fn(|cx| {
            let polled = Pin::new(&mut connection).poll(cx);
            if sender.current_max_send_streams() != UNKNOWN {
                return Poll::Ready(Ok(()));
            }
            polled.map(|ended| {
                Err(match ended {
                    Ok(()) => endpoint.disagrees("it ends the connection without speaking HTTP/2"),
                    Err(fault) => endpoint.disagrees(fault),
                })
            })
        })
        .await?;
        endpoint.works();
        Ok((sender, connection, peer))
    };
    tokio::time::timeout(endpoint.timeout(), opening).await.unwrap_or(Err(ConnectFault::Refused))
}

impl Line {
    pub(super) fn new(connection: Connection<Transport, Bytes>, deadline: Deadline) -> Rc<Self> {
        let task = RefCell::new(Waker::noop().clone());
        Rc::new(Self { connection: RefCell::new(Some(connection)), task, deadline })
    }

    /// Works until the connection ends: the peer ends it, nobody can use it any more, or its time is up.
    pub(super) async fn work(self: Rc<Self>) {
        poll_fn(|cx| {
            self.task.borrow_mut().clone_from(cx.waker());
            match self.poll(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => self.deadline.poll(cx),
            }
        })
        .await;
        drop(self.connection.take());
    }

    /// Whether the connection is still there. What has arrived meanwhile is read first, which may be its end: a request
    /// would be lost on it.
    pub(super) fn is_open(&self) -> bool {
        let task = self.task.borrow().clone();
        let is_open = self.poll(&mut Context::from_waker(&task)).is_pending();
        if !is_open {
            task.wake();
        }
        is_open
    }

    /// Whether the connection is still there, as far as anybody has looked.
    pub(super) fn seems_open(&self) -> bool {
        self.connection.borrow().is_some()
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut connection = self.connection.borrow_mut();
        let ended = connection.as_mut().is_none_or(|connection| pin!(connection).poll(cx).is_ready());
        if ended {
            *connection = None;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// Nothing is pushed, every buffer is bounded. The connection's window has room for all streams' windows: one whose
/// client takes nothing takes nothing from the others.
fn builder() -> Builder {
    let streams = u32::try_from(UPSTREAM_STREAMS_MAX).unwrap_or(u32::MAX);
    let head_bytes_max = u32::try_from(UPSTREAM_HEAD_BYTES_MAX).unwrap_or(u32::MAX);
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_max_send_streams(UNKNOWN)
        .initial_window_size(UPSTREAM_WINDOW_BYTES)
        .initial_connection_window_size(UPSTREAM_WINDOW_BYTES.saturating_mul(streams))
        .max_header_list_size(head_bytes_max)
        .max_concurrent_reset_streams(UPSTREAM_RESETS_MAX)
        .max_send_buffer_size(SEND_BYTES_MAX);
    builder
}

/// Before its settings have come; no settings say this.
const UNKNOWN: usize = usize::MAX - 1;
/// What waits of one request body to be written.
const SEND_BYTES_MAX: usize = 64 * 1024;
