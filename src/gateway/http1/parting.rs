//! How a client's connection ends, so that what was sent on it arrives.

use super::wire::Wire;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::ready;
use tokio::io::AsyncWrite;

impl Wire {
    /// Ends the connection for a client that said that it sends nothing more, and has not. There is nothing to wait for.
    pub async fn part(&self) {
        // A client that does not even take this is cut off.
        let _parted = poll_fn(|cx| self.0.borrow_mut().stream.poll_farewell(cx)).await;
    }

    /// Lets the connection end by a reset: what has been sent on it is not the whole, and nothing else says so to a client of
    /// HTTP/1.0. Through TLS the end without a farewell says it.
    pub fn break_off(&self) {
        self.0.borrow().stream.break_off();
    }

    /// Ends our direction and waits for the client to end its own, taking what it still sends: closing at once would
    /// make the kernel reset the connection, and the answer could be lost with it (RFC 9112 §9.6). Bounded in bytes here
    /// and in time by the connection's deadline.
    pub async fn close(&self) {
        let mut left = LINGER_BYTES_MAX;
        let closed = poll_fn(|cx| {
            let mut state = self.0.borrow_mut();
            ready!(state.poll_send(cx)).ok();
            Pin::new(&mut state.stream).poll_shutdown(cx)
        });
        if closed.await.is_err() {
            return;
        }
        while left > 0 {
            let received = poll_fn(|cx| {
                let mut state = self.0.borrow_mut();
                state.received.bytes.clear();
                state.poll_receive(cx)
            });
            match received.await {
                Ok(received) if received > 0 => left = left.saturating_sub(received),
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// What a client may still send after an answer that ends the connection.
const LINGER_BYTES_MAX: usize = 1024 * 1024;
