//! A request whose token is good, unless a list says otherwise that must be fetched first.

use super::{StatusLists, unavailable};
use crate::clock::UnixSeconds;
use crate::config::bounds::{STATUS_LIST_FETCH_TIMEOUT, STATUS_LIST_WAITERS_MAX};
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use crate::gateway::verify::cache::CacheUse;
use crate::gateway::verify::token::{Checked, VerifiedToken};
use crate::gateway::verify::verdict::Verdict;
use crate::state::revocations::Revocations;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A good token whose list must be fetched.
pub struct Pending<'v> {
    /// Whether its verdict was remembered.
    pub cache: CacheUse,
    verdict: Verdict,
    revocations: &'v Revocations,
    now: UnixSeconds,
}

impl<'v> Pending<'v> {
    pub(in crate::gateway::verify) fn new(
        verdict: Verdict,
        cache: CacheUse,
        revocations: &'v Revocations,
        now: UnixSeconds,
    ) -> Self {
        Self { cache, verdict, revocations, now }
    }

    /// Waits until the list was fetched, or could not be. Requests of all workers wait for the same fetch.
    pub async fn answer(self) -> Result<VerifiedToken, Refusal> {
        let issuer = Arc::clone(self.verdict.issuer());
        self.wait().await.map_err(|refusal| refusal.of(&issuer.refusals))
    }

    async fn wait(self) -> Result<VerifiedToken, Refusal> {
        let verdict = self.verdict.clone();
        let (lists, reference) = verdict.listed().ok_or(Reason::Internal)?;
        let waiting = Waiting::begin(lists)?;
        let list = lists.list(&reference.uri)?;
        let mut ended = list.ended.subscribe();
        let seen = *ended.borrow_and_update();
        // Whoever fetched it may just have been done: from here on nothing is missed.
        if let Checked::Good(token) = self.check()? {
            return Ok(token);
        }
        list.want_after(seen);
        // What became of it shows in the list.
        let _told = tokio::time::timeout(STATUS_LIST_FETCH_TIMEOUT + GRACE, ended.changed()).await;
        drop(waiting);
        match self.check()? {
            Checked::Good(token) => Ok(token),
            Checked::Pending(_) => Err(unavailable()),
        }
    }

    fn check(&self) -> Result<Checked, Refusal> {
        VerifiedToken::check(self.verdict.clone(), self.revocations, self.now)
    }
}

/// A request that waits; it counts until it is dropped.
struct Waiting<'l>(&'l StatusLists);

impl<'l> Waiting<'l> {
    fn begin(lists: &'l StatusLists) -> Result<Self, Refusal> {
        let waiting = Self(lists);
        lists.counts.waits.fetch_add(1, Ordering::Relaxed);
        if lists.waiters.fetch_add(1, Ordering::Relaxed) < STATUS_LIST_WAITERS_MAX {
            return Ok(waiting);
        }
        lists.counts.turned_away.fetch_add(1, Ordering::Relaxed);
        Err(Refusal::unavailable(Reason::IssuerBusy, 1))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A fetch that ends at its bound has this long to say so.
const GRACE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::verify::status::tests::lists;

    #[test]
    fn as_many_may_wait_as_the_bound_says_and_no_more() {
        let lists = lists();
        let mut waiting: Vec<_> = (0..STATUS_LIST_WAITERS_MAX).map_while(|_| Waiting::begin(&lists).ok()).collect();
        assert_eq!(waiting.len(), STATUS_LIST_WAITERS_MAX);
        assert_eq!(Waiting::begin(&lists).err().map(|refusal| refusal.reason()), Some(Reason::IssuerBusy));
        waiting.pop();
        assert!(Waiting::begin(&lists).is_ok());
    }
}
