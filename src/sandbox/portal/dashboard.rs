//! `GET /dashboard`: where a developer stands, and the one next step.

use super::visitor::{Frame, SignedIn};
use crate::sandbox::store::Application;
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "dashboard.html", config = "src/sandbox/askama.toml")]
struct DashboardPage<'a> {
    frame: Frame,
    name: &'a str,
    applications: Vec<Application>,
    gateway: &'a str,
    issuer: &'a str,
}

/// Shows it.
pub(super) async fn get(State(site): State<Arc<Site>>, signed_in: SignedIn) -> Response {
    match site.store.applications_of(&signed_in.developer.id).await {
        Ok(applications) => {
            let frame = signed_in.frame("/dashboard");
            let (name, gateway, issuer) = (&signed_in.developer.name, &site.gateway, &site.issuer);
            page::show(StatusCode::OK, &DashboardPage { frame, name, applications, gateway, issuer })
        }
        Err(fault) => fault.into_response(),
    }
}
