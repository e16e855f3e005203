//! Times by how long they are: buckets with one writer each, added up where they are read.

use super::metrics::Cell;
use std::sync::OnceLock;

/// Times that one thread observes, in microseconds.
#[derive(Debug, Default)]
pub struct Histogram {
    pub(super) buckets: [Cell; BUCKETS_US.len()],
    pub(super) count: Cell,
    pub(super) sum_us: Cell,
}

/// Cumulative counts by upper bound in microseconds, then the count and the sum in microseconds of all.
pub type Distribution = (Vec<(u64, u64)>, u64, u64);

/// Times that all workers observe, each in cells of its own that are made when it first does.
#[derive(Debug)]
pub struct Timings(Box<[OnceLock<Box<Histogram>>]>);

impl Histogram {
    /// Counts one. Only the owning thread may call it.
    pub(super) fn observe(&self, us: u64) {
        if let Some(bucket) = BUCKETS_US.iter().position(|bound| us <= *bound).and_then(|place| self.buckets.get(place))
        {
            bucket.add(1);
        }
        self.count.add(1);
        self.sum_us.add(us);
    }
}

/// What these say together.
pub(super) fn distribution<'h>(all: impl Iterator<Item = &'h Histogram>) -> Distribution {
    let mut counts = [0; BUCKETS_US.len()];
    let (mut count, mut sum_us) = (0, 0);
    for one in all {
        counts.iter_mut().zip(&one.buckets).for_each(|(total, bucket)| *total += bucket.get());
        count += one.count.get();
        sum_us += one.sum_us.get();
    }
    let mut cumulative = 0;
    let buckets = BUCKETS_US.iter().zip(counts).map(|(bound, count)| {
        cumulative += count;
        (*bound, cumulative)
    });
    (buckets.collect(), count, sum_us)
}

impl Timings {
    pub(super) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| OnceLock::new()).collect())
    }

    /// Counts one time of `worker`, which alone may call it so.
    pub fn observe(&self, worker: usize, us: u64) {
        if let Some(cells) = self.0.get(worker) {
            cells.get_or_init(Box::default).observe(us);
        }
    }

    /// What all workers say together.
    pub fn distribution(&self) -> Distribution {
        distribution(self.0.iter().filter_map(|cells| cells.get().map(Box::as_ref)))
    }
}

/// Upper bounds in microseconds: an API call takes a millisecond to some seconds. 300 and 750 ms are where the benchmarks of
/// open banking stand, 30 s is where an interface counts as away.
pub(super) const BUCKETS_US: [u64; 16] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 300_000, 500_000, 750_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_added_up_and_what_is_beyond_all_buckets_counts() {
        let timings = Timings::new(2);
        timings.observe(0, 500);
        timings.observe(1, 501);
        timings.observe(1, 60_000_000);
        timings.observe(2, 60_000_000);
        let (buckets, count, sum_us) = timings.distribution();
        assert_eq!((buckets[0], buckets[1], buckets[15]), ((500, 1), (1_000, 2), (30_000_000, 2)));
        assert_eq!((count, sum_us), (3, 60_001_001));
    }
}
