//! Finds the route that takes an operation, by the gateway's own tree, and compares what both demand.

use super::{Difference, Place, Row, taken};
use crate::commands::diff::change::{self, Turn};
use crate::commands::diff::requests::ELSEWHERE;
use crate::commands::{CannotServe, routes};
use crate::config::Settings;
use crate::config::demands::Demands;
use crate::config::openapi::{self, Demanded, Instead};
use crate::config::routes::{Access, Route};
use crate::config::tls::ClientCertificates;
use crate::gateway::route::Places;
use crate::oauth::grant::Grant;
use crate::oauth::scope::ScopeToken;
use http::Method;
use std::collections::{BTreeSet, HashSet};

/// Everything that differs.
pub(super) fn compare(settings: &Settings, operations: &[Demanded], place: &Place) -> anyhow::Result<Vec<Row>> {
    let places = Places::new(&settings.routes);
    let hosts: HashSet<&str> = settings.routes.iter().flat_map(|route| &route.hosts).map(AsRef::as_ref).collect();
    let mut sought = Vec::with_capacity(operations.len());
    let (mut known, mut bases) = (HashSet::new(), HashSet::new());
    for operation in operations {
        let base = match (&place.base_path, &operation.base_path) {
            (Some(base), _) | (None, Ok(base)) => base,
            (None, Err(fault)) => {
                let hint = "say with --base-path what stands before the document's paths";
                return Err(CannotServe(format!("{}: {}; {hint}", fault.place, fault.what)).into());
            }
        };
        let path = format!("{base}{}", operation.path);
        known.insert((operation.method.clone(), shape(&path)));
        bases.insert(base.clone());
        sought.push((operation, path));
    }
    let others = taken::others(settings, place.api);
    let mut differences = Vec::new();
    for (operation, path) in &sought {
        let at = |path: &str| -> BTreeSet<usize> {
            let asked = hosts.iter().copied().chain([ELSEWHERE]);
            asked.filter_map(|host| places.at(host, path, &operation.method)).collect()
        };
        let found = at(&shape(path));
        let routes = found.iter().filter_map(|index| settings.routes.get(*index));
        let about = About { settings, operation, path };
        if found.is_empty() {
            differences.push(about.missing(place.api));
        }
        differences.extend(routes.flat_map(|route| about.differences(route)));
        differences.extend(taken::taken(&about, &others, &known, at));
    }
    differences.extend(extra(settings, place.api, &known, &bases));
    Ok(differences)
}

/// Routes beneath the document's paths that it knows nothing of.
fn extra(settings: &Settings, api: Option<usize>, known: &Shapes, bases: &HashSet<Box<str>>) -> Vec<Row> {
    let is_beneath = |path: &str| {
        let rest = |base: &str| path.strip_prefix(base).map(|rest| rest.is_empty() || rest.starts_with('/'));
        bases.iter().any(|base| rest(base) == Some(true))
    };
    // Those of other documents are none of this one's business, unless they take its requests.
    let of_ours = settings.routes.iter().filter(|route| is_beneath(&route.path) && !taken::is_others(route, api));
    let rows = of_ours.flat_map(|route| {
        let methods = route.methods.iter().filter(|method| !known.contains(&((*method).clone(), shape(&route.path))));
        methods.map(move |method| Row {
            method: method.to_string(),
            path: route.path.to_string(),
            operation_id: None,
            what: "operation",
            difference: Difference::Extra,
            document: change::NOTHING.to_owned(),
            configuration: routes::summary(settings, route),
            because: None,
        })
    });
    rows.collect()
}

/// The methods and shapes of a document's operations.
pub(super) type Shapes = HashSet<(Method, String)>;

/// The path with `{}` for every parameter: what no literal segment of a route can be.
pub(super) fn shape(path: &str) -> String {
    let segment = |segment| match segment {
        remainder if str::starts_with(remainder, "{*") => "{*}",
        parameter if parameter.starts_with('{') => "{}",
        literal => literal,
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// An operation of the document.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) settings: &'a Settings,
    pub(super) operation: &'a Demanded,
    pub(super) path: &'a str,
}

impl About<'_> {
    fn row(&self, what: &'static str, difference: Difference, (document, configuration): (String, String)) -> Row {
        Row {
            method: self.operation.method.to_string(),
            path: self.path.to_owned(),
            operation_id: self.operation.operation.clone(),
            what,
            difference,
            document,
            configuration,
            because: None,
        }
    }

    fn missing(&self, api: Option<usize>) -> Row {
        let excluded = api.and_then(|api| self.settings.apis.get(api)).into_iter().flat_map(|api| &api.excluded);
        let mut same = excluded.filter(|one| {
            *one.method == *self.operation.method.as_str() && openapi::template(&one.path) == self.operation.path
        });
        let because = same.next().and_then(|one| one.because.as_deref()).map(str::to_owned);
        let row = self.row("operation", Difference::Missing, (self.demanded(), change::NOTHING.to_owned()));
        Row { because, ..row }
    }

    /// What the document demands, in few words.
    fn demanded(&self) -> String {
        let scopes = self.operation.scopes.as_ref().map(|scopes| change::scopes_shown((&scopes.all, &scopes.any)));
        let grants = self.operation.grants.as_ref().map(|grants| names(grants)).unwrap_or_default();
        match (self.operation.needs_token, scopes) {
            (false, _) => "open".to_owned(),
            (true, Ok(scopes)) => [vec![scopes], grants].concat().join(", "),
            (true, Err(fault)) => fault.what.clone(),
        }
    }

    pub(super) fn differences(&self, route: &Route) -> Vec<Row> {
        let mut rows = Vec::new();
        match (&route.access, self.operation.needs_token) {
            (Access::Open, false) => {}
            (Access::Open, true) => {
                rows.push(self.row("access", Difference::Less, (self.demanded(), "open".to_owned())));
            }
            (Access::Token(_), false) => {
                let words = ("open".to_owned(), routes::summary(self.settings, route));
                rows.push(self.row("access", Difference::More, words));
            }
            (Access::Token(demands), true) => {
                let enforced = [&demands.all, &demands.any]
                    .map(|scopes| scopes.iter().map(ScopeToken::as_str).collect::<Vec<&str>>());
                let [all, any] = &enforced;
                rows.extend(self.scopes((all, any)));
                rows.extend(self.grants(&demands.grants));
                rows.extend(self.certificate(demands));
            }
        }
        rows.into_iter().map(|row| Row { because: reason(route, &row), ..row }).collect()
    }

    fn scopes(&self, enforced: (&[&str], &[&str])) -> Option<Row> {
        let shown = change::scopes_shown(enforced);
        match &self.operation.scopes {
            Ok(demanded) => {
                let [all, any] =
                    [&demanded.all, &demanded.any].map(|list| list.iter().map(AsRef::as_ref).collect::<Vec<&str>>());
                let turn = change::scopes((&all, &any), enforced)?;
                Some(self.row("scopes", difference(turn), (change::scopes_shown((&all, &any)), shown)))
            }
            Err(fault) => Some(self.row("scopes", Difference::Unsaid, (fault.what.clone(), shown))),
        }
    }

    /// A role is one of a certificate.
    fn certificate(&self, demands: &Demands) -> Option<Row> {
        let is_enforced = needs_certificate(self.settings) || !demands.roles.is_empty();
        let words = || ("needed".to_owned(), change::NOTHING.to_owned());
        (self.operation.needs_certificate && !is_enforced).then(|| self.row("certificate", Difference::Less, words()))
    }

    fn grants(&self, enforced: &[Grant]) -> Option<Row> {
        let shown = |grants: &[Grant]| if grants.is_empty() { "any".to_owned() } else { names(grants).join(" ") };
        match &self.operation.grants {
            Ok(demanded) => {
                let holds = |one: &[Grant], other: &[Grant]| {
                    one.is_empty() || (!other.is_empty() && other.iter().all(|grant| one.contains(grant)))
                };
                let turn = change::turn(holds(enforced, demanded), holds(demanded, enforced))?;
                Some(self.row("grants", difference(turn), (shown(demanded), shown(enforced))))
            }
            // Said once, with the scopes.
            Err(fault) if self.operation.scopes.as_ref().is_err_and(|other| other == fault) => None,
            Err(fault) => Some(self.row("grants", Difference::Unsaid, (fault.what.clone(), shown(enforced)))),
        }
    }
}

/// The reason that its override gives for this difference: for what it says in the document's place, and for nothing else.
fn reason(route: &Route, row: &Row) -> Option<String> {
    let origin = route.origin.as_ref()?;
    let Instead { access, scopes, grants, certificate } = origin.instead;
    let is_meant = match row.what {
        // Who names scopes asks for a token where the document asks for none.
        "access" => access || (scopes && row.difference == Difference::More),
        "scopes" => scopes,
        "grants" => grants,
        "certificate" => certificate,
        _ => false,
    };
    origin.because.as_deref().filter(|_| is_meant).map(str::to_owned)
}

fn needs_certificate(settings: &Settings) -> bool {
    let clients = settings.server.tls.as_ref().map(|tls| &tls.clients);
    clients.is_some_and(|clients| matches!(clients, ClientCertificates::Required(_)))
}

fn names(grants: &[Grant]) -> Vec<String> {
    grants.iter().map(|grant| grant.as_str().to_owned()).collect()
}

fn difference(turn: Turn) -> Difference {
    match turn {
        Turn::MoreOpen => Difference::Less,
        Turn::Stricter => Difference::More,
        Turn::Different | Turn::Changed => Difference::Other,
    }
}
