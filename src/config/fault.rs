//! What is wrong with a configuration: where, what, and what to do about it.
//! No fault quotes a value that came out of the environment.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Where it stands.
    pub place: Place,
    /// The key it concerns, such as `routes[2].scopes[0]`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do, where that is not obvious.
    pub hint: Option<String>,
}

/// A place in a file, as editors and terminals understand it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file as the operator named it.
    pub file: Arc<str>,
    /// Line and column; `None` where the whole file is meant.
    pub mark: Option<Mark>,
}

/// A line and a column, both counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Line in the text.
    pub line: u64,
    /// Character within the line.
    pub column: u64,
}

/// Everything that is wrong with a configuration: of its own file first, then of each that it names, in the order of their
/// lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

/// What is wrong with one value, before it is known where the value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl Faults {
    /// `None` if there is no fault. `main` is the file that names the others. What is said twice of one place, since it
    /// holds for many routes, stands once.
    pub(super) fn collect(mut faults: Vec<Fault>, main: &Path) -> Option<Self> {
        let main = main.display().to_string();
        faults.sort_by_cached_key(|Fault { place, .. }| {
            (*place.file != *main)
                .then(|| place.file.clone())
                .map_or((None, place.mark), |file| (Some(file), place.mark))
        });
        let mut seen = HashSet::new();
        faults.retain(|fault| seen.insert(fault.clone()));
        (!faults.is_empty()).then_some(Self(faults))
    }

    /// One fault that concerns a file as a whole.
    pub(super) fn one(file: &str, problem: Problem) -> Self {
        let place = Place { file: file.into(), mark: None };
        Self(vec![Fault { place, path: String::new(), what: problem.what, hint: problem.hint }])
    }

    /// How many there are; at least one.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Each fault, by line.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }
}

impl Problem {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Says which of the known words was probably meant; without a near one, which there are.
    pub(super) fn did_you_mean<'w>(self, word: &str, known: impl Iterator<Item = &'w str> + Clone) -> Self {
        if let Some(nearest) = nearest(word, known.clone()) {
            return self.hint(format!("did you mean `{nearest}`?"));
        }
        let words: Vec<String> = known.take(WORDS_SHOWN_MAX + 1).map(|word| format!("`{word}`")).collect();
        match words.len() {
            0 => self,
            1..=WORDS_SHOWN_MAX => self.hint(format!("known here: {}", words.join(", "))),
            _ => self,
        }
    }
}

impl<'f> IntoIterator for &'f Faults {
    type Item = &'f Fault;
    type IntoIter = std::slice::Iter<'f, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mark {
            Some(mark) => write!(f, "{}:{}:{}", self.file, mark.line, mark.column),
            None => f.write_str(&self.file),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// `text` in quotes, in one line, and cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    let cut = text.char_indices().nth(QUOTED_CHARS_MAX).and_then(|(at, _)| text.get(..at));
    match cut {
        Some(start) => format!("\"{}…\"", start.escape_debug()),
        None => format!("\"{}\"", text.escape_debug()),
    }
}

/// The known word with the fewest edits between, if so few that a slip of the finger explains them.
fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let slips_max = (word.chars().count() / 3).max(1);
    known
        .map(|candidate| (edits(word, candidate), candidate))
        .filter(|(count, _)| *count <= slips_max)
        .min_by_key(|(count, _)| *count)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words; case counts for nothing.
fn edits(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(WORD_CHARS_MAX).flat_map(char::to_lowercase).collect();
    let right: Vec<char> = right.chars().take(WORD_CHARS_MAX).flat_map(char::to_lowercase).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&above, column) + usize::from(a != b);
            let mut fewest = replaced.min(at(&above, column + 1) + 1).min(at(&current, column) + 1);
            let swapped = row > 0 && column > 0 && left.get(row - 1) == Some(b) && right.get(column - 1) == Some(a);
            if swapped {
                fewest = fewest.min(at(&before, column - 1) + 1);
            }
            current.push(fewest);
        }
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or_default()
}

/// More words than this would bury the fault.
const WORDS_SHOWN_MAX: usize = 12;
/// More would bury the fault, too.
const QUOTED_CHARS_MAX: usize = 80;
/// What lies beyond is no slip of the finger.
const WORD_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["scopes", "any_scope", "grants", "path", "methods"];
        for (word, expected) in [
            ("scope", Some("scopes")),
            ("scoeps", Some("scopes")),
            ("Scopes", Some("scopes")),
            ("anyscope", Some("any_scope")),
            ("paht", Some("path")),
            ("pathological", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known.into_iter()), expected, "{word:?}");
        }
    }

    #[test]
    fn a_quotation_is_one_short_line() {
        for (text, expected) in
            [("a b", "\"a b\""), ("a\nb\u{1b}", "\"a\\nb\\u{1b}\""), ("ş", "\"ş\""), ("a\"b\\", "\"a\\\"b\\\\\"")]
        {
            assert_eq!(quoted(text), expected);
        }
        assert_eq!(quoted(&"x".repeat(80)).chars().count(), 82);
        assert!(quoted(&"x".repeat(81)).ends_with("x…\""));
    }

    #[test]
    fn edits_are_counted_as_a_person_counts_them() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "ABC", 0),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(edits(left, right), expected, "{left} {right}");
        }
    }
}
