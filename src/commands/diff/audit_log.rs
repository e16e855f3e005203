//! Compares the audit log.

use super::change::{Changes, Turn};
use crate::config::audit_log::{AuditLog, WhenFull};

/// What is written down of requests, and what becomes of them while it cannot be.
pub(super) fn compare(changes: &mut Changes, old: &AuditLog, new: &AuditLog) {
    let AuditLog { path, when_full, sync, key, subject } = old;
    let refuses = |when: WhenFull| match when {
        WhenFull::Refuse => true,
        WhenFull::Drop => false,
    };
    changes.beside("audit_log.path", path, &new.path);
    changes.demand("audit_log.when_full refuse", &refuses(*when_full), &refuses(new.when_full));
    changes.beside("audit_log.sync", sync, &new.sync);
    changes.unshown("audit_log.key", key, &new.key, Turn::Changed);
    changes.unshown("audit_log.subject", subject, &new.subject, Turn::Changed);
}
