//! Delivers spans to the collector by OTLP over HTTP, one delivery after the other. A collector that is away, slow or full
//! costs spans, which are counted, and never a request.

use super::message::{self, Value, attribute, bytes};
use super::{Batch, Counts, Tracing};
use crate::clock::Clock;
use crate::config;
use crate::config::bounds::{TRACE_ANSWER_BYTES_MAX, TRACE_DELIVERY_SPANS_MAX, TRACE_PAUSE_MAX, TRACE_TRIES_MAX};
use crate::config::secret::Secret;
use crate::net::fetch::{Bounds, Fetcher};
use crate::net::tls::{self, TlsFault};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// Delivers the spans of one configuration.
pub struct Exporter {
    batches: mpsc::Receiver<Batch>,
    settings: config::tracing::Tracing,
    fetcher: Fetcher,
    counts: Arc<Counts>,
    closing: Arc<Notify>,
    /// `Resource`, as a field of `ResourceSpans`.
    resource: Vec<u8>,
    /// The last delivery did not arrive.
    is_away: bool,
    /// Nothing comes any more: nothing is tried twice.
    is_closing: bool,
}

/// What became of one try.
enum Tried {
    /// The collector has it, but for so many of its spans.
    Taken(u64),
    /// It makes no sense to try again.
    Refused(String),
    /// It may be taken later: after so long, if the collector says so.
    Later(String, Option<Duration>),
}

impl Exporter {
    /// The one that takes the batches, if nobody has.
    pub fn new(tracing: &Tracing, clock: &Clock) -> Result<Option<Self>, TlsFault> {
        if !tracing.is_idle() {
            return Ok(None);
        }
        let fetcher = Fetcher::new(tls::client(tracing.settings.authorities.as_deref())?);
        let Some(batches) = tracing.take_batches() else { return Ok(None) };
        let settings = tracing.settings.clone();
        Ok(Some(Self {
            batches,
            resource: resource(&settings.service_name, clock),
            settings,
            fetcher,
            counts: Arc::clone(&tracing.counts),
            closing: Arc::clone(&tracing.closing),
            is_away: false,
            is_closing: false,
        }))
    }

    /// Delivers until nobody makes spans any more, or it is told that this is the end.
    pub async fn run(mut self) {
        while let Some(mut delivery) = self.next().await {
            let mut enough = pin!(tokio::time::sleep(if self.is_closing { Duration::ZERO } else { GATHER }));
            while delivery.spans < TRACE_DELIVERY_SPANS_MAX {
                let batch = tokio::select! {
                    biased;
                    Some(batch) = self.batches.recv() => batch,
                    () = &mut enough => break,
                    () = self.closing.notified(), if !self.is_closing => {
                        self.close();
                        continue;
                    }
                    else => break,
                };
                delivery.octets.extend_from_slice(&batch.octets);
                delivery.spans += batch.spans;
            }
            self.deliver(&delivery).await;
        }
    }

    async fn next(&mut self) -> Option<Batch> {
        if !self.is_closing {
            tokio::select! {
                batch = self.batches.recv() => return batch,
                () = self.closing.notified() => self.close(),
            }
        }
        self.batches.recv().await
    }

    fn close(&mut self) {
        self.is_closing = true;
        self.batches.close();
    }

    async fn deliver(&mut self, delivery: &Batch) {
        let body = Bytes::from(self.request(&delivery.octets));
        let mut pause = FIRST_PAUSE;
        for number in 1..=TRACE_TRIES_MAX {
            let (why, wait) = match self.post(&body).await {
                Tried::Taken(rejected) => return self.delivered(delivery.spans as u64, rejected),
                Tried::Refused(why) => return self.lost(delivery.spans as u64, &why),
                // Later than it asks for, rather than at once.
                Tried::Later(why, wait) => (why, wait.unwrap_or_default().clamp(pause, TRACE_PAUSE_MAX)),
            };
            if number == TRACE_TRIES_MAX || self.is_closing {
                return self.lost(delivery.spans as u64, &why);
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.closing.notified() => self.close(),
            }
            pause = (pause * 2).min(TRACE_PAUSE_MAX);
        }
    }

    async fn post(&self, body: &Bytes) -> Tried {
        let mut request = Request::new(body.clone());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.settings.collector.clone();
        let fields = request.headers_mut();
        fields.insert(header::CONTENT_TYPE, PROTOBUF);
        fields.insert(header::USER_AGENT, USER_AGENT);
        for (name, value) in &self.settings.headers {
            if let Ok(mut value) = HeaderValue::from_bytes(Secret::expose(value)) {
                value.set_sensitive(true);
                fields.insert(name, value);
            }
        }
        let bounds = Bounds { total: self.settings.timeout, body_bytes_max: TRACE_ANSWER_BYTES_MAX };
        match self.fetcher.send(request, bounds).await {
            Ok(answer) if answer.status().is_success() => Tried::Taken(message::rejected(answer.body()).unwrap_or(0)),
            Ok(answer) if is_temporary(answer.status()) => {
                Tried::Later(format!("it answered {}", answer.status()), retry_after(answer.headers()))
            }
            Ok(answer) => Tried::Refused(format!("it answered {}", answer.status())),
            Err(fault) => Tried::Later(fault.to_string(), None),
        }
    }

    /// `ExportTraceServiceRequest` around these spans.
    fn request(&self, spans: &[u8]) -> Vec<u8> {
        let (mut scope, mut scope_spans) = (Vec::new(), Vec::with_capacity(spans.len() + 64));
        bytes(&mut scope, 1, b"scopegate");
        bytes(&mut scope, 2, env!("CARGO_PKG_VERSION").as_bytes());
        bytes(&mut scope_spans, 1, &scope);
        scope_spans.extend_from_slice(spans);
        let mut resource_spans = self.resource.clone();
        bytes(&mut resource_spans, 2, &scope_spans);
        let mut request = Vec::with_capacity(resource_spans.len() + 8);
        bytes(&mut request, 1, &resource_spans);
        request
    }

    fn delivered(&mut self, spans: u64, rejected: u64) {
        let rejected = rejected.min(spans);
        self.counts.exported.fetch_add(spans - rejected, Ordering::Relaxed);
        self.counts.refused.fetch_add(rejected, Ordering::Relaxed);
        if std::mem::take(&mut self.is_away) {
            tracing::info!("the collector takes spans again");
        }
    }

    /// Said once for each time that it is away.
    fn lost(&mut self, spans: u64, why: &str) {
        self.counts.refused.fetch_add(spans, Ordering::Relaxed);
        if !std::mem::replace(&mut self.is_away, true) {
            tracing::warn!(why, "spans cannot be delivered to the collector and are lost; requests go on");
        }
    }
}

/// OTLP §OTLP/HTTP, retryable response codes.
fn is_temporary(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// In seconds; a date is not taken.
fn retry_after(fields: &HeaderMap) -> Option<Duration> {
    fields.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// What all spans have in common. The instance is of this process, so that two gateways can be told apart.
fn resource(service_name: &str, clock: &Clock) -> Vec<u8> {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    STARTED.compare_exchange(0, clock.now_ms(), Ordering::Relaxed, Ordering::Relaxed).ok();
    let instance = format!("{}-{}", std::process::id(), STARTED.load(Ordering::Relaxed));
    let mut resource = Vec::new();
    for (key, value) in [
        ("service.name", service_name),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", &instance),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", "scopegate"),
    ] {
        attribute(&mut resource, 1, key, Value::Text(value));
    }
    let mut field = Vec::new();
    bytes(&mut field, 1, &resource);
    field
}

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("scopegate/", env!("CARGO_PKG_VERSION")));
/// Spans of so long go together: each delivery opens a connection.
const GATHER: Duration = Duration::from_secs(1);
/// Doubled with every try.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
