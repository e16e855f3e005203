//! `apis`: routes out of an API's own document. The document says which operations there are, which scopes each demands and
//! how their tokens are obtained; the rest stands beside it as on any route. What the document leaves open, or demands in a way
//! that no route can say, is a fault until an override answers it.

mod compose;
mod document;
mod overrides;
mod reference;
mod scheme;
mod security;
mod server;

use super::fault::{Fault, Faults, Mark, Problem};
use super::reader::{Context, Section, Value};
use super::routes::{self, Known, Route, Rule};
use super::shadow::Role;
use super::tls::ClientCertificates;
use super::tree::{self, Node};
use super::{Server, bounds, file};
use crate::oauth::grant::Grant;
use compose::Draft;
pub use compose::template;
use document::Operation;
use http::Method;
use overrides::Overrides;
pub use security::Scopes;
use std::path::{Path, PathBuf};

/// One API whose document was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// The document.
    pub document: PathBuf,
    /// What stands before its paths by the operator's word; `None`: what the document says.
    pub base_path: Option<Box<str>>,
    /// Operations that no route is made of.
    pub excluded: Vec<Excluded>,
}

/// An operation that the operator left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excluded {
    /// `GET`
    pub method: Box<str>,
    /// As the document has it.
    pub path: Box<str>,
    /// Why, if that was said.
    pub because: Option<Box<str>>,
}

/// Where a route stands in an API's document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Index into `Settings::apis`.
    pub api: usize,
    /// Its `operationId`.
    pub operation: Option<Box<str>>,
    /// Why it differs from the document, if the operator said so.
    pub because: Option<Box<str>>,
    /// In what it may differ.
    pub instead: Instead,
}

/// What an override says in the document's place.
#[expect(clippy::struct_excessive_bools, reason = "four demands, each replaced or not")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instead {
    /// That nobody needs a token.
    pub access: bool,
    /// Which scopes.
    pub scopes: bool,
    /// How the token is obtained.
    pub grants: bool,
    /// What is asked for in place of the certificate.
    pub certificate: bool,
}

/// An operation of a document and what that demands of its callers, for who compares documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demanded {
    /// In upper case.
    pub method: Method,
    /// As the document has it, but for names of parameters that no route can hold.
    pub path: String,
    /// Its `operationId`.
    pub operation: Option<String>,
    /// What stands before the path; or why that cannot be said.
    pub base_path: Result<Box<str>, Fault>,
    /// `false`: it may be called without any credential.
    pub needs_token: bool,
    /// Or why no route can say it.
    pub scopes: Result<Scopes, Fault>,
    /// Empty: any. Or why no route can say it.
    pub grants: Result<Vec<Grant>, Fault>,
    /// The client shows a certificate.
    pub needs_certificate: bool,
}

/// Reads `routes` and `apis` of the configuration: of the two, one at least.
pub(super) fn read(
    root: &Section<'_>,
    server: Option<&Server>,
    known: &Known<'_>,
) -> (Option<Vec<Api>>, Option<Vec<Route>>) {
    let entries = root.find("apis").map(|value| entries(&value, known));
    let by_hand = match (root.find("routes"), &entries) {
        (Some(value), _) => routes::by_hand(&value),
        (None, Some(_)) => Some(Vec::new()),
        (None, None) => root.need("routes").and(None),
    };
    let needs_certificate = server
        .and_then(|server| server.tls.as_ref())
        .is_some_and(|tls| matches!(tls.clients, ClientCertificates::Required(_)));
    // One that could not be read does not hide what is wrong with the others, or with what was written by hand.
    let entries = entries.map_or_else(Vec::new, |entries| entries.unwrap_or_else(|| vec![None]));
    let read: Vec<Option<(Vec<Operation<'_>>, Overrides<'_>)>> =
        entries.iter().map(|entry| entry.as_ref()?.read()).collect();
    let drafts: Vec<Option<Vec<Option<Draft<'_>>>>> = entries
        .iter()
        .zip(&read)
        .map(|(entry, read)| {
            let (operations, overrides) = read.as_ref()?;
            Some(compose::drafts(entry.as_ref()?, operations, overrides, needs_certificate))
        })
        .collect();
    let mut rules: Vec<Option<Rule<'_>>> = by_hand.unwrap_or_else(|| vec![None]);
    let mut apis = Vec::with_capacity(entries.len());
    for (index, ((entry, drafts), read)) in entries.iter().zip(&drafts).zip(&read).enumerate() {
        let (Some(entry), Some(drafts), Some((operations, overrides))) = (entry, drafts, read) else {
            rules.push(None);
            continue;
        };
        rules.extend(drafts.iter().map(|draft| draft.as_ref().map(|draft| draft.rule(index, entry))));
        apis.push(entry.api(operations, overrides));
    }
    let is_whole = apis.len() == entries.len();
    (is_whole.then_some(apis), routes::read(rules, known))
}

/// One item of `apis:` with its document, as far as both could be read.
struct Entry<'c> {
    section: Section<'c>,
    base_path: Option<Box<str>>,
    path: PathBuf,
    context: Context<'static>,
    tree: Option<Node>,
}

fn entries<'c>(value: &Value<'c>, known: &Known<'_>) -> Option<Vec<Option<Entry<'c>>>> {
    let items = value.list()?;
    if items.len() > bounds::APIS_MAX {
        value.refuse(Problem::new(format!("there are more than {}", bounds::APIS_MAX)));
        return None;
    }
    Some(items.iter().map(|item| entry(item, known)).collect())
}

fn entry<'c>(value: &Value<'c>, known: &Known<'_>) -> Option<Entry<'c>> {
    let section = value.section(&compose::api_keys())?;
    let base_path = section.read_or("base_path", None, |value| value.parse(super::rewrite::prefix).map(Some));
    let upstream = section.need("upstream");
    let document = section.need("openapi").and_then(|value| {
        let (path, bytes) = file::read(&value, bounds::OPENAPI_BYTES_MAX)?;
        let text = String::from_utf8(bytes);
        if text.is_err() {
            value.refuse(Problem::new("the document is not UTF-8 text"));
        }
        Some((path, text.ok()?))
    });
    if document.is_none() {
        let overrides = overrides::read(&section, None);
        compose::look(&section, overrides.as_ref(), known);
    }
    let (base_path, _, (path, text)) = (base_path?, upstream?, document?);
    let context = value.context().beside(&path);
    let tree = parse(&text, &context);
    Some(Entry { section, base_path, path, context, tree })
}

/// `None`, or a tree with which something is wrong that was noted.
fn parse(text: &str, context: &Context<'_>) -> Option<Node> {
    let (tree, flaws) = tree::parse(text);
    for flaw in flaws {
        context.note(flaw.mark, String::new(), flaw.problem);
    }
    tree
}

impl<'e> Entry<'e> {
    fn read(&'e self) -> Option<(Vec<Operation<'e>>, Overrides<'e>)> {
        let root = self.context.root(self.tree.as_ref()?);
        let operations = document::read(&root);
        let overrides = overrides::read(&self.section, operations.as_deref());
        Some((operations?, overrides?))
    }

    fn api(&self, operations: &[Operation<'_>], overrides: &Overrides<'_>) -> Api {
        let excluded = operations.iter().enumerate().filter_map(|(index, operation)| {
            let over = overrides.of(index).filter(|over| over.excludes)?;
            let (method, path) = (operation.method.as_str().into(), operation.path.into());
            Some(Excluded { method, path, because: over.because.clone() })
        });
        Api { document: self.path.clone(), base_path: self.base_path.clone(), excluded: excluded.collect() }
    }
}

/// What is wrong with a demand, kept until it is known whether an override answers it.
#[derive(Clone)]
struct Complaint<'d> {
    value: Value<'d>,
    mark: Mark,
    problem: Problem,
}

impl<'d> Complaint<'d> {
    fn at(value: &Value<'d>, problem: Problem) -> Self {
        Self::marked(value, value.mark(), problem)
    }

    fn marked(value: &Value<'d>, mark: Mark, problem: Problem) -> Self {
        Self { value: value.clone(), mark, problem }
    }

    /// Notes it, with this hint unless it has a better one.
    fn note(&self, hint: Option<String>) {
        let Problem { what, hint: own } = self.problem.clone();
        self.value.refuse_at(self.mark, Problem { what, hint: own.or(hint) });
    }

    fn fault(&self) -> Fault {
        self.value.fault_at(self.mark, self.problem.clone())
    }
}

/// The operations of the document at `path`.
pub fn operations(path: &Path) -> Result<Vec<Demanded>, Faults> {
    let text = file::bytes(path, bounds::OPENAPI_BYTES_MAX)
        .map_err(|error| Problem::new(format!("cannot read the document: {error}")))
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| Problem::new("the document is not UTF-8 text")));
    match text {
        Ok(text) => operations_of(&text, path),
        Err(problem) => Err(Faults::one(&path.display().to_string(), problem)),
    }
}

/// The operations of a document. `file` stands in messages.
pub fn operations_of(text: &str, file: &Path) -> Result<Vec<Demanded>, Faults> {
    let context = Context::new(file, &|_| None, Role::Main).beside(file);
    let tree = parse(text, &context);
    let found = tree.as_ref().and_then(|tree| {
        let operations = document::read(&context.root(tree))?;
        operations.iter().map(demanded).collect::<Option<Vec<_>>>()
    });
    match (found, Faults::collect(context.end().0, file)) {
        (Some(found), None) => Ok(found),
        (_, Some(faults)) => Err(faults),
        (None, None) => Err(Faults::one(&file.display().to_string(), Problem::new("no operations: a defect of ours"))),
    }
}

fn demanded(operation: &Operation<'_>) -> Option<Demanded> {
    let demand = &operation.demand;
    Some(Demanded {
        method: Method::from_bytes(operation.method.as_bytes()).ok()?,
        path: template(operation.path),
        operation: operation.id.map(str::to_owned),
        base_path: operation.base_path.clone().map_err(|complaint| complaint.fault()),
        needs_token: demand.needs_token,
        scopes: demand.scopes.clone().map_err(|complaint| complaint.fault()),
        grants: demand.grants.clone().map_err(|complaint| complaint.fault()),
        needs_certificate: demand.certificate.is_some(),
    })
}

#[cfg(test)]
mod tests;
