//! The operators' listener: is it alive, is it ready, what does it count, how does it stand, which keys verify what it signs;
//! what would become of a request, whose tokens are revoked, is the configuration read again. `door` says who is let in.

mod arrivals;
pub mod door;
mod events;
mod explain;
pub mod exposition;
pub mod history;
mod introspection;
mod logs;
mod quotas;
pub mod reloads;
mod revoke;
mod serve;
mod servers;
mod services;
mod shadow;
mod state;
pub mod status;
mod status_list;

use crate::clock::UnixSeconds;
use crate::gateway::Shared;
use crate::gateway::assertion::keys::Keys;
use crate::gateway::verify::events::Reception;
use arc_swap::ArcSwap;
use bytes::Bytes;
use door::{Access, TurnedCounts};
use history::History;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use reloads::Reloads;
use status::series::Series;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What the admin listener tells.
#[derive(Clone)]
pub struct Admin {
    /// What the workers share.
    pub shared: Arc<Shared>,
    /// The process, as it went.
    pub state: Arc<State>,
    /// Who is let in; replaced by a reload.
    pub access: Arc<ArcSwap<Access>>,
}

/// The life of the process as operators ask about it.
#[derive(Debug)]
pub struct State {
    /// When it began.
    pub started: UnixSeconds,
    /// Set when the process has begun to leave.
    pub is_draining: AtomicBool,
    /// Set when there was nothing more that it needed to answer requests.
    was_ready: AtomicBool,
    /// Successors that did not come to serve.
    pub takeovers_failed: AtomicU64,
    /// Reloads, as they went.
    pub reloads: Reloads,
    /// What changed.
    pub history: History,
    turned: TurnedCounts,
    places: Semaphore,
    /// For whoever asks from this machine, where strangers have taken all of those.
    near_places: Semaphore,
    series: Mutex<Series>,
}

/// What is answered.
type Answer = Response<Full<Bytes>>;

impl State {
    /// Of a process that begins now.
    pub fn new(started: UnixSeconds) -> Self {
        Self {
            started,
            is_draining: AtomicBool::new(false),
            was_ready: AtomicBool::new(false),
            takeovers_failed: AtomicU64::new(0),
            reloads: Reloads::default(),
            history: History::default(),
            turned: TurnedCounts::default(),
            places: Semaphore::new(ADMIN_CONNECTIONS_MAX),
            near_places: Semaphore::new(ADMIN_NEAR_CONNECTIONS_MAX),
            series: Mutex::default(),
        }
    }
}

impl Admin {
    async fn answer(&self, head: Parts, body: Incoming) -> Answer {
        match (head.uri.path(), &head.method) {
            ("/revoke", &Method::POST) => match whole(body).await {
                Ok(body) => revoke::answer(&self.shared, &head.headers, &body).await,
                Err((status, why)) => text(status, format!("{why}\n")),
            },
            ("/events", &Method::POST) => match events::admit(&self.shared, &head.headers) {
                Some(refusal) => refusal,
                None => match whole(body).await {
                    Ok(body) => events::answer(&self.shared, &body).await,
                    Err((status, why)) => events::unreadable(&self.shared, status, why),
                },
            },
            ("/reload", &Method::POST) => self.state.reloads.answer().await,
            ("/explain", &Method::POST) => explain::answer(&self.shared, &head.headers, body).await,
            ("/revoke" | "/events" | "/reload" | "/explain", _) => other_method("POST"),
            (path, &Method::GET | &Method::HEAD) if PAGES.contains(&path) => self.page(path),
            (path, _) if PAGES.contains(&path) => other_method("GET, HEAD"),
            _ => text(StatusCode::NOT_FOUND, NOTHING_ELSE.to_owned()),
        }
    }

    fn page(&self, path: &str) -> Answer {
        match path {
            "/readyz" => self.ready(),
            "/metrics" => match exposition::render(self) {
                Ok(page) => typed(StatusCode::OK, exposition::CONTENT_TYPE, page),
                Err(fault) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot render the metrics: {fault}\n")),
            },
            "/jwks.json" => self.keys(),
            "/status" => status::page(self),
            "/status.json" => status::json(self),
            _ => text(StatusCode::OK, "alive\n".to_owned()),
        }
    }

    /// What assertions are verified with: public halves alone.
    fn keys(&self) -> Answer {
        let policy = self.shared.policy.load();
        let Some(assertions) = &policy.assertions else {
            return text(
                StatusCode::NOT_FOUND,
                "nothing is signed here: there is no `assertion` configured\n".to_owned(),
            );
        };
        let mut answer = typed(StatusCode::OK, "application/jwk-set+json", assertions.keys().set());
        let age = format!("public, max-age={}", Keys::AGE.as_secs());
        if let Ok(age) = HeaderValue::try_from(age) {
            answer.headers_mut().insert(header::CACHE_CONTROL, age);
        }
        answer
    }

    /// Ready once every issuer has had keys, until somebody tells us to leave. The listeners are bound before this
    /// listener is.
    ///
    /// A gateway that serves is not taken out again by one issuer, new or old, that cannot be reached: the others' tokens
    /// would find nobody, and that issuer's get no better answer elsewhere. One that refuses every token, since it cannot know
    /// what others have revoked, is: another may know.
    fn ready(&self) -> Answer {
        match self.unready() {
            None => text(StatusCode::OK, format!("ready\n{}", self.missing().concat())),
            Some(why) => text(StatusCode::SERVICE_UNAVAILABLE, why),
        }
    }

    /// What `/readyz` says.
    pub fn is_ready(&self) -> bool {
        self.unready().is_none()
    }

    /// Why no new clients should be sent here, where that is so.
    fn unready(&self) -> Option<String> {
        if self.state.is_draining.load(Ordering::Relaxed) {
            return Some("draining\n".to_owned());
        }
        if self.shared.audit.as_ref().is_some_and(|audit| !audit.has_room()) {
            return Some("audit log: it cannot be written\n".to_owned());
        }
        let is_ready = self.note_ready() && !self.shared.revocations.is_behind();
        (!is_ready).then(|| self.missing().concat())
    }

    /// Whether it is ready, or has been.
    pub fn note_ready(&self) -> bool {
        if self.missing().is_empty() {
            self.state.was_ready.store(true, Ordering::Relaxed);
        }
        self.state.was_ready.load(Ordering::Relaxed)
    }

    /// Takes down how things stand. Called every `SAMPLE_INTERVAL`.
    pub fn sample(&self) {
        self.note_ready();
        let mut series = self.state.series.lock().unwrap_or_else(PoisonError::into_inner);
        series.sample(&self.shared, &self.state.history);
    }

    fn takes_events_by_token(&self) -> bool {
        self.shared.policy.load().events.as_ref().is_some_and(Reception::has_token)
    }

    /// What requests cannot be answered without and is not there, a line each.
    pub fn missing(&self) -> Vec<String> {
        let policy = self.shared.policy.load();
        let cold = policy.verifier.issuers().iter().filter(|issuer| issuer.has_keys() && !issuer.keys.is_warm());
        let mut missing: Vec<_> =
            cold.map(|issuer| format!("issuer {}: no keys yet\n", issuer.settings.name)).collect();
        if self.shared.revocations.is_behind() {
            missing.push("state: what other gateways have revoked is not known yet\n".to_owned());
        } else if self.shared.store.as_ref().is_some_and(|store| store.is_awaited()) {
            missing.push("state: not every worker has reached the store yet\n".to_owned());
        }
        missing
    }
}

/// The body of a request that changes something; what went wrong, if it did not arrive whole.
async fn whole(body: Incoming) -> Result<Bytes, (StatusCode, &'static str)> {
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, ADMIN_BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too long, or broke off")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
    }
}

fn other_method(allowed: &'static str) -> Answer {
    let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, format!("only {allowed}\n"));
    refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    refusal
}

fn text(status: StatusCode, body: String) -> Answer {
    typed(status, "text/plain; charset=utf-8", body)
}

fn typed(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What can be read.
const PAGES: [&str; 6] = ["/livez", "/readyz", "/metrics", "/jwks.json", "/status", "/status.json"];
/// Connections open at once; one more is closed. Dashboards, probes and some people have two or three each.
const ADMIN_CONNECTIONS_MAX: usize = 128;
/// Beside them, for probes and people on this machine.
const ADMIN_NEAR_CONNECTIONS_MAX: usize = 16;
/// A revocation, or a security event with reasons in every language.
const ADMIN_BODY_BYTES_MAX: usize = 16 * 1024;
/// From a request's head to the end of its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// To whoever looks for something else.
const NOTHING_ELSE: &str =
    "there is /status, /status.json, /livez, /readyz, /metrics, /jwks.json, /reload, /revoke, /events and /explain\n";
