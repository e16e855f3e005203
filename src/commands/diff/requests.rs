//! Which requests there are to compare, and which route of each configuration takes them: by the gateway's own tree, since what
//! one route loses another may take.

use crate::config::Settings;
use crate::config::routes::Route;
use crate::gateway::route::Places;
use http::Method;
use std::collections::BTreeSet;
use std::collections::HashSet;

/// Requests that one route takes in each of two configurations.
pub(super) struct Pair<'s> {
    pub(super) method: &'s Method,
    /// As a route has it that takes them.
    pub(super) path: &'s str,
    /// `None`: every host, or every one that no other pair of the path names.
    pub(super) host: Option<&'s str>,
    pub(super) old: Option<usize>,
    pub(super) new: Option<usize>,
}

/// Every method and path shape of both, apart for hosts where those matter.
pub(super) fn pairs<'s>(old: &'s Settings, new: &'s Settings) -> Vec<Pair<'s>> {
    let (places, new_places) = (Places::new(&old.routes), Places::new(&new.routes));
    let routes = || new.routes.iter().chain(&old.routes);
    let hosts: BTreeSet<&str> = routes().flat_map(|route| &route.hosts).map(AsRef::as_ref).collect();
    let depth = routes().map(|route| route.path.split('/').count()).max().unwrap_or_default();
    let mut seen = HashSet::new();
    let mut pairs = Vec::new();
    for route in routes() {
        let sample = sample(route, depth);
        for method in route.methods.iter().filter(|method| seen.insert((sample.clone(), (*method).clone()))) {
            let find = |host: &str| (places.at(host, &sample, method), new_places.at(host, &sample, method));
            let (elsewhere_old, elsewhere_new) = find(ELSEWHERE);
            let pair = |host, (old, new)| Pair { method, path: &route.path, host, old, new };
            pairs.push(pair(None, (elsewhere_old, elsewhere_new)));
            let named = hosts.iter().map(|host| (*host, find(host)));
            pairs.extend(
                named
                    .filter(|(_, found)| *found != (elsewhere_old, elsewhere_new))
                    .map(|(host, found)| pair(Some(host), found)),
            );
        }
    }
    pairs
}

/// A path that this route takes and none that is more exact: no literal segment can be `{}`, and no path is as deep.
pub(in crate::commands) fn sample(route: &Route, depth: usize) -> String {
    let segment = |segment: &str| match segment.as_bytes() {
        [b'{', b'*', ..] => vec!["{}"; depth + 1].join("/"),
        [b'{', ..] => "{}".to_owned(),
        _ => segment.to_owned(),
    };
    route.path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A host that no route can name.
pub(in crate::commands) const ELSEWHERE: &str = "";
