//! A request and its answer, made on a developer's behalf and written down for reading. Tokens are shortened before
//! anything is kept: what is kept opens nothing.

use super::tokens::NoToken;
use crate::net::fetch::{Bounds, FetchError};
use crate::sandbox::Site;
use crate::sandbox::authz::Tokens;
use crate::sandbox::store::{Application, Authentication};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// A request and its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Exchange {
    /// What it is for.
    pub(super) title: String,
    pub(super) method: String,
    pub(super) url: String,
    /// Fields of the request, one a line.
    pub(super) head: String,
    pub(super) body: String,
    /// None: there was no answer.
    pub(super) status: Option<u16>,
    /// Fields of the answer that say what to do, one a line.
    pub(super) answer_head: String,
    pub(super) answer: String,
}

/// A call to the gateway.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) title: &'static str,
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) token: &'a str,
    /// `x-idempotency-key`
    pub(super) key: Option<&'a str>,
    pub(super) body: Option<&'a Value>,
}

impl Call<'_> {
    /// Makes the call: what is written down, and the answer's JSON if it was what was asked for.
    pub(super) async fn make(self, site: &Site) -> (Exchange, Option<Value>) {
        let body = self.body.map(Value::to_string).unwrap_or_default();
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.url)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::ACCEPT, JSON);
        if let Some(key) = self.key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        if self.body.is_some() {
            request = request.header(header::CONTENT_TYPE, JSON);
        }
        let answer = match request.body(Bytes::from(body)) {
            Ok(request) => site.fetcher.send(request, BOUNDS).await,
            Err(_) => Err(FetchError::BadAddress),
        };
        self.write_down(answer)
    }

    fn write_down(self, answer: Result<Response<Bytes>, FetchError>) -> (Exchange, Option<Value>) {
        let fields = [
            Some(format!("Authorization: Bearer {}", shortened(self.token))),
            self.key.map(|key| format!("{IDEMPOTENCY_KEY}: {key}")),
            self.body.map(|_| format!("Content-Type: {JSON}")),
        ];
        let head = fields.into_iter().flatten().collect::<Vec<_>>().join("\n");
        let mut exchange = Exchange {
            title: self.title.to_owned(),
            method: self.method.to_string(),
            url: self.url,
            head,
            body: self.body.map(pretty).unwrap_or_default(),
            status: None,
            answer_head: String::new(),
            answer: String::new(),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => {
                exchange.answer = format!("No answer: {fault}.");
                return (exchange, None);
            }
        };
        exchange.status = Some(answer.status().as_u16());
        exchange.answer_head = telling(answer.headers());
        let json: Option<Value> = serde_json::from_slice(answer.body()).ok();
        exchange.answer = bounded(match &json {
            Some(json) => pretty(json),
            None => String::from_utf8_lossy(answer.body()).into_owned(),
        });
        let json = json.filter(|_| answer.status().is_success());
        (exchange, json)
    }
}

impl Exchange {
    /// A request to the token endpoint as the application itself would send it.
    pub(super) fn of_token(
        site: &Site,
        application: &Application,
        (title, form): (&str, &[(&str, &str)]),
        result: &Result<Tokens, NoToken>,
    ) -> Self {
        let mut lines: Vec<_> = form.iter().map(|(name, value)| field(name, value)).collect();
        let head = match application.authentication {
            Authentication::Secret => "Authorization: Basic (client id and secret)",
            Authentication::PrivateKey => {
                lines.push("client_assertion=(signed with the application’s key)".to_owned());
                ""
            }
            Authentication::None => {
                lines.push(format!("client_id={}", application.client_id));
                ""
            }
        };
        let (status, answer) = match result {
            Ok(tokens) => {
                let mut json = json!(tokens);
                for name in ["access_token", "refresh_token"] {
                    if let Some(Value::String(text)) = json.get_mut(name) {
                        *text = shortened(text);
                    }
                }
                (Some(StatusCode::OK), pretty(&json))
            }
            Err(NoToken::Fault(fault)) => {
                let json = json!({ "error": fault.code(), "error_description": fault.text() });
                (Some(fault.status()), pretty(&json))
            }
            Err(fault @ NoToken::Bound) => (None, fault.text().to_owned()),
        };
        Self {
            title: title.to_owned(),
            method: "POST".to_owned(),
            url: format!("{}/token", site.issuer),
            head: head.to_owned(),
            body: lines.join("\n&"),
            status: status.map(|status| status.as_u16()),
            answer_head: String::new(),
            answer,
        }
    }

    /// The request as it went out: line, fields, and the body after an empty line.
    pub(super) fn sent(&self) -> String {
        message(&format!("{} {}", self.method, self.url), &self.head, &self.body)
    }

    /// The answer likewise.
    pub(super) fn came_back(&self) -> String {
        message(&self.status_text(), &self.answer_head, &self.answer)
    }

    /// `201 Created`
    pub(super) fn status_text(&self) -> String {
        let Some(number) = self.status else { return "no answer".to_owned() };
        let reason = StatusCode::from_u16(number).ok().and_then(|status| status.canonical_reason());
        format!("{number} {}", reason.unwrap_or_default())
    }

    /// Whether it was answered as wished.
    pub(super) fn is_good(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// What was written down; unreadable is what nobody kept.
pub(super) fn read(kept: &str) -> Vec<Exchange> {
    serde_json::from_str(kept).unwrap_or_default()
}

/// Adds what happened. Of several of one title the newest is kept, so that nobody fills the page by pressing a button.
pub(super) fn add(kept: &str, more: Vec<Exchange>) -> String {
    let mut all = read(kept);
    for exchange in more {
        all.retain(|held| held.title != exchange.title);
        all.push(exchange);
    }
    json!(all).to_string()
}

/// Enough to recognise a token, and no more.
pub(super) fn shortened(token: &str) -> String {
    let shown = if token.len() > 4 * SHOWN_CHARS { SHOWN_CHARS } else { 0 };
    format!("{}…", token.chars().take(shown).collect::<String>())
}

fn message(line: &str, head: &str, body: &str) -> String {
    let head = [line, head].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
    if body.is_empty() { head } else { format!("{head}\n\n{body}") }
}

fn field(name: &str, value: &str) -> String {
    let is_secret = matches!(name, "code" | "code_verifier" | "refresh_token");
    if is_secret { format!("{name}={}", shortened(value)) } else { format!("{name}={value}") }
}

fn pretty(json: &Value) -> String {
    serde_json::to_string_pretty(json).unwrap_or_default()
}

fn bounded(text: String) -> String {
    match text.char_indices().nth(ANSWER_CHARS_MAX) {
        Some((end, _)) => format!("{}\n… and more", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn telling(headers: &HeaderMap) -> String {
    let named = [("WWW-Authenticate", header::WWW_AUTHENTICATE), ("Retry-After", header::RETRY_AFTER)];
    let lines =
        named.into_iter().filter_map(|(name, header)| Some(format!("{name}: {}", headers.get(header)?.to_str().ok()?)));
    lines.collect::<Vec<_>>().join("\n")
}

const JSON: &str = "application/json";
const IDEMPOTENCY_KEY: &str = "x-idempotency-key";
/// The bank answers slowly on purpose where a developer wishes it: within five seconds.
const BOUNDS: Bounds = Bounds { total: Duration::from_secs(10), body_bytes_max: 256 * 1024 };
/// Some screens.
const ANSWER_CHARS_MAX: usize = 12_000;
const SHOWN_CHARS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_and_no_more() {
        for (token, shown) in [("", "…"), ("short", "…"), (&"a".repeat(40), "…"), (&"a".repeat(41), "aaaaaaaaaa…")]
        {
            assert_eq!(shortened(token), shown);
        }
        assert_eq!(
            (field("code", "secret"), field("scope", "accounts")),
            ("code=…".to_owned(), "scope=accounts".to_owned())
        );
    }

    #[test]
    fn an_answer_past_the_bound_is_cut() {
        let longest = "ç".repeat(ANSWER_CHARS_MAX);
        assert_eq!(bounded(longest.clone()), longest);
        assert!(bounded(format!("{longest}ç")).ends_with("ç\n… and more"));
    }

    #[test]
    fn of_one_title_the_newest_is_kept() {
        let one = |title: &str, answer: &str| Exchange {
            title: title.to_owned(),
            method: "GET".to_owned(),
            url: String::new(),
            head: String::new(),
            body: String::new(),
            status: Some(200),
            answer_head: String::new(),
            answer: answer.to_owned(),
        };
        let kept = add(&add("[]", vec![one("a", "1"), one("b", "1")]), vec![one("a", "2")]);
        let kept: Vec<_> = read(&kept).into_iter().map(|exchange| (exchange.title, exchange.answer)).collect();
        assert_eq!(kept, [("b", "1"), ("a", "2")].map(|(title, answer)| (title.to_owned(), answer.to_owned())));
    }
}
