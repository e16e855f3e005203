//! The APIs' own documents (OpenAPI 3.0), read once at start into what pages show. They are ours, so a fault in one is
//! a failing test and not a page.

mod document;
mod markdown;
mod operation;
mod ordered;
mod rows;

pub(super) use operation::{Operation, Place};
pub(super) use rows::Row;

use crate::sandbox::bank::openapi;
use crate::sandbox::scopes::Api;
use document::{Dangling, Document};
use rows::Rows;
use std::fmt;

/// Every API's reference.
#[derive(Debug)]
pub(in crate::sandbox) struct Catalogue(Vec<Reference>);

/// What the page of one API says.
#[derive(Debug)]
pub(super) struct Reference {
    /// Which one.
    pub(super) api: Api,
    /// Its name.
    pub(super) title: String,
    /// Of the API.
    pub(super) version: String,
    /// Safe HTML.
    pub(super) introduction: String,
    /// The operations, by what they are about.
    pub(super) groups: Vec<Group>,
    /// What every error answer looks like.
    pub(super) error: Vec<Row>,
    /// The document itself.
    pub(super) source: String,
}

/// Operations on one kind of thing.
#[derive(Debug)]
pub(super) struct Group {
    /// The first segment of their paths.
    pub(super) name: String,
    /// In the document's order.
    pub(super) operations: Vec<Operation>,
}

/// Why a document cannot be shown.
#[derive(Debug)]
pub(in crate::sandbox) enum DocumentFault {
    /// No YAML, or a member that nobody here shows.
    Yaml(serde_saphyr::Error),
    /// A reference that leads nowhere.
    Dangling(String),
    /// Anything else.
    Other(&'static str),
}

impl Catalogue {
    /// Reads every document, for a gateway and an issuer at these origins.
    pub(in crate::sandbox) fn read(gateway: &str, issuer: &str) -> Result<Self, DocumentFault> {
        let read = |api| Reference::read(api, openapi::document(api, gateway, issuer));
        Api::ALL.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Every API.
    pub(super) fn references(&self) -> &[Reference] {
        &self.0
    }

    /// The API whose scope is `scope`: that is its name in addresses.
    pub(super) fn find(&self, scope: &str) -> Option<&Reference> {
        self.0.iter().find(|reference| reference.api.scope() == scope)
    }
}

impl Reference {
    fn read(api: Api, source: String) -> Result<Self, DocumentFault> {
        let document: Document = serde_saphyr::from_str(&source).map_err(DocumentFault::Yaml)?;
        let mut groups: Vec<Group> = Vec::new();
        for (path, methods) in &document.paths.0 {
            let name = path.trim_start_matches('/').split('/').next().unwrap_or_default();
            for (method, operation) in &methods.0 {
                let operation = Operation::read((method, path), operation, &document.components)?;
                match groups.iter_mut().find(|group| group.name == name) {
                    Some(group) => group.operations.push(operation),
                    None => groups.push(Group { name: name.to_owned(), operations: vec![operation] }),
                }
            }
        }
        let error = document.components.schemas.get("OBErrorResponse1").ok_or(DocumentFault::Other("no error"))?;
        Ok(Self {
            api,
            error: Rows::of(error, &document.components)?,
            title: document.info.title,
            version: document.info.version,
            introduction: markdown::html(&document.info.description),
            groups,
            source,
        })
    }

    /// Every operation.
    pub(super) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.groups.iter().flat_map(|group| &group.operations)
    }

    /// The operation with this id.
    pub(super) fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations().find(|operation| operation.id == id)
    }
}

impl From<Dangling> for DocumentFault {
    fn from(Dangling(reference): Dangling) -> Self {
        Self::Dangling(reference)
    }
}

impl fmt::Display for DocumentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yaml(fault) => write!(f, "an API's document cannot be read: {fault}"),
            Self::Dangling(reference) => write!(f, "an API's document refers to nothing: {reference}"),
            Self::Other(what) => write!(f, "an API's document cannot be shown: {what}"),
        }
    }
}

impl std::error::Error for DocumentFault {}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        Catalogue::read("http://gateway.test", "http://issuer.test").unwrap_or_else(|fault| panic!("{fault}"))
    }

    #[test]
    fn every_document_of_ours_is_read_whole() {
        let catalogue = catalogue();
        assert_eq!(catalogue.references().len(), Api::ALL.len());
        for reference in catalogue.references() {
            assert!(reference.source.contains("http://gateway.test") && !reference.source.contains("gateway.example"));
            assert!(!reference.error.is_empty());
            let mut ids: Vec<_> = reference.operations().map(|operation| operation.id.as_str()).collect();
            let count = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert!(count > 0 && ids.len() == count, "an anchor stands twice");
        }
    }

    #[test]
    fn every_operation_says_who_may_call_and_what_comes_back() {
        let catalogue = catalogue();
        for operation in catalogue.references().iter().flat_map(Reference::operations) {
            let id = &operation.id;
            assert!(!operation.callers.is_empty() && !operation.answers.is_empty(), "{id}");
            assert!(operation.good().next().is_some(), "{id}");
            assert!(operation.body.as_ref().is_none_or(|body| body.example.is_some()), "{id} has no example to try");
            for parameter in &operation.parameters {
                let can_be_tried = !parameter.is_required || parameter.example.is_some();
                assert!(can_be_tried, "{id}: {} has no example to try", parameter.name);
            }
            let placeholders = operation.path.matches('{').count();
            let in_path = operation.parameters.iter().filter(|parameter| parameter.place == Place::Path);
            assert_eq!(in_path.count(), placeholders, "{id}");
        }
    }
}
