//! `/apis/{scope}/{operation}`: a form that sends one operation through the gateway, as an application would. Only to
//! the gateway, only to the operation's own path: what is typed becomes a segment, a query or a field, and nothing else.

use super::apis;
use super::explain::{self, Explanation};
use super::openapi::{Operation, Place, Reference};
use super::visitor::{Frame, SignedForm, SignedIn};
use crate::net::fetch::Bounds;
use crate::sandbox::form::{self, Params};
use crate::sandbox::secret;
use crate::sandbox::{Site, page};
use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

#[derive(Template)]
#[template(path = "try_it.html", config = "src/sandbox/askama.toml")]
struct TryPage<'a> {
    frame: Frame,
    reference: &'a Reference,
    operation: &'a Operation,
    typed: Typed,
    fault: Option<String>,
    outcome: Option<Outcome>,
}

/// What stands in the form.
#[derive(Debug, Default)]
struct Typed {
    token: String,
    values: Vec<(String, String)>,
    body: String,
}

/// What came of it.
#[derive(Debug)]
struct Outcome {
    status: StatusCode,
    headers: Vec<(String, String)>,
    body: String,
    took_ms: u128,
    line: String,
    explanation: Option<Explanation>,
}

/// Shows the form with the document's examples in it.
pub(super) async fn get(
    State(site): State<Arc<Site>>,
    signed_in: SignedIn,
    Path((scope, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some((reference, operation)) = find(&site, &scope, &id) else { return apis::unknown() };
    let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let mut typed = Typed::examples(operation, &params);
    // By its name, never itself: addresses end up in histories and logs.
    if let Some(id) = params.get("token") {
        match site.store.test_token(id, &signed_in.developer.id).await {
            Ok(token) => typed.token = token.map(|token| token.access_token).unwrap_or_default(),
            Err(fault) => return fault.into_response(),
        }
    }
    let page = TryPage { frame: signed_in.frame("/apis"), reference, operation, typed, fault: None, outcome: None };
    page::show(StatusCode::OK, &page)
}

/// Sends it.
pub(super) async fn post(
    State(site): State<Arc<Site>>,
    Path((scope, id)): Path<(String, String)>,
    form: SignedForm,
) -> Response {
    let Some((reference, operation)) = find(&site, &scope, &id) else { return apis::unknown() };
    let typed = Typed::read(operation, &form.params);
    let sent = match typed.request(&site.gateway, reference, operation) {
        Ok(request) => send(&site, request, typed.line(&site.gateway, reference, operation)).await,
        Err(fault) => Err(fault),
    };
    let (outcome, fault) = match sent {
        Ok(outcome) => (Some(outcome), None),
        Err(fault) => (None, Some(fault)),
    };
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let frame = form.signed_in.frame("/apis");
    page::show(status, &TryPage { frame, reference, operation, typed, fault, outcome })
}

fn find<'s>(site: &'s Site, scope: &str, id: &str) -> Option<(&'s Reference, &'s Operation)> {
    let reference = site.catalogue.find(scope)?;
    Some((reference, reference.operation(id)?))
}

async fn send(site: &Site, request: Request<Bytes>, line: String) -> Result<Outcome, String> {
    let started = site.clock.instant();
    let answer = site.fetcher.send(request, BOUNDS).await;
    let answer = answer.map_err(|fault| format!("The gateway gave no answer: {fault}."))?;
    let took_ms = site.clock.instant().duration_since(started).as_millis();
    let body = std::str::from_utf8(answer.body()).unwrap_or("(not text)").to_owned();
    let pretty = serde_json::from_str::<Value>(&body).and_then(|json| serde_json::to_string_pretty(&json));
    let shown = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Ok(Outcome {
        status: answer.status(),
        headers: answer.headers().iter().map(shown).collect(),
        explanation: reason_of(site, answer.status(), answer.headers()).await,
        body: pretty.unwrap_or(body),
        took_ms,
        line,
    })
}

/// Why the gateway refused, if it did: its log says it under the answer's id, which takes a moment to be written.
async fn reason_of(site: &Site, status: StatusCode, headers: &HeaderMap) -> Option<Explanation> {
    if !status.is_client_error() && !status.is_server_error() {
        return None;
    }
    let id = headers.get("x-fapi-interaction-id")?.to_str().ok()?;
    for _ in 0..LOOKS_MAX {
        if let Ok(Some(line)) = site.calls.find_any(id).await {
            return line.reason.as_deref().and_then(explain::explain);
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    None
}

impl Typed {
    /// The examples; what the address names goes before.
    fn examples(operation: &Operation, given: &Params) -> Self {
        let value = |name: &str, example: &Option<String>, is_required: bool| {
            let example = example.as_deref().filter(|_| is_required).unwrap_or_default();
            given.get(name).unwrap_or(example).to_owned()
        };
        let mut values = Vec::new();
        for parameter in &operation.parameters {
            let name = parameter.name.clone();
            // A key that was used stands for what it did then.
            let fresh = parameter.name == "x-idempotency-key";
            let text = if fresh { secret::name("") } else { value(&name, &parameter.example, parameter.is_required) };
            values.push((name, text));
        }
        let body = operation.body.as_ref().and_then(|body| body.example.clone()).unwrap_or_default();
        let body = given.get("body").map_or(body, str::to_owned);
        Self { token: String::new(), values, body }
    }

    fn read(operation: &Operation, params: &Params) -> Self {
        let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
        let values = operation.parameters.iter().map(|parameter| {
            let name = parameter.name.clone();
            let value = text(&format!("p-{name}"));
            (name, value)
        });
        Self { token: text("token"), values: values.collect(), body: text("body") }
    }

    fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(held, _)| held == name).map_or("", |(_, value)| value)
    }

    /// The address: the gateway's own, whatever is typed.
    fn address(&self, gateway: &str, reference: &Reference, operation: &Operation) -> String {
        let mut path = operation.path.clone();
        let mut query = Vec::new();
        for parameter in &operation.parameters {
            let value = self.value(&parameter.name);
            match parameter.place {
                Place::Path => path = path.replace(&format!("{{{}}}", parameter.name), &form::encode(value)),
                Place::Query if !value.is_empty() => query.push((parameter.name.as_str(), value)),
                Place::Query | Place::Header => {}
            }
        }
        let query = if query.is_empty() { String::new() } else { format!("?{}", form::join(&query)) };
        format!("{gateway}{}{path}{query}", reference.api.path())
    }

    fn request(&self, gateway: &str, reference: &Reference, operation: &Operation) -> Result<Request<Bytes>, String> {
        let missing = operation.parameters.iter().find(|parameter| {
            (parameter.is_required || parameter.place == Place::Path) && self.value(&parameter.name).is_empty()
        });
        if let Some(parameter) = missing {
            return Err(format!("{} is needed.", parameter.name));
        }
        // A dot segment would lead to another path (RFC 3986 §5.2.4).
        let leads_away = |name: &str| matches!(self.value(name), "." | "..");
        let mut in_path = operation.parameters.iter().filter(|parameter| parameter.place == Place::Path);
        if let Some(parameter) = in_path.find(|parameter| leads_away(&parameter.name)) {
            return Err(format!("{} names no resource.", parameter.name));
        }
        let mut request =
            Request::builder().method(operation.method.clone()).uri(self.address(gateway, reference, operation));
        for parameter in operation.parameters.iter().filter(|parameter| parameter.place == Place::Header) {
            let value = self.value(&parameter.name);
            if !value.is_empty() {
                let value = HeaderValue::from_str(value);
                request = request.header(&parameter.name, value.map_err(|_| field_fault(&parameter.name))?);
            }
        }
        if !self.token.is_empty() {
            let value = HeaderValue::from_str(&format!("Bearer {}", self.token));
            request = request.header(header::AUTHORIZATION, value.map_err(|_| field_fault("The token"))?);
        }
        let body = match &operation.body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, &body.content_type);
                Bytes::from(self.body.clone())
            }
            None => Bytes::new(),
        };
        request.body(body).map_err(|_| "This cannot be sent: check what you typed.".to_owned())
    }

    /// The same as a line for a shell; the token stays out of it.
    fn line(&self, gateway: &str, reference: &Reference, operation: &Operation) -> String {
        let address = self.address(gateway, reference, operation);
        let mut line = format!("curl -i -X {} '{address}'", operation.method);
        if !self.token.is_empty() {
            line.push_str(" \\\n  -H \"Authorization: Bearer $TOKEN\"");
        }
        for parameter in operation.parameters.iter().filter(|parameter| parameter.place == Place::Header) {
            let value = self.value(&parameter.name);
            if !value.is_empty() {
                let field = quoted(&format!("{}: {value}", parameter.name));
                line.push_str(" \\\n  -H ");
                line.push_str(&field);
            }
        }
        if let Some(body) = &operation.body {
            line.push_str(" \\\n  -H 'Content-Type: ");
            line.push_str(&body.content_type);
            line.push_str("' \\\n  -d ");
            line.push_str(&quoted(&self.body));
        }
        line
    }
}

fn field_fault(name: &str) -> String {
    format!("{name} holds characters that a header cannot.")
}

/// For a shell: nothing within has a meaning.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The slowest switch answers after five seconds.
const BOUNDS: Bounds = Bounds { total: Duration::from_secs(15), body_bytes_max: 1024 * 1024 };
/// The gateway writes its log once a second at the latest.
const LOOKS_MAX: usize = 15;
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::portal::Catalogue;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is typed, the request goes to the gateway, to a path of this operation's shape (CWE-918, CWE-93).
        #[test]
        fn what_is_typed_never_leaves_its_place(value in ".{0,60}|[.]{1,3}", token in ".{0,60}") {
            let catalogue = Catalogue::read("http://127.0.0.1:8080", "http://127.0.0.1:8000").unwrap();
            for reference in catalogue.references() {
                for operation in reference.operations() {
                    let values = operation.parameters.iter().map(|one| (one.name.clone(), value.clone())).collect();
                    let typed = Typed { token: token.clone(), values, body: value.clone() };
                    let Ok(request) = typed.request("http://127.0.0.1:8080", reference, operation) else { continue };
                    let uri = request.uri();
                    prop_assert_eq!(uri.authority().map(http::uri::Authority::as_str), Some("127.0.0.1:8080"));
                    let prefix = reference.api.path();
                    prop_assert!(uri.path().starts_with(prefix));
                    let (is, shape) = (uri.path()[prefix.len()..].split('/'), operation.path.split('/'));
                    prop_assert_eq!(is.clone().count(), shape.clone().count());
                    for (is, shape) in is.zip(shape) {
                        prop_assert!(is != "." && is != "..");
                        let fits = shape.starts_with('{') || is == shape;
                        prop_assert!(fits);
                    }
                }
            }
        }
    }

    #[test]
    fn a_line_for_a_shell_is_one_word_whatever_it_holds() {
        assert_eq!(quoted("it's $(x)"), "'it'\\''s $(x)'");
    }
}
