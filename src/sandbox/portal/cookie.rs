//! The portal's cookie: one random word a browser. What it means is kept as a digest; who reads the store cannot use it.

use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};

/// How the cookie is named, which depends on how the portal is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Jar {
    /// Behind TLS: no other host and no plain connection can set or read it (RFC 6265bis §4.1.3.2).
    Secure,
    /// On loopback without TLS, where some browsers would not send a `Secure` cookie back.
    Plain,
}

impl Jar {
    /// The one for a portal at `issuer`.
    pub(super) fn of(issuer: &str) -> Self {
        if issuer.starts_with("https://") { Self::Secure } else { Self::Plain }
    }

    /// The cookie that the browser sent.
    pub(super) fn read(self, headers: &HeaderMap) -> Option<&str> {
        let fields = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = fields.flat_map(|field| field.split(';'));
        pairs.find_map(|pair| pair.trim().strip_prefix(self.name())?.strip_prefix('='))
    }

    /// Hands the browser its cookie, until it is closed.
    pub(super) fn set(self, mut response: Response, cookie: &str) -> Response {
        let secure = match self {
            Self::Secure => "; Secure",
            Self::Plain => "",
        };
        let value = format!("{}={cookie}; Path=/; HttpOnly; SameSite=Lax{secure}", self.name());
        let value = HeaderValue::try_from(value).expect("a cookie is base64url");
        response.headers_mut().append(header::SET_COOKIE, value);
        response
    }

    /// Browsers share cookies between the ports of one host: the name must not collide with another program's.
    fn name(self) -> &'static str {
        match self {
            Self::Secure => "__Host-scopegate_portal",
            Self::Plain => "scopegate_portal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; scopegate_portal_2=x"));
        assert_eq!(Jar::Plain.read(&headers), None);
        headers.append(header::COOKIE, HeaderValue::from_static("b=2;scopegate_portal=word"));
        assert_eq!((Jar::Plain.read(&headers), Jar::Secure.read(&headers)), (Some("word"), None));
    }

    #[test]
    fn behind_tls_the_cookie_is_bound_to_host_and_tls() {
        let set = |jar: Jar| jar.set(().into_response(), "word").headers()[header::SET_COOKIE].clone();
        assert_eq!(
            set(Jar::of("https://portal.example")),
            "__Host-scopegate_portal=word; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(set(Jar::of("http://127.0.0.1:8000")), "scopegate_portal=word; Path=/; HttpOnly; SameSite=Lax");
    }
}
