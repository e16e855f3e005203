//! The folder of a running sandbox: what it keeps, and what the gateway in front of it reads and writes.

use crate::state::lock;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A folder that nobody else may read. A temporary one is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    is_temporary: bool,
    /// Two sandboxes in one folder would sign with one key and write one log.
    _lock: File,
}

impl Folder {
    /// A folder to keep, made if it is not there; refused while another sandbox has it.
    pub(super) fn keep(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Self::hold(path.canonicalize()?, false)
    }

    /// A folder for as long as this lives.
    pub(super) fn temporary() -> io::Result<Self> {
        let within = std::env::temp_dir();
        for _ in 0..NAMES_MAX {
            let path = within.join(format!("scopegate-sandbox-{:016x}", fastrand::u64(..)));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Self::hold(path, true),
                Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {}
                Err(fault) => return Err(fault),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "every name that was tried is taken"))
    }

    fn hold(path: PathBuf, is_temporary: bool) -> io::Result<Self> {
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path.join("lock"))?;
        Ok(Self { path, is_temporary, _lock: lock::take(lock, "another sandbox uses this folder")? })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file that only we may read, in place of one that was there.
    pub(super) fn write(&self, name: &str, content: &str) -> io::Result<PathBuf> {
        let path = self.file(name);
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path)?;
        file.write_all(content.as_bytes())?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary {
            // Nothing in it matters any more; what cannot be removed is the system's to sweep.
            fs::remove_dir_all(&self.path).ok();
        }
    }
}

/// Each is one of 2^64.
const NAMES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_temporary_folder_is_ours_alone_and_goes() {
        let folder = Folder::temporary().unwrap();
        let path = folder.path().to_owned();
        let secret = folder.write("secret", "s").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&secret)), (0o700, 0o600));
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_kept_folder_stays_and_has_one_sandbox_at_a_time() {
        let within = tempfile::tempdir().unwrap();
        let path = within.path().join("a/b");
        let folder = Folder::keep(&path).unwrap();
        folder.write("kept", "before").unwrap();
        assert_eq!(Folder::keep(&path).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        drop(folder);
        let again = Folder::keep(&path).unwrap();
        assert_eq!(fs::read_to_string(again.write("kept", "x").unwrap()).unwrap(), "x");
    }
}
