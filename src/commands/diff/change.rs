//! What became of one setting: whether more may pass by it, or fewer.

use serde::Serialize;
use std::fmt::Debug;

/// Whom a change lets in or keeps out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::commands) enum Turn {
    /// Somebody may pass who might not, and nobody is kept out.
    MoreOpen,
    /// Neither more nor fewer, but others: somebody may pass who might not, and somebody may not who might.
    Different,
    /// Somebody may not pass who might, and nobody else is let in.
    Stricter,
    /// Who may pass is the same.
    Changed,
}

/// One setting that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::commands) struct Change {
    /// Its key.
    pub(super) what: String,
    /// What it was, as far as that may be shown.
    pub(super) old: String,
    /// What it is.
    pub(super) new: String,
    /// What follows.
    pub(super) turn: Turn,
}

/// The changes of one thing, while it is compared.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Stands before every key.
    pub(super) prefix: String,
    pub(super) found: Vec<Change>,
}

impl Changes {
    pub(super) fn of(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), found: Vec::new() }
    }

    /// A change that is what it is.
    pub(super) fn note(&mut self, what: &str, (old, new): (String, String), turn: Turn) {
        self.found.push(Change { what: format!("{}{what}", self.prefix), old, new, turn });
    }

    /// Each of them lets more pass.
    pub(super) fn accepts<T: Ord + ToString>(&mut self, what: &str, old: &[T], new: &[T]) {
        self.sets(what, (old, new), (includes(new, old), includes(old, new)));
    }

    /// Any of them is enough, and where there is none, anything is.
    pub(super) fn any_of<T: Ord + ToString>(&mut self, what: &str, old: &[T], new: &[T]) {
        let is_wider = |one: &[T], other: &[T]| one.is_empty() || (!other.is_empty() && includes(one, other));
        self.sets(what, (old, new), (is_wider(new, old), is_wider(old, new)));
    }

    /// All of them are needed.
    pub(super) fn all_of<T: Ord + ToString>(&mut self, what: &str, old: &[T], new: &[T]) {
        self.sets(what, (old, new), (includes(old, new), includes(new, old)));
    }

    fn sets<T: Ord + ToString>(&mut self, what: &str, (old, new): (&[T], &[T]), (is_wider, is_narrower): (bool, bool)) {
        if let Some(turn) = turn(is_wider, is_narrower) {
            self.note(what, (listed(old), listed(new)), turn);
        }
    }

    /// The greater, the more pass.
    pub(super) fn bound<T: PartialOrd + Debug>(&mut self, what: &str, old: &T, new: &T) {
        if let Some(turn) = turn(new >= old, new <= old) {
            self.note(what, (shown(old), shown(new)), turn);
        }
    }

    /// The greater, the fewer pass.
    pub(super) fn demand<T: PartialOrd + Debug>(&mut self, what: &str, old: &T, new: &T) {
        if let Some(turn) = turn(new <= old, new >= old) {
            self.note(what, (shown(old), shown(new)), turn);
        }
    }

    /// Other values let others pass.
    pub(super) fn other<T: PartialEq + Debug>(&mut self, what: &str, old: &T, new: &T) {
        self.unequal(what, old, new, Turn::Different);
    }

    /// Nobody's passing depends on it.
    pub(super) fn beside<T: PartialEq + Debug>(&mut self, what: &str, old: &T, new: &T) {
        self.unequal(what, old, new, Turn::Changed);
    }

    fn unequal<T: PartialEq + Debug>(&mut self, what: &str, old: &T, new: &T, turn: Turn) {
        if old != new {
            self.note(what, (shown(old), shown(new)), turn);
        }
    }

    /// The same for what is too long to be shown, or must not be.
    pub(super) fn unshown<T: PartialEq + ?Sized>(&mut self, what: &str, old: &T, new: &T, turn: Turn) {
        if old != new {
            self.note(what, ("one".to_owned(), "another".to_owned()), turn);
        }
    }

    /// What is there for one of both alone; where it is for both, `compare` goes on.
    pub(super) fn presence<T>(
        &mut self,
        what: &str,
        (old, new): (Option<&T>, Option<&T>),
        added: Turn,
        compare: impl FnOnce(&mut Self, &T, &T),
    ) {
        let (there, not_there) = (|| "set".to_owned(), || NOTHING.to_owned());
        match (old, new) {
            (None, None) => {}
            (Some(old), Some(new)) => compare(self, old, new),
            (None, Some(_)) => self.note(what, (not_there(), there()), added),
            (Some(_), None) => self.note(what, (there(), not_there()), added.reversed()),
        }
    }
}

impl Turn {
    /// All of these together; `None`: nothing changed.
    pub(super) fn of(turns: impl Iterator<Item = Self>) -> Option<Self> {
        turns.reduce(|one, two| match (one, two) {
            (Self::Changed, other) | (other, Self::Changed) => other,
            (one, two) if one == two => one,
            (_, _) => Self::Different,
        })
    }

    fn reversed(self) -> Self {
        match self {
            Self::MoreOpen => Self::Stricter,
            Self::Stricter => Self::MoreOpen,
            Self::Different => Self::Different,
            Self::Changed => Self::Changed,
        }
    }
}

/// What follows where everybody who might may still (`is_wider`), and where nobody may who might not (`is_narrower`).
pub(in crate::commands) fn turn(is_wider: bool, is_narrower: bool) -> Option<Turn> {
    match (is_wider, is_narrower) {
        (true, true) => None,
        (true, false) => Some(Turn::MoreOpen),
        (false, true) => Some(Turn::Stricter),
        (false, false) => Some(Turn::Different),
    }
}

/// Scopes of which all are needed, and scopes of which one is: of two such rules one lets whoever has just what the other asks for
/// pass, or it does not.
pub(in crate::commands) fn scopes<T: PartialEq>(old: (&[T], &[T]), new: (&[T], &[T])) -> Option<Turn> {
    let passes = |held: &[&T], (all, any): (&[T], &[T])| {
        all.iter().all(|scope| held.contains(&scope))
            && (any.is_empty() || any.iter().any(|scope| held.contains(&scope)))
    };
    let implies = |(all, any): (&[T], &[T]), other| {
        let least: Vec<&T> = all.iter().collect();
        if any.is_empty() {
            return passes(&least, other);
        }
        any.iter().all(|scope| passes(&[least.as_slice(), &[scope]].concat(), other))
    };
    turn(implies(old, new), implies(new, old))
}

/// `a b c|d`: all of those that stand alone, and one of the others.
pub(in crate::commands) fn scopes_shown<T: ToString>((all, any): (&[T], &[T])) -> String {
    let any = any.iter().map(ToString::to_string).collect::<Vec<_>>().join("|");
    let all = all.iter().map(ToString::to_string);
    listed(&all.chain((!any.is_empty()).then_some(any)).collect::<Vec<_>>())
}

/// As an operator would write it.
fn shown(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    if text == "None" {
        return NOTHING.to_owned();
    }
    let text = text.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(&text);
    text.trim_matches('"').to_owned()
}

fn includes<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    other.iter().all(|item| one.contains(item))
}

/// The items in one line.
pub(in crate::commands) fn listed<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    if items.is_empty() { NOTHING.to_owned() } else { items.join(" ") }
}

/// Where nothing is said.
pub(in crate::commands) const NOTHING: &str = "-";
