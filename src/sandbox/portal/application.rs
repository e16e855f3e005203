//! `GET /applications` and `GET /applications/{client_id}`: what was added.

use super::snippets::{self, Snippet};
use crate::sandbox::store::Application;
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "applications.html", config = "src/sandbox/askama.toml")]
struct ListPage {
    applications: Vec<Application>,
}

#[derive(Template)]
#[template(path = "application.html", config = "src/sandbox/askama.toml")]
struct ApplicationPage<'a> {
    application: &'a Application,
    secret: Option<&'a str>,
    snippets: Vec<Snippet>,
}

/// Lists every application.
pub(super) async fn list(State(site): State<Arc<Site>>) -> Response {
    match site.store.applications_of("").await {
        Ok(applications) => page::show(StatusCode::OK, &ListPage { applications }),
        Err(fault) => fault.into_response(),
    }
}

/// Shows one application; its secret is not known any more.
pub(super) async fn get(State(site): State<Arc<Site>>, Path(client_id): Path<String>) -> Response {
    match site.store.application(&client_id).await {
        Ok(Some(application)) => show(&site, StatusCode::OK, &application, None),
        Ok(None) => page::fault(
            StatusCode::NOT_FOUND,
            "There is no such application",
            "The sandbox forgets its applications when it ends. Add the application again.",
        ),
        Err(fault) => fault.into_response(),
    }
}

/// The application's page; `secret` is handed in by whoever just made it.
pub(super) fn show(site: &Site, status: StatusCode, application: &Application, secret: Option<&str>) -> Response {
    let snippets = snippets::fill(site, application, secret);
    page::show(status, &ApplicationPage { application, secret, snippets })
}
