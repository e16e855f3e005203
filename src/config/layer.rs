//! Where a section has its entries from: a mapping in a file, or what we made of one.

use super::reader::Value;
use super::tree::{Key, Node};

/// Entries that a section has from one place; the first layer that has a key has the say.
#[derive(Clone)]
pub(super) struct Layer<'c> {
    pub(super) at: Value<'c>,
    pub(super) entries: &'c [(Key, Node)],
    /// Keys that do not count here.
    pub(super) hidden: &'c [&'c str],
    /// Whether we made the entries out of what stands at `at`, where no such keys are.
    pub(super) is_made: bool,
}

impl<'c> Layer<'c> {
    /// Entries that we made out of what stands at `at`.
    pub(super) fn made(at: Value<'c>, entries: &'c [(Key, Node)]) -> Self {
        Self { at, entries, hidden: &[], is_made: true }
    }

    pub(super) fn find(&self, key: &str) -> Option<Value<'c>> {
        let (_, node) = self.entries.iter().find(|(candidate, _)| candidate.name.as_ref() == key)?;
        (!self.hidden.contains(&key)).then(|| self.at.below((!self.is_made).then_some(key), node))
    }
}
