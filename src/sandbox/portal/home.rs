//! `GET /`: what this is, and the first step.

use super::visitor::{Frame, Visitor};
use crate::sandbox::scopes::Api;
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "home.html", config = "src/sandbox/askama.toml")]
struct HomePage<'a> {
    frame: Frame,
    apis: [Api; 3],
    gateway: &'a str,
    issuer: &'a str,
    access_seconds: u64,
}

/// Shows the first page.
pub(super) async fn get(State(site): State<Arc<Site>>, visitor: Visitor) -> Response {
    let page = HomePage {
        frame: visitor.frame("/"),
        apis: Api::ALL,
        gateway: &site.gateway,
        issuer: &site.issuer,
        access_seconds: site.lifetimes.access.as_secs(),
    };
    page::show(StatusCode::OK, &page)
}
