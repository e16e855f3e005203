//! All routes' counters as one: what a person looks at. Only ever growing, also when routes go with a reload.

use super::super::reason::Reason;
use super::histogram::BUCKETS_US;
use super::metrics::{Metrics, RouteCells, RouteMetrics, WorkerMetrics};
use super::statuses;
use http::StatusCode;
use std::sync::PoisonError;

/// Sums over routes and workers.
#[derive(Clone, Debug)]
pub struct Totals {
    passed: [u64; statuses::COUNT],
    refused: [u64; Reason::ALL.len()],
    /// Answers by duration, each in one of these; the last is for those beyond every bound.
    pub buckets: [u64; BUCKETS],
    /// All durations together, in microseconds.
    pub sum_us: u64,
}

/// Upper bounds of `Totals::buckets`, in microseconds; the last has none.
pub const BOUNDS_US: [u64; BUCKETS - 1] = BUCKETS_US;
/// How many there are.
pub const BUCKETS: usize = BUCKETS_US.len() + 1;

impl Default for Totals {
    fn default() -> Self {
        Self { passed: [0; statuses::COUNT], refused: [0; Reason::ALL.len()], buckets: [0; BUCKETS], sum_us: 0 }
    }
}

impl Totals {
    /// Answers of upstreams, and ours to requests that need no token, by status.
    pub fn passed(&self) -> impl Iterator<Item = (StatusCode, u64)> {
        statuses::ALL.into_iter().zip(self.passed)
    }

    /// Requests refused by us, by reason.
    pub fn refused(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.into_iter().zip(self.refused)
    }

    /// All requests.
    pub fn requests(&self) -> u64 {
        self.passed.iter().chain(&self.refused).sum()
    }

    /// What came since `older`.
    #[must_use]
    pub fn since(&self, older: &Self) -> Self {
        let mut delta = self.clone();
        let less = |more: &mut [u64], less: &[u64]| {
            more.iter_mut().zip(less).for_each(|(more, less)| *more = more.saturating_sub(*less));
        };
        less(&mut delta.passed, &older.passed);
        less(&mut delta.refused, &older.refused);
        less(&mut delta.buckets, &older.buckets);
        delta.sum_us = delta.sum_us.saturating_sub(older.sum_us);
        delta
    }

    /// Adds what a route has counted.
    pub(super) fn add(&mut self, route: &RouteMetrics) {
        for cells in route.cells.iter().filter_map(|cells| cells.get()) {
            self.add_cells(cells);
        }
    }

    fn add_cells(&mut self, cells: &RouteCells) {
        self.passed.iter_mut().zip(&cells.passed).for_each(|(sum, cell)| *sum += cell.get());
        self.refused.iter_mut().zip(&cells.refused).for_each(|(sum, cell)| *sum += cell.get());
        let (bounded, beyond) = self.buckets.split_at_mut(BUCKETS_US.len());
        let mut within = 0;
        for (sum, cell) in bounded.iter_mut().zip(&cells.seconds.buckets) {
            let count = cell.get();
            *sum += count;
            within += count;
        }
        // A worker may be between its two cells.
        for sum in beyond {
            *sum += cells.seconds.count.get().saturating_sub(within);
        }
        self.sum_us += cells.seconds.sum_us.get();
    }
}

impl Metrics {
    /// Everything that was counted, also by routes that are gone.
    pub fn totals(&self) -> Totals {
        // Held until the end: a route that goes meanwhile must be in one of the two.
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let mut totals = gone.clone();
        self.routes().iter().for_each(|(_, route)| totals.add(route));
        drop(gone);
        totals
    }

    /// The cells of every worker.
    pub fn workers(&self) -> &[WorkerMetrics] {
        &self.workers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::observe::metrics::Outcome;

    #[test]
    fn a_route_that_goes_takes_nothing_with_it() {
        let metrics = Metrics::new(2);
        metrics.route("/a").count(0, Outcome::Passed(StatusCode::OK), 600);
        metrics.route("/b").count(1, Outcome::Refused(Reason::TokenExpired), 60_000_000);
        let before = metrics.totals();
        assert_eq!((before.requests(), before.buckets[1], before.buckets[BUCKETS - 1]), (2, 1, 1));
        metrics.forget(|label| label == "/a", |_| true);
        assert_eq!(metrics.totals().requests(), 2);
        metrics.route("/a").count(0, Outcome::Passed(StatusCode::NOT_FOUND), 0);
        let delta = metrics.totals().since(&before);
        assert_eq!((delta.requests(), delta.buckets[0]), (1, 1));
        let of = |status| delta.passed().find(|(known, _)| *known == status).unwrap().1;
        assert_eq!((of(StatusCode::NOT_FOUND), of(StatusCode::OK)), (1, 0));
        assert_eq!(delta.refused().map(|(_, count)| count).sum::<u64>(), 0);
    }
}
