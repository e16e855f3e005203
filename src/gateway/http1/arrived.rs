//! What has arrived on a client's connection, without asking for more.

use super::super::body::BodyFault;
use super::framing::{BadFraming, Chunk};
use super::wire::{State, Wire};
use bytes::Bytes;

impl Wire {
    /// Whether all of the body at hand was taken.
    pub fn is_taken(&self) -> bool {
        self.0.borrow().body.is_over()
    }

    /// A piece of the body at hand that is there already. That there is none, and the end, `poll_body` tells.
    pub fn arrived(&self) -> Option<Result<Bytes, BodyFault>> {
        let mut state = self.0.borrow_mut();
        let State { body, received, .. } = &mut *state;
        match body.take(&mut received.bytes) {
            Ok(Chunk::Data(piece)) => Some(Ok(piece)),
            Ok(Chunk::Incomplete | Chunk::End) => None,
            Err(BadFraming) => Some(Err(BodyFault::Malformed)),
        }
    }

    /// Whether nothing has arrived that is not part of a request that was read.
    pub fn is_quiet(&self) -> bool {
        let state = self.0.borrow();
        state.received.bytes.is_empty() && state.body.is_over()
    }
}
