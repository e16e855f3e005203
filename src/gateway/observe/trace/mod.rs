//! Traces: a sampled request becomes two spans, its own and that of the exchange with the upstream, which an exporter
//! delivers by OTLP over HTTP. A request that is not sampled costs a few random octets; where nothing is configured,
//! a branch.
//!
//! The spans are made from the request's finished record and encoded here: three messages of OTLP in a hundred lines,
//! where the common crates bring eighteen others and a thread that cannot use our client.

pub mod context;
pub mod export;
pub mod message;
mod span;

use super::super::http1::fields::Fields;
use super::record::Record;
use crate::config;
use crate::config::bounds::{TRACE_BATCH_SPANS, TRACE_BATCHES_MAX};
use crate::config::tracing::TrustParent;
use context::{Parent, TRACEPARENT, TRACESTATE};
use http::HeaderValue;
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, mpsc};

/// Which requests are traced, and where their spans go.
#[derive(Debug)]
pub struct Tracing {
    /// As they were configured.
    pub settings: config::tracing::Tracing,
    sender: mpsc::Sender<Batch>,
    batches: Mutex<Option<mpsc::Receiver<Batch>>>,
    /// What became of them.
    pub counts: Arc<Counts>,
    /// Told when what is left is to be delivered.
    pub closing: Arc<Notify>,
}

/// What became of the spans of this process; a reload goes on with it.
#[derive(Debug, Default)]
pub struct Counts {
    /// Taken by the collector.
    pub exported: AtomicU64,
    /// Lost because too many waited.
    pub overflowed: AtomicU64,
    /// Lost because the collector could not be reached, or said no.
    pub refused: AtomicU64,
}

/// Spans as they stand in a delivery.
#[derive(Debug, Default)]
pub struct Batch {
    /// Each with its tag and length.
    pub(super) octets: Vec<u8>,
    pub(super) spans: usize,
}

/// The spans of one worker that were not handed over yet.
#[derive(Debug)]
pub struct Spans {
    batch: RefCell<Batch>,
    tracing: Arc<Tracing>,
}

/// The place of one request in its trace.
#[derive(Debug)]
pub struct Trace {
    id: u128,
    parent: Option<Parent>,
    span: u64,
    /// Of the exchange with the upstream.
    exchange: u64,
    pub(super) is_sampled: bool,
    /// What the upstream is told.
    field: HeaderValue,
    keeps_state: bool,
    /// Where the exchange was with, and how long after the request it began.
    server: RefCell<String>,
    pub(super) sent_after_us: Cell<u64>,
}

impl Tracing {
    /// Nothing is delivered before somebody takes the batches.
    pub fn new(settings: config::tracing::Tracing, counts: Arc<Counts>) -> Self {
        let (sender, batches) = mpsc::channel(TRACE_BATCHES_MAX);
        Self { settings, sender, batches: Mutex::new(Some(batches)), counts, closing: Arc::default() }
    }

    /// The spans, for whoever delivers them; once.
    pub fn take_batches(&self) -> Option<mpsc::Receiver<Batch>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether nobody has taken them yet.
    pub fn is_idle(&self) -> bool {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The place of a request with these fields. `is_hop`: it comes from a proxy of ours.
    pub fn place(&self, fields: &Fields, is_hop: bool, chance: [u64; 4]) -> Trace {
        let parent = context::parent(fields);
        let trusted = parent.filter(|_| match self.settings.trust_parent {
            TrustParent::Hops => is_hop,
            TrustParent::Always => true,
            TrustParent::Never => false,
        });
        let [high, low, span, exchange] = chance;
        // The client may have chosen the trace's id: nothing is decided by it.
        let is_sampled = trusted.map_or_else(|| self.throws(high), |parent| parent.is_sampled);
        let new = u128::from(high) << 64 | u128::from(low);
        let id = parent.map_or(new.max(1), |parent| parent.trace);
        let (span, exchange) = (span.max(1), exchange.max(1));
        Trace {
            id,
            parent,
            span,
            exchange,
            is_sampled,
            field: context::write(id, exchange, is_sampled),
            keeps_state: parent.is_some() && context::is_state_fit(fields),
            server: RefCell::default(),
            sent_after_us: Cell::default(),
        }
    }

    /// 53 of the bits are a fraction below 1.
    #[expect(clippy::cast_precision_loss, reason = "they fit")]
    fn throws(&self, chance: u64) -> bool {
        ((chance >> 11) as f64 / (1_u64 << 53) as f64) < self.settings.sample
    }
}

impl Trace {
    /// The trace's id in hexadecimal digits.
    pub fn id(&self) -> &str {
        self.field.to_str().ok().and_then(|field| field.get(3..35)).unwrap_or_default()
    }

    /// `traceparent`, as the upstream is told it.
    pub fn field(&self) -> &HeaderValue {
        &self.field
    }

    /// Whether a client's field of this name ends here: its own place in the trace, and a state that belongs to none.
    pub fn replaces(&self, name: &[u8]) -> bool {
        name == TRACEPARENT.as_str().as_bytes() || (!self.keeps_state && name == TRACESTATE.as_str().as_bytes())
    }

    /// It went to this server.
    pub fn sent_to(&self, server: &dyn std::fmt::Display) {
        if self.is_sampled {
            self.server.replace(server.to_string());
        }
    }
}

impl Record {
    /// It has this place in a trace.
    pub fn placed(&mut self, trace: Trace) {
        self.trace = Some(Box::new(trace));
    }

    /// Its place in a trace, where requests are traced.
    pub fn traced(&self) -> Option<&Trace> {
        self.trace.as_deref()
    }
}

impl Spans {
    /// None yet.
    pub fn new(tracing: &Arc<Tracing>) -> Self {
        Self { batch: RefCell::default(), tracing: Arc::clone(tracing) }
    }

    /// Adds what `write` appends, so many spans.
    pub fn add(&self, spans: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let mut batch = self.batch.borrow_mut();
        write(&mut batch.octets);
        batch.spans += spans;
        if batch.spans >= TRACE_BATCH_SPANS {
            self.hand_over(std::mem::take(&mut *batch));
        }
    }

    /// Hands over what there is. Nobody waits: where too many wait already, these are lost and counted.
    pub fn flush(&self) {
        let mut batch = self.batch.borrow_mut();
        if batch.spans > 0 {
            self.hand_over(std::mem::take(&mut *batch));
        }
    }

    fn hand_over(&self, batch: Batch) {
        let spans = batch.spans as u64;
        if self.tracing.sender.try_send(batch).is_err() {
            self.tracing.counts.overflowed.fetch_add(spans, Ordering::Relaxed);
        }
    }
}

impl Drop for Spans {
    fn drop(&mut self) {
        self.flush();
    }
}
