//! `/status` and `/status.json`: is it up, is it refusing more than usual, what changed last; and below that, how everything
//! stands.

mod chart;
mod page;
pub mod series;
mod shares;
mod snapshot;
mod stand;
mod traffic;
mod words;

use super::{Admin, Answer, text, typed};
use askama::Template as _;
use http::{HeaderName, HeaderValue, StatusCode, header};
use snapshot::Snapshot;

/// For people.
pub(super) fn page(admin: &Admin) -> Answer {
    let snapshot = Snapshot::take(admin);
    let Ok(html) = page::Page::of(&snapshot).render() else {
        // Formatting into memory cannot fail; were it to, the other form is there.
        return text(StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be made; see /status.json\n".to_owned());
    };
    let mut answer = typed(StatusCode::OK, "text/html; charset=utf-8", html);
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, page::policy().clone());
    for (name, value) in GUARDS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// For programs.
pub(super) fn json(admin: &Admin) -> Answer {
    let mut answer = match serde_json::to_string_pretty(&Snapshot::take(admin)) {
        Ok(json) => typed(StatusCode::OK, "application/json", json + "\n"),
        Err(fault) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot be written: {fault}\n")),
    };
    for (name, value) in GUARDS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// No other site may show it, read it, or learn from where it was left.
const GUARDS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
