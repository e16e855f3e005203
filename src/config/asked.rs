//! What sections ask of values while they read: `schema` learns from it how a configuration is written, so that no second
//! description of it can differ from the first.

use std::cell::RefCell;

/// What was asked of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// To be a mapping with some of these keys, which it is.
    Mapping(Vec<Box<str>>),
    /// To have this key, which it has not.
    Key(Box<str>),
    /// To be a list, which it is.
    List,
    /// To be a string, which it is.
    Text,
    /// To be `true` or `false`, which it is.
    Truth,
    /// To be a whole number between these, which it may be.
    Number(usize, usize),
    /// To be something that it is not.
    Other,
}

/// All of it, with the way to each value.
#[derive(Debug, Default)]
pub(super) struct Questions(Option<RefCell<Vec<(String, Asked)>>>);

impl Questions {
    /// They are remembered.
    pub(super) fn kept() -> Self {
        Self(Some(RefCell::default()))
    }

    pub(super) fn note(&self, path: &str, asked: impl FnOnce() -> Asked) {
        if let Some(all) = &self.0 {
            all.borrow_mut().push((path.to_owned(), asked()));
        }
    }

    pub(super) fn into_all(self) -> Vec<(String, Asked)> {
        self.0.map(RefCell::into_inner).unwrap_or_default()
    }
}
