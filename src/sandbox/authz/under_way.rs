//! Refresh tokens that requests show at this moment. Two windows of one application may refresh at once with the same
//! token: the one that comes second lost a race and is no thief. Whoever comes once the first was answered is.

use crate::sandbox::secret::Digest;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The tokens, each with the requests that show it: as many as are open, and no more.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct UnderWay(Mutex<HashMap<Digest, Company>>);

#[derive(Debug, Default)]
struct Company {
    requests: usize,
    was_used: bool,
}

/// A request that shows a token; while it lives, it is under way.
#[derive(Debug)]
pub(in crate::sandbox) struct Showing<'a> {
    all: &'a UnderWay,
    token: Digest,
}

impl UnderWay {
    /// A request begins that shows `token`.
    pub(in crate::sandbox) fn begin(&self, token: &str) -> Showing<'_> {
        let token = Digest::of(token);
        self.tokens().entry(token).or_default().requests += 1;
        Showing { all: self, token }
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<Digest, Company>> {
        // A panic elsewhere must not end this: each step leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Showing<'_> {
    /// This request is about to use the token up.
    pub(super) fn uses(&self) {
        self.all.tokens().entry(self.token).or_default().was_used = true;
    }

    /// Whether a request used the token up while this one was under way.
    pub(super) fn was_overtaken(&self) -> bool {
        self.all.tokens().get(&self.token).is_some_and(|company| company.was_used)
    }
}

impl Drop for Showing<'_> {
    fn drop(&mut self) {
        let mut tokens = self.all.tokens();
        let Some(company) = tokens.get_mut(&self.token) else { return };
        company.requests -= 1;
        if company.requests == 0 {
            tokens.remove(&self.token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_under_way_was_overtaken() {
        let all = UnderWay::default();
        let first = all.begin("a");
        let (second, other) = (all.begin("a"), all.begin("b"));
        assert!(!second.was_overtaken());
        first.uses();
        drop(first);
        assert!(second.was_overtaken() && !other.was_overtaken());
        drop(second);
        // Also one that comes in company is a thief where nobody in it used the token.
        let (late, later) = (all.begin("a"), all.begin("a"));
        assert!(!late.was_overtaken() && !later.was_overtaken());
        drop((late, later, other));
        assert!(all.tokens().is_empty());
    }
}
