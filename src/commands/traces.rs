//! Starts what delivers spans, and gives it a moment at the end.

use crate::clock::Clock;
use crate::gateway::observe::trace::export::Exporter;
use crate::gateway::policy::Policy;
use crate::net::thread;
use std::cell::RefCell;
use std::time::Duration;
use tokio::task::JoinHandle;

/// The deliveries of one process.
#[derive(Default)]
pub(super) struct Traces(RefCell<Option<JoinHandle<()>>>);

impl Traces {
    /// Delivers the spans of this policy from now on, if nobody does.
    pub(super) fn deliver(&self, policy: &Policy, clock: &Clock) {
        let Some(tracing) = &policy.tracing else { return };
        match Exporter::new(tracing, clock) {
            Ok(Some(exporter)) => {
                // The one before it ends with the last policy that makes spans for it.
                self.0.replace(Some(thread::beside(exporter.run())));
            }
            Ok(None) => {}
            Err(fault) => ::tracing::error!(%fault, "spans cannot be delivered"),
        }
    }

    /// Delivers what is left, within a moment.
    pub(super) async fn finish(self, policy: &Policy) {
        let (Some(tracing), Some(task)) = (&policy.tracing, self.0.into_inner()) else { return };
        tracing.closing.notify_one();
        if tokio::time::timeout(LAST_MOMENT, task).await.is_err() {
            ::tracing::warn!("the last spans could not be delivered in time");
        }
    }
}

/// A collector that answers does it within milliseconds; nobody waits longer for the end of a process because of spans.
const LAST_MOMENT: Duration = Duration::from_secs(2);
