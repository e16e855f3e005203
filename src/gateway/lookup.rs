//! Fields by name, found by walking over all of them. A request has few: to compare each name costs less than the hash that a
//! question to the map begins with, and most of the fields that the path asks for are not there.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The values of `name`, in their order.
pub(super) fn all(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &HeaderValue> {
    headers.iter().filter(move |(one, _)| **one == name).map(|(_, value)| value)
}
