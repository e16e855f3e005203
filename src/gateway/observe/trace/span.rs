//! The two spans of a request, with the attributes of OpenTelemetry's conventions for HTTP. The path's template and not the
//! path, no query, no address of a client: what a trace needs, and nothing that is a person's.

use super::super::metrics::Outcome;
use super::super::record::Record;
use super::Trace;
use super::message::{Value, attribute, bytes, fixed32, fixed64, number};
use crate::gateway::reason::Reason;
use http::{Method, Version};

impl Record {
    /// Hands its spans over, if it is sampled.
    pub(in super::super) fn trace(&self, took_us: u64) {
        let Some(trace) = self.trace.as_deref().filter(|trace| trace.is_sampled) else { return };
        let Some(spans) = self.plan.spans() else { return };
        let exchange = self.upstream_us.map(|wait_us| (trace.sent_after_us.get(), wait_us));
        spans.add(1 + usize::from(exchange.is_some()), |out| {
            bytes(out, SPANS, &self.server_span(trace, took_us));
            if let Some((after_us, wait_us)) = exchange {
                bytes(out, SPANS, &self.client_span(trace, after_us, wait_us));
            }
        });
    }

    fn server_span(&self, trace: &Trace, took_us: u64) -> Vec<u8> {
        let method = self.method_name();
        let route = self.route().map(|route| &*route.path);
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let parent = trace.parent.map(|parent| parent.span);
        let mut span = self.begin(trace, (trace.span, parent), &name, (SERVER, 0, took_us));
        let mut text = |key, value: Option<&str>| {
            if let Some(value) = value {
                attribute(&mut span, ATTRIBUTES, key, Value::Text(value));
            }
        };
        text("http.request.method", Some(method));
        text("http.route", route);
        text("network.protocol.version", self.version.map(version));
        text("scopegate.interaction_id", Some(self.id.as_str()));
        text("scopegate.issuer", self.token.as_ref().map(|token| &*token.issuer().settings.name));
        text("scopegate.client_id", self.token.as_ref().and_then(|token| token.client_id()));
        text("scopegate.end", self.end.name());
        let (status, reason) = match self.outcome {
            Outcome::Passed(status) => (status, None),
            Outcome::Refused(reason) => (reason.status(), Some(reason.name())),
        };
        text("scopegate.reason", reason);
        let is_failed = status.is_server_error();
        text("error.type", is_failed.then(|| reason.unwrap_or_else(|| status.as_str())));
        attribute(&mut span, ATTRIBUTES, "http.response.status_code", Value::Number(u64::from(status.as_u16())));
        // Of a server's span a client's fault is no error.
        finish(span, is_failed, trace.parent.is_some())
    }

    fn client_span(&self, trace: &Trace, after_us: u64, wait_us: u64) -> Vec<u8> {
        let method = self.method_name();
        let mut span = self.begin(trace, (trace.exchange, Some(trace.span)), method, (CLIENT, after_us, wait_us));
        attribute(&mut span, ATTRIBUTES, "http.request.method", Value::Text(method));
        let server = trace.server.borrow();
        if let Some((host, port)) = server.rsplit_once(':') {
            attribute(&mut span, ATTRIBUTES, "server.address", Value::Text(host.trim_matches(['[', ']'])));
            if let Ok(port) = port.parse() {
                attribute(&mut span, ATTRIBUTES, "server.port", Value::Number(port));
            }
        }
        let (mut is_failed, mut kind) = (false, None);
        match self.outcome {
            Outcome::Passed(status) => {
                attribute(
                    &mut span,
                    ATTRIBUTES,
                    "http.response.status_code",
                    Value::Number(u64::from(status.as_u16())),
                );
                is_failed = status.is_client_error() || status.is_server_error();
                kind = is_failed.then(|| status.as_str().to_owned());
            }
            Outcome::Refused(reason) if reason != Reason::Internal => {
                is_failed = true;
                kind = Some(reason.name().to_owned());
            }
            Outcome::Refused(_) => {}
        }
        if let Some(kind) = kind {
            attribute(&mut span, ATTRIBUTES, "error.type", Value::Text(&kind));
        }
        finish(span, is_failed, false)
    }

    fn begin(
        &self,
        trace: &Trace,
        (id, parent): (u64, Option<u64>),
        name: &str,
        (kind, after_us, took_us): (u64, u64, u64),
    ) -> Vec<u8> {
        let start_us = self.now_ms.saturating_mul(1000).saturating_add(after_us);
        let mut span = Vec::with_capacity(SPAN_BYTES);
        bytes(&mut span, 1, &trace.id.to_be_bytes());
        bytes(&mut span, 2, &id.to_be_bytes());
        if let Some(parent) = parent {
            bytes(&mut span, 4, &parent.to_be_bytes());
        }
        bytes(&mut span, 5, name.as_bytes());
        number(&mut span, 6, kind);
        fixed64(&mut span, 7, start_us.saturating_mul(1000));
        fixed64(&mut span, 8, start_us.saturating_add(took_us).saturating_mul(1000));
        span
    }

    /// A method that a client made up is none of a closed set.
    fn method_name(&self) -> &str {
        match &self.method {
            Some(method) if KNOWN.contains(method) => method.as_str(),
            Some(_) | None => "_OTHER",
        }
    }
}

fn finish(mut span: Vec<u8>, is_failed: bool, is_parent_remote: bool) -> Vec<u8> {
    if is_failed {
        let mut status = Vec::new();
        number(&mut status, 3, ERROR);
        bytes(&mut span, 15, &status);
    }
    fixed32(&mut span, 16, SAMPLED | KNOWS_REMOTE | if is_parent_remote { IS_REMOTE } else { 0 });
    span
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    }
}

/// Of `ScopeSpans`.
const SPANS: u32 = 2;
/// Of `Span`.
const ATTRIBUTES: u32 = 9;
/// `SpanKind`.
const SERVER: u64 = 2;
const CLIENT: u64 = 3;
/// `StatusCode`.
const ERROR: u64 = 2;
/// `SpanFlags`.
const SAMPLED: u32 = 1;
const KNOWS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
/// Room for a usual one.
const SPAN_BYTES: usize = 384;
/// Those of the conventions.
const KNOWN: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::CONNECT,
    Method::OPTIONS,
    Method::TRACE,
    Method::PATCH,
];
