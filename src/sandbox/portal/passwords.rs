//! Developers' passwords: Argon2id, on threads that may wait, a few at a time. Who floods the sign-in page waits in
//! line; the rest of the sandbox goes on.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Hashes and checks passwords.
#[derive(Debug)]
pub(in crate::sandbox) struct Passwords {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// Too many wait already, or the work could not be done: try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Busy;

impl Passwords {
    /// What the store keeps of `password`, salted afresh.
    pub(super) async fn hash(&self, password: &str) -> Result<String, Busy> {
        let password = password.to_owned();
        let hash = move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string());
        self.run(hash).await?.map_err(|_| Busy)
    }

    /// Whether `password` is the one that `kept` came from. Where nothing is kept the answer is no, after the same
    /// work: how long it takes must not tell which e-mails have an account.
    pub(super) async fn fits(&self, password: &str, kept: Option<&str>) -> Result<bool, Busy> {
        let (password, is_known) = (password.to_owned(), kept.is_some());
        let kept = kept.unwrap_or(DECOY).to_owned();
        let fits = move || {
            PasswordHash::new(&kept)
                .is_ok_and(|kept| Argon2::default().verify_password(password.as_bytes(), &kept).is_ok())
        };
        Ok(self.run(fits).await? && is_known)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Busy)?;
        // Work that began goes to its end: its turn lasts as long, also when whoever asked has left.
        let work = move || {
            let done = work();
            drop((turn, place));
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE_MAX)), places: Arc::new(Semaphore::new(WAITING_MAX)) }
    }
}

/// Each takes 19 MiB and a core for some 20 ms.
const AT_ONCE_MAX: usize = 2;
/// A second's work: whoever comes then is told to come back.
const WAITING_MAX: usize = 64;
/// As costly to check as a real one, and nothing is known that fits it.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2NvcGVnYXRlLWRlY295$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_what_was_made_of_it_and_nothing_else() {
        let passwords = Passwords::default();
        let kept = passwords.hash("green-ladder-17").await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(kept, passwords.hash("green-ladder-17").await.unwrap());
        for (password, kept, fits) in [
            ("green-ladder-17", Some(kept.as_str()), true),
            ("green-ladder-18", Some(&kept), false),
            ("green-ladder-17", Some("not a PHC string"), false),
            ("green-ladder-17", None, false),
        ] {
            assert_eq!(passwords.fits(password, kept).await, Ok(fits), "{kept:?}");
        }
    }

    #[test]
    fn the_decoy_costs_what_a_real_one_costs() {
        let decoy = PasswordHash::new(DECOY).unwrap();
        let real = Argon2::default().hash_password(b"green-ladder-17").unwrap();
        assert_eq!((decoy.algorithm, decoy.version), (real.algorithm, real.version));
        assert_eq!(decoy.params, real.params);
        assert_eq!(decoy.hash.unwrap().len(), real.hash.unwrap().len());
    }

    #[tokio::test]
    async fn one_more_than_may_wait_is_told_so_at_once() {
        let passwords = Passwords::default();
        let most = u32::try_from(WAITING_MAX - 1).unwrap();
        let places = Arc::clone(&passwords.places).acquire_many_owned(most).await.unwrap();
        assert_eq!(passwords.fits("any", None).await, Ok(false));
        let last = Arc::clone(&passwords.places).acquire_owned().await.unwrap();
        assert_eq!(passwords.fits("any", None).await, Err(Busy));
        drop((places, last));
    }
}
