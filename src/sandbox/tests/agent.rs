//! The story's browser, with what tests do beside: forms that no page showed, and a look at single fields.

pub(super) use crate::sandbox::story::agent::{Agent, Answer, location, text};

use crate::net::fetch::FetchError;
use crate::sandbox::{form, secret};
use bytes::Bytes;
use http::{Request, header};

impl Agent {
    /// Sends a form.
    pub(in crate::sandbox) async fn submit(
        &mut self,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, FetchError> {
        let request = Request::post(url).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, Bytes::from(form::join(fields))).await
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
