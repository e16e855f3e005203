//! `revocations`: the deny-list, its file and its bounds.

use super::reader::Value;
use super::{bounds, quantity};
use std::path::PathBuf;
use std::time::Duration;

/// The deny-list's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocations {
    /// Where it survives a restart; `None`: nowhere.
    pub file: Option<PathBuf>,
    /// Entries at most.
    pub entries_max: usize,
    /// How long an entry lasts where a revocation does not say: at least as long as a token lives.
    pub keep: Duration,
}

impl Default for Revocations {
    fn default() -> Self {
        Self { file: None, entries_max: ENTRIES_DEFAULT, keep: KEEP_DEFAULT }
    }
}

impl Revocations {
    pub(super) fn read(value: &Value<'_>) -> Option<Self> {
        let section = value.section(&["file", "entries", "keep"])?;
        let file = section.read_or("file", None, |value| Some(Some(value.resolve(&value.text()?.value))));
        let entries_max =
            section.read_or("entries", ENTRIES_DEFAULT, |value| value.whole_number(1, bounds::REVOCATIONS_MOST));
        let keep = section.read_or("keep", KEEP_DEFAULT, |value| {
            value.parse(|text| quantity::within(quantity::duration(text)?, Duration::from_mins(1), bounds::AGE_MAX))
        });
        Some(Self { file: file?, entries_max: entries_max?, keep: keep? })
    }
}

/// A hundred thousand of them take 10 MiB.
const ENTRIES_DEFAULT: usize = 100_000;
/// Access tokens that live longer are rare, and a mistake.
const KEEP_DEFAULT: Duration = Duration::from_hours(24);
