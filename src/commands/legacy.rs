//! What a process lets go for its successor, and what it takes over from its predecessor.

use super::gateway::Gateway;
use super::{life, parts};
use crate::admin::history::Kind;
use crate::clock::UnixSeconds;
use crate::state::exchange::Peer;
use std::io;
use std::sync::atomic::Ordering;

/// What a successor must know of its predecessor.
#[derive(Debug, PartialEq, Eq)]
pub struct Legacy {
    /// Earlier proofs are its predecessor's.
    pub proofs_from: UnixSeconds,
    /// The public keys of its assertions, a JWK set; empty where it has none.
    pub keys: String,
}

impl Gateway {
    /// Lets go of what one process only can have, for `peer`: operators are not let in any more, and the file of
    /// revocations is closed. Requests are answered as before.
    pub fn let_go(&self, peer: Peer) -> io::Result<Legacy> {
        let (shared, now) = (self.shared(), self.shared().clock.now());
        self.is_admin_open.send_replace(false);
        shared.revocations.hand_over(peer, now)?;
        let policy = shared.policy.load();
        let keys = policy.assertions.as_ref().map(|assertions| assertions.keys().set()).unwrap_or_default();
        Ok(Legacy { proofs_from: policy.senders.proofs().map_or(now, |proofs| proofs.end(now)), keys })
    }

    /// Takes that back, if it was done. The successor must be gone.
    pub fn take_back(&self) -> anyhow::Result<()> {
        let shared = self.shared();
        if let Some(proofs) = shared.policy.load().senders.proofs() {
            proofs.go_on();
        }
        let outcome = if shared.revocations.forget_successor() { self.open_revocations() } else { Ok(()) };
        self.is_admin_open.send_replace(true);
        outcome
    }

    /// Opens the file of revocations, if there is one.
    pub fn open_revocations(&self) -> anyhow::Result<()> {
        let shared = self.shared();
        parts::keep(&shared.revocations, &self.revocations, shared.clock.now())
    }

    /// Goes on where a predecessor ends that let go of the file of revocations and of this.
    pub fn inherit(&self, legacy: &Legacy) -> anyhow::Result<()> {
        let (shared, now) = (self.shared(), self.shared().clock.now());
        self.open_revocations()?;
        self.control.admin.state.history.note(now, Kind::TookOver, "the process before goes on with what it had");
        let policy = shared.policy.load();
        if let Some(proofs) = policy.senders.proofs() {
            proofs.begin(legacy.proofs_from);
        }
        if let Some(assertions) = &policy.assertions {
            assertions.keys().publish(&legacy.keys, now);
        }
        Ok(())
    }

    /// A successor did not come to serve.
    pub fn takeover_failed(&self) {
        life::handed_over(self.shared(), "failed");
        let state = &self.control.admin.state;
        state.takeovers_failed.fetch_add(1, Ordering::Relaxed);
        state.history.note(self.shared().clock.now(), Kind::TakeoverFailed, "the log says why; this process goes on");
    }
}
