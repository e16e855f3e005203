//! A map with a bound: when it is full, the entry that was added first makes room.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Entries in the order in which their keys came.
#[derive(Debug)]
pub(in crate::sandbox) struct Bounded<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Hash + Eq + Clone, V> Bounded<K, V> {
    /// Adds or replaces; beyond `max` entries the oldest leaves.
    pub(in crate::sandbox) fn insert(&mut self, key: K, value: V, max: usize) {
        if self.entries.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        while self.entries.len() > max {
            let Some(oldest) = self.order.pop_front() else { return };
            self.entries.remove(&oldest);
        }
    }

    /// The value under `key`.
    pub(in crate::sandbox) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// Takes the value under `key` out.
    pub(in crate::sandbox) fn remove(&mut self, key: &K) -> Option<V> {
        let value = self.entries.remove(key)?;
        // The newest are removed most: a login, a form that was just sent.
        if let Some(at) = self.order.iter().rposition(|held| held == key) {
            self.order.remove(at);
        }
        Some(value)
    }
}

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_past_the_bound_the_oldest_leaves() {
        let mut map = Bounded::default();
        for key in 0..3 {
            map.insert(key, key, 3);
        }
        assert_eq!(map.get(&0), Some(&0));
        map.insert(3, 3, 3);
        assert_eq!((map.get(&0), map.get(&1), map.get(&3)), (None, Some(&1), Some(&3)));
    }

    #[test]
    fn a_replaced_or_removed_entry_counts_once() {
        let mut map = Bounded::default();
        map.insert(1, "a", 2);
        map.insert(1, "b", 2);
        map.insert(2, "c", 2);
        assert_eq!(map.remove(&2), Some("c"));
        map.insert(3, "d", 2);
        assert_eq!((map.get(&1), map.get(&3)), (Some(&"b"), Some(&"d")));
        assert_eq!(map.remove(&9), None);
    }
}
