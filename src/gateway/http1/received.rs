//! What has arrived on a connection and was not taken yet, and the memory that it is read into: little for a message, much for a
//! large body, none while there is nothing to read.

use super::buffers::{BULK_BYTES, Buffers, READ_BYTES};
use bytes::BytesMut;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Whose bytes they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Sender {
    /// What it sends is copied on its way, so that its pieces are small.
    Client,
    /// What it sends goes on as it is.
    Upstream,
}

/// What was received and not yet taken.
pub(in super::super) struct Received {
    /// It.
    pub(in super::super) bytes: BytesMut,
    buffers: Buffers,
    sender: Sender,
    /// The last read brought as much as an ordinary message has room for: there is more to come.
    is_bulk: bool,
    /// The memory is more than an ordinary message has: nobody else is given it.
    has_grown: bool,
}

impl Received {
    /// Nothing so far.
    pub(in super::super) fn new(sender: Sender, buffers: Buffers) -> Self {
        Self { bytes: BytesMut::new(), buffers, sender, is_bulk: false, has_grown: false }
    }

    /// Where its memory comes from.
    pub(super) fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// Reads once; the count is 0 at the end of the stream.
    pub(in super::super) fn poll_read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.make_room();
        let room = self.bytes.capacity() - self.bytes.len();
        let read = pin!(stream.read_buf(&mut self.bytes)).poll(cx);
        match read {
            Poll::Ready(Ok(bytes)) => self.is_bulk = bytes >= room.min(READ_BYTES),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.pause(),
        }
        read
    }

    /// There is no more for now. A little memory is kept for it, much is not.
    pub(in super::super) fn pause(&mut self) {
        if self.has_grown {
            self.rest();
        }
    }

    /// Lets go of memory that nothing is in, while there is nothing to read.
    pub(in super::super) fn rest(&mut self) {
        // Also where there is no room in it: it may be a handle to much.
        if self.bytes.is_empty() {
            let memory = std::mem::take(&mut self.bytes);
            if !std::mem::take(&mut self.has_grown) {
                self.buffers.give(memory);
            }
        }
    }

    /// The message is over; the next is an ordinary one until it shows otherwise.
    pub(in super::super) fn end(&mut self) {
        self.is_bulk = false;
        self.rest();
    }

    /// A large body is read in large pieces: who takes much at once wakes the other side less often, which costs more than to
    /// copy it. Where all large memory is in use, the connection has its own, and that of the pieces that have left is used again.
    fn make_room(&mut self) {
        if self.bytes.is_empty() {
            if !self.is_bulk && self.has_grown {
                self.rest();
            }
            if self.is_bulk && self.sender == Sender::Upstream && self.bytes.capacity() < BULK_BYTES {
                // Large memory that this is the tail of can only be taken once it is let go.
                if !self.bytes.try_reclaim(BULK_BYTES) {
                    self.bytes = BytesMut::new();
                }
                if let Some(large) = self.buffers.take_large() {
                    (self.bytes, self.has_grown) = (large, true);
                }
            } else if !self.is_bulk && self.bytes.capacity() == 0 {
                self.bytes = self.buffers.take();
            }
        }
        if self.bytes.capacity() - self.bytes.len() < READ_BYTES_MIN {
            self.bytes.reserve(if self.is_bulk { BULK_BYTES } else { READ_BYTES });
            self.has_grown |= self.is_bulk;
        }
    }
}

/// With less room than this more is asked for.
const READ_BYTES_MIN: usize = 2 * 1024;

#[cfg(test)]
mod tests {
    use super::super::buffers::{LARGE_BYTES, LARGE_MAX};
    use super::*;
    use bytes::Bytes;
    use std::pin::Pin;
    use std::task::Waker;
    use tokio::io::ReadBuf;

    /// Has so many bytes to read, and then no more for now.
    struct Source(usize);

    impl AsyncRead for Source {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let bytes = self.0.min(buffer.remaining());
            if bytes == 0 {
                return Poll::Pending;
            }
            self.0 -= bytes;
            buffer.put_slice(&vec![0; bytes]);
            Poll::Ready(Ok(()))
        }
    }

    /// Reads once where there is so much. Gives what that brought.
    fn read(received: &mut Received, there: usize) -> Option<Bytes> {
        let mut cx = Context::from_waker(Waker::noop());
        match received.poll_read(&mut Source(there), &mut cx) {
            Poll::Ready(read) => {
                assert_eq!(read.unwrap(), received.bytes.len());
                Some(received.bytes.split().freeze())
            }
            Poll::Pending => None,
        }
    }

    fn upstream(buffers: &Buffers) -> Received {
        let mut received = Received::new(Sender::Upstream, buffers.clone());
        assert_eq!(read(&mut received, usize::MAX).unwrap().len(), READ_BYTES);
        received
    }

    fn is_large(piece: &Bytes) -> bool {
        piece.len() == LARGE_BYTES
    }

    #[test]
    fn one_large_memory_serves_every_read_of_a_large_body() {
        let buffers = Buffers::default();
        let mut received = upstream(&buffers);
        let places: Vec<_> = (0..4)
            .map(|_| {
                let piece = read(&mut received, usize::MAX).unwrap();
                assert!(is_large(&piece));
                piece.as_ptr()
            })
            .collect();
        assert!(places.iter().all(|place| *place == places[0]));
        assert_eq!(buffers.large(), 1);
    }

    #[test]
    fn whoever_comes_when_all_large_memory_is_in_use_has_its_own() {
        let buffers = Buffers::default();
        let mut pieces: Vec<_> = (0..LARGE_MAX).map(|_| read(&mut upstream(&buffers), usize::MAX).unwrap()).collect();
        assert!(pieces.iter().all(is_large));
        let mut late = upstream(&buffers);
        let mut read_own = || {
            let piece = read(&mut late, usize::MAX).unwrap();
            assert!((BULK_BYTES..LARGE_BYTES).contains(&piece.len()));
            piece.as_ptr()
        };
        assert_eq!(read_own(), read_own(), "and uses it again");
        let piece = pieces.pop().unwrap();
        let rest = piece.slice(piece.len() - 1..);
        drop(piece);
        read_own();
        drop(rest);
        assert!(is_large(&read(&mut late, usize::MAX).unwrap()), "the last octet of that piece has left");
        assert_eq!(buffers.large(), LARGE_MAX);
    }

    /// A stream of events that began with many at once.
    #[test]
    fn who_waits_for_more_holds_no_memory() {
        let buffers = Buffers::default();
        let mut received = upstream(&buffers);
        drop(read(&mut received, LARGE_BYTES / 2).unwrap());
        assert!(read(&mut received, 0).is_none());
        assert_eq!(received.bytes.capacity(), 0);
        assert!(is_large(&read(&mut received, usize::MAX).unwrap()), "there may be more as large");
        received.pause();
        assert!(is_large(&read(&mut upstream(&buffers), usize::MAX).unwrap()), "also where the last read left no room");
        assert_eq!(buffers.large(), 1);
        drop(read(&mut received, 100).unwrap());
        drop(read(&mut received, 100).unwrap());
        assert!(received.bytes.capacity() <= READ_BYTES, "there is not");
    }

    #[test]
    fn what_has_grown_is_given_to_nobody() {
        for left in [1, READ_BYTES, 3 * READ_BYTES] {
            let buffers = Buffers::default();
            let mut received = upstream(&buffers);
            drop(read(&mut received, LARGE_BYTES - left).unwrap());
            received.end();
            let mut next = upstream(&buffers);
            assert!(is_large(&read(&mut next, usize::MAX).unwrap()), "{left}");
            assert_eq!(buffers.large(), 1);
        }
    }

    #[test]
    fn a_clients_pieces_are_small() {
        let buffers = Buffers::default();
        let mut received = Received::new(Sender::Client, buffers.clone());
        assert_eq!(read(&mut received, usize::MAX).unwrap().len(), READ_BYTES);
        let places: Vec<_> = (0..4)
            .map(|_| {
                let piece = read(&mut received, usize::MAX).unwrap();
                assert!((READ_BYTES..LARGE_BYTES).contains(&piece.len()));
                piece.as_ptr()
            })
            .collect();
        assert_eq!((places[1], places[2]), (places[2], places[3]));
        assert_eq!(buffers.large(), 0);
    }
}
