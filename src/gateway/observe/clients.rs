//! Which clients are refused most: a summary of fixed size for each worker (Metwally's Space-Saving). A client with more than
//! one in `CLIENTS_MAX` of all refusals is in it for certain; the counts of others may be too high, never too low.
//!
//! Only clients whose token was verified have a name here; nobody can put one in by inventing it.

use std::sync::{Mutex, PoisonError};

/// What one worker refused.
#[derive(Debug, Default)]
pub struct RefusedClients(Mutex<Summary>);

/// Counts by client.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    clients: Vec<(Box<str>, u64)>,
    /// Refusals where nobody is known.
    pub unknown: u64,
}

impl RefusedClients {
    /// Counts a refusal. Never waits: while somebody reads, which takes microseconds and happens every few seconds, nothing
    /// is counted.
    pub fn count(&self, client: Option<&str>) {
        let Ok(mut summary) = self.0.try_lock() else { return };
        match client {
            None => summary.unknown += 1,
            Some(client) => summary.add(client, 1),
        }
    }

    /// What was counted since the last call.
    pub fn take(&self) -> Summary {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Summary {
    fn add(&mut self, client: &str, count: u64) {
        let client = shortened(client);
        if let Some((_, known)) = self.clients.iter_mut().find(|(known, _)| **known == *client) {
            *known += count;
            return;
        }
        if self.clients.len() < CLIENTS_MAX {
            self.clients.push((client.into(), count));
        } else if let Some(least) = self.clients.iter_mut().min_by_key(|(_, count)| *count) {
            // The newcomer may have been here before and been forgotten: it gets the benefit of what it replaces.
            *least = (client.into(), least.1 + count);
        }
    }

    /// Adds what another worker, or another time, has counted.
    pub fn merge(&mut self, other: &Self) {
        self.unknown += other.unknown;
        other.clients.iter().for_each(|(client, count)| self.add(client, *count));
    }

    /// The most refused first.
    pub fn top(&self, most: usize) -> Vec<(Box<str>, u64)> {
        let mut clients = self.clients.clone();
        clients.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
        clients.truncate(most);
        clients
    }
}

/// As much of an id as is kept.
fn shortened(client: &str) -> &str {
    let end = client.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= ID_BYTES_MAX).last();
    client.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// Clients of one worker. Five are shown: a client must have a fiftieth of the refusals to be among them.
const CLIENTS_MAX: usize = 50;
/// Of a client's id; they are some twenty or thirty characters long.
const ID_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_most_is_found_among_thousands() {
        let refused = RefusedClients::default();
        for n in 0..10_000 {
            refused.count(Some(&format!("tpp-{n}")));
            refused.count(Some("the-busy-one"));
            if n % 10 == 0 {
                refused.count(Some("another"));
                refused.count(None);
            }
        }
        let summary = refused.take();
        let top = summary.top(2);
        assert_eq!((&*top[0].0, &*top[1].0, summary.unknown), ("the-busy-one", "another", 1_000));
        assert!(top[0].1 >= 10_000 && top[1].1 >= 1_000, "{top:?}");
        assert_eq!(summary.top(usize::MAX).len(), CLIENTS_MAX);
        assert!(refused.take().top(1).is_empty(), "it begins anew");
    }

    #[test]
    fn workers_are_added_up() {
        let (one, two) = (RefusedClients::default(), RefusedClients::default());
        one.count(Some("a"));
        two.count(Some("a"));
        two.count(Some("b"));
        let mut sum = one.take();
        sum.merge(&two.take());
        assert_eq!(sum.top(9), [("a".into(), 2), ("b".into(), 1)]);
    }

    #[test]
    fn an_id_at_the_bound_is_kept_and_one_past_it_is_cut() {
        let id = "x".repeat(ID_BYTES_MAX);
        assert_eq!(shortened(&id), id);
        assert_eq!(shortened(&format!("{id}y")), id);
        assert_eq!(shortened(&format!("x{}", "ü".repeat(40))).len(), ID_BYTES_MAX - 1);
    }
}
