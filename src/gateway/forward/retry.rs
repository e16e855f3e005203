//! How many requests may be sent again: a part of those that are sent at all, so that an outage is not doubled by us.

use crate::config::bounds::{UPSTREAM_RETRIES_KEPT, UPSTREAM_RETRY_EVERY};
use http::Method;
use std::cell::Cell;

/// The retries that an upstream has left on one worker, in parts of a request.
#[derive(Debug)]
pub struct Budget(Cell<u32>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(UPSTREAM_RETRIES_KEPT * UPSTREAM_RETRY_EVERY))
    }
}

impl Budget {
    /// A request is sent for the first time.
    pub fn earn(&self) {
        self.0.set((self.0.get() + 1).min(UPSTREAM_RETRIES_KEPT * UPSTREAM_RETRY_EVERY));
    }

    /// Takes a retry, if there is one.
    pub fn spend(&self) -> bool {
        let left = self.0.get().checked_sub(UPSTREAM_RETRY_EVERY);
        left.inspect(|left| self.0.set(*left)).is_some()
    }
}

/// Whether a request that the server may have received can be sent again (RFC 9110 §9.2.2). A payment cannot: it is a POST.
pub fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_five_requests_may_be_sent_again_and_a_few_at_once() {
        let budget = Budget::default();
        assert_eq!((0..100).filter(|_| budget.spend()).count(), UPSTREAM_RETRIES_KEPT as usize);
        assert!(!budget.spend());
        let retried = (0..1000).filter(|_| {
            budget.earn();
            budget.spend()
        });
        assert_eq!(retried.count(), 200);
    }

    #[test]
    fn what_pays_is_never_idempotent() {
        for (method, expected) in
            [("GET", true), ("HEAD", true), ("PUT", true), ("POST", false), ("PATCH", false), ("PAY", false)]
        {
            assert_eq!(is_idempotent(&method.parse().unwrap()), expected, "{method}");
        }
    }
}
