//! The last token of one connection. Clients send the same one again and again; comparing its bytes costs less than
//! its fingerprint and the look-up, which is all that it saves: every check of a cached verdict runs all the same.

use super::verdict::Verdict;
use std::cell::RefCell;

/// A token's bytes and its verdict. It dies with its connection and is never shown: no `Debug`.
#[derive(Default)]
pub struct Memo(RefCell<Option<Kept>>);

/// Those of one connection.
#[derive(Default)]
pub struct Memos {
    /// The token that came last.
    pub last: Memo,
    /// The client's own token that came last, on routes that ask for two.
    pub client: Memo,
}

struct Kept {
    token: Vec<u8>,
    /// A verdict is worth nothing to a verifier with other issuers.
    verifier: u64,
    verdict: Verdict,
}

impl Memo {
    /// Whether `token` came last.
    pub fn holds(&self, token: &[u8]) -> bool {
        self.0.borrow().as_ref().is_some_and(|kept| kept.token == token)
    }

    pub(super) fn find(&self, token: &[u8], verifier: u64) -> Option<Verdict> {
        let kept = self.0.borrow();
        let kept = kept.as_ref().filter(|kept| kept.verifier == verifier && kept.token == token)?;
        Some(kept.verdict.clone())
    }

    /// An issuer's answer is not kept: another may take its place in the cache, or none, and nobody would tell us.
    pub(super) fn keep(&self, token: &[u8], verifier: u64, verdict: &Verdict) {
        if verdict.is_answer() {
            return;
        }
        let mut kept = self.0.borrow_mut();
        let mut memory = kept.take().map_or_else(Vec::new, |kept| kept.token);
        memory.clear();
        memory.extend_from_slice(token);
        *kept = Some(Kept { token: memory, verifier, verdict: verdict.clone() });
    }
}
