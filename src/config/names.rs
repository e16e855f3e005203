//! The operator's names for issuers and upstreams, and the references to them.

use super::fault::{self, Problem};
use super::reader::Value;
use std::sync::Arc;

/// The names of one section, in its order.
#[derive(Debug)]
pub(super) struct Names {
    /// `issuer` or `upstream`.
    noun: &'static str,
    /// `None` for an entry whose name could not be read: then a reference may mean that one.
    entries: Vec<Option<Name>>,
}

#[derive(Debug)]
struct Name {
    value: Arc<str>,
    shown: Box<str>,
    line: u64,
}

impl Names {
    pub(super) fn new(noun: &'static str) -> Self {
        Self { noun, entries: Vec::new() }
    }

    /// For a section that could not be read: every reference may hold.
    pub(super) fn unreadable(noun: &'static str) -> Self {
        Self { noun, entries: vec![None] }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the name of the next entry; `None` where it has none that can be read.
    pub(super) fn add(&mut self, value: Option<Value<'_>>) -> Option<Arc<str>> {
        let name = value.and_then(|value| self.read(&value));
        let added = name.as_ref().map(|name| name.value.clone());
        self.entries.push(name);
        added
    }

    /// The index of the entry that `reference` names.
    pub(super) fn find(&self, reference: &Value<'_>) -> Option<usize> {
        let wanted = reference.text()?;
        let known = || self.entries.iter().flatten();
        let found =
            self.entries.iter().position(|entry| entry.as_ref().is_some_and(|name| *name.value == *wanted.value));
        if found.is_none() && known().count() == self.entries.len() {
            let problem = Problem::new(format!("no {} is named {}", self.noun, fault::quoted(wanted.shown)));
            reference.refuse(problem.did_you_mean(wanted.shown, known().map(|name| name.shown.as_ref())));
        }
        found
    }

    fn read(&self, value: &Value<'_>) -> Option<Name> {
        let text = value.text()?;
        if !is_name(&text.value) {
            let problem = Problem::new(format!("{} is not a name", fault::quoted(text.shown)));
            value
                .refuse(problem.hint("letters, digits, `.`, `_` and `-`, at most 64: names stand in logs and metrics"));
            return None;
        }
        if let Some(first) = self.entries.iter().flatten().find(|name| *name.value == *text.value) {
            let problem =
                Problem::new(format!("the name {} is taken by line {}", fault::quoted(text.shown), first.line));
            value.refuse(problem.hint(format!("give each {} a name of its own", self.noun)));
        }
        Some(Name { value: text.value.into(), shown: text.shown.into(), line: value.line() })
    }
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_a_log_line_and_a_label() {
        for good in ["bank", "bank-2", "A.b_c", "7"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a b", "-a", ".a", "a/b", "bankası", "a\"", "a\n"] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(is_name(&"a".repeat(64)) && !is_name(&"a".repeat(65)));
    }
}
