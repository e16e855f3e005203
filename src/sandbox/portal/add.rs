//! *Add Application*: `GET /applications/new` shows the form, `POST /applications` saves it.

use super::application;
use super::visitor::{Frame, SignedForm, SignedIn};
use super::words;
use crate::sandbox::form::Params;
use crate::sandbox::redirect_uri::RedirectUri;
use crate::sandbox::scopes::{Api, Scopes};
use crate::sandbox::secret::{self, Digest};
use crate::sandbox::store::{
    Application, Authentication, ClientSecret, Kind, Refresh, Sender, StoreFault, TokenFormat,
};
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::sync::Arc;

/// The form as it was filled in: kept when something is wrong, so that nobody types twice.
#[derive(Debug, Default)]
struct Draft {
    name: String,
    description: String,
    kind: String,
    redirect_uris: String,
    apis: Vec<String>,
    is_short: bool,
}

/// A form in which everything is right.
#[derive(Debug)]
struct Checked {
    kind: Kind,
    redirect_uris: Vec<RedirectUri>,
    scopes: Scopes,
}

/// What is wrong, field by field, in words that say what to do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Faults {
    name: Option<String>,
    description: Option<String>,
    kind: Option<String>,
    redirect_uris: Option<String>,
    apis: Option<String>,
}

#[derive(Template)]
#[template(path = "add.html", config = "src/sandbox/askama.toml")]
struct AddPage {
    frame: Frame,
    draft: Draft,
    faults: Faults,
    kinds: &'static [Kind],
    apis: [Api; 3],
    access_seconds: u64,
    short_seconds: u64,
    callback: String,
}

/// Shows the empty form; the portal's own callback page stands in for an application that is not there yet.
pub(super) async fn get(State(site): State<Arc<Site>>, signed_in: SignedIn) -> Response {
    let draft = Draft {
        kind: Kind::Web.as_str().to_owned(),
        redirect_uris: callback(&site),
        apis: vec![Api::AccountInformation.scope().to_owned()],
        ..Draft::default()
    };
    show(&site, &signed_in, StatusCode::OK, draft, Faults::default())
}

/// Saves an application and shows its id and, this once, its secret.
pub(super) async fn post(State(site): State<Arc<Site>>, SignedForm { signed_in, params }: SignedForm) -> Response {
    let draft = Draft::read(&params);
    let checked = match draft.check() {
        Ok(checked) => checked,
        Err(faults) => return show(&site, &signed_in, StatusCode::UNPROCESSABLE_ENTITY, draft, faults),
    };
    let application = register(&site, &signed_in.developer.id, draft, checked);
    let secret = application.kind.keeps_secret().then(|| secret::fresh("secret_"));
    match save(&site, &application, secret.as_deref()).await {
        Ok(()) => application::show(&site, &signed_in, StatusCode::CREATED, &application, secret.as_deref()),
        Err(fault) => fault.into_response(),
    }
}

async fn save(site: &Site, application: &Application, secret: Option<&str>) -> Result<(), StoreFault> {
    site.store.add_application(application).await?;
    if let Some(secret) = secret {
        let (id, created) = (secret::fresh(""), site.clock.now());
        let secret = ClientSecret { id, digest: Digest::of(secret), created, last_used: None };
        site.store.add_secret(&application.client_id, &secret).await?;
    }
    Ok(())
}

fn register(site: &Site, developer_id: &str, draft: Draft, checked: Checked) -> Application {
    let lifetimes = site.lifetimes;
    Application {
        client_id: secret::fresh("app_"),
        developer_id: developer_id.to_owned(),
        name: draft.name,
        description: draft.description,
        kind: checked.kind,
        redirect_uris: checked.redirect_uris,
        scopes: checked.scopes,
        authentication: if checked.kind.keeps_secret() { Authentication::Secret } else { Authentication::None },
        keys: None,
        token_format: TokenFormat::Jwt,
        sender: Sender::Bearer,
        refresh: Refresh::Rotate,
        requires_pushed: false,
        created: site.clock.now(),
        access_lifetime: if draft.is_short { lifetimes.access_short } else { lifetimes.access },
    }
}

fn show(site: &Site, signed_in: &SignedIn, status: StatusCode, draft: Draft, faults: Faults) -> Response {
    let page = AddPage {
        frame: signed_in.frame("/applications"),
        draft,
        faults,
        kinds: Kind::ALL,
        apis: Api::ALL,
        access_seconds: site.lifetimes.access.as_secs(),
        short_seconds: site.lifetimes.access_short.as_secs(),
        callback: callback(site),
    };
    page::show(status, &page)
}

fn callback(site: &Site) -> String {
    format!("{}/callback", site.issuer)
}

impl Draft {
    fn read(params: &Params) -> Self {
        let text = |name| params.get(name).unwrap_or_default().trim().to_owned();
        Self {
            name: text("name"),
            description: text("description"),
            kind: text("kind"),
            redirect_uris: text("redirect_uris"),
            apis: params.all("api").map(str::to_owned).collect(),
            is_short: params.get("lifetime") == Some("short"),
        }
    }

    /// For the template: whether the box of `scope` is ticked.
    fn has(&self, scope: &str) -> bool {
        self.apis.iter().any(|held| held == scope)
    }

    fn check(&self) -> Result<Checked, Faults> {
        let mut faults = Faults { name: self.name_fault(), ..Faults::default() };
        if self.description.chars().count() > DESCRIPTION_CHARS_MAX {
            faults.description = Some(format!("Keep it to {DESCRIPTION_CHARS_MAX} characters."));
        }
        let kind = Kind::of(&self.kind);
        if kind.is_none() {
            faults.kind = Some("Choose where the application runs.".to_owned());
        }
        let redirect_uris =
            self.redirect_uris().map_err(|fault| faults.redirect_uris = Some(fault)).unwrap_or_default();
        let scopes: Scopes = self.apis.iter().filter_map(|scope| Api::of_scope(scope)).collect();
        if scopes.is_empty() {
            faults.apis = Some("Choose at least one API.".to_owned());
        }
        match kind {
            Some(kind) if faults == Faults::default() => Ok(Checked { kind, redirect_uris, scopes }),
            Some(_) | None => Err(faults),
        }
    }

    fn name_fault(&self) -> Option<String> {
        if self.name.is_empty() {
            return Some("Give it a name: customers read it when they are asked.".to_owned());
        }
        words::name_fault(&self.name, NAME_CHARS_MAX)
    }

    fn redirect_uris(&self) -> Result<Vec<RedirectUri>, String> {
        let lines: Vec<_> = self.redirect_uris.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() || lines.len() > REDIRECTS_MAX {
            return Err(format!("Enter one to {REDIRECTS_MAX} addresses, one per line."));
        }
        lines.iter().map(|line| RedirectUri::parse(line).map_err(|fault| format!("“{line}” {fault}."))).collect()
    }
}

/// A name has to fit the consent page's largest type.
const NAME_CHARS_MAX: usize = 60;
/// Two or three sentences.
const DESCRIPTION_CHARS_MAX: usize = 400;
/// One per environment, and a few to spare.
const REDIRECTS_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(form: &str) -> Draft {
        Draft::read(&Params::parse(form.as_bytes()).unwrap())
    }

    #[test]
    fn a_complete_form_passes() {
        let checked = draft(
            "name=Tally&kind=web&redirect_uris=https://a.example/cb%0d%0ahttps://b.example/&api=accounts&api=payments",
        );
        let checked = checked.check().unwrap();
        assert_eq!((checked.kind, checked.redirect_uris.len()), (Kind::Web, 2));
        assert_eq!(checked.scopes.to_string(), "accounts payments");
    }

    #[test]
    fn every_fault_is_told_at_its_field_and_at_once() {
        let faults = draft("kind=other&redirect_uris=http://evil.example/&api=admin").check().unwrap_err();
        assert!(faults.name.is_some() && faults.kind.is_some() && faults.apis.is_some());
        assert_eq!(faults.redirect_uris.unwrap(), "“http://evil.example/” uses http to another machine: use https.");
        assert_eq!(faults.description, None);
    }
}
