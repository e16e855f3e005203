//! The only reader of time. Everything that computes takes `now` as an argument.

use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where time comes from: the system, or a test that moves it by hand.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The operating system's clocks.
    System,
    /// Wall time that stands still until it is moved; monotonic time stays the system's.
    Manual(Arc<AtomicI64>),
}

/// Seconds since 1970-01-01T00:00:00Z without leap seconds: the `NumericDate` of RFC 7519 §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixSeconds(pub i64);

impl UnixSeconds {
    /// The whole second of a time in milliseconds.
    pub fn from_ms(unix_ms: u64) -> Self {
        Self(i64::try_from(unix_ms / 1000).unwrap_or(i64::MAX))
    }

    /// The earliest that a request can have read the clock which meets something made now: it may have begun in the second
    /// before. Where a clock shows less it was set back.
    #[must_use]
    pub fn a_moment_before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl Clock {
    /// A clock that stands at `seconds`.
    pub fn manual(seconds: i64) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(seconds)))
    }

    /// Wall time, which may jump.
    pub fn now(&self) -> UnixSeconds {
        match self {
            Self::System => UnixSeconds(i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX)),
            Self::Manual(seconds) => UnixSeconds(seconds.load(Ordering::Relaxed)),
        }
    }

    /// Wall time in milliseconds, for log lines.
    pub fn now_ms(&self) -> u64 {
        match self {
            Self::System => u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX),
            Self::Manual(_) => u64::try_from(self.now().0).unwrap_or(0).saturating_mul(1000),
        }
    }

    /// Wall time in microseconds, for what is counted within a time.
    pub fn now_us(&self) -> u64 {
        match self {
            Self::System => u64::try_from(since_epoch().as_micros()).unwrap_or(u64::MAX),
            Self::Manual(_) => self.now_ms().saturating_mul(1000),
        }
    }

    /// Time that never runs backwards, in microseconds since some moment before this process: what is measured of every request.
    /// A span is one subtraction; between two `Instant`s it is thirty instructions, and as many more to have it in microseconds.
    pub fn monotonic_us(&self) -> u64 {
        let now = clock_gettime(ClockId::Monotonic);
        now.tv_sec.unsigned_abs().saturating_mul(1_000_000).saturating_add(now.tv_nsec.unsigned_abs() / 1000)
    }

    /// The same for what hardly any request pays for, as the standard library has it: deadlines, pauses, ages.
    pub fn instant(&self) -> Instant {
        #[expect(clippy::disallowed_methods, reason = "this is the one reader")]
        Instant::now()
    }

    /// Moves a manual clock; the system's clock does not move for anybody.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(seconds) = self {
            seconds.fetch_add(i64::try_from(by.as_secs()).unwrap_or(0), Ordering::Relaxed);
        }
    }
}

fn since_epoch() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "this is the one reader")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
}
