//! Quotas that several gateways count together: what is taken of them once everything that is counted here has room.

use super::{Limited, spent};
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::state::limits::key::Key;
use crate::state::limits::window::Call;
use crate::state::limits::{self, Demand, Limit, Outcome, Taken, WhenFull};
use crate::state::shared::LimitsAway;
use crate::state::shared::count::{Claim, Counted, SKEW_US};
use crate::state::shared::link::Link;
use smallvec::SmallVec;
use std::sync::Arc;

/// What one request is still to take of counts that others share.
#[derive(Debug)]
pub struct Shares {
    /// Of the store.
    pub(super) asked: SmallVec<[Share; 1]>,
    /// What it took here, which it gives back where the store says no.
    pub(super) taken: Taken,
    pub(super) here: SmallVec<[Share; 1]>,
}

/// A call by one count.
#[derive(Clone, Debug)]
pub struct Share {
    /// The quota's place in the policy.
    pub(super) place: usize,
    pub(super) name: Arc<str>,
    pub(super) counts: Arc<limits::Quota>,
    pub(super) key: Key,
    pub(super) limit: Limit,
    pub(super) call: Call,
    pub(super) when_full: WhenFull,
}

/// Calls that were taken of the store, or may have been, and may have to be given back.
#[derive(Debug, Default)]
pub struct Owed {
    shares: SmallVec<[Share; 1]>,
    at_us: u64,
    /// The store did not say whether it took them. What it was asked it may still do.
    is_unsure: bool,
}

impl Shares {
    /// Takes all of it, or nothing of anything.
    pub async fn take(self, link: &Link, now_us: u64, limited: &mut Limited) -> Result<(), Refusal> {
        let Self { asked, mut taken, here } = self;
        let outcome = match ask(&asked, link, now_us).await {
            Some(Counted::Taken(outcomes)) => {
                for (share, outcome) in asked.iter().zip(outcomes) {
                    share.counts.elsewhere.add_taken();
                    limited.owe(share, outcome, now_us);
                }
                Ok(())
            }
            Some(Counted::Refused { place, wait_us }) => {
                let share = asked.get(place).ok_or(Reason::Internal)?;
                share.counts.elsewhere.add_refused();
                limited.told.clear();
                Err(spent(limited, (share.place, share.limit), wait_us))
            }
            None => {
                limited.owe_perhaps(&asked, now_us);
                match link.store().terms().limits {
                    LimitsAway::Local => take_here(&asked, now_us, limited),
                    LimitsAway::Refuse => Err(Refusal::unavailable(Reason::StateUnavailable, RETRY_AFTER)),
                    LimitsAway::Allow => Ok(()),
                }
            }
        };
        if outcome.is_ok() {
            limited.taken.join(taken);
        } else {
            taken.give_back();
            for share in &here {
                share.counts.give_back_rate(share.key, share.limit);
            }
        }
        outcome
    }
}

async fn ask(asked: &[Share], link: &Link, now_us: u64) -> Option<Counted> {
    let claims: SmallVec<[_; 2]> = asked.iter().map(Share::claim).collect();
    link.take_all(&claims, (now_us, SKEW_US)).await
}

/// Each gateway for itself.
fn take_here(asked: &[Share], now_us: u64, limited: &mut Limited) -> Result<(), Refusal> {
    let demands: SmallVec<[_; 2]> = asked.iter().map(|share| (share.place, share.demand())).collect();
    let taken = super::take_here(&demands, now_us, limited)?;
    limited.taken.join(taken);
    Ok(())
}

impl Share {
    fn claim(&self) -> Claim<'_> {
        Claim { name: &self.name, key: self.key, limit: self.limit, call: self.call }
    }

    fn demand(&self) -> Demand<'_> {
        Demand { quota: &self.counts, key: self.key, limit: self.limit, call: self.call, when_full: self.when_full }
    }
}

impl Limited {
    /// A rate is not given back once the request is on its way, and a further page took nothing.
    fn owe(&mut self, share: &Share, outcome: Outcome, now_us: u64) {
        match outcome {
            Outcome::Taken { left, wait_us } => {
                self.tell(share.place, share.limit, left, wait_us);
                if matches!(share.limit, Limit::Window(_)) {
                    self.owed.at_us = now_us;
                    self.owed.shares.push(share.clone());
                }
            }
            Outcome::Free { left, wait_us } => self.tell(share.place, share.limit, left, wait_us),
            // The script says so of all or of none.
            Outcome::Refused { .. } => {}
        }
    }

    /// A store that is late has taken them all the same, and has not if it refused them or is away.
    fn owe_perhaps(&mut self, asked: &[Share], now_us: u64) {
        let windows = asked.iter().filter(|share| matches!(share.limit, Limit::Window(_)));
        self.owed = Owed { shares: windows.cloned().collect(), at_us: now_us, is_unsure: true };
    }
}

impl Owed {
    /// Whether there is nothing to give back.
    pub fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// The calls came to nothing.
    pub async fn give_back(&self, link: &Link) {
        let claims: SmallVec<[_; 2]> = self.shares.iter().map(Share::claim).collect();
        link.give_back(&claims, self.at_us, self.is_unsure).await;
    }
}

/// A store is asked again within the second.
const RETRY_AFTER: u32 = 1;
