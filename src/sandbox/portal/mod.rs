//! The developer portal: pages on which a third party signs up, adds its applications and learns to use the APIs.

mod add;
mod apis;
mod application;
mod asking;
mod callback;
mod calls;
mod choices;
mod dashboard;
mod draft;
mod edit;
mod exchange;
mod explain;
mod home;
mod log;
mod moment;
mod next;
mod openapi;
mod passwords;
mod secrets;
mod sign_in;
mod sign_up;
mod snippets;
mod start;
mod status;
mod token_page;
mod tokens;
mod trouble;
mod try_it;
mod visitor;
mod walk;
mod words;

pub(super) use log::Calls;
pub(super) use openapi::Catalogue;
pub(super) use passwords::Passwords;

use super::{Site, page};
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderValue, header};
use std::sync::Arc;
use tower_http::set_header::SetResponseHeaderLayer;

/// Every page of the portal.
pub(super) fn router() -> Router<Arc<Site>> {
    let own = HeaderValue::from_static(page::SCRIPT_POLICY);
    Router::new()
        .route("/", get(home::get))
        .route("/signup", get(sign_up::get).post(sign_up::post))
        .route("/signin", get(sign_in::get).post(sign_in::post))
        .route("/signout", post(sign_in::leave))
        .route("/dashboard", get(dashboard::get))
        .route("/applications/{client_id}/calls", get(calls::list))
        .route("/applications/{client_id}/calls/find", get(calls::find))
        .route("/applications/{client_id}/calls/{id}", get(calls::one))
        .route("/apis", get(apis::list))
        .route("/apis/{scope}", get(apis::one))
        .route("/apis/{scope}/openapi.yaml", get(apis::document))
        .route("/apis/{scope}/{operation}", get(try_it::get).post(try_it::post))
        .route("/start", get(start::get))
        .route("/status", get(status::get))
        .merge(applications())
        .route("/callback", get(callback::get))
        .route("/bank.css", get(page::style))
        .route("/icon.svg", get(page::icon))
        .route("/portal.js", get(script))
        .layer(SetResponseHeaderLayer::if_not_present(header::CONTENT_SECURITY_POLICY, own))
}

/// What a developer does with an application.
fn applications() -> Router<Arc<Site>> {
    use walk::{accounts, payment};
    Router::new()
        .route("/applications", get(application::list).post(add::post))
        .route("/applications/new", get(add::get))
        .route("/applications/{client_id}", get(application::get))
        .route("/applications/{client_id}/edit", get(edit::get).post(edit::post))
        .route("/applications/{client_id}/delete", get(edit::ask_to_delete).post(edit::delete))
        .route("/applications/{client_id}/secrets", post(secrets::post))
        .route("/applications/{client_id}/secrets/{secret_id}/remove", post(secrets::remove))
        .route("/applications/{client_id}/tokens", post(tokens::post))
        .route("/applications/{client_id}/tokens/{id}", get(tokens::get))
        .route("/applications/{client_id}/tokens/{id}/refresh", post(tokens::refresh))
        .route("/applications/{client_id}/tokens/{id}/revoke", post(tokens::revoke))
        .route("/applications/{client_id}/ask", post(asking::post))
        .route("/applications/{client_id}/callback", get(asking::answer))
        .route("/applications/{client_id}/payment", get(payment::form).post(payment::create))
        .route("/applications/{client_id}/payment/{id}", get(payment::show))
        .route("/applications/{client_id}/payment/{id}/ask", post(payment::ask))
        .route("/applications/{client_id}/payment/{id}/pay", post(payment::pay))
        .route("/applications/{client_id}/payment/{id}/follow", post(payment::follow))
        .route("/applications/{client_id}/accounts", get(accounts::form).post(accounts::ask))
        .route("/applications/{client_id}/accounts/{id}", get(accounts::show))
        .route("/applications/{client_id}/accounts/{id}/read", post(accounts::read))
}

/// The one script: it copies what a button stands beside, and counts down.
async fn script() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, "max-age=300")];
    (headers, include_str!("../pages/portal.js")).into_response()
}
