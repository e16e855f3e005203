//! `/apis`: what the banking APIs are, and what each operation takes and gives, out of their own documents.

use super::openapi::{Operation, Reference};
use super::visitor::{Frame, Visitor};
use crate::sandbox::bank::openapi;
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "apis.html", config = "src/sandbox/askama.toml")]
struct ListPage<'a> {
    frame: Frame,
    references: &'a [Reference],
}

#[derive(Template)]
#[template(path = "api.html", config = "src/sandbox/askama.toml")]
struct ApiPage<'a> {
    frame: Frame,
    reference: &'a Reference,
    address: String,
}

/// Lists the APIs.
pub(super) async fn list(State(site): State<Arc<Site>>, visitor: Visitor) -> Response {
    let page = ListPage { frame: visitor.frame("/apis"), references: site.catalogue.references() };
    visitor.keep(page::show(StatusCode::OK, &page))
}

/// Shows one, by its scope.
pub(super) async fn one(State(site): State<Arc<Site>>, visitor: Visitor, Path(scope): Path<String>) -> Response {
    let Some(reference) = site.catalogue.find(&scope) else { return unknown() };
    let address = reference.api.audience(&site.gateway);
    let page = ApiPage { frame: visitor.frame("/apis"), reference, address };
    visitor.keep(page::show(StatusCode::OK, &page))
}

/// The document itself, with this sandbox's addresses in it; for tools, and pages of any origin.
pub(super) async fn document(State(site): State<Arc<Site>>, Path(scope): Path<String>) -> Response {
    let Some(reference) = site.catalogue.find(&scope) else { return unknown() };
    let name = format!("attachment; filename=\"{}\"", openapi::file_name(reference.api));
    let headers = [
        (header::CONTENT_TYPE, "application/yaml"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::CONTENT_DISPOSITION, &name),
    ];
    (headers, reference.source.clone()).into_response()
}

/// The answer to the name of an API or an operation that is none.
pub(super) fn unknown() -> Response {
    let text = "The APIs and their operations stand in the catalogue, on the APIs page.";
    page::fault(StatusCode::NOT_FOUND, "There is no such API", text)
}

/// How a method is coloured; its name stands beside.
fn tone(operation: &Operation) -> &'static str {
    match operation.method {
        http::Method::GET => "get",
        http::Method::DELETE => "delete",
        _ => "post",
    }
}
