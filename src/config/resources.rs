//! `resources`: what third parties are told of the APIs behind the gateway (RFC 9728). Without the section there is one
//! resource, the origin itself.

use super::fault::Problem;
use super::issuers::Issuer;
use super::names::Names;
use super::reader::{Section, Value, distinct};
use super::routes::{Access, Route};
use super::{Server, address, demands, template};
use crate::oauth::origin::Origin;
use crate::oauth::resource::{self, WELL_KNOWN};
use crate::oauth::scope::ScopeToken;

/// One protected resource. The routes whose path begins with its own belong to it, if no other has a longer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its identifier, as it was written: clients compare it character by character.
    pub identifier: Box<str>,
    /// The identifier's path: empty, or from a slash to the end of a segment.
    pub path: Box<str>,
    /// For people.
    pub name: Option<Box<str>>,
    /// What a developer should read.
    pub documentation: Option<Box<str>>,
    /// Named instead of those that its routes need.
    pub scopes: Option<Vec<ScopeToken>>,
    /// Indexes into `Settings::issuers`: named instead of those whose tokens its routes accept.
    pub issuers: Option<Vec<usize>>,
}

impl Resource {
    /// Where its metadata is.
    pub fn metadata_path(&self) -> String {
        resource::metadata_path(&self.path)
    }

    /// All routes belong to it.
    fn whole(origin: &Origin) -> Self {
        let identifier = origin.as_str().into();
        Self { identifier, path: "".into(), name: None, documentation: None, scopes: None, issuers: None }
    }

    fn has(&self, path: &str) -> bool {
        is_below(&self.path, path)
    }
}

/// The place in `resources` of the one that a route with this path belongs to.
pub fn of_route(resources: &[Resource], path: &str) -> Option<usize> {
    let having = resources.iter().enumerate().filter(|(_, resource)| resource.has(path));
    having.max_by_key(|(_, resource)| resource.path.len()).map(|(place, _)| place)
}

/// The routes that belong to the resource at this place.
pub fn routes_of<'r>(place: usize, resources: &[Resource], routes: &'r [Route]) -> Vec<&'r Route> {
    routes.iter().filter(|route| of_route(resources, &route.path) == Some(place)).collect()
}

/// Places in `issuers` of those whose tokens at least one of these routes accepts.
pub fn accepted(routes: &[&Route], issuers: &[Issuer]) -> Vec<usize> {
    let accepts = |route: &Route, place| match &route.access {
        Access::Open => false,
        Access::Token(demands) => demands.issuers.is_empty() || demands.issuers.contains(&place),
    };
    (0..issuers.len()).filter(|place| routes.iter().any(|route| accepts(route, *place))).collect()
}

/// Whether clients can find the issuer by its identifier (RFC 8414 §2).
pub fn can_be_found(issuer: &Issuer) -> bool {
    issuer.issuer.starts_with("https://") && !issuer.issuer.contains(['?', '#'])
}

/// `resources:`, or the one that there is without it. `None` for what could not be read.
pub(super) fn read(
    root: &Section<'_>,
    server: Option<&Server>,
    (names, issuers): (&Names, Option<&[Issuer]>),
    routes: Option<&[Route]>,
) -> Option<Vec<Resource>> {
    let origin = server?.public_origin.as_ref();
    let Some(value) = root.find("resources") else {
        return Some(origin.into_iter().map(Resource::whole).collect());
    };
    let Some(origin) = origin else {
        let problem = Problem::new("needs `server.public_origin`");
        value.refuse(problem.hint("a resource is known by a URI of the origin that third parties reach"));
        return None;
    };
    let entries = entries(&value, origin, names)?;
    let resources: Vec<Resource> = entries.iter().map(|entry| entry.resource.clone()).collect();
    for (place, entry) in entries.iter().enumerate() {
        let own = routes_of(place, &resources, routes?);
        if own.is_empty() {
            let problem = Problem::new("no route belongs to it");
            entry.at.refuse(problem.hint("its path must be the beginning of a route's, in whole segments"));
        } else {
            entry.check_issuers(&accepted(&own, issuers?), issuers?);
        }
    }
    Some(resources)
}

/// Whether a route with this path would stand where the gateway itself answers.
pub(super) fn is_reserved(path: &str) -> bool {
    is_below(WELL_KNOWN, path)
}

/// A resource, and where what is said of it stands.
struct Entry<'c> {
    resource: Resource,
    at: Value<'c>,
    issuers_at: Option<Value<'c>>,
}

impl<'c> Entry<'c> {
    fn read(value: &Value<'c>, origin: &Origin, names: &Names) -> Option<Self> {
        let section = value.section(&["resource", "name", "documentation", "scopes", "issuers"])?;
        let told = section.need("resource").and_then(|value| value.parse(|text| identifier(text, origin)));
        let name = section.read_or("name", None, |value| Some(Some(value.text()?.value.into())));
        let documentation = section.read_or("documentation", None, |value| value.parse(page).map(Some));
        let scopes = section
            .read_or("scopes", None, |value| distinct(value.list()?, |item| item.parse(demands::scope)).map(Some));
        let issuers =
            section.read_or("issuers", None, |value| distinct(value.list()?, |item| names.find(item)).map(Some));
        let (identifier, path) = told?;
        let resource = Resource {
            identifier,
            path,
            name: name?,
            documentation: documentation?,
            scopes: scopes?,
            issuers: issuers?,
        };
        Some(Self { resource, at: section.find("resource")?, issuers_at: section.find("issuers") })
    }

    /// Clients would ask in vain for tokens that are not accepted, or of an issuer that cannot be found.
    fn check_issuers(&self, accepted: &[usize], issuers: &[Issuer]) {
        let items = self.issuers_at.as_ref().and_then(Value::list).unwrap_or_default();
        for (place, item) in self.resource.issuers.iter().flatten().zip(items) {
            if !accepted.contains(place) {
                item.refuse(Problem::new("no route of the resource accepts its tokens").hint("remove it"));
            } else if !issuers.get(*place).is_some_and(can_be_found) {
                item.refuse(Problem::new("its identifier is not an https URL").hint("clients could not find it"));
            }
        }
    }
}

fn entries<'c>(value: &Value<'c>, origin: &Origin, names: &Names) -> Option<Vec<Entry<'c>>> {
    let mut entries: Vec<Option<Entry<'c>>> = Vec::new();
    for item in value.list()? {
        let entry = Entry::read(&item, origin, names);
        if let Some(new) = &entry
            && entries.iter().flatten().any(|known| known.resource.path == new.resource.path)
        {
            let problem = Problem::new("the path of a resource before it");
            new.at.refuse(problem.hint("a route belongs to one resource: give each a path of its own"));
        }
        entries.push(entry);
    }
    entries.into_iter().collect()
}

/// The identifier and its path.
fn identifier(text: &str, origin: &Origin) -> Result<(Box<str>, Box<str>), Problem> {
    let path = text.strip_prefix(origin.as_str()).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']));
    let Some(path) = path else {
        return Err(Problem::new("does not begin with `server.public_origin`").hint(
            "that origin, in lower case and without a default port, and a path: clients compare each character",
        ));
    };
    if path.contains(['?', '#']) {
        return Err(Problem::new("has a query or a fragment").hint("a resource is told by its path (RFC 9728 §1.2)"));
    }
    if matches!(path, "" | "/") {
        return Ok((text.into(), "".into()));
    }
    if path.ends_with('/') {
        return Err(Problem::new("ends in a slash").hint("leave it out: it would begin another, empty segment"));
    }
    if path.contains(['{', '}']) {
        return Err(Problem::new("has a parameter").hint("a resource has one identifier and one document"));
    }
    template::parse(path).map(|template| (text.into(), template.text))
}

fn page(text: &str) -> Result<Box<str>, Problem> {
    address::absolute(text).map(|_| text.into())
}

/// Whether `path` begins with `prefix`, in whole segments.
fn is_below(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
