//! `GET /applications` and `GET /applications/{client_id}`: what was added.

use super::snippets::{self, Snippet};
use super::visitor::{Frame, SignedIn};
use crate::sandbox::store::{Application, StoreFault};
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "applications.html", config = "src/sandbox/askama.toml")]
struct ListPage {
    frame: Frame,
    applications: Vec<Application>,
}

#[derive(Template)]
#[template(path = "application.html", config = "src/sandbox/askama.toml")]
struct ApplicationPage<'a> {
    frame: Frame,
    application: &'a Application,
    secret: Option<&'a str>,
    snippets: Vec<Snippet>,
}

/// Lists the developer's applications.
pub(super) async fn list(State(site): State<Arc<Site>>, signed_in: SignedIn) -> Response {
    match site.store.applications_of(&signed_in.developer.id).await {
        Ok(applications) => {
            page::show(StatusCode::OK, &ListPage { frame: signed_in.frame("/applications"), applications })
        }
        Err(fault) => fault.into_response(),
    }
}

/// Shows one application; its secret is not known any more.
pub(super) async fn get(
    State(site): State<Arc<Site>>,
    signed_in: SignedIn,
    Path(client_id): Path<String>,
) -> Result<Response, NotYours> {
    let application = owned(&site, &signed_in, &client_id).await?;
    Ok(show(&site, &signed_in, StatusCode::OK, &application, None))
}

/// The developer's application with this id. Another's is answered as one that never was.
pub(super) async fn owned(site: &Site, signed_in: &SignedIn, client_id: &str) -> Result<Arc<Application>, NotYours> {
    let application = site.store.application(client_id).await.map_err(NotYours::Store)?;
    application.filter(|application| application.developer_id == signed_in.developer.id).ok_or(NotYours::Unknown)
}

/// Why there is no application to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotYours {
    /// Never added, deleted, or another developer's.
    Unknown,
    /// Ours.
    Store(StoreFault),
}

impl IntoResponse for NotYours {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown => page::fault(
                StatusCode::NOT_FOUND,
                "There is no such application",
                "It was deleted, or it belongs to another account. Your applications stand on the Applications page.",
            ),
            Self::Store(fault) => fault.into_response(),
        }
    }
}

/// The application's page; `secret` is handed in by whoever just made it.
pub(super) fn show(
    site: &Site,
    signed_in: &SignedIn,
    status: StatusCode,
    application: &Application,
    secret: Option<&str>,
) -> Response {
    let snippets = snippets::fill(site, application, secret);
    page::show(status, &ApplicationPage { frame: signed_in.frame("/applications"), application, secret, snippets })
}
