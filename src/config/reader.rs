//! Takes values out of the tree by key and converts them. Every fault is noted and reading goes on, so that
//! one run reports all of them; a `None` from here always has its fault noted already.

use super::asked::{Asked, Questions};
use super::fault::{self, Fault, Mark, Place, Problem};
use super::files::Files;
use super::layer::Layer;
use super::shadow::Role;
use super::tree::{Key, Kind, Node};
use super::variables;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Where variables come from.
type Environment<'c> = &'c dyn Fn(&str) -> Option<String>;

/// What one reading of a file has in common.
pub(super) struct Context<'c> {
    file: Arc<str>,
    folder: PathBuf,
    /// `None`: text is taken as it stands.
    pub(super) environment: Option<Environment<'c>>,
    pub(super) role: Role,
    pub(super) faults: Rc<RefCell<Vec<Fault>>>,
    pub(super) files: RefCell<Files>,
    asked: Questions,
}

/// One value, with the way to it.
#[derive(Clone)]
pub(super) struct Value<'c> {
    pub(super) context: &'c Context<'c>,
    node: &'c Node,
    path: String,
}

/// A mapping whose keys are all known.
#[derive(Clone)]
pub(super) struct Section<'c> {
    at: Value<'c>,
    layers: Vec<Layer<'c>>,
}

/// A key and its value.
pub(super) struct Entry<'c> {
    pub(super) name: &'c str,
    /// Where the key begins.
    pub(super) mark: Mark,
    pub(super) value: Value<'c>,
}

/// A string in two forms, so that no fault can show what the environment holds.
#[derive(Clone, Debug)]
pub(super) struct Text<'c> {
    /// With every `${NAME}` replaced.
    pub(super) value: Cow<'c, str>,
    /// As it stands in the file: what faults quote.
    pub(super) shown: &'c str,
}

impl<'c> Context<'c> {
    pub(super) fn new(file: &Path, environment: &'c dyn Fn(&str) -> Option<String>, role: Role) -> Self {
        Self {
            role,
            file: file.display().to_string().into(),
            folder: file.parent().map(Path::to_path_buf).unwrap_or_default(),
            environment: Some(environment),
            faults: Rc::default(),
            files: RefCell::default(),
            asked: Questions::default(),
        }
    }

    /// For a file that somebody else wrote: its faults join ours, and nothing of the environment gets into it.
    pub(super) fn beside(&self, file: &Path) -> Context<'static> {
        Context {
            role: self.role,
            file: file.display().to_string().into(),
            folder: file.parent().map(Path::to_path_buf).unwrap_or_default(),
            environment: None,
            faults: self.faults.clone(),
            files: RefCell::default(),
            asked: Questions::default(),
        }
    }

    /// Remembers what is asked of each value.
    pub(super) fn watched(self) -> Self {
        Self { asked: Questions::kept(), ..self }
    }

    /// What was asked, and what was wrong.
    pub(super) fn into_answers(self) -> (Vec<(String, Asked)>, Vec<Fault>) {
        (self.asked.into_all(), self.faults.take())
    }

    pub(super) fn root(&'c self, node: &'c Node) -> Value<'c> {
        Value { context: self, node, path: String::new() }
    }

    pub(super) fn note(&self, mark: Option<Mark>, path: String, problem: Problem) {
        self.faults.borrow_mut().push(self.fault(mark, path, problem));
    }

    fn fault(&self, mark: Option<Mark>, path: String, problem: Problem) -> Fault {
        let place = Place { file: self.file.clone(), mark };
        Fault { place, path, what: problem.what, hint: problem.hint }
    }

    /// Everything that is wrong, and every file that was looked at.
    pub(super) fn end(self) -> (Vec<Fault>, Files) {
        (self.faults.take(), self.files.into_inner())
    }
}

impl<'c> Value<'c> {
    /// Notes that this value is wrong.
    pub(super) fn refuse(&self, problem: Problem) {
        self.context.note(Some(self.node.mark), self.path.clone(), problem);
    }

    /// Notes that this value is wrong, at a key of it.
    pub(super) fn refuse_at(&self, mark: Mark, problem: Problem) {
        self.context.note(Some(mark), self.path.clone(), problem);
    }

    /// The same as a fault that nobody has noted.
    pub(super) fn fault_at(&self, mark: Mark, problem: Problem) -> Fault {
        self.context.fault(Some(mark), self.path.clone(), problem)
    }

    /// The line of the value, for faults that name two places.
    pub(super) fn line(&self) -> u64 {
        self.node.mark.line
    }

    /// Where the value begins.
    pub(super) fn mark(&self) -> Mark {
        self.node.mark
    }

    /// Which line the value stands in, and of which file if that is not the one of `other`.
    pub(super) fn line_seen_from(&self, other: &Value<'_>) -> String {
        let line = format!("line {}", self.line());
        if self.context.file == other.context.file { line } else { format!("{line} of {}", self.context.file) }
    }

    /// The file in which the value stands, as the operator named it, and what is common to its reading.
    pub(super) fn context(&self) -> &'c Context<'c> {
        self.context
    }

    /// The way to the value, for faults that name two places.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// `path` seen from the folder of the configuration file.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.context.folder.join(path)
    }

    /// The file at `path` was read for this value, or could not be.
    pub(super) fn has_read(&self, path: &Path, bytes: Option<&[u8]>) {
        self.context.files.borrow_mut().note(path, bytes);
    }

    /// A mapping; keys that are not in `known` are noted.
    pub(super) fn section(&self, known: &[&str]) -> Option<Section<'c>> {
        let Kind::Mapping(entries) = &self.node.kind else {
            self.wrong_type("a mapping");
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.name.as_ref())) {
            let problem = Problem::new("unknown key").did_you_mean(&key.name, known.iter().copied());
            self.context.note(Some(key.mark), self.child(&key.name), problem);
        }
        self.context.asked.note(&self.path, || Asked::Mapping(known.iter().copied().map(Box::from).collect()));
        let layer = Layer { at: self.clone(), entries, hidden: &[], is_made: false };
        Some(Section { at: self.clone(), layers: vec![layer] })
    }

    /// The entries of a mapping of which we know some keys only.
    pub(super) fn entries(&self) -> Option<Vec<Entry<'c>>> {
        let entries = self.members();
        if entries.is_none() {
            self.wrong_type("a mapping");
        }
        entries
    }

    /// The entries, where this is a mapping.
    pub(super) fn members(&self) -> Option<Vec<Entry<'c>>> {
        let Kind::Mapping(entries) = &self.node.kind else { return None };
        let entry = |(key, node): &'c (Key, Node)| Entry {
            name: &key.name,
            mark: key.mark,
            value: self.below(Some(&key.name), node),
        };
        Some(entries.iter().map(entry).collect())
    }

    /// The value of `key`, where this is a mapping that has it: for documents, whose other keys are not ours to judge.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let Kind::Mapping(entries) = &self.node.kind else { return None };
        let (_, node) = entries.iter().find(|(candidate, _)| candidate.name.as_ref() == key)?;
        Some(self.below(Some(key), node))
    }

    /// The text of a string or a number, as it stands there.
    pub(super) fn shown(&self) -> Option<&'c str> {
        match &self.node.kind {
            Kind::Text(text) | Kind::Number(text) => Some(text),
            Kind::Null | Kind::Bool(_) | Kind::Sequence(_) | Kind::Mapping(_) => None,
        }
    }

    /// The items, where this is a list.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        matches!(self.node.kind, Kind::Sequence(_)).then(|| self.list_or_empty())?
    }

    /// Whether this is a mapping with `key`: for questions across keys, without noting anything.
    pub(super) fn has(&self, key: &str) -> bool {
        matches!(&self.node.kind, Kind::Mapping(entries) if entries.iter().any(|(known, _)| known.name.as_ref() == key))
    }

    /// A list with at least one item.
    pub(super) fn list(&self) -> Option<Vec<Self>> {
        let items = self.list_or_empty()?;
        if items.is_empty() {
            self.refuse(Problem::new("the list is empty").hint("name at least one"));
            return None;
        }
        Some(items)
    }

    /// A list.
    pub(super) fn list_or_empty(&self) -> Option<Vec<Self>> {
        let Kind::Sequence(items) = &self.node.kind else {
            self.wrong_type("a list");
            return None;
        };
        self.context.asked.note(&self.path, || Asked::List);
        let item = |(index, node)| Value { context: self.context, node, path: format!("{}[{index}]", self.path) };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// One value, or a list of at least one.
    pub(super) fn one_or_list(&self) -> Option<Vec<Self>> {
        match &self.node.kind {
            Kind::Sequence(_) => self.list(),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Mapping(_) => Some(vec![self.clone()]),
        }
    }

    /// A string that is not empty. An unquoted number is taken as it is written.
    pub(super) fn text(&self) -> Option<Text<'c>> {
        let shown = match &self.node.kind {
            Kind::Text(text) | Kind::Number(text) => text.as_ref(),
            Kind::Null | Kind::Bool(_) | Kind::Sequence(_) | Kind::Mapping(_) => {
                self.wrong_type("a string");
                return None;
            }
        };
        self.context.asked.note(&self.path, || Asked::Text);
        let expanded =
            self.context.environment.map_or(Ok(Cow::Borrowed(shown)), |known| variables::expand(shown, known));
        match expanded {
            Ok(value) if value.is_empty() => {
                self.refuse(Problem::new("the string is empty"));
                None
            }
            Ok(value) => Some(Text { value, shown }),
            Err(problem) => {
                self.refuse(problem);
                None
            }
        }
    }

    /// A string that `parse` accepts; what `parse` says is prefixed with the text in quotes.
    pub(super) fn parse<T>(&self, parse: impl FnOnce(&str) -> Result<T, Problem>) -> Option<T> {
        let text = self.text()?;
        match parse(&text.value) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.refuse(Problem {
                    what: format!("{} {}", fault::quoted(text.shown), problem.what),
                    hint: problem.hint,
                });
                None
            }
        }
    }

    /// Whether this is a string and no mapping or list.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.node.kind, Kind::Text(_) | Kind::Number(_))
    }

    /// `true` or `false`.
    pub(super) fn truth(&self) -> Option<bool> {
        match &self.node.kind {
            Kind::Bool(truth) => {
                self.context.asked.note(&self.path, || Asked::Truth);
                Some(*truth)
            }
            Kind::Null | Kind::Number(_) | Kind::Text(_) | Kind::Sequence(_) | Kind::Mapping(_) => {
                self.wrong_type("`true` or `false`");
                None
            }
        }
    }

    /// A whole number between the bounds, both included.
    pub(super) fn whole_number(&self, least: usize, most: usize) -> Option<usize> {
        let numeric = match &self.node.kind {
            Kind::Number(_) => true,
            // Out of the environment every value comes as a string.
            Kind::Text(text) => text.contains("${"),
            Kind::Null | Kind::Bool(_) | Kind::Sequence(_) | Kind::Mapping(_) => false,
        };
        if !numeric {
            self.wrong_type("a whole number");
            return None;
        }
        self.context.asked.note(&self.path, || Asked::Number(least, most));
        self.parse(|text| match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(Problem::new(format!("is not a whole number from {least} to {most}"))),
        })
    }

    fn wrong_type(&self, expected: &str) {
        self.context.asked.note(&self.path, || Asked::Other);
        let problem = Problem::new(format!("expected {expected}, found {}", self.node.kind.describe()));
        self.refuse(match &self.node.kind {
            Kind::Bool(_) if expected == "a string" => problem.hint("put it in quotes if it is a string"),
            Kind::Text(_) | Kind::Number(_) if expected == "a list" => problem.hint("write [a] or one `- a` a line"),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Sequence(_) | Kind::Mapping(_) => {
                problem
            }
        });
    }

    /// A node of it; `None` for the key: it is told as this value itself.
    pub(super) fn below(&self, key: Option<&str>, node: &'c Node) -> Self {
        let path = key.map_or_else(|| self.path.clone(), |key| self.child(key));
        Self { context: self.context, node, path }
    }

    fn child(&self, key: &str) -> String {
        let key = key.escape_debug();
        if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) }
    }
}

impl<'c> Section<'c> {
    /// The mapping as a value, for faults that concern it as a whole.
    pub(super) fn whole(&self) -> &Value<'c> {
        &self.at
    }

    /// One mapping out of several, at `at`.
    pub(super) fn of(at: Value<'c>, layers: Vec<Layer<'c>>) -> Self {
        Self { at, layers }
    }

    /// Its entries as a layer of another, but for the `hidden` ones.
    pub(super) fn layers(&self, hidden: &'c [&'c str]) -> impl Iterator<Item = Layer<'c>> {
        self.layers.iter().map(move |layer| Layer { hidden, ..layer.clone() })
    }

    /// The value of `key`, if the key stands there.
    pub(super) fn find(&self, key: &str) -> Option<Value<'c>> {
        self.layers.iter().find_map(|layer| layer.find(key))
    }

    /// The value of `key`; that it is missing is noted.
    pub(super) fn need(&self, key: &str) -> Option<Value<'c>> {
        let value = self.find(key);
        if value.is_none() {
            self.at.context.asked.note(&self.at.path, || Asked::Key(key.into()));
            self.at.context.note(
                Some(self.at.node.mark),
                self.at.path.clone(),
                Problem::new(format!("the key `{key}` is missing")),
            );
        }
        value
    }

    /// What `read` makes of `key`, or the default where the key is absent.
    pub(super) fn read_or<T>(&self, key: &str, default: T, read: impl FnOnce(Value<'c>) -> Option<T>) -> Option<T> {
        match self.find(key) {
            Some(value) => read(value),
            None => Some(default),
        }
    }
}

/// Reads every item, all of them even if some are wrong; two that are alike are a fault.
pub(super) fn distinct<'c, T: Clone + Eq + std::hash::Hash>(
    items: Vec<Value<'c>>,
    read: impl Fn(&Value<'c>) -> Option<T>,
) -> Option<Vec<T>> {
    let total = items.len();
    let mut seen = HashSet::with_capacity(total);
    let mut values = Vec::with_capacity(total);
    for item in items {
        let Some(value) = read(&item) else { continue };
        if seen.insert(value.clone()) {
            values.push(value);
        } else {
            item.refuse(Problem::new("stands twice in this list"));
        }
    }
    (values.len() == total).then_some(values)
}
