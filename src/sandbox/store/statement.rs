//! A statement and what its parameters may be: text and integers, which mean the same in every database.

use crate::clock::UnixSeconds;
use crate::sandbox::secret::Digest;

/// A statement and the values of its parameters, in order.
#[derive(Debug)]
pub(in crate::sandbox) struct Statement {
    pub(super) text: &'static str,
    pub(super) values: Vec<Value>,
}

/// What a parameter or a column holds.
#[derive(Debug)]
pub(in crate::sandbox) enum Value {
    /// `TEXT`
    Text(Option<String>),
    /// `BIGINT`
    Integer(Option<i64>),
}

/// Begins a statement.
pub(in crate::sandbox) fn sql(text: &'static str) -> Statement {
    Statement { text, values: Vec::new() }
}

impl Statement {
    /// The value of the next parameter.
    pub(in crate::sandbox) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<Digest> for Value {
    fn from(digest: Digest) -> Self {
        Self::Text(Some(digest.base64url()))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Integer(Some(i64::from(flag)))
    }
}

impl From<UnixSeconds> for Value {
    fn from(time: UnixSeconds) -> Self {
        Self::Integer(Some(time.0))
    }
}

impl From<Option<UnixSeconds>> for Value {
    fn from(time: Option<UnixSeconds>) -> Self {
        Self::Integer(time.map(|time| time.0))
    }
}
