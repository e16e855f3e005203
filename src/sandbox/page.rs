//! What all pages have in common: rendering, the headers that keep them safe, the page for a fault.

use super::Site;
use super::store::StoreFault;
use askama::Template;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use std::sync::Arc;
use tower_http::csrf::CsrfLayer;
use tower_http::set_header::SetResponseHeaderLayer;

/// What a person reads when something cannot be done.
#[derive(Template)]
#[template(path = "fault.html", config = "src/sandbox/askama.toml")]
struct FaultPage<'a> {
    title: &'a str,
    text: &'a str,
}

/// Renders `page`.
pub(super) fn show(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        // Formatting into memory cannot fail; were it to, an empty page tells the person enough.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A page that says what is wrong and what to do.
pub(super) fn fault(status: StatusCode, title: &str, text: &str) -> Response {
    show(status, &FaultPage { title, text })
}

impl IntoResponse for StoreFault {
    fn into_response(self) -> Response {
        let text = "The sandbox could not look something up. Nothing was changed. Try again in a moment.";
        fault(StatusCode::SERVICE_UNAVAILABLE, "This did not work now", text)
    }
}

/// The answer to an address that is none of ours.
pub(super) async fn unknown() -> Response {
    fault(StatusCode::NOT_FOUND, "There is no such page", "Check the address, or start at the portal's first page.")
}

/// The one style sheet.
pub(super) async fn style() -> Response {
    let css = include_str!("pages/bank.css");
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=300")];
    (headers, css).into_response()
}

/// The gate, as the mark of tabs.
pub(super) async fn icon() -> Response {
    let headers = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "max-age=300")];
    (headers, include_str!("pages/icon.svg")).into_response()
}

/// Lets a form end at `target` too: browsers hold redirects after a form against `form-action`.
pub(super) fn allow_form_to(mut response: Response, target: &str) -> Response {
    let policy = format!("{POLICY}; form-action 'self' {target}");
    let policy = HeaderValue::try_from(policy).expect("a registered redirect URI has only visible ASCII in its origin");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Puts the pages' protection around `router`: no scripts, no frames, no foreign forms, no copies in caches.
pub(super) fn guard(router: Router<Arc<Site>>) -> Router<Arc<Site>> {
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_SECURITY_POLICY, FORM_POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        // Not `no-referrer`, which makes browsers send `Origin: null` with our own forms and so takes from the
        // layer below what it decides by. Nobody else learns the address of a page: codes stay with us.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    let guarded = router.layer(CsrfLayer::new()).layer(DefaultBodyLimit::max(FORM_BYTES_MAX));
    fixed.into_iter().fold(guarded, |router, (name, value)| {
        router.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)))
    })
}

/// What every page may, and what this one may beside.
macro_rules! policy {
    ($more:literal) => {
        concat!("default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'", $more)
    };
}

const POLICY: &str = policy!("");
const FORM_POLICY: &str = policy!("; form-action 'self'");
/// For pages with the one script of our own. The customers' pages have none.
pub(super) const SCRIPT_POLICY: &str = policy!("; form-action 'self'; script-src 'self'");
/// *Add Application* with every field at its limit fits four times.
const FORM_BYTES_MAX: usize = 32 * 1024;
