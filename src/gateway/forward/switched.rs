//! A connection to a server that speaks another protocol from now on: bytes, as they come.

use super::connection::Connection;
use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// It. Dropped, it is closed: it carries no request any more.
pub struct Switched(Box<Connection>);

impl Switched {
    pub(super) fn new(connection: Box<Connection>) -> Self {
        // The exchange that has led to it is over; what follows has bounds of its own.
        connection.exchange().finish();
        Self(connection)
    }

    /// What the server has sent: `None` at the end.
    pub fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if self.0.received().is_empty() {
            match self.0.poll_receive(cx) {
                Poll::Ready(received) => {
                    if received? == 0 {
                        return Poll::Ready(Ok(None));
                    }
                }
                Poll::Pending => {
                    self.0.rest();
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(Some(self.0.received().split().freeze())))
    }

    /// Adds bytes to what is sent.
    pub fn queue(&mut self, bytes: &[u8]) {
        self.0.sending().out.extend_from_slice(bytes);
    }

    /// Ready once everything was handed to the kernel.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_sent(cx)
    }

    /// Says that nothing more comes.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        Pin::new(self.0.transport()).poll_shutdown(cx)
    }
}
