//! What a client's connection is doing, and how long it may take to do it.

use super::deadline::Deadline;
use super::patience::{Pace, Patience};
use std::cell::Cell;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

/// What a connection is doing. Shared by its stream, its task and the answers on it.
pub struct Activity {
    phase: Cell<Phase>,
    /// Requests that are being answered.
    open: Cell<usize>,
    /// Whether there may be several at a time. Then what arrives between them begins none: it may be about the connection.
    carries_many: Cell<bool>,
    is_stalled: Cell<bool>,
    /// With what it takes of answers.
    patience: Patience,
    /// Between two requests, in place of `timeouts.idle`: we are about to leave.
    linger: Cell<Option<Duration>>,
    timeouts: Timeouts,
    deadline: Deadline,
}

/// The bounds on a client's slowness.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Until a connection can carry requests.
    pub handshake: Duration,
    /// From the first byte of a head to its last.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// While it does not take what we send, or does not send what we ask for.
    pub pace: Pace,
}

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between requests.
    Idle,
    /// A head has begun and is not complete.
    Head,
    /// A request is being answered.
    Busy,
}

impl Activity {
    /// A connection that was just accepted.
    pub fn new(timeouts: Timeouts, deadline: Deadline) -> Self {
        deadline.set(timeouts.handshake);
        Self {
            phase: Cell::new(Phase::Head),
            open: Cell::new(0),
            carries_many: Cell::new(false),
            is_stalled: Cell::new(false),
            patience: Patience::new(timeouts.pace),
            linger: Cell::new(None),
            timeouts,
            deadline,
        }
    }

    /// It can carry requests: its first head must come as soon as any.
    pub fn welcome(&self) {
        self.rearm();
    }

    /// A head is complete and its request is being answered: the time is now the answer's.
    pub fn begin(&self) {
        self.open.set(self.open.get() + 1);
        self.phase.set(Phase::Busy);
        self.rearm();
    }

    /// An answer was handed over whole, or given up.
    pub fn end(&self) {
        self.open.set(self.open.get().saturating_sub(1));
        if self.open.get() == 0 {
            self.phase.set(Phase::Idle);
            self.rearm();
        }
    }

    /// The protocol carries several requests at a time, and none has begun.
    pub fn carry_many(&self) {
        self.carries_many.set(true);
        self.phase.set(Phase::Idle);
        self.rearm();
    }

    /// From now on the connection gets `linger` between two requests, because we are about to leave.
    pub fn hurry(&self, linger: Duration) {
        self.linger.set(Some(linger));
        if self.phase.get() == Phase::Idle {
            self.rearm();
        }
    }

    /// Like `hurry`, from outside: the connection's task is woken, which may have to tell its client.
    pub fn dismiss(&self, linger: Duration) {
        self.hurry(linger);
        self.deadline.wake();
    }

    /// Whether we are about to leave.
    pub fn is_hurried(&self) -> bool {
        self.linger.get().is_some()
    }

    /// Milliseconds of this worker's time, as of its last tick.
    pub fn now_ms(&self) -> u64 {
        self.deadline.now_ms()
    }

    /// Whether it is between requests, with nothing that its client does not take: then its end is nobody's fault.
    pub fn is_idle(&self) -> bool {
        self.phase.get() == Phase::Idle && !self.is_stalled.get()
    }

    /// Ready once the client has been too slow for its phase.
    pub fn poll_late(&self, cx: &Context<'_>) -> Poll<()> {
        self.deadline.poll(cx)
    }

    pub(super) fn received(&self) {
        if self.phase.get() == Phase::Idle && !self.carries_many.get() {
            self.phase.set(Phase::Head);
            self.rearm();
        }
    }

    fn stalled(&self) {
        if !self.is_stalled.replace(true) {
            self.patience.wait(&self.deadline);
        }
    }

    fn moved(&self, bytes: usize) {
        self.patience.moved(&self.deadline, bytes);
        if self.is_stalled.replace(false) {
            self.rearm();
        }
    }

    /// Gives the phase its time. While the client takes nothing, its stall is what counts: pipelined requests must
    /// not win it more.
    fn rearm(&self) {
        if self.is_stalled.get() {
            return;
        }
        match self.phase.get() {
            Phase::Idle => self.deadline.set(self.linger.get().unwrap_or(self.timeouts.idle)),
            Phase::Head => self.deadline.set(self.timeouts.head),
            Phase::Busy => self.deadline.clear(),
        }
    }

    pub(super) fn watch_write(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &outcome {
            Poll::Ready(written) => self.moved(written.as_ref().copied().unwrap_or_default()),
            Poll::Pending => self.stalled(),
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::net::deadline::Deadlines;
    use std::task::Waker;

    /// A connection to a client that may stand still for so long.
    fn activity(deadlines: &Deadlines, stall: Duration) -> Activity {
        let minute = Duration::from_mins(1);
        let timeouts = Timeouts { handshake: minute, head: minute, idle: minute, pace: Pace { stall, rate_min: 500 } };
        Activity::new(timeouts, deadlines.deadline())
    }

    #[test]
    fn a_client_that_takes_nothing_wins_no_time_with_further_requests() {
        let start = Clock::System.instant();
        let deadlines = Deadlines::new(start);
        let activity = activity(&deadlines, Duration::from_millis(500));
        let cx = Context::from_waker(Waker::noop());
        activity.begin();
        activity.stalled();
        activity.end();
        activity.received();
        activity.begin();
        activity.stalled();
        deadlines.sweep(start + Duration::from_secs(1));
        assert!(activity.poll_late(&cx).is_ready());
    }

    #[test]
    fn a_connection_that_becomes_idle_while_we_leave_gets_the_linger_only() {
        let start = Clock::System.instant();
        let deadlines = Deadlines::new(start);
        let activity = activity(&deadlines, Duration::from_mins(1));
        let cx = Context::from_waker(Waker::noop());
        activity.begin();
        activity.hurry(Duration::from_millis(100));
        assert!(activity.poll_late(&cx).is_pending());
        activity.end();
        deadlines.sweep(start + Duration::from_secs(1));
        assert!(activity.poll_late(&cx).is_ready());
    }
}
