//! The secrets of an application: a second one is added, brought to every server, and then the first is removed.

use super::application::{self, Refused, Shown, address, owned};
use super::moment::Moment;
use super::visitor::SignedForm;
use crate::sandbox::Site;
use crate::sandbox::secret::{self, Digest};
use crate::sandbox::store::{Authentication, ClientSecret, StoreFault};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use std::sync::Arc;

/// A secret as a page tells of it.
#[derive(Debug)]
pub(super) struct SecretLine {
    /// Names it in forms.
    pub(super) id: String,
    pub(super) created: Moment,
    pub(super) last_used: Option<Moment>,
}

/// A new secret, which nobody will see again; none if there are two already.
pub(super) async fn add(site: &Site, client_id: &str) -> Result<Option<String>, StoreFault> {
    let text = secret::fresh("secret_");
    let (id, digest, created) = (secret::name(""), Digest::of(&text), site.clock.now());
    let kept = ClientSecret { id, digest, created, last_used: None };
    let added = site.store.add_secret(client_id, &kept).await?;
    Ok(added.then_some(text))
}

/// What is known of an application's secrets.
pub(super) async fn lines(site: &Site, client_id: &str) -> Result<Vec<SecretLine>, StoreFault> {
    let now = site.clock.now();
    let line = |secret: ClientSecret| SecretLine {
        id: secret.id,
        created: Moment::past(secret.created, now),
        last_used: secret.last_used.map(|at| Moment::past(at, now)),
    };
    Ok(site.store.secrets(client_id).await?.into_iter().map(line).collect())
}

/// Adds a second secret and shows it, this once.
pub(super) async fn post(
    State(site): State<Arc<Site>>,
    Path(client_id): Path<String>,
    SignedForm { signed_in, .. }: SignedForm,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    if application.authentication != Authentication::Secret {
        return Ok(Redirect::to(&address(&client_id)).into_response());
    }
    let secret = add(&site, &client_id).await?;
    let status = if secret.is_some() { StatusCode::CREATED } else { StatusCode::CONFLICT };
    let shown = Shown { secret: secret.as_deref(), has_two_secrets: secret.is_none(), ..Shown::default() };
    Ok(application::show(&site, &signed_in, status, &application, shown).await?)
}

/// Removes one of two.
pub(super) async fn remove(
    State(site): State<Arc<Site>>,
    Path((client_id, secret_id)): Path<(String, String)>,
    SignedForm { signed_in, .. }: SignedForm,
) -> Result<Response, Refused> {
    let application = owned(&site, &signed_in, &client_id).await?;
    site.store.remove_secret(&application.client_id, &secret_id).await?;
    Ok(Redirect::to(&format!("{}#auth", address(&client_id))).into_response())
}
