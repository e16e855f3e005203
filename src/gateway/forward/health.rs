//! Whether a server is asked, and how much: what its answers to requests say (passive), and what it answers when it is asked
//! for its health (active). One value for each server, shared by all workers, read without a lock on every request.
//!
//! A server that fails `eject.failures` requests in a row is left alone for `eject.pause`, longer each time in a row. Then one
//! request at a time tries it: the first that succeeds brings it back, with a share that grows over `eject.slow_start`.

use crate::config::balance::Eject;
use crate::config::bounds::{UPSTREAM_PAUSES_MAX, UPSTREAM_TRY_INTERVAL};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is known of one server.
#[derive(Debug)]
pub struct Health {
    rules: Eject,
    /// The zero of the times below, which are in milliseconds.
    since: Instant,
    failures: AtomicU32,
    /// Pauses in a row.
    pauses: AtomicU32,
    /// The end of the last pause; 0: there was none, or it is long ago.
    until_ms: AtomicU64,
    /// When it was last tried after the pause.
    tried_ms: AtomicU64,
    /// Since it came back; 0: it has not.
    back_ms: AtomicU64,
    /// The active check says no.
    is_unfit: AtomicBool,
}

/// How far a server can be asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fitness {
    /// Fully.
    Whole,
    /// For so much of its share, above 0 and below 1.
    Part(f32),
    /// By this one request, to see whether it works again.
    Try,
    /// Not at all.
    Out,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody is there: no request can do better.
    Connect,
    /// It did not answer, or not as it should.
    Answer,
}

impl Health {
    /// Nothing is known yet: it is asked.
    pub fn new(rules: Eject, since: Instant) -> Self {
        Self {
            rules,
            since,
            failures: AtomicU32::new(0),
            pauses: AtomicU32::new(0),
            until_ms: AtomicU64::new(0),
            tried_ms: AtomicU64::new(0),
            back_ms: AtomicU64::new(0),
            is_unfit: AtomicBool::new(false),
        }
    }

    /// How far it can be asked. `Try` is given to one request at a time. The time is asked for only where it matters.
    pub fn fitness(&self, now: impl FnOnce() -> Instant) -> Fitness {
        if self.is_unfit.load(Ordering::Relaxed) {
            return Fitness::Out;
        }
        let until = self.until_ms.load(Ordering::Relaxed);
        if until == 0 {
            return Fitness::Whole;
        }
        let now = self.ms(now());
        if now < until {
            return Fitness::Out;
        }
        match self.back_ms.load(Ordering::Relaxed) {
            0 => {
                let tried = self.tried_ms.load(Ordering::Relaxed);
                let is_due = now >= tried.saturating_add(ms(UPSTREAM_TRY_INTERVAL));
                let is_ours =
                    is_due && self.tried_ms.compare_exchange(tried, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
                if is_ours { Fitness::Try } else { Fitness::Out }
            }
            back => self.share(now.saturating_sub(back)),
        }
    }

    fn share(&self, passed: u64) -> Fitness {
        let whole = ms(self.rules.slow_start);
        if passed >= whole {
            // Two workers may find this at once, and both are right.
            self.until_ms.store(0, Ordering::Relaxed);
            self.pauses.store(0, Ordering::Relaxed);
            return Fitness::Whole;
        }
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more than three digits")]
        Fitness::Part((passed as f32 / whole as f32).max(SHARE_MIN))
    }

    /// Whether it is left alone now, by either kind of check.
    pub fn is_out(&self, now: Instant) -> bool {
        let until = self.until_ms.load(Ordering::Relaxed);
        self.is_unfit.load(Ordering::Relaxed)
            || (until > 0 && (self.ms(now) < until || self.back_ms.load(Ordering::Relaxed) == 0))
    }

    /// It answered a request. Whether this brings it back.
    pub fn succeeded(&self, now: impl FnOnce() -> Instant) -> bool {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if self.until_ms.load(Ordering::Relaxed) == 0 || self.back_ms.load(Ordering::Relaxed) > 0 {
            return false;
        }
        let now = self.ms(now()).max(1);
        // An answer to a request from before the pause says nothing of now.
        now >= self.until_ms.load(Ordering::Relaxed)
            && self.back_ms.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// It failed a request. Whether it is left alone from now on. `may_eject`: enough others are left.
    pub fn failed(&self, failure: Failure, now: Instant, may_eject: impl FnOnce() -> bool) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let now = self.ms(now);
        let until = self.until_ms.load(Ordering::Relaxed);
        let is_being_tried = until > 0 && now >= until && self.back_ms.load(Ordering::Relaxed) == 0;
        if now < until || (failures < self.rules.failures && !is_being_tried) {
            return false;
        }
        if failure == Failure::Answer && !may_eject() {
            return false;
        }
        let pauses = self.pauses.fetch_add(1, Ordering::Relaxed).saturating_add(1).min(UPSTREAM_PAUSES_MAX);
        let end = now.saturating_add(ms(self.rules.pause).saturating_mul(u64::from(pauses))).max(1);
        self.back_ms.store(0, Ordering::Relaxed);
        self.failures.store(0, Ordering::Relaxed);
        self.until_ms.compare_exchange(until, end, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// What the active check says. Whether that is new.
    pub fn checked(&self, is_fit: bool) -> bool {
        self.is_unfit.swap(!is_fit, Ordering::Relaxed) == is_fit
    }

    fn ms(&self, now: Instant) -> u64 {
        ms(now.saturating_duration_since(self.since))
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The share of a server that has just come back.
const SHARE_MIN: f32 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const RULES: Eject = Eject { failures: 3, pause: Duration::from_secs(10), slow_start: Duration::from_secs(20) };

    fn at(seconds: u64, health: &Health) -> Instant {
        health.since + Duration::from_secs(seconds)
    }

    fn ejected() -> Health {
        let health = Health::new(RULES, Clock::System.instant());
        let now = at(1, &health);
        assert!(!health.failed(Failure::Answer, now, || true));
        assert!(!health.failed(Failure::Answer, now, || true));
        assert!(health.failed(Failure::Answer, now, || true), "the third in a row");
        health
    }

    #[test]
    fn one_success_ends_a_row_of_failures() {
        let health = Health::new(RULES, Clock::System.instant());
        for _ in 0..10 {
            health.failed(Failure::Answer, at(1, &health), || true);
            health.failed(Failure::Answer, at(1, &health), || true);
            health.succeeded(|| at(1, &health));
        }
        assert_eq!(health.fitness(|| at(1, &health)), Fitness::Whole);
    }

    #[test]
    fn it_is_left_alone_tried_by_one_and_comes_back_slowly() {
        let health = ejected();
        assert_eq!(health.fitness(|| at(10, &health)), Fitness::Out);
        assert!(!health.succeeded(|| at(10, &health)), "the answer to an old request");
        assert_eq!(health.fitness(|| at(11, &health)), Fitness::Try);
        assert_eq!(health.fitness(|| at(11, &health)), Fitness::Out, "one at a time");
        assert_eq!(health.fitness(|| at(13, &health)), Fitness::Try, "that one was lost");
        assert!(health.succeeded(|| at(13, &health)));
        assert_eq!(health.fitness(|| at(13, &health)), Fitness::Part(SHARE_MIN));
        assert_eq!(health.fitness(|| at(23, &health)), Fitness::Part(0.5));
        assert_eq!(health.fitness(|| at(33, &health)), Fitness::Whole);
    }

    #[test]
    fn a_try_that_fails_ends_it_for_longer_up_to_a_bound() {
        let health = ejected();
        assert_eq!(health.fitness(|| at(11, &health)), Fitness::Try);
        assert!(health.failed(Failure::Connect, at(11, &health), || false));
        assert!(health.is_out(at(30, &health)), "twice as long");
        assert_eq!(health.fitness(|| at(31, &health)), Fitness::Try);
        let mut now = 31;
        for _ in 0..100 {
            health.failed(Failure::Connect, at(now, &health), || false);
            now += 10 * u64::from(UPSTREAM_PAUSES_MAX);
            assert_eq!(health.fitness(|| at(now, &health)), Fitness::Try);
        }
    }

    #[test]
    fn the_last_ones_are_left_alone_only_where_nobody_is_there() {
        let health = Health::new(RULES, Clock::System.instant());
        let now = at(1, &health);
        assert!((0..10).all(|_| !health.failed(Failure::Answer, now, || false)));
        assert_eq!(health.fitness(|| now), Fitness::Whole);
        assert!(health.failed(Failure::Connect, now, || false));
        assert_eq!(health.fitness(|| now), Fitness::Out);
    }

    #[test]
    fn an_active_check_says_what_is_new_once() {
        let health = Health::new(RULES, Clock::System.instant());
        assert!(!health.checked(true));
        assert!(health.checked(false));
        assert!(!health.checked(false));
        assert_eq!(health.fitness(|| at(0, &health)), Fitness::Out);
        assert!(health.checked(true));
        assert_eq!(health.fitness(|| at(0, &health)), Fitness::Whole);
    }
}
