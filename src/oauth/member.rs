//! A member of a JSON object that may be absent. A derived reader takes `null` for absence, too: here that is a wrong
//! type like any other, or we would overlook what another reader sees.

use serde::{Deserialize, Deserializer};
use std::ops::Deref;

/// The member's value, where it is there. Its field needs serde's `default`.
pub(super) struct Member<T>(pub(super) Option<T>);

impl<T> Default for Member<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Deref for Member<T> {
    type Target = Option<T>;

    fn deref(&self) -> &Option<T> {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self(Some(value)))
    }
}
