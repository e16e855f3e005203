//! `POST /explain`: what would become of a request, and why, by the keys, verdicts and revocations of this moment. The
//! request is not sent, nothing is counted or remembered, and no proof is used up.
//!
//! The body is one JSON object: `method`, `path`, and where wanted `host`, `headers` (by name, a text or a list of texts),
//! `token` without its scheme, and `certificate` as PEM. The answer is JSON, or text where `Accept` asks for it.

use super::revoke::wrong_sender;
use super::{text, typed};
use crate::gateway::Shared;
use crate::gateway::explain::case::{Asked, Case};
use crate::gateway::explain::trail::Network;
use crate::gateway::explain::{Explanation, explain};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    method: String,
    path: String,
    host: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, OneOrMany>,
    token: Option<String>,
    certificate: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Answers one request.
pub(super) async fn answer(shared: &Shared, headers: &HeaderMap, body: Incoming) -> Response<Full<Bytes>> {
    if let Some((status, why)) = wrong_sender(headers) {
        return text(status, why.to_owned());
    }
    let body = match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long, or broke off\n".to_owned()),
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time\n".to_owned()),
    };
    let wanted: Wanted = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        // What serde_json says may quote the token.
        Err(fault) if fault.is_data() => return bad("a member is unknown, missing or of the wrong type"),
        Err(_) => return bad("the body is not JSON"),
    };
    let case = match Case::new(&wanted.asked()) {
        Ok(case) => case,
        Err(why) => return bad(&why.to_string()),
    };
    let policy = shared.policy.load_full();
    let explanation = explain(&policy, case, (shared.clock.now(), Network::Allowed)).await;
    written(headers, &explanation)
}

impl Wanted {
    fn asked(&self) -> Asked<'_> {
        let headers = self
            .headers
            .iter()
            .flat_map(|(name, values)| values.all().iter().map(move |value| (name.as_str(), value.as_str())));
        Asked {
            method: &self.method,
            path: &self.path,
            host: self.host.as_deref(),
            headers: headers.collect(),
            token: self.token.as_deref().map(str::as_bytes),
            certificate: self.certificate.as_deref().map(str::as_bytes),
        }
    }
}

impl OneOrMany {
    fn all(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

fn written(headers: &HeaderMap, explanation: &Explanation) -> Response<Full<Bytes>> {
    let accepts_text = |value: &http::HeaderValue| value.as_bytes().starts_with(b"text/plain");
    if headers.get(header::ACCEPT).is_some_and(accepts_text) {
        return text(StatusCode::OK, explanation.to_string());
    }
    match serde_json::to_string_pretty(explanation) {
        Ok(json) => typed(StatusCode::OK, "application/json", json),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the explanation could not be written\n".to_owned()),
    }
}

fn bad(why: &str) -> Response<Full<Bytes>> {
    text(StatusCode::BAD_REQUEST, format!("nothing can be explained: {why}\n"))
}

/// Tokens of 8 KiB, a certificate and as many headers as clients send.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// From the head to the end of the body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
