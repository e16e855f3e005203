//! What candidates would have made of requests, counted by route beside what was made of them.

use super::super::shadow::Difference;
use super::metrics::RouteMetrics;

impl RouteMetrics {
    /// Counts what a candidate would have made of a request of `worker`.
    pub fn shadow(&self, worker: usize, difference: Difference) {
        let cells = self.cells.get(worker).map(|cells| cells.get_or_init(Box::default));
        if let Some(cell) = cells.and_then(|cells| cells.shadow.get(difference.index())) {
            cell.add(1);
        }
    }

    /// What candidates would have made of requests, added up over the workers.
    pub fn shadows(&self) -> [(Difference, u64); Difference::ALL.len()] {
        Difference::ALL.map(|difference| (difference, self.sum(|cells| cells.shadow.get(difference.index()))))
    }
}
