//! The files that a configuration consists of, as they were when it was read: by these a gateway that watches them sees that
//! there is something new.

use super::{bounds, file};
use crate::digest::{Digest, sha256};
use std::path::{Path, PathBuf};

/// What a file holds, or that it cannot be read.
pub type Print = Option<Digest>;

/// The configuration and every file that it names, once each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(Vec<(PathBuf, Print)>);

/// When the configuration is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// When somebody asks for it.
    OnRequest,
    /// Also when one of its files is another than it was.
    OnChange,
}

impl Files {
    /// Each with what it held.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &Print)> {
        self.0.iter().map(|(path, print)| (path.as_path(), print))
    }

    /// `path` was read, and held this. The first word on a file holds: what is read later may be newer.
    pub(super) fn note(&mut self, path: &Path, bytes: Option<&[u8]>) {
        if !self.0.iter().any(|(known, _)| known == path) {
            self.0.push((path.to_owned(), bytes.map(sha256)));
        }
    }

    pub(super) fn extend(&mut self, others: Self) {
        for (path, print) in others.0 {
            if !self.0.iter().any(|(known, _)| *known == path) {
                self.0.push((path, print));
            }
        }
    }
}

/// What is there now.
pub fn look(path: &Path) -> Print {
    // No file that is read here may be longer than revocation lists.
    file::bytes(path, bounds::CRL_BYTES_MAX).ok().map(|bytes| sha256(&bytes))
}
