//! The page for a step that led nowhere, with the way back to the application.

use super::application;
use super::visitor::{Frame, SignedIn};
use crate::sandbox::page;
use crate::sandbox::store::Application;
use askama::Template;
use axum::response::Response;
use http::StatusCode;

/// What went wrong.
#[derive(Debug)]
pub(super) struct Trouble<'a> {
    pub(super) status: StatusCode,
    pub(super) title: &'a str,
    pub(super) text: &'a str,
    /// With which application.
    pub(super) application: &'a Application,
    /// As a program would read it.
    pub(super) detail: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "trouble.html", config = "src/sandbox/askama.toml")]
struct TroublePage<'a> {
    frame: Frame,
    trouble: &'a Trouble<'a>,
    back: String,
}

impl Trouble<'_> {
    /// The page that says so.
    pub(super) fn show(&self, signed_in: &SignedIn) -> Response {
        let back = application::address(&self.application.client_id);
        page::show(self.status, &TroublePage { frame: signed_in.frame("/applications"), trouble: self, back })
    }
}
