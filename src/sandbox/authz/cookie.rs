//! The browser's session cookie.

use crate::sandbox::Site;
use crate::sandbox::store::{Session, StoreFault};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};

/// The session that the browser's cookie names.
pub(super) async fn session(site: &Site, headers: &HeaderMap) -> Result<Option<Session>, StoreFault> {
    match read(headers, name(site)) {
        Some(cookie) => site.store.session(cookie, site.clock.now()).await,
        None => Ok(None),
    }
}

/// Hands the browser its cookie.
///
/// Over plain http on loopback it is not `Secure`: some browsers would not send such a cookie back.
pub(super) fn set(mut response: Response, cookie: &str, site: &Site) -> Response {
    let secure = if is_secure(site) { "; Secure" } else { "" };
    let value = format!("{}={cookie}; Path=/; HttpOnly; SameSite=Lax{secure}", name(site));
    let value = HeaderValue::try_from(value).expect("a cookie is base64url");
    response.headers_mut().append(header::SET_COOKIE, value);
    response
}

/// Browsers share cookies between the ports of one host: the name must not collide with another program's. `__Host-`
/// keeps a neighbouring host from planting one (RFC 6265bis §4.1.3.2).
fn name(site: &Site) -> &'static str {
    if is_secure(site) { "__Host-scopegate_customer" } else { "scopegate_customer" }
}

fn is_secure(site: &Site) -> bool {
    site.issuer.starts_with("https://")
}

fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}
