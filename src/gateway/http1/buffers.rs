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
    /// A handle to each, of no length: by it the memory can be taken as soon as nobody has a part of it any more.
    large: RefCell<Vec<BytesMut>>,
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

    /// Memory for a piece of a large body, unless all of it is in use. It comes back by itself, once nobody has a part of it.
    pub(super) fn take_large(&self) -> Option<BytesMut> {
        let mut large = self.0.large.borrow_mut();
        let place = large.iter_mut().position(|memory| memory.try_reclaim(LARGE_BYTES)).unwrap_or(large.len());
        if place == large.len() && place < LARGE_MAX {
            large.push(BytesMut::with_capacity(LARGE_BYTES));
        }
        Some(large.get_mut(place)?.split_off(0))
    }

    /// Pieces of memory for large bodies that there are.
    #[cfg(test)]
    pub(super) fn large(&self) -> usize {
        self.0.large.borrow().len()
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

/// Room for an ordinary message, head and all.
pub(super) const READ_BYTES: usize = 4 * 1024;
/// Room for a piece of a large body.
pub(super) const LARGE_BYTES: usize = 512 * 1024;
/// Such pieces for one worker, 2 MiB: what slow readers make it hold stays small.
pub(super) const LARGE_MAX: usize = 4;
/// Room for a piece of a large body beside these.
pub(super) const BULK_BYTES: usize = 64 * 1024;
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
