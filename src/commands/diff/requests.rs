//! Which requests there are to compare, and which route of each configuration takes them: by the gateway's own tree, since what
//! one route loses another may take.
//!
//! Whoever takes a request of one route before and of another after also took and takes the most general path of both: a third
//! route that stood before them there would stand before them at every such request. So two at a time are enough.

use super::shape::{self, Shape};
use crate::config::Settings;
use crate::config::routes::Route;
use crate::gateway::route::Places;
use http::Method;
use std::collections::{BTreeSet, HashSet};

/// Requests that one route takes in each of two configurations.
pub(super) struct Pair<'s> {
    pub(super) method: &'s Method,
    /// What the paths of both have in common.
    pub(super) path: String,
    /// `None`: every host, or every one that no other pair of the path names.
    pub(super) host: Option<&'s str>,
    pub(super) old: Option<usize>,
    pub(super) new: Option<usize>,
}

/// Every method and every two routes that take a request of it, apart for hosts where those matter.
pub(super) fn pairs<'s>(old: &'s Settings, new: &'s Settings) -> Vec<Pair<'s>> {
    let (places, new_places) = (Places::new(&old.routes), Places::new(&new.routes));
    let routes = || new.routes.iter().chain(&old.routes);
    let hosts: BTreeSet<&str> = routes().flat_map(|route| &route.hosts).map(AsRef::as_ref).collect();
    let depth = routes().map(|route| shape::segments(&route.path).count()).max().unwrap_or_default();
    let own = routes().flat_map(|route| route.methods.iter().map(|method| (shape::of(&route.path), method)));
    let (mut asked, mut told) = (HashSet::new(), HashSet::new());
    let mut pairs = Vec::new();
    for (shape, method) in own.chain(crossings(&old.routes, &new.routes)) {
        for path in shape::samples(&shape, depth) {
            if !asked.insert((path.clone(), method)) {
                continue;
            }
            let find = |host: &str| (places.at(host, &path, method), new_places.at(host, &path, method));
            let elsewhere = find(ELSEWHERE);
            let named = hosts.iter().map(|host| (Some(*host), find(host))).filter(|(_, found)| *found != elsewhere);
            for (host, found) in std::iter::once((None, elsewhere)).chain(named) {
                if told.insert((method, host, found))
                    && let Some(path) = common(old, new, found)
                {
                    pairs.push(Pair { method, path, host, old: found.0, new: found.1 });
                }
            }
        }
    }
    pairs
}

/// The path of the requests that these routes take; `None`: there are no such routes.
fn common(old: &Settings, new: &Settings, places: (Option<usize>, Option<usize>)) -> Option<String> {
    let path = |settings: &'_ Settings, place: Option<usize>| {
        place.and_then(|place| settings.routes.get(place)).map(|route| route.path.to_string())
    };
    match (path(old, places.0), path(new, places.1)) {
        (Some(old), Some(new)) => {
            let both =
                shape::common(&shape::segments(&new).collect::<Vec<_>>(), &shape::segments(&old).collect::<Vec<_>>());
            Some(both.map_or(new.clone(), |both| format!("/{}", both.join("/"))))
        }
        (old, new) => new.or(old),
    }
}

/// What every two routes have in common of which one is not in both configurations: where both are, the same one of them stands
/// before the other before and after.
fn crossings<'s>(old: &'s [Route], new: &'s [Route]) -> Vec<(Shape<'s>, &'s Method)> {
    let (before, after) = (Takers::of(old), Takers::of(new));
    let gone = before.all.iter().filter(|one| !after.known.contains(one));
    let come = after.all.iter().filter(|one| !before.known.contains(one));
    let two = gone
        .flat_map(|gone| after.all.iter().map(move |other| (gone, other)))
        .chain(come.flat_map(|come| before.all.iter().map(move |other| (come, other))));
    two.filter(|((_, method, _), (_, other, _))| method == other)
        .filter_map(|((one, method, _), (other, _, _))| Some((shape::common(one, other)?, *method)))
        .collect()
}

/// What each route takes, apart for methods and hosts; no host: every one.
type Taker<'s> = (Shape<'s>, &'s Method, Option<&'s str>);

struct Takers<'s> {
    all: Vec<Taker<'s>>,
    known: HashSet<Taker<'s>>,
}

impl<'s> Takers<'s> {
    fn of(routes: &'s [Route]) -> Self {
        let hosts = |route: &'s Route| {
            let named: Vec<_> = route.hosts.iter().map(|host| Some(&**host)).collect();
            if named.is_empty() { vec![None] } else { named }
        };
        let takers = |route: &'s Route| {
            let hosts = hosts(route);
            route.methods.iter().flat_map(move |method| {
                hosts.clone().into_iter().map(move |host| (shape::of(&route.path), method, host))
            })
        };
        let all: Vec<_> = routes.iter().flat_map(takers).collect();
        Self { known: all.iter().cloned().collect(), all }
    }
}

/// A host that no route can name.
pub(in crate::commands) const ELSEWHERE: &str = "";
