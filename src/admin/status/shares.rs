//! How what is counted stands, here and together with other gateways: quotas, and the store that gateways agree in.

use crate::gateway::Shared;
use crate::gateway::policy::Policy;
use crate::state::shared::tally::Tally;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Quota {
    pub name: String,
    pub allowed_total: u64,
    pub refused_total: u64,
    /// Whom it counts now.
    pub callers: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Store {
    /// Whether it answers every thread.
    pub up: bool,
    pub connections_lost_total: u64,
    /// Whether tokens are refused because other gateways' revocations are not known.
    pub behind: bool,
}

impl Quota {
    pub(super) fn all(policy: &Policy) -> Vec<Self> {
        let mut all = Vec::new();
        for quota in &policy.quotas {
            let totals = quota.counts.totals();
            all.push(Self {
                name: quota.settings.name.to_string(),
                allowed_total: totals.allowed,
                refused_total: totals.refused + totals.full,
                callers: totals.keys,
            });
        }
        all
    }
}

impl Store {
    /// `None`: this gateway shares nothing.
    pub(super) fn of(shared: &Shared) -> Option<Self> {
        let tallies = shared.store.as_ref()?.tallies();
        Some(Self {
            up: tallies.iter().all(Tally::is_up),
            connections_lost_total: tallies.iter().map(Tally::lost).sum(),
            behind: shared.revocations.is_behind(),
        })
    }

    /// What an operator must hear of it, beside what keeps the gateway from being ready.
    pub(super) fn note(&self) -> Option<String> {
        let is_away = !self.up && !self.behind;
        is_away.then(|| "the store that gateways share does not answer every thread".to_owned())
    }
}
