//! Reads the files that a configuration names. A file that cannot be used is a fault of the key that names it.

use super::fault::{self, Problem};
use super::reader::Value;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The path that `value` holds and the bytes behind it, of which there may be `bytes_max`.
pub(super) fn read(value: &Value<'_>, bytes_max: usize) -> Option<(PathBuf, Vec<u8>)> {
    let text = value.text()?;
    let path = value.resolve(&text.value);
    let found = bytes(&path, bytes_max);
    value.has_read(&path, found.as_deref().ok());
    match found {
        Ok(bytes) => Some((path, bytes)),
        Err(error) => {
            let problem = Problem::new(format!("cannot read {}: {error}", fault::quoted(text.shown)));
            value.refuse(if error.kind() == io::ErrorKind::NotFound {
                problem.hint("a relative path begins at the folder of the configuration file")
            } else {
                problem
            });
            None
        }
    }
}

/// The whole file, or an error if it is longer than `bytes_max`.
pub(super) fn bytes(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(bound).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {bytes_max} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_at_the_bound_is_read_and_one_byte_more_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(bytes(&path, 5).unwrap(), b"12345");
        assert_eq!(bytes(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(bytes(folder.path(), 5).is_err());
    }
}
