//! What was used and is good once, on whichever thread: proofs (RFC 9449 §11.1), security events. Bounded in number, and
//! each is forgotten once it is too old to be accepted anyway.

use crate::clock::UnixSeconds;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What was used lately. Two generations of digests: when the younger one is as old as a proof may be, it becomes the
/// older one and that is forgotten whole.
#[derive(Debug)]
pub struct Replays {
    shards: Vec<Mutex<Shard>>,
    shard_max: usize,
    keep: i64,
}

#[derive(Debug, Default)]
struct Shard {
    begun: i64,
    young: HashSet<Digest>,
    old: HashSet<Digest>,
}

/// Half a SHA-256: who finds two with the same can replay nothing, but is refused once.
type Digest = [u8; 16];

/// What becomes of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It was not used before, and now it was.
    First,
    /// It was.
    Again,
    /// Nobody knows: no more can be remembered.
    Full,
}

impl Replays {
    /// Remembers about `most` digests, each for at least `keep`.
    pub fn new(most: usize, keep: Duration) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        let keep = i64::try_from(keep.as_secs()).unwrap_or(i64::MAX).saturating_add(1);
        Self { shards, shard_max: most.div_ceil(SHARDS), keep }
    }

    /// Uses the proof with this digest, of which all octets must be as good as random.
    pub fn spend(&self, digest: &[u8; 32], now: UnixSeconds) -> Use {
        let Some((mut shard, key)) = self.find(digest, now) else { return Use::Full };
        if shard.has(&key) {
            Use::Again
        } else if shard.young.len() + shard.old.len() >= self.shard_max {
            Use::Full
        } else {
            shard.young.insert(key);
            Use::First
        }
    }

    /// It was not used after all.
    pub fn forget(&self, digest: &[u8; 32], now: UnixSeconds) {
        if let Some((mut shard, key)) = self.find(digest, now) {
            shard.young.remove(&key);
            shard.old.remove(&key);
        }
    }

    /// Whether it was used, which this does not.
    pub fn has(&self, digest: &[u8; 32], now: UnixSeconds) -> bool {
        self.find(digest, now).is_some_and(|(shard, key)| shard.has(&key))
    }

    fn find(&self, digest: &[u8; 32], now: UnixSeconds) -> Option<(MutexGuard<'_, Shard>, Digest)> {
        let [first, ..] = *digest;
        let shard = self.shards.get(usize::from(first) % SHARDS)?;
        let mut key = Digest::default();
        key.copy_from_slice(&digest[16..]);
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.turn(now.0, self.keep);
        Some((shard, key))
    }

    /// Digests that are remembered.
    pub fn len(&self) -> usize {
        let lock = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(lock).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Shard {
    fn has(&self, key: &Digest) -> bool {
        self.young.contains(key) || self.old.contains(key)
    }

    fn turn(&mut self, now: i64, keep: i64) {
        // A clock that was set back begins anew: else nothing would be forgotten until it is there again.
        self.begun = self.begun.min(now);
        let age = now.saturating_sub(self.begun);
        if age < keep {
            return;
        }
        // Swapped, so that the memory of one serves the other.
        std::mem::swap(&mut self.young, &mut self.old);
        self.young.clear();
        if age >= keep.saturating_mul(2) {
            self.old.clear();
        }
        self.begun = now;
    }
}

/// Enough that workers seldom meet.
const SHARDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u16) -> [u8; 32] {
        let mut digest = [7; 32];
        digest[20..22].copy_from_slice(&n.to_be_bytes());
        digest
    }

    #[test]
    fn a_proof_is_good_once_and_forgotten_when_it_is_too_old() {
        let replays = Replays::new(SHARDS * 3, Duration::from_secs(70));
        let spend = |n, now| replays.spend(&digest(n), UnixSeconds(now));
        let has = |n, now| replays.has(&digest(n), UnixSeconds(now));
        assert!(!has(1, 1000));
        assert_eq!(spend(1, 1000), Use::First);
        assert!(has(1, 1000) && !has(2, 1000));
        assert_eq!(spend(1, 1000), Use::Again);
        assert_eq!(spend(2, 1060), Use::First);
        assert_eq!((spend(1, 1070), spend(2, 1130)), (Use::Again, Use::Again));
        assert_eq!(spend(1, 1272), Use::First, "two generations later");
        assert_eq!(spend(2, 1272), Use::First);
        assert_eq!(replays.len(), 2);
    }

    #[test]
    fn what_cannot_be_remembered_is_not_accepted() {
        let replays = Replays::new(SHARDS * 2, Duration::from_secs(70));
        let spend = |n, now| replays.spend(&digest(n), UnixSeconds(now));
        assert_eq!(
            [spend(1, 0), spend(2, 0), spend(3, 0), spend(1, 0)],
            [Use::First, Use::First, Use::Full, Use::Again]
        );
        assert_eq!(spend(3, 1000), Use::First);
    }

    /// A machine that began with its clock a day ahead must not stop taking proofs when that is mended.
    #[test]
    fn a_clock_that_was_set_back_does_not_keep_what_was_used_for_ever() {
        let replays = Replays::new(SHARDS * 2, Duration::from_secs(70));
        let spend = |n, now| replays.spend(&digest(n), UnixSeconds(now));
        assert_eq!(spend(1, 90_000), Use::First);
        assert_eq!((spend(1, 1000), spend(2, 1000), spend(3, 1000)), (Use::Again, Use::First, Use::Full));
        assert_eq!((spend(3, 1142), spend(2, 1142)), (Use::First, Use::First));
    }

    #[test]
    fn of_many_threads_one_is_the_first() {
        let replays = Replays::new(1000, Duration::from_secs(70));
        let firsts = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| replays.spend(&digest(9), UnixSeconds(0)) == Use::First)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|first| *first).count()
        });
        assert_eq!(firsts, 1);
    }
}
