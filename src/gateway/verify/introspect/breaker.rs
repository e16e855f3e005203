//! Leaves an issuer alone that does not answer: after some failures in a row for a while, then one question probes it.
//! Only an issuer's silence counts; an absurd answer to one token must not take down the others.

use crate::config::bounds::{BREAKER_FAILURES, BREAKER_PAUSE};
use crate::gateway::reason::Reason;
use crate::gateway::refusal::Refusal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The circuit breaker of one issuer.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Set while it is open: when it may be probed.
    pause_ends: Option<Instant>,
    is_probing: bool,
    /// What the last failure was.
    reason: Option<Reason>,
}

/// What a breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Every question.
    Closed,
    /// One question.
    HalfOpen,
    /// None.
    Open,
}

impl Breaker {
    /// Whether a question may be asked now. Whoever is let through says how it went.
    pub(super) fn admit(&self, now: Instant) -> Result<(), Refusal> {
        let mut state = self.state();
        let Some(pause_ends) = state.pause_ends else { return Ok(()) };
        if now >= pause_ends && !state.is_probing {
            state.is_probing = true;
            return Ok(());
        }
        let wait = pause_ends.saturating_duration_since(now).as_secs() + 1;
        Err(Refusal::unavailable(state.reason.unwrap_or(Reason::IssuerUnreachable), u32::try_from(wait).unwrap_or(1)))
    }

    /// The issuer answered. Whether that closed the breaker.
    pub(super) fn answered(&self) -> bool {
        std::mem::take(&mut *self.state()).pause_ends.is_some()
    }

    /// The issuer did not answer, or not us. Whether that opened the breaker, which was closed.
    pub(super) fn failed(&self, reason: Reason, now: Instant) -> bool {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        state.is_probing = false;
        state.reason = Some(reason);
        state.failures >= BREAKER_FAILURES && state.pause_ends.replace(now + BREAKER_PAUSE).is_none()
    }

    /// A question that was let through was not asked after all.
    pub(super) fn withdrawn(&self) {
        self.state().is_probing = false;
    }

    /// For the metrics.
    pub fn phase(&self, now: Instant) -> Phase {
        match self.state().pause_ends {
            None => Phase::Closed,
            Some(pause_ends) if now < pause_ends => Phase::Open,
            Some(_) => Phase::HalfOpen,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole after every statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::default();
        for n in 1..=BREAKER_FAILURES {
            assert!(breaker.admit(now).is_ok());
            assert_eq!(breaker.failed(Reason::IssuerUnreachable, now), n == BREAKER_FAILURES);
        }
        breaker
    }

    #[test]
    fn it_opens_at_the_bound_and_not_before() {
        let now = Clock::System.instant();
        let breaker = Breaker::default();
        for _ in 1..BREAKER_FAILURES {
            assert!(!breaker.failed(Reason::IssuerUnreachable, now));
        }
        assert_eq!((breaker.phase(now), breaker.admit(now).is_ok()), (Phase::Closed, true));
        assert!(!breaker.answered());
        assert!(!breaker.failed(Reason::IssuerUnreachable, now));
        assert_eq!(breaker.phase(now), Phase::Closed, "failures in a row are meant");
        assert_eq!((opened(now).phase(now), opened(now).admit(now).is_err()), (Phase::Open, true));
    }

    #[test]
    fn after_the_pause_one_question_probes() {
        let now = Clock::System.instant();
        let (breaker, later) = (opened(now), now + BREAKER_PAUSE);
        assert!(breaker.admit(now + BREAKER_PAUSE / 2).is_err());
        assert_eq!((breaker.phase(later), breaker.admit(later).is_ok()), (Phase::HalfOpen, true));
        assert!(breaker.admit(later).is_err(), "one at a time");
        breaker.withdrawn();
        assert!(breaker.admit(later).is_ok(), "the probe was never sent");
        assert!(!breaker.failed(Reason::IssuerUnreachable, later), "it was open already");
        assert_eq!((breaker.phase(later), breaker.admit(later).is_err()), (Phase::Open, true));
        assert!(breaker.admit(later + BREAKER_PAUSE).is_ok());
        assert!(breaker.answered());
        assert_eq!((breaker.phase(later), breaker.admit(now).is_ok()), (Phase::Closed, true));
    }
}
