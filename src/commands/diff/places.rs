//! Files that two configurations name, wherever the two stand: two checkouts of one configuration say the same.

use crate::config::files;
use crate::config::key_source::KeySource;
use crate::config::{AccessLog, Settings};
use std::path::{Path, PathBuf};

/// Gives `new` the paths of `old` wherever each has the file at the same place beside itself.
pub(super) fn align((old, old_file): (&Settings, &Path), (new, new_file): (&mut Settings, &Path)) {
    let folders = (old_file.parent(), new_file.parent());
    let is_same_beside = |one: &Path, other: &Path| {
        let beside = folders.0.and_then(|folder| one.strip_prefix(folder).ok());
        beside.is_some() && beside == folders.1.and_then(|folder| other.strip_prefix(folder).ok())
    };
    let align = |one: Option<&PathBuf>, other: Option<&mut PathBuf>| {
        if let (Some(one), Some(other)) = (one, other)
            && is_same_beside(one, other)
        {
            other.clone_from(one);
        }
    };
    align(old.revocations.file.as_ref(), new.revocations.file.as_mut());
    align(old.audit_log.as_ref().map(|log| &log.path), new.audit_log.as_mut().map(|log| &mut log.path));
    if let (AccessLog::File(one), AccessLog::File(other)) = (&old.access_log, &mut new.access_log) {
        align(Some(one), Some(other));
    }
}

/// Whether the same keys are there: in a file by what it holds, elsewhere by where that is.
pub(super) fn have_same_keys(old: &KeySource, new: &KeySource) -> bool {
    match (old, new) {
        (KeySource::File(one), KeySource::File(other)) if one != other => {
            files::look(one).is_some_and(|print| Some(print) == files::look(other))
        }
        (_, _) => old.is_same_place(new),
    }
}
