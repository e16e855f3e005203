//! Requests of browsers from other origins (WHATWG Fetch, CORS protocol). A preflight carries no token, so it is answered
//! here and reaches nobody; every answer to an allowed origin shows what a client of ours must read (RFC 9449 §7.1).
//! Credentials are never allowed: a token is sent by the page, not by the browser.

use super::answer::{Answer, OurFields};
use super::http1::fields::Fields;
use super::read::Head;
use super::route::{self, Router};
use crate::config::cors;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};

/// Who may call one route from a browser.
#[derive(Debug)]
pub struct Cors {
    origins: Vec<HeaderValue>,
    methods: HeaderValue,
    max_age: HeaderValue,
}

impl Cors {
    /// For a route with these methods. Origins and methods were checked: they are visible ASCII.
    pub(super) fn compile(settings: &cors::Cors, methods: &[Method]) -> Self {
        let origins = settings.origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        let methods = HeaderValue::from_str(&names.join(", ")).expect("method names are tokens");
        Self { origins, methods, max_age: HeaderValue::from(settings.max_age.as_secs()) }
    }

    /// Who may read the answer to a request with these fields.
    pub fn reader(&self, fields: &Fields) -> Reader {
        self.allowed(fields).map_or(Reader::Nobody, |origin| Reader::Page(origin.clone()))
    }

    /// The request's origin, if it has one and may call.
    fn allowed(&self, fields: &Fields) -> Option<&HeaderValue> {
        let origin = fields.only(header::ORIGIN)?;
        self.origins.iter().find(|allowed| allowed.as_bytes() == origin)
    }
}

/// The answer to a preflight of an origin that may call. Everybody else's `OPTIONS` is a request like any other.
pub fn preflight(router: &Router, head: &Head) -> Option<Answer> {
    if head.method() != Method::OPTIONS {
        return None;
    }
    let fields = head.fields();
    let method = Method::from_bytes(fields.only(header::ACCESS_CONTROL_REQUEST_METHOD)?).ok()?;
    let cors = route::find_as(router, head, &method).ok()?.cors.as_ref()?;
    let origin = cors.allowed(fields)?;
    let mut preflight = Answer::ours(StatusCode::NO_CONTENT, Bytes::new());
    let answer = preflight.fields_mut();
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, cors.methods.clone());
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, cors.max_age.clone());
    answer.insert(header::VARY, PREFLIGHT_VARY);
    // Which fields a client needs is between it and the API: none of them is a credential that a browser adds.
    let names = fields.only(header::ACCESS_CONTROL_REQUEST_HEADERS).filter(|names| is_list(names));
    if let Some(names) = names.and_then(|names| HeaderValue::from_bytes(names).ok()) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
    }
    Some(preflight)
}

/// Which page may read an answer of a route that says who may call it from a browser.
#[derive(Clone, Debug)]
pub enum Reader {
    /// None.
    Nobody,
    /// Those of this origin.
    Page(HeaderValue),
}

/// Says in an answer who may read it. What the upstream says of that is left out then: see `forward::headers`.
pub fn share(answer: &mut OurFields, reader: Reader) {
    if let Reader::Page(origin) = reader {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    answer.append(header::VARY, VARY);
}

/// Field names with commas between them.
fn is_list(names: &[u8]) -> bool {
    let is_listed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b',' | b' ');
    names.len() <= NAMES_BYTES_MAX && names.iter().all(is_listed)
}

const VARY: HeaderValue = HeaderValue::from_static("Origin");
const PREFLIGHT_VARY: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "WWW-Authenticate, DPoP-Nonce, Retry-After, RateLimit, RateLimit-Policy, x-fapi-interaction-id",
);
/// A page that sets thirty fields of its own has as many.
const NAMES_BYTES_MAX: usize = 1024;
