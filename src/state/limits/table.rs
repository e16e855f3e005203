//! States by key, as many as may be. One that has run out is as good as none: it goes when its room is needed, or in its turn.

use super::Outcome;
use super::key::{Hashed, Key};
use super::totals::Totals;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// States of one kind.
#[derive(Debug)]
pub(super) struct Table<S> {
    shards: Vec<Mutex<Shard<S>>>,
    shard_max: usize,
    /// How long a state is of use after it was changed, beyond what it says itself.
    keep_us: u64,
}

/// A state that may say nothing any more.
pub(super) trait Idle: Default {
    /// Whether it is like a new one, if what is as old as `before_us` does not count.
    fn is_idle(&self, before_us: u64) -> bool;
}

#[derive(Debug)]
struct Shard<S> {
    states: HashMap<Key, S, BuildHasherDefault<Hashed>>,
    allowed: u64,
    refused: u64,
    full: u64,
    /// When it was last looked for states that are of no use.
    swept_us: u64,
}

/// Of requests that are under way.
impl Idle for u64 {
    fn is_idle(&self, _: u64) -> bool {
        *self == 0
    }
}

impl<S: Idle> Table<S> {
    pub(super) fn new(keys_max: usize, keep_us: u64) -> Self {
        let shard = || Shard { states: HashMap::default(), allowed: 0, refused: 0, full: 0, swept_us: 0 };
        let shards = (0..SHARDS).map(|_| Mutex::new(shard())).collect();
        Self { shards, shard_max: keys_max.div_ceil(SHARDS), keep_us }
    }

    /// What `take` makes of the key's state; nothing where there is no room for one.
    pub(super) fn take(&self, key: Key, now_us: u64, take: impl FnOnce(&mut S) -> Outcome) -> Option<Outcome> {
        let mut shard = self.shard(key.shard(SHARDS))?;
        let shard = &mut *shard;
        if shard.states.len() >= self.shard_max && !shard.states.contains_key(&key) {
            shard.make_room(now_us, self.keep_us);
            if shard.states.len() >= self.shard_max {
                shard.full += 1;
                return None;
            }
        }
        let outcome = take(shard.states.entry(key).or_default());
        match outcome {
            Outcome::Taken { .. } | Outcome::Free { .. } => shard.allowed += 1,
            Outcome::Refused { .. } => shard.refused += 1,
        }
        Some(outcome)
    }

    /// Changes a state that is there: a call of it is over, or is none any more.
    pub(super) fn undo(&self, key: Key, change: impl FnOnce(&mut S)) {
        let Some(mut shard) = self.shard(key.shard(SHARDS)) else { return };
        let Some(state) = shard.states.get_mut(&key) else { return };
        change(state);
        if state.is_idle(0) {
            shard.states.remove(&key);
        }
    }

    pub(super) fn sweep(&self, turn: usize, now_us: u64) {
        for place in (turn % TURNS..SHARDS).step_by(TURNS) {
            if let Some(mut shard) = self.shard(place) {
                shard.sweep(now_us, self.keep_us);
            }
        }
    }

    pub(super) fn totals(&self) -> Totals {
        (0..SHARDS).filter_map(|place| self.shard(place)).fold(Totals::default(), |sum, shard| Totals {
            allowed: sum.allowed + shard.allowed,
            refused: sum.refused + shard.refused,
            full: sum.full + shard.full,
            keys: sum.keys + shard.states.len() as u64,
        })
    }

    fn shard(&self, place: usize) -> Option<MutexGuard<'_, Shard<S>>> {
        // A panicking thread leaves a whole map: each change is one entry.
        Some(self.shards.get(place)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Idle> Shard<S> {
    /// Looks at every state, so not for every key of a flood of them.
    fn make_room(&mut self, now_us: u64, keep_us: u64) {
        if now_us.abs_diff(self.swept_us) >= SWEEP_US {
            self.sweep(now_us, keep_us);
        }
    }

    fn sweep(&mut self, now_us: u64, keep_us: u64) {
        self.swept_us = now_us;
        let before = now_us.saturating_sub(keep_us);
        self.states.retain(|_, state| !state.is_idle(before));
        // What a flood of keys took is given back, with room for some more.
        if self.states.capacity() / 4 > self.states.len() {
            self.states.shrink_to(self.states.len() * 2);
        }
    }
}

/// Enough that workers seldom meet.
const SHARDS: usize = 64;
/// So often everything has had its turn. With a million keys one takes less than a millisecond.
const TURNS: usize = 8;
/// Ten times a second each: with a million keys that is a twentieth of a processor at most.
const SWEEP_US: u64 = 100_000;
