//! A file that one process has at a time: two writers of one file would each undo what the other acknowledged.

use std::fs::{File, TryLockError};
use std::io;

/// Takes the file for this process, which the system lets go of with it. Held elsewhere it is `ResourceBusy`, in the
/// words of `busy`.
pub fn take(file: File, busy: &'static str) -> io::Result<File> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(io::ErrorKind::ResourceBusy, busy)),
        Err(TryLockError::Error(fault)) => Err(fault),
    }
}
