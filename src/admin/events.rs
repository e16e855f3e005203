//! `POST /events`: takes a security event token that an issuer pushes (RFC 8935 §2). When it answers 202, what the event
//! demands is written down and holds for the next request of every worker, and other gateways can know.

use super::exposition::{counter, family, gauge, label};
use super::revoke::only_here;
use super::{text, typed};
use crate::gateway::Shared;
use crate::gateway::verify::events::{Code, NotTaken};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use prometheus::proto::{MetricFamily, MetricType};

/// Whether its sender may send, so that its body is worth reading; if not, the answer.
pub(super) fn admit(shared: &Shared, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    let policy = shared.policy.load();
    let Some(reception) = &policy.events else {
        return Some(text(StatusCode::NOT_FOUND, "no issuer's events are taken\n".to_owned()));
    };
    if let Err(why) = reception.check_sender(headers, &shared.events) {
        return Some(refuse(&why));
    }
    let is_token = headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        let essence = value.as_bytes().split(|b| *b == b';').next().unwrap_or_default();
        essence.trim_ascii().eq_ignore_ascii_case(b"application/secevent+jwt")
    });
    (!is_token).then(|| unreadable(shared, StatusCode::BAD_REQUEST, "the body is not application/secevent+jwt"))
}

/// Answers one request whose body is `body`.
pub(super) async fn answer(shared: &Shared, body: &[u8]) -> Response<Full<Bytes>> {
    if let Some(refusal) = receive(shared, body) {
        return refusal;
    }
    // A repeat waits for it, too: its first may not have been told.
    let taken = || Response::builder().status(StatusCode::ACCEPTED).body(Full::default()).unwrap_or_default();
    only_here(shared).await.unwrap_or_else(taken)
}

/// Takes one, or gives the answer that it was not taken.
fn receive(shared: &Shared, body: &[u8]) -> Option<Response<Full<Bytes>>> {
    let policy = shared.policy.load();
    // A reload may have come while the body did.
    let Some(reception) = &policy.events else {
        return Some(text(StatusCode::NOT_FOUND, "no issuer's events are taken\n".to_owned()));
    };
    let outcome = reception.receive(body, (&shared.revocations, &shared.events), &shared.clock);
    match outcome {
        Ok(taken) => {
            let entries = taken.entries.to_string();
            shared.audit("security_event", &[("outcome", "taken"), ("issuer", &taken.issuer), ("entries", &entries)]);
            None
        }
        Err(why) => {
            shared.audit("security_event", &[("outcome", "refused"), ("reason", why.name())]);
            Some(refuse(&why))
        }
    }
}

/// The answer to a body that did not arrive whole.
pub(super) fn unreadable(shared: &Shared, status: StatusCode, why: &'static str) -> Response<Full<Bytes>> {
    shared.events.unreadable();
    fault(status, Code::InvalidRequest, why)
}

fn refuse(why: &NotTaken) -> Response<Full<Bytes>> {
    match why {
        NotTaken::Bad(Code::AuthenticationFailed, why) => {
            let mut answer = fault(StatusCode::UNAUTHORIZED, Code::AuthenticationFailed, why);
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            answer
        }
        NotTaken::Bad(code, why) => {
            tracing::warn!(code = code.as_str(), why, "a security event was refused");
            fault(StatusCode::BAD_REQUEST, *code, why)
        }
        NotTaken::NoKeys(seconds) => later(*seconds, "the issuer's keys cannot be had now"),
        NotTaken::List(refused) => {
            tracing::error!(%refused, "a security event was not taken");
            later(LIST_RETRY_S, "it cannot be kept now")
        }
    }
}

/// RFC 8935 §2.4.
fn fault(status: StatusCode, code: Code, why: &str) -> Response<Full<Bytes>> {
    let body = serde_json::json!({"err": code.as_str(), "description": why});
    let mut answer = typed(status, "application/json", body.to_string());
    answer.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    answer
}

/// Not the event's fault: it has to come again.
fn later(seconds: u32, why: &str) -> Response<Full<Bytes>> {
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
    answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    answer
}

/// Empty where nobody's events are taken.
pub(super) fn families(shared: &Shared) -> Vec<MetricFamily> {
    let policy = shared.policy.load();
    let Some(reception) = &policy.events else { return Vec::new() };
    let tokens = shared.events.tokens().map(|(outcome, count)| counter(count, vec![label("outcome", outcome)]));
    let events = shared
        .events
        .events()
        .map(|(kind, fate, count)| counter(count, vec![label("event", kind), label("outcome", fate)]));
    let last = reception.issuers().iter().filter_map(|issuer| {
        let name = &issuer.settings.name;
        #[expect(clippy::cast_precision_loss, reason = "the exposition format has only floats")]
        let seconds = shared.events.last(name)?.0 as f64;
        Some(gauge(seconds, vec![label("issuer", name)]))
    });
    let counters = MetricType::COUNTER;
    vec![
        family("security_event_tokens_total", "Posts to /events, by how they went.", counters, tokens.collect()),
        family("security_events_total", "Events in genuine tokens, by type.", counters, events.collect()),
        family(
            "security_event_last_timestamp_seconds",
            "When the last token of an issuer was taken.",
            MetricType::GAUGE,
            last.collect(),
        ),
    ]
}

/// Somebody has to make room, or mend a disk.
const LIST_RETRY_S: u32 = 30;
