//! Counts failed logins and client authentications, so that guessing stops paying off.

use super::secret::Digest;
use super::store::Bounded;
use crate::clock::UnixSeconds;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Attempts per name and address within a window.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<Bounded<(Digest, IpAddr), Window>>);

/// Too many attempts failed; the next one is answered after this many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait(pub(super) i64);

#[derive(Clone, Copy, Debug)]
struct Window {
    spent: u32,
    ends: UnixSeconds,
}

impl Attempts {
    /// Counts an attempt before its secret is looked at: parallel guesses cannot slip through.
    pub(super) fn spend(&self, name: &str, peer: IpAddr, now: UnixSeconds) -> Result<(), Wait> {
        let key = (Digest::of(name), peer);
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Window { spent: 0, ends: UnixSeconds(now.0 + WINDOW_SECONDS) };
        let mut window = windows.get(&key).copied().filter(|window| now < window.ends).unwrap_or(fresh);
        if window.spent >= ATTEMPTS_MAX {
            return Err(Wait(window.ends.0 - now.0));
        }
        window.spent += 1;
        windows.insert(key, window, KEYS_MAX);
        Ok(())
    }

    /// The attempt was right: the count starts anew.
    pub(super) fn forgive(&self, name: &str, peer: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(Digest::of(name), peer));
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
    fn a_right_try_clears_the_count() {
        let (attempts, here) = (Attempts::default(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        for _ in 0..3 * ATTEMPTS_MAX {
            attempts.spend("deniz", here, UnixSeconds(100)).unwrap();
            attempts.forgive("deniz", here);
        }
    }
}
