//! The memory that a worker reads into and writes from. A connection has some while there is something to read or to write
//! and gives it back when there is nothing: idle ones hold none, and the one that reads next gets what the processor still
//! has at hand. From the allocator, buffers of this size would come by its slow path.

use bytes::BytesMut;
use std::cell::RefCell;
use std::rc::Rc;

/// Buffers that nobody uses now. Clones share them; they belong to one worker.
#[derive(Clone, Default)]
pub struct Buffers(Rc<Spare>);

#[derive(Default)]
struct Spare {
    to_read: RefCell<Vec<BytesMut>>,
    to_write: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    /// An empty buffer with room for an ordinary message.
    pub(in super::super) fn take(&self) -> BytesMut {
        self.0.to_read.borrow_mut().pop().unwrap_or_else(|| BytesMut::with_capacity(READ_BYTES))
    }

    /// Keeps the memory of `buffer` for the next, if no part of it is in use any more.
    pub(in super::super) fn give(&self, mut buffer: BytesMut) {
        buffer.clear();
        let mut spare = self.0.to_read.borrow_mut();
        if spare.len() < SPARE_MAX && buffer.try_reclaim(READ_BYTES) && buffer.capacity() <= KEPT_BYTES_MAX {
            spare.push(buffer);
        }
    }

    /// An empty buffer to write into.
    pub(in super::super) fn take_out(&self) -> Vec<u8> {
        self.0.to_write.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps the memory of `buffer`, everything in which has left, for the next who writes.
    pub(in super::super) fn give_out(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut spare = self.0.to_write.borrow_mut();
        if spare.len() < SPARE_MAX && (1..=KEPT_BYTES_MAX).contains(&buffer.capacity()) {
            spare.push(buffer);
        }
    }
}

/// Makes room in `buffer` for the next read; a large one where the last read filled its room. In bulk the memory of the
/// pieces that have left is used again: `reserve` finds it, as long as the buffer is not replaced.
pub(in super::super) fn make_room(buffer: &mut BytesMut, buffers: &Buffers, is_bulk: bool) {
    if buffer.capacity() == 0 && !is_bulk {
        *buffer = buffers.take();
    }
    if buffer.capacity() - buffer.len() < READ_BYTES_MIN {
        buffer.reserve(if is_bulk { BULK_BYTES } else { READ_BYTES });
    }
}

/// With less room than this more is asked for.
const READ_BYTES_MIN: usize = 2 * 1024;
/// Room for an ordinary message, head and all.
const READ_BYTES: usize = 4 * 1024;
/// Room for a piece of a large body.
const BULK_BYTES: usize = 64 * 1024;
/// A buffer that has grown beyond this is let go.
const KEPT_BYTES_MAX: usize = 16 * 1024;
/// Buffers of each kind kept by one worker: 1 MiB, as a rule.
const SPARE_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_only_when_no_part_of_it_is_in_use() {
        let buffers = Buffers::default();
        let mut used = buffers.take();
        used.extend_from_slice(b"head body");
        let head = used.split_to(4).freeze();
        buffers.give(used);
        assert!(buffers.0.to_read.borrow().is_empty(), "the head is still read");
        drop(head);
        let mut used = buffers.take();
        let place = used.as_ptr();
        used.extend_from_slice(b"head body");
        drop(used.split_to(4).freeze());
        buffers.give(used);
        let again = buffers.take();
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
        assert!(again.capacity() >= READ_BYTES);
    }

    #[test]
    fn in_bulk_one_large_memory_serves_every_read() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take();
        buffer.resize(buffer.capacity(), 0);
        drop(buffer.split().freeze());
        let places: Vec<_> = (0..4)
            .map(|_| {
                make_room(&mut buffer, &buffers, true);
                assert!(buffer.capacity() >= BULK_BYTES);
                let place = buffer.as_ptr();
                buffer.resize(buffer.capacity(), 0);
                drop(buffer.split().freeze());
                place
            })
            .collect();
        assert_eq!(places.get(2), places.get(3));
    }

    #[test]
    fn what_has_grown_and_what_is_too_much_is_let_go() {
        let buffers = Buffers::default();
        buffers.give(BytesMut::with_capacity(KEPT_BYTES_MAX + 1));
        assert!(buffers.0.to_read.borrow().is_empty());
        for _ in 0..=SPARE_MAX {
            buffers.give(BytesMut::with_capacity(READ_BYTES));
        }
        assert_eq!(buffers.0.to_read.borrow().len(), SPARE_MAX);
        for memory in [0, KEPT_BYTES_MAX + 1] {
            buffers.give_out(Vec::with_capacity(memory));
            assert!(buffers.0.to_write.borrow().is_empty());
        }
        for _ in 0..=SPARE_MAX {
            buffers.give_out(Vec::with_capacity(1));
        }
        assert_eq!(buffers.0.to_write.borrow().len(), SPARE_MAX);
    }
}
