//! The operators' listener: is it alive, is it ready, what does it count, which keys verify what it signs, whose tokens are
//! revoked. It asks nobody who they are, so `config` lets it listen on loopback only.

mod arrivals;
mod events;
pub mod exposition;
mod introspection;
mod quotas;
mod revoke;
mod servers;
mod status_list;

use crate::gateway::Shared;
use crate::gateway::assertion::keys::Keys;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

/// What the admin listener tells.
#[derive(Clone)]
pub struct Admin {
    /// What the workers share.
    pub shared: Arc<Shared>,
    /// Reloads and drain, as they went.
    pub state: Arc<State>,
}

/// The life of the process as operators ask about it.
#[derive(Debug, Default)]
pub struct State {
    /// Set when the process has begun to leave.
    pub is_draining: AtomicBool,
    /// Whether the last reload was refused.
    pub last_reload_failed: AtomicBool,
    /// Successors that did not come to serve.
    pub takeovers_failed: AtomicU64,
}

impl Admin {
    /// Answers the requests of one connection.
    pub async fn serve(self, stream: TcpStream) {
        let service = service_fn(|request| async { Ok::<_, Infallible>(self.answer(request).await) });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(fault) = served {
            tracing::debug!(%fault, "an admin connection broke off");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        match (head.uri.path(), &head.method) {
            ("/revoke", &Method::POST) => match whole(body).await {
                Ok(body) => revoke::answer(&self.shared, &head.headers, &body),
                Err((status, why)) => text(status, format!("{why}\n")),
            },
            ("/events", &Method::POST) => match events::admit(&self.shared, &head.headers) {
                Some(refusal) => refusal,
                None => match whole(body).await {
                    Ok(body) => events::answer(&self.shared, &body),
                    Err((status, why)) => events::unreadable(&self.shared, status, why),
                },
            },
            ("/revoke" | "/events", _) => other_method("POST"),
            ("/livez" | "/readyz" | "/metrics" | "/jwks.json", &Method::GET | &Method::HEAD) => {
                self.page(head.uri.path())
            }
            ("/livez" | "/readyz" | "/metrics" | "/jwks.json", _) => other_method("GET, HEAD"),
            _ => text(StatusCode::NOT_FOUND, NOTHING_ELSE.to_owned()),
        }
    }

    fn page(&self, path: &str) -> Response<Full<Bytes>> {
        match path {
            "/readyz" => self.ready(),
            "/metrics" => match exposition::render(&self.shared, &self.state) {
                Ok(page) => typed(StatusCode::OK, exposition::CONTENT_TYPE, page),
                Err(fault) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot render the metrics: {fault}\n")),
            },
            "/jwks.json" => self.keys(),
            _ => text(StatusCode::OK, "alive\n".to_owned()),
        }
    }

    /// What assertions are verified with: public halves alone.
    fn keys(&self) -> Response<Full<Bytes>> {
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

    /// Ready when every issuer has keys and nobody has told us to leave. The listeners are bound before this
    /// listener is.
    fn ready(&self) -> Response<Full<Bytes>> {
        if self.state.is_draining.load(Ordering::Relaxed) {
            return text(StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
        }
        let missing = self.missing();
        if missing.is_empty() {
            text(StatusCode::OK, "ready\n".to_owned())
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, missing.concat())
        }
    }
}

impl Admin {
    /// What requests cannot be answered without and is not there, a line each.
    pub fn missing(&self) -> Vec<String> {
        let policy = self.shared.policy.load();
        let cold = policy.verifier.issuers().iter().filter(|issuer| issuer.has_keys() && !issuer.keys.is_warm());
        cold.map(|issuer| format!("issuer {}: no keys yet\n", issuer.settings.name)).collect()
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

fn other_method(allowed: &'static str) -> Response<Full<Bytes>> {
    let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, format!("only {allowed}\n"));
    refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    refusal
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", body)
}

fn typed(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A revocation, or a security event with reasons in every language.
const ADMIN_BODY_BYTES_MAX: usize = 16 * 1024;
/// From a request's head to the end of its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// A scraper sends its head at once.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// To whoever looks for something else.
const NOTHING_ELSE: &str = "there is /livez, /readyz, /metrics, /jwks.json, /revoke and /events\n";
