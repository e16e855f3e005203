//! The browser's session cookie.

use crate::clock::UnixSeconds;
use crate::sandbox::store::{Session, Store};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};

/// The session that the browser's cookie names, with the cookie.
pub(super) fn session(store: &Store, headers: &HeaderMap, now: UnixSeconds) -> Option<(String, Session)> {
    let cookie = read(headers)?;
    let session = store.session(cookie, now)?;
    Some((cookie.to_owned(), session))
}

/// Hands the browser its cookie.
///
/// No `Secure`, and so no `__Host-` name: the sandbox speaks plain http on loopback, where some browsers would not
/// send such a cookie back. Behind TLS both belong here.
pub(super) fn set(mut response: Response, cookie: &str) -> Response {
    let value = format!("{NAME}={cookie}; Path=/; HttpOnly; SameSite=Lax");
    let value = HeaderValue::try_from(value).expect("a cookie is base64url");
    response.headers_mut().append(header::SET_COOKIE, value);
    response
}

fn read(headers: &HeaderMap) -> Option<&str> {
    let mut pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='))
}

/// Browsers share cookies between the ports of one host: the name must not collide with another program's.
const NAME: &str = "scopegate_sandbox";
