//! The browsers' cookies: one random word each for customers and for developers. What it means is kept as a digest; who
//! reads the store cannot use it.

use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};

/// A cookie of this name, as it is set and read at the sandbox's own address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Jar {
    /// Browsers share cookies between the ports of one host: it must not collide with another program's.
    name: &'static str,
    /// Behind TLS no other host and no plain connection can set or read it (`__Host-`, RFC 6265bis §4.1.3.2). On loopback
    /// without TLS some browsers would not send a `Secure` cookie back.
    is_secure: bool,
}

impl Jar {
    /// The one of this name at `issuer`.
    pub(super) fn of(name: &'static str, issuer: &str) -> Self {
        Self { name, is_secure: issuer.starts_with("https://") }
    }

    /// The cookie that the browser sent.
    pub(super) fn read(self, headers: &HeaderMap) -> Option<&str> {
        let fields = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = fields.flat_map(|field| field.split(';'));
        let prefix = self.prefix();
        pairs.find_map(|pair| pair.trim().strip_prefix(prefix)?.strip_prefix(self.name)?.strip_prefix('='))
    }

    /// Hands the browser its cookie, until it is closed.
    pub(super) fn set(self, mut response: Response, cookie: &str) -> Response {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let value = format!("{}{}={cookie}; Path=/; HttpOnly; SameSite=Lax{secure}", self.prefix(), self.name);
        let value = HeaderValue::try_from(value).expect("a cookie is base64url");
        response.headers_mut().append(header::SET_COOKIE, value);
        response
    }

    fn prefix(self) -> &'static str {
        if self.is_secure { "__Host-" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;

    const HTTP: &str = "http://127.0.0.1:8000";
    const HTTPS: &str = "https://portal.example";

    fn jar(issuer: &str) -> Jar {
        Jar::of("scopegate_portal", issuer)
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; scopegate_portal_2=x"));
        assert_eq!(jar(HTTP).read(&headers), None);
        headers.append(header::COOKIE, HeaderValue::from_static("b=2;scopegate_portal=word"));
        assert_eq!((jar(HTTP).read(&headers), jar(HTTPS).read(&headers)), (Some("word"), None));
    }

    #[test]
    fn behind_tls_the_cookie_is_bound_to_host_and_tls() {
        let set = |jar: Jar| jar.set(().into_response(), "word").headers()[header::SET_COOKIE].clone();
        assert_eq!(set(jar(HTTPS)), "__Host-scopegate_portal=word; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(set(jar(HTTP)), "scopegate_portal=word; Path=/; HttpOnly; SameSite=Lax");
    }
}
