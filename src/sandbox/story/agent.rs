//! A browser reduced to what the story needs: cookies, forms, and no redirect followed unseen.

use super::html::Form;
use crate::net::fetch::{Bounds, FetchError, Fetcher};
use bytes::Bytes;
use http::{Request, Response, header};
use std::time::Duration;

/// Somebody at a browser.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Agent {
    fetcher: Fetcher,
    /// Name and value.
    cookies: Vec<(String, String)>,
}

/// An answer whose body is text.
pub(in crate::sandbox) type Answer = Response<Bytes>;

impl Agent {
    /// A browser that has been nowhere yet.
    pub(in crate::sandbox) fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, cookies: Vec::new() }
    }

    /// Opens an address.
    pub(in crate::sandbox) async fn open(&mut self, url: &str) -> Result<Answer, FetchError> {
        self.send(Request::get(url), Bytes::new()).await
    }

    /// Opens an address of `site` and goes where it leads, as long as that is on the same site.
    pub(in crate::sandbox) async fn visit(&mut self, site: &str, path: &str) -> Result<Answer, FetchError> {
        let answer = self.open(&format!("{site}{path}")).await?;
        self.follow(site, answer).await
    }

    /// Sends a form of a page of `site`, and goes where the answer leads on the same site.
    pub(in crate::sandbox) async fn press(&mut self, site: &str, form: &Form) -> Result<Answer, FetchError> {
        let request = Request::post(format!("{site}{}", form.action));
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = self.send(request, Bytes::from(form.body())).await?;
        self.follow(site, answer).await
    }

    async fn follow(&mut self, site: &str, mut answer: Answer) -> Result<Answer, FetchError> {
        for _ in 0..REDIRECTS_MAX {
            let path = location(&answer);
            if !path.starts_with('/') {
                break;
            }
            answer = self.open(&format!("{site}{path}")).await?;
        }
        Ok(answer)
    }

    /// Sends anything with the cookies that were set.
    pub(in crate::sandbox) async fn send(
        &mut self,
        mut request: http::request::Builder,
        body: Bytes,
    ) -> Result<Answer, FetchError> {
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        let request = request.body(body).map_err(|_| FetchError::BadAddress)?;
        let answer = self.fetcher.send(request, BOUNDS).await?;
        // Name and value stand before the first semicolon.
        let set = answer.headers().get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        for (name, value) in set.filter_map(|value| value.split(';').next()?.split_once('=')) {
            self.cookies.retain(|(held, _)| held != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        Ok(answer)
    }
}

/// Where an answer sends the browser; empty if nowhere.
pub(in crate::sandbox) fn location(answer: &Answer) -> &str {
    answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The body as text.
pub(in crate::sandbox) fn text(answer: &Answer) -> &str {
    std::str::from_utf8(answer.body()).unwrap_or_default()
}

/// From a question to log in, on to the next page, and some to spare.
const REDIRECTS_MAX: usize = 5;
/// Everything is on this machine; more than a second is a fault already.
pub(super) const BOUNDS: Bounds = Bounds { total: Duration::from_secs(5), body_bytes_max: 256 * 1024 };
