//! What routes of other documents take of a document's requests: a literal segment beats a parameter, whoever wrote it.

use super::compare::{About, Shapes, shape};
use super::{Difference, Row};
use crate::config::Settings;
use crate::config::routes::Route;
use std::collections::BTreeSet;

/// A route of another document.
pub(super) struct Other<'s> {
    /// Index into `Settings::routes`.
    place: usize,
    shape: String,
    route: &'s Route,
}

/// The routes of other documents. Without an API of the configuration's every route may be this document's.
pub(super) fn others(settings: &Settings, api: Option<usize>) -> Vec<Other<'_>> {
    let routes = settings.routes.iter().enumerate().filter(|(_, route)| is_others(route, api));
    routes.map(|(place, route)| Other { place, shape: shape(&route.path), route }).collect()
}

pub(super) fn is_others(route: &Route, api: Option<usize>) -> bool {
    api.is_some() && route.origin.as_ref().is_some_and(|origin| Some(origin.api) != api)
}

/// What they take of an operation's requests and do not guard as it demands; `at` says which routes take a path.
pub(super) fn taken(
    about: &About<'_>,
    others: &[Other<'_>],
    known: &Shapes,
    at: impl Fn(&str) -> BTreeSet<usize>,
) -> Vec<Row> {
    let method = &about.operation.method;
    let ours = shape(about.path);
    let takers = others.iter().filter(|other| other.route.methods.contains(method)).filter(|other| {
        let Some(path) = common(&ours, &other.shape) else { return false };
        // Not where the document has an operation that is more exact: that one is compared.
        let is_its = || {
            let mut more = known.iter().filter(|(one, _)| one == method).map(|(_, shape)| shape);
            !more.any(|shape| exactness(shape) < exactness(&ours) && common(shape, &path).as_ref() == Some(&path))
        };
        path != ours && at(&path).contains(&other.place) && is_its()
    });
    let rows = takers.flat_map(|other| About { path: &other.route.path, ..*about }.differences(other.route));
    // To ask for more is theirs to do; what the document does not say is told of its own routes.
    rows.filter(|row| matches!(row.difference, Difference::Less | Difference::Other)).collect()
}

/// The less, the sooner it is taken.
fn exactness(shape: &str) -> Vec<bool> {
    shape.split('/').map(|segment| segment == "{}").collect()
}

/// The shape of what two shapes both take, of which the latter may have a remainder. `None`: there is no such request.
fn common(one: &str, other: &str) -> Option<String> {
    let (mut ours, mut theirs) = (one.split('/'), other.split('/'));
    let mut both = Vec::new();
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return Some(both.join("/")),
            (Some(segment), Some("{*}")) => both.extend([segment].into_iter().chain(ours.by_ref())),
            (Some(segment), Some(other)) if other == segment || other == "{}" => both.push(segment),
            (Some("{}"), Some(literal)) => both.push(literal),
            (Some(_), _) | (None, Some(_)) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_take_is_the_narrower_of_each_segment() {
        for (one, other, expected) in [
            ("/a/{}", "/a/b", Some("/a/b")),
            ("/{}/b", "/a/{}", Some("/a/b")),
            ("/a/{}/{}", "/a/b/{*}", Some("/a/b/{}")),
            ("/a", "/a/{*}", None),
            ("/a/{}", "/a", None),
            ("/a", "/a/{}", None),
            ("/a/{}", "/b/{}", None),
            ("/", "/", Some("/")),
        ] {
            assert_eq!(common(one, other).as_deref(), expected, "{one} {other}");
        }
    }
}
