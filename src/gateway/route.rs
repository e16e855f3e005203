//! ROUTE: finds the one rule for host, path and method. No rule, no entry.
//!
//! A tree over path segments: its cost is the path's length, not the number of routes. A literal segment beats a
//! parameter, a parameter beats the remainder; where the better branch ends without a rule the next is tried.

use super::percent;
use super::policy::Route;
use super::read::Head;
use super::reason::Reason;
use super::refusal::Refusal;
use crate::config;
use http::{HeaderValue, Method};
use std::collections::BTreeMap;

/// Every rule, by path shape.
#[derive(Debug, Default)]
pub struct Router {
    routes: Vec<Route>,
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    /// In order, not hashed: most segments have few neighbours, and a hash costs more than comparing with them.
    literals: BTreeMap<Box<[u8]>, Self>,
    parameter: Option<Box<Self>>,
    /// Rules that end at this segment.
    here: Vec<Rule>,
    /// Rules whose `{*rest}` begins after this segment.
    below: Vec<Rule>,
}

/// Which hosts and methods of a path shape lead to which route.
#[derive(Clone, Debug)]
struct Rule {
    /// Empty: every host.
    hosts: Vec<Box<str>>,
    methods: Vec<Method>,
    route: usize,
}

/// Which route takes which request, for who only asks: by the same tree as a gateway's.
#[derive(Debug, Default)]
pub struct Places(Node);

impl Places {
    /// Of these routes.
    pub fn new(routes: &[config::routes::Route]) -> Self {
        let mut root = Node::default();
        for (place, route) in routes.iter().enumerate() {
            root.add(route, place);
        }
        Self(root)
    }

    /// Which of them takes it.
    pub fn at(&self, host: &str, path: &str, method: &Method) -> Option<usize> {
        let path = path.strip_prefix('/').unwrap_or(path);
        match self.0.find(path.as_bytes(), &Wanted { host: host.as_bytes(), method }) {
            Found::Route(rule) => Some(rule.route),
            Found::OtherMethods(_) | Found::Nothing => None,
        }
    }
}

/// What stands at a path for one host.
enum Found<'r> {
    Route(&'r Rule),
    OtherMethods(Vec<&'r Method>),
    Nothing,
}

/// The rule for this request: 404 where no route has the path, 405 where one has it without the method.
pub fn find<'r>(router: &'r Router, head: &Head) -> Result<&'r Route, Refusal> {
    find_as(router, head, head.method())
}

/// The rule for this request, had it `method`: what a preflight asks for.
pub fn find_as<'r>(router: &'r Router, head: &Head, method: &Method) -> Result<&'r Route, Refusal> {
    let route = router.at(head.host(), head.path().as_bytes(), method)?;
    check_spelling(router, route, head, method)?;
    Ok(route)
}

/// The methods of the path that the request is for: 404 where it has none.
pub fn methods(router: &Router, head: &Head) -> Result<HeaderValue, Refusal> {
    match router.found(head.host(), head.path().as_bytes(), &NOBODYS) {
        Found::OtherMethods(methods) => Ok(allow(&methods)),
        Found::Nothing => Err(Reason::RouteUnknown.into()),
        Found::Route(_) => Err(Reason::Internal.into()),
    }
}

/// A percent-encoded octet may be the same resource to the upstream as its plain form. Where the plain form
/// would have come under another rule (`/users/%40me` beside `/users/@me`), the path has two readings.
fn check_spelling(router: &Router, route: &Route, head: &Head, method: &Method) -> Result<(), Refusal> {
    let path = head.path();
    if !path.contains('%') {
        return Ok(());
    }
    match router.at(head.host(), &percent::decoded(path.as_bytes()), method) {
        Ok(other) if std::ptr::eq(other, route) => Ok(()),
        Ok(_) | Err(_) => Err(Reason::PathAmbiguous.into()),
    }
}

impl Router {
    /// Builds the tree. Templates were checked by `config`: whole-segment parameters, `{*rest}` only at the end.
    pub(super) fn new(rules: Vec<(Route, &config::routes::Route)>) -> Self {
        let mut root = Node::default();
        let mut routes = Vec::with_capacity(rules.len());
        for (route, settings) in rules {
            root.add(settings, route.place);
            routes.push(route);
        }
        Self { routes, root }
    }

    /// The routes in the configuration's order.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The hosts that a route with this path names; none where there is no such path, or one for every host.
    pub(super) fn hosts_of(&self, path: &str) -> Vec<&str> {
        let mut hosts = Vec::new();
        self.root.collect_hosts(&mut hosts);
        hosts.retain(|host| matches!(self.found(host.as_bytes(), path.as_bytes(), &NOBODYS), Found::OtherMethods(_)));
        if matches!(self.found(b"", path.as_bytes(), &NOBODYS), Found::OtherMethods(_)) {
            hosts.clear();
        }
        hosts
    }

    fn at(&self, host: &[u8], path: &[u8], method: &Method) -> Result<&Route, Refusal> {
        match self.found(host, path, method) {
            Found::Route(rule) => self.routes.get(rule.route).ok_or_else(|| Reason::Internal.into()),
            Found::OtherMethods(methods) => Err(Refusal::method_unknown(allow(&methods))),
            // Whether there is such a path is not asked: no resource of anybody's has this method.
            Found::Nothing if *method == NOBODYS => Err(Refusal::method_unknown(allow(&[]))),
            Found::Nothing => Err(Reason::RouteUnknown.into()),
        }
    }

    fn found(&self, host: &[u8], path: &[u8], method: &Method) -> Found<'_> {
        self.root.find(path.strip_prefix(b"/").unwrap_or(path), &Wanted { host, method })
    }
}

struct Wanted<'a> {
    host: &'a [u8],
    method: &'a Method,
}

impl Node {
    fn add(&mut self, route: &config::routes::Route, place: usize) {
        let (hosts, methods) = (route.hosts.clone(), route.methods.clone());
        self.insert(segments(&route.path), Rule { hosts, methods, route: place });
    }

    fn insert<'s>(&mut self, mut segments: impl Iterator<Item = &'s str>, rule: Rule) {
        match segments.next() {
            None => self.here.push(rule),
            Some(segment) if segment.starts_with("{*") => self.below.push(rule),
            Some(segment) if segment.starts_with('{') => {
                self.parameter.get_or_insert_default().insert(segments, rule);
            }
            Some(literal) => self.literals.entry(literal.as_bytes().into()).or_default().insert(segments, rule),
        }
    }

    fn collect_hosts<'r>(&'r self, hosts: &mut Vec<&'r str>) {
        for host in self.here.iter().chain(&self.below).flat_map(|rule| &rule.hosts) {
            if !hosts.contains(&&**host) {
                hosts.push(host);
            }
        }
        self.literals.values().chain(self.parameter.as_deref()).for_each(|node| node.collect_hosts(hosts));
    }

    /// `path` is what remains, without its leading slash.
    fn find(&self, path: &[u8], wanted: &Wanted<'_>) -> Found<'_> {
        let slash = memchr::memchr(b'/', path);
        let (segment, rest) = match slash {
            Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..)),
            None => (path, None),
        };
        let mut others = Vec::new();
        let literal = self.literals.get(segment);
        // A parameter stands for at least one character.
        let parameter = self.parameter.as_deref().filter(|_| !segment.is_empty());
        for next in literal.into_iter().chain(parameter) {
            let found = match rest {
                Some(rest) => next.find(rest, wanted),
                None => pick(&next.here, wanted),
            };
            match found {
                Found::Route(rule) => return Found::Route(rule),
                Found::OtherMethods(methods) => others.extend(methods),
                Found::Nothing => {}
            }
        }
        if !path.is_empty() {
            match pick(&self.below, wanted) {
                Found::Route(rule) => return Found::Route(rule),
                Found::OtherMethods(methods) => others.extend(methods),
                Found::Nothing => {}
            }
        }
        if others.is_empty() { Found::Nothing } else { Found::OtherMethods(others) }
    }
}

/// Among the rules of one path shape: a rule that names the host beats one for every host.
fn pick<'r>(rules: &'r [Rule], wanted: &Wanted<'_>) -> Found<'r> {
    let names = |rule: &&Rule| rule.hosts.iter().any(|host| host.as_bytes() == wanted.host);
    let everywhere = |rule: &&Rule| rule.hosts.is_empty();
    let mut others = Vec::new();
    for rule in rules.iter().filter(names).chain(rules.iter().filter(everywhere)) {
        if rule.methods.contains(wanted.method) {
            return Found::Route(rule);
        }
        others.extend(&rule.methods);
    }
    if others.is_empty() { Found::Nothing } else { Found::OtherMethods(others) }
}

fn segments(template: &str) -> impl Iterator<Item = &str> {
    template.strip_prefix('/').unwrap_or(template).split('/')
}

fn allow(methods: &[&Method]) -> HeaderValue {
    let mut names: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    HeaderValue::from_str(&names.join(", ")).expect("method names are tokens")
}

/// A method that `config` takes on no route: it would send a client's token back to it.
const NOBODYS: Method = Method::TRACE;
