//! The waiting within one exchange: whose turn it is, and for how long.

use crate::gateway::reason::Reason;
use crate::net::deadline::{Deadline, Moment};
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
    /// By when all of it must be over.
    end: Cell<Moment>,
    /// The head of the answer has come.
    has_answered: Cell<bool>,
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
        let (waiting_for, fault, end) = (Cell::new(Party::Upstream), Cell::new(None), Cell::new(Moment::NEVER));
        Self { deadline, waiting_for, fault, patience, timeouts, end, has_answered: Cell::new(false) }
    }

    /// A request goes out: the upstream's time begins. Whatever is waited for, it is over by `end`.
    pub(super) fn begin(&self, end: Moment) {
        self.has_answered.set(false);
        self.end.set(end);
        self.fault.set(None);
        self.patience.renew();
        self.wait_for_upstream(self.timeouts.response);
    }

    /// Nothing is waited for: the answer has begun, or is over. An upstream that answers before it has the whole request may
    /// want one that never ends, at whatever pace.
    pub(super) fn rest(&self) {
        self.has_answered.set(true);
        self.patience.moved(&self.deadline, 0);
        self.patience.forgive();
        self.waiting_for.set(Party::Nobody);
        self.deadline.clear();
        self.deadline.limit(self.end.get());
    }

    /// It is over.
    pub(super) fn finish(&self) {
        self.end.set(Moment::NEVER);
        self.rest();
    }

    /// It is over, and the connection goes into the pool for its idle time.
    pub(super) fn wait_idle(&self) {
        self.end.set(Moment::NEVER);
        self.wait_for_upstream(self.timeouts.idle);
    }

    /// The upstream may be silent for its idle time within a body. Asking again while it is silent gives it no more
    /// time: the deadline itself makes the task ask.
    pub(super) fn wait_for_more(&self) {
        if self.waiting_for.get() == Party::Nobody {
            self.wait_for_upstream(self.timeouts.idle);
        }
    }

    /// Ready, with whose fault it is, once a party was waited for too long.
    pub(super) fn poll_late(&self, cx: &Context<'_>) -> Poll<Reason> {
        self.deadline.poll(cx).map(|()| match self.waiting_for.get() {
            Party::Client => Reason::BodyLate,
            Party::Upstream | Party::Nobody => Reason::UpstreamLate,
        })
    }

    /// Whether a party was waited for too long. Nobody is woken once that is so.
    pub(super) fn is_late(&self) -> bool {
        self.deadline.has_expired()
    }

    /// Whether its time as a whole is up.
    pub(super) fn is_past_end(&self) -> bool {
        self.deadline.is_past(self.end.get())
    }

    /// The same; if not, the task is woken when it is.
    pub(super) fn poll_end(&self, cx: &Context<'_>) -> Poll<()> {
        if self.end.get() == Moment::NEVER {
            return Poll::Pending;
        }
        // Whoever asks this waits for neither party's next bytes.
        self.rest();
        self.deadline.poll(cx)
    }

    /// Why the request body ended early, if it did.
    pub(super) fn fault(&self) -> Option<Reason> {
        self.fault.get()
    }

    /// The client has sent so many bytes, or all of its body: it is for the upstream to go on.
    pub(super) fn client_moved(&self, bytes: usize) {
        self.patience.moved(&self.deadline, bytes);
        // Behind the head of the answer it has the time of a body.
        let time = if self.has_answered.get() { self.timeouts.idle } else { self.timeouts.response };
        self.wait_for_upstream(time);
    }

    /// The client owes us the next bytes. As above, asking again gives it no more time.
    pub(super) fn wait_for_client(&self) {
        if self.waiting_for.replace(Party::Client) != Party::Client {
            self.patience.wait(&self.deadline);
            self.deadline.limit(self.end.get());
        }
    }

    fn wait_for_upstream(&self, time: Duration) {
        self.waiting_for.set(Party::Upstream);
        self.deadline.set(time);
        self.deadline.limit(self.end.get());
    }
}
