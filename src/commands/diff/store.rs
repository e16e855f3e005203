//! Compares the store that gateways share.

use super::change::{self, Changes, Turn};
use crate::config::state::{LimitsAway, ProofsAway, RevocationsAway, State};

/// What several gateways agree on, and what becomes of requests while they cannot.
pub(super) fn compare(changes: &mut Changes, old: &State, new: &State) {
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
    let (before, after) = (limits(*limits_away), limits(new.limits_away));
    if let Some(turn) = change::turn(after <= before, after >= before) {
        changes.note("state.when_away.limits", (format!("{limits_away:?}"), format!("{:?}", new.limits_away)), turn);
    }
}
