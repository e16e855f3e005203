//! Cross-origin calls (AS-30): the endpoints that single-page applications call themselves answer scripts of any
//! origin. Nothing there looks at cookies, and no answer allows sending them.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// Answers the browser's question whether it may ask, and lets the page read the answer.
pub(super) async fn allow(request: Request, next: Next) -> Response {
    let asks_first = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if asks_first { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    if asks_first {
        answer(response.headers_mut(), &PREFLIGHT);
    }
    answer(response.headers_mut(), &ALWAYS);
    response
}

fn answer(headers: &mut HeaderMap, fields: &[(header::HeaderName, &'static str)]) {
    for (name, value) in fields {
        headers.insert(name.clone(), HeaderValue::from_static(value));
    }
}

const PREFLIGHT: [(header::HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, dpop"),
    (header::ACCESS_CONTROL_MAX_AGE, "3600"),
];
const ALWAYS: [(header::HeaderName, &str); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, "www-authenticate, retry-after"),
];
