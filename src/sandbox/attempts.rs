//! Counts failed logins and client authentications, so that guessing stops paying off.

use super::secret::Digest;
use super::store::Bounded;
use crate::clock::UnixSeconds;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Attempts per name and address within a window.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<Windows>);

type Windows = Bounded<(Digest, IpAddr), Window>;

/// Too many attempts failed; the next one is answered after this many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait(pub(super) i64);

#[derive(Clone, Copy, Debug)]
struct Window {
    spent: u32,
    ends: UnixSeconds,
}

impl Attempts {
    /// Counts an attempt before its secret is looked at: parallel guesses cannot slip through. For what people choose.
    pub(super) fn spend(&self, name: &str, peer: IpAddr, now: UnixSeconds) -> Result<(), Wait> {
        let key = (Digest::of(name), peer);
        let mut windows = self.windows();
        let window = Window::of(&windows, &key, now);
        window.check(now)?;
        windows.insert(key, window.after_one_more(), KEYS_MAX);
        Ok(())
    }

    /// Whether one may try at all. For secrets that nobody guesses in parallel tries either, and for applications that
    /// send many requests at once.
    pub(super) fn check(&self, name: &str, peer: IpAddr, now: UnixSeconds) -> Result<(), Wait> {
        let key = (Digest::of(name), peer);
        Window::of(&self.windows(), &key, now).check(now)
    }

    /// Counts an attempt that was wrong.
    pub(super) fn fail(&self, name: &str, peer: IpAddr, now: UnixSeconds) {
        let key = (Digest::of(name), peer);
        let mut windows = self.windows();
        let window = Window::of(&windows, &key, now);
        windows.insert(key, window.after_one_more(), KEYS_MAX);
    }

    /// The attempt was right: the count starts anew.
    pub(super) fn forgive(&self, name: &str, peer: IpAddr) {
        self.windows().remove(&(Digest::of(name), peer));
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        // A panic elsewhere must not end the counting: each step leaves the windows whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn of(windows: &Windows, key: &(Digest, IpAddr), now: UnixSeconds) -> Self {
        let fresh = Self { spent: 0, ends: UnixSeconds(now.0 + WINDOW_SECONDS) };
        windows.get(key).copied().filter(|window| now < window.ends).unwrap_or(fresh)
    }

    fn check(self, now: UnixSeconds) -> Result<(), Wait> {
        if self.spent >= ATTEMPTS_MAX { Err(Wait(self.ends.0 - now.0)) } else { Ok(()) }
    }

    fn after_one_more(self) -> Self {
        Self { spent: self.spent.saturating_add(1), ..self }
    }
}

/// Wrong tries in a row per window.
const ATTEMPTS_MAX: u32 = 10;
/// How long they are remembered.
const WINDOW_SECONDS: i64 = 60;
/// Names watched at once; the oldest is forgotten.
const KEYS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_eleventh_wrong_try_waits_until_the_window_ends() {
        let (attempts, here) = (Attempts::default(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        for _ in 0..ATTEMPTS_MAX {
            attempts.spend("deniz", here, UnixSeconds(100)).unwrap();
        }
        assert_eq!(attempts.spend("deniz", here, UnixSeconds(130)), Err(Wait(30)));
        assert_eq!(attempts.spend("other", here, UnixSeconds(130)), Ok(()));
        assert_eq!(attempts.spend("deniz", IpAddr::V4(Ipv4Addr::BROADCAST), UnixSeconds(130)), Ok(()));
        assert_eq!(attempts.spend("deniz", here, UnixSeconds(160)), Ok(()));
    }

    #[test]
    fn where_only_wrong_tries_count_the_tenth_closes() {
        let (attempts, here) = (Attempts::default(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        for _ in 0..ATTEMPTS_MAX {
            attempts.check("app", here, UnixSeconds(100)).unwrap();
            attempts.check("app", here, UnixSeconds(100)).unwrap();
            attempts.fail("app", here, UnixSeconds(100));
        }
        assert_eq!(attempts.check("app", here, UnixSeconds(130)), Err(Wait(30)));
        assert_eq!(attempts.check("app", here, UnixSeconds(160)), Ok(()));
    }

    #[test]
    fn a_right_try_clears_the_count() {
        let (attempts, here) = (Attempts::default(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        for _ in 0..3 * ATTEMPTS_MAX {
            attempts.spend("deniz", here, UnixSeconds(100)).unwrap();
            attempts.forgive("deniz", here);
        }
    }
}
