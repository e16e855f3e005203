//! `GET /callback`: stands in for an application that is not written yet, and shows what it would receive.

use crate::sandbox::form::Params;
use crate::sandbox::page;
use askama::Template;
use axum::extract::RawQuery;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

#[derive(Template)]
#[template(path = "callback.html", config = "src/sandbox/askama.toml")]
struct CallbackPage {
    code: Option<String>,
    error: Option<String>,
    description: String,
    state: String,
    iss: String,
}

/// Shows the authorization response.
pub(super) async fn get(RawQuery(query): RawQuery) -> Response {
    let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let value = |name| params.get(name).map(str::to_owned);
    let page = CallbackPage {
        code: value("code"),
        error: value("error"),
        description: value("error_description").unwrap_or_default(),
        state: value("state").unwrap_or_default(),
        iss: value("iss").unwrap_or_default(),
    };
    let mut response = page::show(StatusCode::OK, &page);
    // The address holds a code, and the page has no form that needs a referrer.
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
