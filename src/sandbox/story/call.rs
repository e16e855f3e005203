//! One call of a third party: the request that is sent, and the `curl` line that sends the same.

use super::agent::{Answer, BOUNDS};
use crate::net::fetch::{FetchError, Fetcher};
use crate::sandbox::form;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, header};

/// A call under construction; every part goes into the request and into the line.
#[derive(Debug)]
pub(super) struct Call {
    method: Method,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    shown: Vec<String>,
}

impl Call {
    /// A GET.
    pub(super) fn get(url: String) -> Self {
        let shown = vec![format!("curl -i {}", quoted(&url))];
        Self { method: Method::GET, url, headers: Vec::new(), body: Vec::new(), shown }
    }

    /// A POST, which `curl` infers from the data.
    pub(super) fn post(url: String) -> Self {
        Self { method: Method::POST, ..Self::get(url) }
    }

    /// The token in the address, where no token belongs.
    pub(super) fn with_token_in_query(mut self, token: &str) -> Self {
        self.shown = vec![format!("curl -i \"{}?access_token=$TOKEN\"", self.url)];
        self.url = format!("{}?access_token={token}", self.url);
        self
    }

    /// The token in the header; `variable` stands for it in the line.
    pub(super) fn bearer(mut self, token: &str, variable: &str) -> Self {
        self.headers.push(("authorization", format!("Bearer {token}")));
        self.shown.push(format!("-H \"Authorization: Bearer ${variable}\""));
        self
    }

    /// The application's id and secret.
    pub(super) fn client(mut self, client_id: &str, secret: &str) -> Self {
        let pair = STANDARD.encode(format!("{}:{}", form::encode(client_id), form::encode(secret)));
        self.headers.push(("authorization", format!("Basic {pair}")));
        self.shown.push("-u \"$CLIENT_ID:$CLIENT_SECRET\"".to_owned());
        self
    }

    /// A form field; `shown` may name a variable.
    pub(super) fn field(mut self, name: &str, value: &str, shown: &str) -> Self {
        if self.body.is_empty() {
            self.headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
        } else {
            self.body.push(b'&');
        }
        self.body.extend_from_slice(form::join(&[(name, value)]).as_bytes());
        self.shown.push(format!("-d \"{name}={shown}\""));
        self
    }

    /// A JSON body.
    pub(super) fn json(mut self, body: &str) -> Self {
        self.headers.push(("content-type", "application/json".to_owned()));
        self.shown.push("-H 'Content-Type: application/json'".to_owned());
        self.shown.push(format!("-d '{body}'"));
        self.body = body.as_bytes().to_vec();
        self
    }

    /// The line to paste into a shell.
    pub(super) fn curl(&self) -> String {
        self.shown.join(" \\\n       ")
    }

    /// Sends it.
    pub(super) async fn send(&self, fetcher: &Fetcher) -> Result<Answer, FetchError> {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.url);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if self.method == Method::POST {
            request = request.header(header::CONTENT_LENGTH, self.body.len());
        }
        let request = request.body(Bytes::from(self.body.clone())).map_err(|_| FetchError::BadAddress)?;
        fetcher.send(request, BOUNDS).await
    }
}

fn quoted(url: &str) -> String {
    if url.contains(['?', '&']) { format!("'{url}'") } else { url.to_owned() }
}
