//! Reads the operations of a document: OpenAPI 3.0 and 3.1, Swagger 2.0. What is not about who may call what is not looked at;
//! webhooks and callbacks are calls of ours to others, and none of them.

use super::security::{self, Demand, Schemes};
use super::{Complaint, reference, server};
use crate::config::bounds;
use crate::config::fault::{self, Mark, Problem};
use crate::config::reader::{Entry, Value};

/// Which specification a document is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Swagger 2.0.
    Swagger2,
    /// OpenAPI 3.0 and 3.1.
    OpenApi3,
}

/// One operation, and what the document demands of who calls it.
pub(super) struct Operation<'d> {
    /// In upper case.
    pub(super) method: String,
    /// As it was written, without what stands before all paths.
    pub(super) path: &'d str,
    pub(super) id: Option<&'d str>,
    /// Where the path stands.
    pub(super) path_mark: Mark,
    /// Where the method stands.
    pub(super) method_mark: Mark,
    /// The operation in the document.
    pub(super) at: Value<'d>,
    /// What stands before the path.
    pub(super) base_path: Result<Box<str>, Complaint<'d>>,
    pub(super) demand: Demand<'d>,
}

/// All operations of a document. `None` where something in it has a fault, which is noted.
pub(super) fn read<'d>(root: &Value<'d>) -> Option<Vec<Operation<'d>>> {
    let reading = Reading { root, version: version(root)?, schemes: security::schemes(root) };
    let Some(paths) = root.get("paths") else {
        root.refuse(Problem::new("the document has no `paths`").hint("webhooks are no operations of the API's"));
        return None;
    };
    let mut operations = Vec::new();
    let mut is_whole = true;
    for entry in paths.entries()?.into_iter().filter(|entry| !entry.name.starts_with("x-")) {
        is_whole &= reading.path_item(entry, &mut operations).is_some();
        if operations.len() > bounds::OPENAPI_OPERATIONS_MAX {
            paths.refuse(Problem::new(format!("more than {} operations", bounds::OPENAPI_OPERATIONS_MAX)));
            return None;
        }
    }
    if is_whole && operations.is_empty() {
        paths.refuse(Problem::new("the document has no operation"));
    }
    (is_whole && !operations.is_empty()).then_some(operations)
}

fn version(root: &Value<'_>) -> Option<Version> {
    let said = root.get("openapi").map(|value| (value, Version::OpenApi3));
    let said = said.or_else(|| root.get("swagger").map(|value| (value, Version::Swagger2)));
    let Some((value, version)) = said else {
        root.refuse(Problem::new("is no OpenAPI document: neither `openapi` nor `swagger` stands in it"));
        return None;
    };
    let text = value.shown().unwrap_or_default();
    let begins = |prefix: &str| text.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let is_known = match version {
        Version::Swagger2 => text == "2.0",
        Version::OpenApi3 => begins("3.0") || begins("3.1"),
    };
    if !is_known {
        let problem = Problem::new(format!("{} is not a version that can be read", fault::quoted(text)));
        value.refuse(problem.hint("OpenAPI 3.0 and 3.1, Swagger 2.0"));
    }
    is_known.then_some(version)
}

struct Reading<'r, 'd> {
    root: &'r Value<'d>,
    version: Version,
    schemes: Schemes<'d>,
}

impl<'d> Reading<'_, 'd> {
    fn path_item(&self, entry: Entry<'d>, operations: &mut Vec<Operation<'d>>) -> Option<()> {
        let Entry { name: path, mark: path_mark, value } = entry;
        if !path.starts_with('/') {
            value.refuse_at(path_mark, Problem::new("is no path: it does not begin with `/`"));
            return None;
        }
        // To us it would be the remainder of the path, to everybody else a parameter with an odd name.
        if path.contains("{*") {
            value.refuse_at(path_mark, Problem::new("has a parameter whose name begins with `*`"));
            return None;
        }
        let item = match reference::resolve_alone(self.root, value, is_beside) {
            Ok(item) => item,
            Err(complaint) => {
                complaint.note(None);
                return None;
            }
        };
        let mut is_whole = true;
        for entry in item.entries()? {
            if BESIDE_OPERATIONS.contains(&entry.name) || entry.name.starts_with("x-") {
                continue;
            }
            if !is_operation(&entry) {
                let problem = Problem::new("is no method").did_you_mean(entry.name, METHODS.into_iter());
                entry.value.refuse_at(entry.mark, problem);
                is_whole = false;
                continue;
            }
            match self.operation((path, path_mark), &item, entry) {
                Some(operation) => operations.push(operation),
                None => is_whole = false,
            }
        }
        is_whole.then_some(())
    }

    fn operation(
        &self,
        (path, path_mark): (&'d str, Mark),
        item: &Value<'d>,
        Entry { name: method, mark, value }: Entry<'d>,
    ) -> Option<Operation<'d>> {
        value.entries()?;
        // No specification knows it here. What it names would go unread, and the document's own `security` hold in its place.
        if let Some(reference) = value.get("$ref") {
            let hint = "write the operation here; `$ref` stands for a whole path item";
            reference.refuse(Problem::new("stands in an operation").hint(hint));
            return None;
        }
        let id = match value.get("operationId") {
            Some(id) => Some(id.text()?.shown),
            None => None,
        };
        let demand = match value.get("security").or_else(|| self.root.get("security")) {
            Some(security) => security::demand(&security, &self.schemes),
            None => Demand::nothing(Complaint::marked(&value, mark, Problem::new("nothing says who may call it"))),
        };
        Some(Operation {
            method: method.to_ascii_uppercase(),
            path,
            id,
            path_mark,
            method_mark: mark,
            base_path: server::base_path(self.version, &[&value, item, self.root]),
            demand,
            at: value,
        })
    }
}

fn is_operation(entry: &Entry<'_>) -> bool {
    METHODS.contains(&entry.name)
}

/// Of what stands in a path item besides its `$ref`, what decides who may call what. Which of the two holds is not said
/// (OpenAPI 3.1 §4.8.9.1).
fn is_beside(entry: &Entry<'_>) -> bool {
    is_operation(entry) || entry.name == "servers"
}

/// Swagger 2.0 knows no `trace`; there it is a key that we do not know either way.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const BESIDE_OPERATIONS: [&str; 5] = ["$ref", "summary", "description", "servers", "parameters"];
