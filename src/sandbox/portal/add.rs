//! *Add Application*: `GET /applications/new` shows the form, `POST /applications` saves it.

use super::application::{self, Shown};
use super::choices::{self, Choice};
use super::draft::{self, Draft, Faults};
use super::secrets;
use super::visitor::{Frame, SignedForm, SignedIn};
use crate::sandbox::scopes::{Api, Scopes};
use crate::sandbox::secret;
use crate::sandbox::store::{Application, Authentication, Kind, Refresh, Sender, StoreFault, TokenFormat};
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::sync::Arc;

/// The form, on an empty page or on one for an application that is there.
#[derive(Template)]
#[template(path = "application_form.html", config = "src/sandbox/askama.toml")]
pub(super) struct FormPage<'a> {
    frame: Frame,
    /// What is changed; none if it is added.
    changed: Option<&'a Application>,
    draft: &'a Draft,
    faults: Faults,
    kinds: &'static [Kind],
    apis: [Api; 3],
    authentications: Vec<Choice>,
    token_formats: Vec<Choice>,
    senders: Vec<Choice>,
    refreshes: Vec<Choice>,
    access_seconds: u64,
    short_seconds: u64,
    callback: String,
}

/// Shows the empty form.
pub(super) async fn get(State(site): State<Arc<Site>>, signed_in: SignedIn) -> Response {
    let draft = Draft::new(&site);
    let page = FormPage::new(&site, &signed_in, None, (&draft, Faults::default()));
    page::show(StatusCode::OK, &page)
}

/// Saves an application and shows its id and, this once, its secret.
pub(super) async fn post(State(site): State<Arc<Site>>, SignedForm { signed_in, params }: SignedForm) -> Response {
    let draft = Draft::read(&params);
    let application = match draft.apply(unregistered(&site, &signed_in), &site) {
        Ok(application) => application,
        Err(faults) => {
            let page = FormPage::new(&site, &signed_in, None, (&draft, *faults));
            return page::show(StatusCode::UNPROCESSABLE_ENTITY, &page);
        }
    };
    let shown = async {
        if site.store.applications_of(&signed_in.developer.id).await?.len() >= APPLICATIONS_MAX {
            return Ok(full());
        }
        site.store.add_application(&application).await?;
        let secret = match application.authentication {
            Authentication::Secret => secrets::add(&site, &application.client_id).await?,
            Authentication::PrivateKey | Authentication::None => None,
        };
        let shown = Shown { secret: secret.as_deref(), is_new: true, ..Shown::default() };
        application::show(&site, &signed_in, StatusCode::CREATED, &application, shown).await
    };
    shown.await.unwrap_or_else(|fault: StoreFault| fault.into_response())
}

impl<'a> FormPage<'a> {
    /// The form `draft` on a page for `changed`.
    pub(super) fn new(
        site: &Site,
        signed_in: &SignedIn,
        changed: Option<&'a Application>,
        (draft, faults): (&'a Draft, Faults),
    ) -> Self {
        Self {
            frame: signed_in.frame("/applications"),
            changed,
            draft,
            faults,
            kinds: Kind::ALL,
            apis: Api::ALL,
            authentications: choices::authentications(),
            token_formats: choices::token_formats(),
            senders: choices::senders(),
            refreshes: choices::refreshes(),
            access_seconds: site.lifetimes.access.as_secs(),
            short_seconds: site.lifetimes.access_short.as_secs(),
            callback: draft::callback(site),
        }
    }
}

/// What the form then describes.
fn unregistered(site: &Site, signed_in: &SignedIn) -> Application {
    Application {
        client_id: secret::fresh("app_"),
        developer_id: signed_in.developer.id.clone(),
        name: String::new(),
        description: String::new(),
        kind: Kind::Web,
        redirect_uris: Vec::new(),
        scopes: Scopes::default(),
        authentication: Authentication::Secret,
        keys: None,
        token_format: TokenFormat::Jwt,
        sender: Sender::Bearer,
        refresh: Refresh::Rotate,
        requires_pushed: false,
        created: site.clock.now(),
        access_lifetime: site.lifetimes.access,
    }
}

fn full() -> Response {
    let text = format!("An account has {APPLICATIONS_MAX} applications at most. Delete one that you no longer need.");
    page::fault(StatusCode::UNPROCESSABLE_ENTITY, "Your account is full", &text)
}

/// As many as the list shows.
const APPLICATIONS_MAX: usize = 500;
