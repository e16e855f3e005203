//! `/applications/{client_id}/edit` and `…/delete`: an application changes, or goes with everything that it got.

use super::add::FormPage;
use super::application::{self, Refused, Shown, address, owned};
use super::draft::{Draft, Faults};
use super::secrets;
use super::visitor::{Frame, SignedForm, SignedIn};
use crate::sandbox::authz::{self, Told};
use crate::sandbox::store::{Application, Authentication};
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "delete.html", config = "src/sandbox/askama.toml")]
struct DeletePage<'a> {
    frame: Frame,
    application: &'a Application,
}

/// Shows the form as it was saved.
pub(super) async fn get(
    State(site): State<Arc<Site>>,
    signed_in: SignedIn,
    Path(client_id): Path<String>,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    let draft = Draft::of(&application, &site);
    let page = FormPage::new(&site, &signed_in, Some(&application), (&draft, Faults::default()));
    Ok(page::show(StatusCode::OK, &page))
}

/// Saves it. An application that now proves itself by a secret gets one.
pub(super) async fn post(
    State(site): State<Arc<Site>>,
    Path(client_id): Path<String>,
    SignedForm { signed_in, params }: SignedForm,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    let draft = Draft::read(&params);
    let changed = match draft.apply((*application).clone(), &site) {
        Ok(changed) => changed,
        Err(faults) => {
            let page = FormPage::new(&site, &signed_in, Some(&application), (&draft, *faults));
            return Ok(page::show(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
    };
    if !site.store.change_application(&changed).await? {
        return Err(Refused::Unknown);
    }
    let needs_secret =
        changed.authentication == Authentication::Secret && site.store.secrets(&client_id).await?.is_empty();
    let secret = if needs_secret { secrets::add(&site, &client_id).await? } else { None };
    match secret {
        None => Ok(Redirect::to(&address(&client_id)).into_response()),
        Some(secret) => {
            let shown = Shown { secret: Some(&secret), ..Shown::default() };
            Ok(application::show(&site, &signed_in, StatusCode::OK, &changed, shown).await?)
        }
    }
}

/// Says what would go.
pub(super) async fn ask_to_delete(
    State(site): State<Arc<Site>>,
    signed_in: SignedIn,
    Path(client_id): Path<String>,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    let page = DeletePage { frame: signed_in.frame("/applications"), application: &application };
    Ok(page::show(StatusCode::OK, &page))
}

/// Deletes it, and ends its tokens here and at the gateway.
pub(super) async fn delete(
    State(site): State<Arc<Site>>,
    Path(client_id): Path<String>,
    SignedForm { signed_in, .. }: SignedForm,
) -> Result<Response, Refused> {
    let mut transaction = site.store.begin().await?;
    if !transaction.delete_application(&client_id, &signed_in.developer.id, site.clock.now()).await? {
        return Err(Refused::Unknown);
    }
    transaction.commit().await?;
    // A gateway that is away is told when it is back; the application is gone either way.
    let (Told::Now | Told::Later) = authz::revoke_at_gateway(&site, &client_id).await?;
    Ok(Redirect::to("/applications").into_response())
}
