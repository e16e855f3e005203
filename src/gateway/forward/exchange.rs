//! The waiting within one exchange: whose turn it is, and for how long.

use crate::gateway::reason::Reason;
use crate::net::deadline::Deadline;
use crate::net::patience::{Pace, Patience};
use std::cell::Cell;
use std::task::{Context, Poll};
use std::time::Duration;

/// What both directions of one exchange know of each other.
pub struct Exchange {
    deadline: Deadline,
    waiting_for: Cell<Party>,
    pub(super) fault: Cell<Option<Reason>>,
    /// With what the client sends.
    patience: Patience,
    timeouts: Timeouts,
}

/// The bounds on waiting within an exchange.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the head of the response, once the request is complete.
    pub response: Duration,
    /// For the next bytes of the response body.
    pub idle: Duration,
    /// For the request body.
    pub pace: Pace,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Party {
    Client,
    Upstream,
    Nobody,
}

impl Exchange {
    pub(super) fn new(deadline: Deadline, timeouts: Timeouts) -> Self {
        let patience = Patience::new(timeouts.pace);
        Self { deadline, waiting_for: Cell::new(Party::Upstream), fault: Cell::new(None), patience, timeouts }
    }

    /// A request goes out: the upstream's time begins.
    pub(super) fn begin(&self) {
        self.fault.set(None);
        self.patience.renew();
        self.waiting_for.set(Party::Upstream);
        self.deadline.set(self.timeouts.response);
    }

    /// Nothing is waited for: the answer has begun, or is over. An upstream that answers before it has the whole request may
    /// want one that never ends, at whatever pace.
    pub(super) fn rest(&self) {
        self.patience.moved(&self.deadline, 0);
        self.patience.forgive();
        self.waiting_for.set(Party::Nobody);
        self.deadline.clear();
    }

    /// The connection goes into the pool for its idle time.
    pub(super) fn wait_idle(&self) {
        self.waiting_for.set(Party::Upstream);
        self.deadline.set(self.timeouts.idle);
    }

    /// The upstream may be silent for its idle time within a body. Asking again while it is silent gives it no more
    /// time: the deadline itself makes the task ask.
    pub(super) fn wait_for_more(&self) {
        if self.waiting_for.get() == Party::Nobody {
            self.wait_idle();
        }
    }

    /// Ready, with whose fault it is, once a party was waited for too long.
    pub(super) fn poll_late(&self, cx: &Context<'_>) -> Poll<Reason> {
        self.deadline.poll(cx).map(|()| match self.waiting_for.get() {
            Party::Client => Reason::BodyLate,
            Party::Upstream | Party::Nobody => Reason::UpstreamLate,
        })
    }

    /// Why the request body ended early, if it did.
    pub(super) fn fault(&self) -> Option<Reason> {
        self.fault.get()
    }

    /// The client has sent so many bytes, or all of its body: it is for the upstream to go on.
    pub(super) fn client_moved(&self, bytes: usize) {
        self.patience.moved(&self.deadline, bytes);
        self.waiting_for.set(Party::Upstream);
        self.deadline.set(self.timeouts.response);
    }

    /// The client owes us the next bytes. As above, asking again gives it no more time.
    pub(super) fn wait_for_client(&self) {
        if self.waiting_for.replace(Party::Client) != Party::Client {
            self.patience.wait(&self.deadline);
        }
    }
}
