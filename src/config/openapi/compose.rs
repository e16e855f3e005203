//! Makes rules of operations: what the document says, what an override says in its place, and beneath both what holds for the
//! whole API. A rule is read by the same reader as a route that was written by hand.

use super::document::Operation;
use super::overrides::{Override, Overrides};
use super::security::Demand;
use super::{Complaint, Entry, Instead, Origin};
use crate::config::demands;
use crate::config::fault::Mark;
use crate::config::layer::Layer;
use crate::config::reader::{Section, Value};
use crate::config::routes::{self, Known, Rule};
use crate::config::tree::{Key, Kind, Node};

/// A rule before it is read; it owns what was made out of the document.
pub(super) struct Draft<'d> {
    at: Value<'d>,
    operation: Option<&'d str>,
    over: Option<&'d Override<'d>>,
    instead: Instead,
    /// Which requests: an override has no say in it.
    head: Vec<(Key, Node)>,
    /// On which terms, as far as no override says it.
    terms: Vec<(Key, Node)>,
    /// What counts of nothing that holds for the whole API.
    hidden: Vec<&'static str>,
}

/// The drafts of an API. `None` for an operation of which the document leaves something open that no override answers.
pub(super) fn drafts<'d>(
    entry: &'d Entry<'d>,
    operations: &'d [Operation<'d>],
    overrides: &'d Overrides<'d>,
    needs_certificate: bool,
) -> Vec<Option<Draft<'d>>> {
    let meant = operations.iter().enumerate().map(|(index, operation)| (operation, overrides.of(index)));
    meant
        .filter(|(_, over)| over.is_none_or(|over| !over.excludes))
        .map(|(operation, over)| draft(entry, operation, over, needs_certificate))
        .collect()
}

fn draft<'d>(
    entry: &'d Entry<'d>,
    operation: &'d Operation<'d>,
    over: Option<&'d Override<'d>>,
    needs_certificate: bool,
) -> Option<Draft<'d>> {
    let base = match (&entry.base_path, &operation.base_path) {
        (Some(base), _) | (None, Ok(base)) => Some(base),
        (None, Err(complaint)) => {
            complaint.note(None);
            None
        }
    };
    let says = |key: &str| over.is_some_and(|over| over.section.find(key).is_some());
    let answers = Answers {
        everything: says("access"),
        scopes: SCOPES.iter().any(|key| says(key)) || consent_scope(over),
        grants: says("grants"),
        certificate: needs_certificate || says("psd2_role") || entry.section.find("psd2_role").is_some(),
    };
    let demand = &operation.demand;
    if let Some(complaint) = answers.open(demand) {
        complaint.note(Some(hint(operation, &answers)));
        return None;
    }
    let (path, path_mark, mark) = (template(operation.path), operation.path_mark, operation.method_mark);
    let head = vec![
        made("path", path_mark, Kind::Text(format!("{}{path}", base?).into())),
        made("methods", mark, Kind::Sequence(vec![text(mark, &operation.method)])),
    ];
    let at = demand.at.as_ref().map_or(mark, Value::mark);
    let says_scopes = says("scopes") || says("any_scope");
    let list = |items: &[Box<str>]| Kind::Sequence(items.iter().map(|item| text(at, item)).collect());
    let mut terms = Vec::new();
    if let (Ok(scopes), false, false) = (&demand.scopes, answers.everything, says_scopes) {
        let lists = [("scopes", &scopes.all), ("any_scope", &scopes.any)];
        terms.extend(
            lists.into_iter().filter(|(_, items)| !items.is_empty()).map(|(key, items)| made(key, at, list(items))),
        );
    }
    if let (Ok(grants), false, false) = (&demand.grants, answers.everything, answers.grants)
        && !grants.is_empty()
    {
        let names: Vec<Box<str>> = grants.iter().map(|grant| grant.as_str().into()).collect();
        terms.push(made("grants", at, list(&names)));
    }
    // Where nobody is asked for a token, nothing is asked of one.
    let of_tokens: &[&str] = if answers.everything { &demands::KEYS } else { &[] };
    let hidden = OF_DOCUMENT.iter().chain(of_tokens).copied().collect();
    let instead = answers.instead(demand, says_scopes, says("psd2_role"));
    Some(Draft { at: operation.at.clone(), operation: operation.id, over, instead, head, terms, hidden })
}

/// What an override, or the gateway itself, answers of what a document may leave open.
#[expect(clippy::struct_excessive_bools, reason = "four questions, each answered or not")]
struct Answers {
    everything: bool,
    scopes: bool,
    grants: bool,
    certificate: bool,
}

impl Answers {
    /// What is left open.
    fn open<'c, 'd>(&self, demand: &'c Demand<'d>) -> Option<&'c Complaint<'d>> {
        if self.everything {
            return None;
        }
        let scopes = demand.scopes.as_ref().err().filter(|_| !self.scopes);
        let grants = demand.grants.as_ref().err().filter(|_| !self.grants);
        // Who says both says all that is demanded.
        let is_answered = self.certificate || (self.scopes && self.grants);
        let certificate = demand.certificate.as_ref().filter(|_| !is_answered);
        scopes.or(grants).or(certificate)
    }

    /// What is said in the document's place: in so many words, or as an answer to what it left open.
    fn instead(&self, demand: &Demand<'_>, says_scopes: bool, says_role: bool) -> Instead {
        let both = self.scopes && self.grants && demand.certificate.is_some();
        Instead {
            access: self.everything,
            scopes: says_scopes || (self.scopes && demand.scopes.is_err()),
            grants: self.grants,
            certificate: says_role || both,
        }
    }
}

fn consent_scope(over: Option<&Override<'_>>) -> bool {
    over.and_then(|over| over.section.find("consent")).is_some_and(|consent| consent.has("scope"))
}

fn hint(operation: &Operation<'_>, answers: &Answers) -> String {
    let demand = &operation.demand;
    let what = match operation.id {
        Some(id) => format!("operation: {}", id.escape_debug()),
        None => format!("path: {}, methods: [{}]", operation.path.escape_debug(), operation.method),
    };
    let scopes = if demand.scopes.is_err() && !answers.scopes { ", scopes: […]" } else { "" };
    let grants = if demand.grants.is_err() && !answers.grants { ", grants: […]" } else { "" };
    let (scopes, grants, certificate) = match demand.certificate {
        Some(_) if scopes.is_empty() && grants.is_empty() => {
            (", psd2_role: …", "", "; or demand one of everybody: `server.tls.client_certificate: required`")
        }
        Some(_) | None => (scopes, grants, ""),
    };
    let open = if demand.needs_token { "" } else { "; or `access: open` in it, if no token is needed" };
    format!("say who may pass in an `override` of the configuration: {{ {what}{scopes}{grants} }}{open}{certificate}")
}

/// Looks at what would hold for operations that could not be read.
pub(super) fn look(api: &Section<'_>, overrides: Option<&Overrides<'_>>, known: &Known<'_>) {
    let mark = api.whole().mark();
    // A scope of some kind, since a document would name one.
    let scopes = [made("scopes", mark, Kind::Sequence(vec![text(mark, "any")]))];
    let of_open: Vec<&str> = OF_DOCUMENT.iter().chain(&demands::KEYS).copied().collect();
    let sections = overrides.into_iter().flat_map(Overrides::sections).map(Some);
    for over in sections.chain([None]) {
        let at = over.unwrap_or(api).whole();
        let is_open = over.is_some_and(|over| over.find("access").is_some());
        let mut layers = Vec::new();
        if let Some(over) = over {
            layers.extend(over.layers(&BESIDE_TERMS));
        }
        if !is_open {
            layers.push(Layer { is_made: false, ..Layer::made(at.clone(), &scopes) });
        }
        layers.extend(api.layers(if is_open { &of_open } else { &OF_DOCUMENT }));
        routes::look(&Section::of(at.clone(), layers), known);
    }
}

impl<'d> Draft<'d> {
    /// The rule, of the API at this place.
    pub(super) fn rule(&'d self, api: usize, entry: &'d Entry<'d>) -> Rule<'d> {
        let mut layers = vec![Layer::made(self.at.clone(), &self.head)];
        layers.extend(self.over.into_iter().flat_map(|over| over.section.layers(&BESIDE_TERMS)));
        layers.push(Layer::made(self.at.clone(), &self.terms));
        layers.extend(entry.section.layers(&self.hidden));
        let at = self.over.map_or(&self.at, |over| over.section.whole());
        let origin = Origin {
            api,
            operation: self.operation.map(Box::from),
            because: self.over.and_then(|over| over.because.clone()),
            instead: self.instead,
        };
        Rule { section: Section::of(at.clone(), layers), origin: Some(origin) }
    }
}

/// A path in our spelling. The names of parameters decide nothing, so those with dots are given another.
pub fn template(path: &str) -> String {
    let mut is_name = false;
    let renamed = path.chars().map(|c| {
        is_name = (is_name || c == '{') && c != '}';
        if is_name && c == '.' { '_' } else { c }
    });
    renamed.collect()
}

fn made(key: &str, mark: Mark, kind: Kind) -> (Key, Node) {
    (Key { mark, name: key.into() }, Node { mark, kind })
}

fn text(mark: Mark, text: &str) -> Node {
    Node { mark, kind: Kind::Text(text.into()) }
}

/// What stands beside `openapi` holds for all operations: everything that a route may say and a document says for none.
pub(super) fn api_keys() -> Vec<&'static str> {
    let shared = routes::KEYS.into_iter().filter(|key| !OF_DOCUMENT.contains(key));
    ["openapi", "base_path", "override"].into_iter().chain(shared).collect()
}

/// An override says which operations it is for, and what any route may say.
pub(super) fn override_keys() -> Vec<&'static str> {
    ["operation", "exclude", "because"].into_iter().chain(routes::KEYS).collect()
}

const OF_DOCUMENT: [&str; 6] = ["path", "methods", "access", "scopes", "any_scope", "grants"];
/// Which operations an override is for is no term.
const BESIDE_TERMS: [&str; 2] = ["path", "methods"];
/// Each of these says what a token must grant.
const SCOPES: [&str; 3] = ["scopes", "any_scope", "authorization_details"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_parameters_change() {
        for (path, expected) in [
            ("/a.b/{c.d}/e.f", "/a.b/{c_d}/e.f"),
            ("/{a}.json", "/{a}.json"),
            ("/{a.b}{c.d}", "/{a_b}{c_d}"),
            ("/v1.0", "/v1.0"),
        ] {
            assert_eq!(template(path), expected);
        }
    }
}
