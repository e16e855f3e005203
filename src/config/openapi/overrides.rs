//! `apis[].override`: where the operator knows better than the document, operation by operation.

use super::compose;
use super::document::Operation;
use crate::config::fault::{self, Problem};
use crate::config::reader::{Section, Value};
use std::collections::HashMap;

/// One item of `override:`.
pub(super) struct Override<'c> {
    pub(super) section: Section<'c>,
    /// No route is made of its operations.
    pub(super) excludes: bool,
    /// Why, for who reads the differences.
    pub(super) because: Option<Box<str>>,
    /// Indexes into the document's operations.
    operations: Vec<usize>,
    /// How exactly it names them.
    exactness: Exactness,
}

/// The more exact of two has the say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Exactness {
    /// All that is beneath a path of so many octets.
    Beneath(usize),
    /// These very operations.
    Named,
}

/// The overrides of an API, and which of them has the say for each of its operations.
pub(super) struct Overrides<'c> {
    list: Vec<Override<'c>>,
    /// By operation.
    chosen: Vec<Option<usize>>,
}

impl<'c> Overrides<'c> {
    /// All of them.
    pub(super) fn sections(&self) -> impl Iterator<Item = &Section<'c>> {
        self.list.iter().map(|over| &over.section)
    }

    /// The one that has the say for an operation.
    pub(super) fn of(&self, operation: usize) -> Option<&Override<'c>> {
        self.list.get((*self.chosen.get(operation)?)?)
    }
}

/// The overrides of an API; `operations` is `None` where those could not be read.
pub(super) fn read<'c>(api: &Section<'c>, operations: Option<&[Operation<'_>]>) -> Option<Overrides<'c>> {
    let mut chosen: Vec<Option<usize>> = vec![None; operations.unwrap_or_default().len()];
    let Some(value) = api.find("override") else { return Some(Overrides { list: Vec::new(), chosen }) };
    let known = operations.map(Known::new);
    let items = value.list_or_empty()?;
    // One that is wrong has its fault, and leaves open what it would have answered: both are told.
    let list: Vec<Override<'c>> = items.iter().filter_map(|item| one(item, known.as_ref())).collect();
    for (index, over) in list.iter().enumerate() {
        for slot in &over.operations {
            let Some(slot) = chosen.get_mut(*slot) else { continue };
            match slot.and_then(|first| list.get(first)) {
                Some(first) if first.exactness == over.exactness => {
                    let line = first.section.whole().line();
                    let problem = Problem::new(format!("an operation of it is overridden in line {line} already"));
                    over.section.whole().refuse(problem.hint("join the two"));
                }
                Some(first) if first.exactness > over.exactness => {}
                Some(_) | None => *slot = Some(index),
            }
        }
    }
    Some(Overrides { list, chosen })
}

fn one<'c>(item: &Value<'c>, known: Option<&Known<'_>>) -> Option<Override<'c>> {
    let section = item.section(&compose::override_keys())?;
    let because = section.read_or("because", None, |value| Some(Some(Box::from(&*value.text()?.value))));
    let excludes = section.read_or("exclude", false, |value| value.truth());
    let mut exactness = Exactness::Named;
    let operations = match (section.find("operation"), section.find("path")) {
        (Some(operation), None) => {
            if let Some(methods) = section.find("methods") {
                methods.refuse(Problem::new("belongs to `path`: an `operation` has one method").hint("remove it"));
            }
            let ids = operation.one_or_list()?;
            ids.iter()
                .map(|id| match known {
                    Some(known) => known.by_id(id),
                    None => id.text().map(|_| Vec::new()),
                })
                .collect::<Option<Vec<_>>>()
        }
        (None, Some(path)) => {
            let methods = section.read_or("methods", None, |value| value.list().map(Some));
            if let Some(prefix) = path.shown().and_then(beneath) {
                exactness = Exactness::Beneath(prefix.len());
            }
            methods.and_then(|methods| match known {
                Some(known) => Some(vec![known.by_path(&path, methods.as_deref())?]),
                None => {
                    let texts = methods.iter().flatten().chain([&path]).map(|value| value.text().map(drop));
                    texts.collect::<Option<()>>().map(|()| Vec::new())
                }
            })
        }
        (Some(_), Some(_)) | (None, None) => {
            let problem = Problem::new("needs exactly one of `operation` and `path`");
            item.refuse(
                problem.hint("write `operation: GetAccounts`, or `path: /accounts` and perhaps `methods: [GET]`"),
            );
            None
        }
    };
    if excludes == Some(true) {
        for rule in compose::override_keys().iter().filter(|key| !BESIDE_EXCLUDE.contains(key)) {
            if let Some(value) = section.find(rule) {
                value.refuse(
                    Problem::new("is never asked of an operation that is left out").hint("remove one of the two"),
                );
            }
        }
    }
    let operations = operations?.concat();
    Some(Override { section, excludes: excludes?, because: because?, operations, exactness })
}

/// `/accounts/` of `/accounts/{*rest}`.
fn beneath(path: &str) -> Option<&str> {
    let (prefix, last) = path.rsplit_once('/')?;
    (last.starts_with("{*") && last.ends_with('}')).then(|| path.get(..=prefix.len())).flatten()
}

/// What overrides refer to.
struct Known<'o> {
    ids: HashMap<&'o str, Vec<usize>>,
    paths: HashMap<&'o str, Vec<(&'o str, usize)>>,
}

impl<'o> Known<'o> {
    fn new(operations: &'o [Operation<'_>]) -> Self {
        let mut known = Self { ids: HashMap::new(), paths: HashMap::new() };
        for (index, operation) in operations.iter().enumerate() {
            known.paths.entry(operation.path).or_default().push((&operation.method, index));
            if let Some(id) = operation.id {
                known.ids.entry(id).or_default().push(index);
            }
        }
        known
    }

    fn by_id(&self, value: &Value<'_>) -> Option<Vec<usize>> {
        let text = value.text()?;
        match self.ids.get(&*text.value) {
            Some(found) if found.len() == 1 => Some(found.clone()),
            Some(_) => {
                let problem = Problem::new(format!("{} names several operations", fault::quoted(text.shown)));
                value.refuse(problem.hint("name them by `path` and `methods`: an `operationId` should be of one"));
                None
            }
            None => {
                let problem = Problem::new(format!("{} is no operation of the document", fault::quoted(text.shown)));
                value.refuse(problem.did_you_mean(text.shown, self.ids.keys().copied()));
                None
            }
        }
    }

    /// `None` for `methods`: all that the path has.
    fn by_path(&self, path: &Value<'_>, methods: Option<&[Value<'_>]>) -> Option<Vec<usize>> {
        let text = path.text()?;
        if let Some(prefix) = beneath(&text.value) {
            return self.by_prefix(path, prefix, methods);
        }
        let Some(here) = self.paths.get(&*text.value) else {
            let problem = Problem::new(format!("{} is no path of the document", fault::quoted(text.shown)));
            path.refuse(problem.did_you_mean(text.shown, self.paths.keys().copied()));
            return None;
        };
        let Some(methods) = methods else { return Some(here.iter().map(|(_, index)| *index).collect()) };
        let find = |value: &Value<'_>| {
            let text = value.text()?;
            let found = here.iter().find(|(method, _)| *method == &*text.value).map(|(_, index)| *index);
            if found.is_none() {
                let what = format!("{} is no method of this path in the document", fault::quoted(text.shown));
                value.refuse(Problem::new(what).did_you_mean(text.shown, here.iter().map(|(method, _)| *method)));
            }
            found
        };
        methods.iter().map(find).collect()
    }

    /// All that begin so, by these methods.
    fn by_prefix(&self, path: &Value<'_>, prefix: &str, methods: Option<&[Value<'_>]>) -> Option<Vec<usize>> {
        let texts = methods.map(|methods| methods.iter().map(Value::text).collect::<Option<Vec<_>>>());
        let texts = match texts {
            Some(texts) => Some(texts?),
            None => None,
        };
        let is_meant = |method: &str| texts.as_ref().is_none_or(|texts| texts.iter().any(|text| text.value == method));
        let beneath = self.paths.iter().filter(|(known, _)| known.starts_with(prefix)).flat_map(|(_, here)| here);
        let found: Vec<usize> = beneath.filter(|(method, _)| is_meant(method)).map(|(_, index)| *index).collect();
        if found.is_empty() {
            path.refuse(Problem::new("names no operation of the document"));
        }
        (!found.is_empty()).then_some(found)
    }
}

/// What an override may say that leaves operations out.
const BESIDE_EXCLUDE: [&str; 5] = ["operation", "path", "methods", "exclude", "because"];
