//! Compares what stands beside requests: the store that gateways share, the audit log.

use super::change::{self, Changes, Turn};
use crate::config::audit_log::{AuditLog, WhenFull};
use crate::config::state::{LimitsAway, ProofsAway, RevocationsAway, State};

/// What several gateways agree on, and what becomes of requests while they cannot.
pub(super) fn store(changes: &mut Changes, old: &State, new: &State) {
    let State { store, authorities, username, password, prefix, timeout, proofs_away, revocations_away, limits_away } =
        old;
    // Under another prefix or in another store there are other gateways.
    changes.other("state.store", store, &new.store);
    changes.other("state.prefix", prefix, &new.prefix);
    changes.unshown("state.ca", authorities, &new.authorities, Turn::Changed);
    changes.unshown("state.username", username, &new.username, Turn::Changed);
    changes.unshown("state.password", password, &new.password, Turn::Changed);
    changes.beside("state.timeout", timeout, &new.timeout);
    let refuses_proofs = |away: ProofsAway| match away {
        ProofsAway::Refuse => true,
        ProofsAway::Local => false,
    };
    let refuses_tokens = |away: RevocationsAway| match away {
        RevocationsAway::Refuse => true,
        RevocationsAway::GoOn => false,
    };
    // How strict it is.
    let limits = |away: LimitsAway| match away {
        LimitsAway::Allow => 0,
        LimitsAway::Local => 1,
        LimitsAway::Refuse => 2,
    };
    let proofs = (refuses_proofs(*proofs_away), refuses_proofs(new.proofs_away));
    changes.demand("state.when_away.proofs refuse", &proofs.0, &proofs.1);
    let tokens = (refuses_tokens(*revocations_away), refuses_tokens(new.revocations_away));
    changes.demand("state.when_away.revocations refuse", &tokens.0, &tokens.1);
    if let Some(turn) =
        change::turn(limits(new.limits_away) <= limits(*limits_away), limits(new.limits_away) >= limits(*limits_away))
    {
        changes.note("state.when_away.limits", (format!("{limits_away:?}"), format!("{:?}", new.limits_away)), turn);
    }
}

/// What is written down of requests, and what becomes of them while it cannot be.
pub(super) fn audit(changes: &mut Changes, old: &AuditLog, new: &AuditLog) {
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
