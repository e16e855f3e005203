//! A browser reduced to what the story needs: cookies, forms, and no redirect followed unseen.

use super::html::Form;
use crate::net::fetch::{Bounds, FetchError, Fetcher};
use crate::sandbox::{form, secret};
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

    /// Sends a form.
    pub(in crate::sandbox) async fn submit(
        &mut self,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, FetchError> {
        let request = Request::post(url).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, Bytes::from(form::join(fields))).await
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

    /// Signs up as a developer, so that the portal's pages open.
    pub(in crate::sandbox) async fn sign_up(&mut self, portal: &str, email: &str) -> Result<Answer, FetchError> {
        let page = self.open(&format!("{portal}/signup")).await?;
        let form_token = hidden(text(&page), "form_token").unwrap_or_default();
        let password = secret::fresh("");
        let fields = [("form_token", form_token), ("name", "Ada"), ("email", email), ("password", &password)];
        self.submit(&format!("{portal}/signup"), &fields).await
    }

    /// Fills in the form on `page` and sends it to `action`.
    pub(in crate::sandbox) async fn fill(
        &mut self,
        page: &str,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, FetchError> {
        let page = self.open(page).await?;
        let mut all = vec![("form_token", hidden(text(&page), "form_token").unwrap_or_default())];
        all.extend_from_slice(fields);
        self.submit(action, &all).await
    }

    async fn send(&mut self, mut request: http::request::Builder, body: Bytes) -> Result<Answer, FetchError> {
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

/// The value of the hidden field `name`. Ours hold base64url only, so nothing has to be unescaped.
pub(in crate::sandbox) fn hidden<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    between(html, &format!("name=\"{name}\" value=\""), '"')
}

/// The text of the element `id`, which holds no other element.
pub(in crate::sandbox) fn element<'a>(html: &'a str, id: &str) -> Option<&'a str> {
    between(html, &format!("id=\"{id}\">"), '<')
}

fn between<'a>(text: &'a str, before: &str, after: char) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(value, _)| value)
}

/// From a question to log in, on to the next page, and some to spare.
const REDIRECTS_MAX: usize = 5;
/// Everything is on this machine; more than a second is a fault already.
pub(super) const BOUNDS: Bounds = Bounds { total: Duration::from_secs(5), body_bytes_max: 256 * 1024 };
