//! Where the sandbox keeps what it must not forget.

use std::fmt;
use std::path::PathBuf;

/// A place to keep it.
#[derive(Clone)]
pub enum Location {
    /// Nowhere: it is gone when the sandbox ends.
    Memory,
    /// In a folder, as SQLite's files.
    Folder(PathBuf),
    /// In a PostgreSQL database, by its URL, which may hold a password.
    Server(String),
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("Memory"),
            Self::Folder(folder) => write!(f, "Folder({})", folder.display()),
            Self::Server(_) => f.write_str("Server"),
        }
    }
}
