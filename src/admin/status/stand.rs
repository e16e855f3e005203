//! How the parts stand: upstreams, issuers, certificates, configuration, connections, caches, workers.

use super::super::State;
use super::super::door::Access;
use super::super::reloads::Reload;
use super::series::Series;
use super::traffic::share;
use super::words;
use crate::clock::UnixSeconds;
use crate::gateway::Shared;
use crate::gateway::authorize::proof::Proofs;
use crate::gateway::forward::connect::Endpoint;
use crate::gateway::policy::{Endpoints, Policy};
use crate::gateway::verify;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

#[derive(Debug, Serialize)]
pub(super) struct Upstream {
    pub name: String,
    pub servers: Vec<Server>,
    /// Requests that wait for a connection.
    pub pending: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Server {
    pub address: String,
    pub up: bool,
    pub connections: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Issuer {
    pub name: String,
    pub identifier: String,
    /// `None`: it is asked about its tokens.
    pub keys: Option<usize>,
    /// Since they were last read.
    pub keys_age_seconds: Option<u64>,
    pub fetches_good: u64,
    pub fetches_failed: u64,
    pub status_lists: Option<usize>,
    pub status_lists_failing: Option<usize>,
}

#[derive(Debug, Serialize)]
pub(super) struct Certificate {
    pub listener: &'static str,
    pub name: String,
    pub key: Option<String>,
    pub not_after: i64,
    /// Less than 0 once it has ended.
    pub seconds_left: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct Config {
    pub generation: u64,
    /// When it was last read: at the start, or by a reload.
    pub last_reload: i64,
    /// Whether that was refused, and what was wrong.
    pub last_reload_failed: bool,
    pub last_error: Option<String>,
    pub routes: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Connections {
    pub open: usize,
    pub accepted_total: u64,
    pub closed_total: u64,
    pub refused_total: u64,
    pub http2_total: u64,
    pub handshakes_failed_total: u64,
    pub tunnels: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Caches {
    pub verdicts: usize,
    pub verdict_hits_total: u64,
    pub verdict_misses_total: u64,
    pub verdict_hit_share: Option<f64>,
    pub revocations: usize,
    pub proofs: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Worker {
    pub number: usize,
    pub connections: usize,
    /// Whether it has done anything in the last seconds, its chores at least.
    pub moves: bool,
}

impl Upstream {
    pub(super) fn all(policy: &Policy, now: Instant) -> Vec<Self> {
        let mut all = Vec::new();
        for (settings, Endpoints { servers, queue }) in policy.upstreams.iter().zip(&policy.endpoints) {
            let server = |(number, server): (usize, &Arc<Endpoint>)| Server {
                address: server.to_string(),
                up: !server.health.is_out(now),
                connections: queue.open(number),
            };
            let servers = servers.iter().enumerate().map(server).collect();
            all.push(Self { name: settings.name.to_string(), servers, pending: queue.pending() });
        }
        all
    }

    /// Whether none of its servers is asked.
    pub(super) fn is_out(&self) -> bool {
        self.servers.iter().all(|server| !server.up)
    }

    /// What an operator must hear of it.
    pub(super) fn note(&self) -> Option<String> {
        let out = self.servers.iter().filter(|server| !server.up).count();
        match (out, self.servers.len()) {
            (0, _) => None,
            (out, all) if out == all => Some(format!("upstream {}: no server answers", self.name)),
            (out, all) => Some(format!("upstream {}: {out} of {all} servers are left alone", self.name)),
        }
    }
}

impl Issuer {
    pub(super) fn all(policy: &Policy, now: Instant) -> Vec<Self> {
        policy.verifier.issuers().iter().map(|issuer| Self::of(issuer, now)).collect()
    }

    fn of(issuer: &verify::Issuer, now: Instant) -> Self {
        let lists = issuer.status_lists.as_ref();
        Self {
            name: issuer.settings.name.to_string(),
            identifier: issuer.settings.issuer.to_string(),
            keys: issuer.has_keys().then(|| issuer.keys.len()),
            keys_age_seconds: issuer.keys.last_good().map(|read| now.duration_since(read).as_secs()),
            fetches_good: issuer.keys.fetches.good.load(Ordering::Relaxed),
            fetches_failed: issuer.keys.fetches.failed.load(Ordering::Relaxed),
            status_lists: lists.map(|lists| lists.len()),
            status_lists_failing: lists.map(|lists| lists.failing()),
        }
    }
}

impl Certificate {
    /// Whether it should have been renewed by now.
    fn is_soon(&self) -> bool {
        self.seconds_left < EXPIRY_SOON
    }

    /// For the page.
    pub(super) fn tone(&self) -> &'static str {
        match (self.seconds_left, self.is_soon()) {
            (..=0, _) => "bad",
            (_, true) => "soon",
            (_, false) => "good",
        }
    }

    /// What an operator must hear of it.
    pub(super) fn note(&self) -> Option<String> {
        let left = words::left(self.seconds_left);
        self.is_soon().then(|| format!("certificate {} of the {} listener: {left}", self.name, self.listener))
    }

    /// The one that ends first, first.
    pub(super) fn all(policy: &Policy, access: &Access, now: UnixSeconds) -> Vec<Self> {
        let left = |not_after: UnixSeconds| not_after.0.saturating_sub(now.0);
        let public = policy.served.iter().map(|served| Self {
            listener: "public",
            name: served.name.clone(),
            key: Some(served.key.clone()),
            not_after: served.not_after.0,
            seconds_left: left(served.not_after),
        });
        let admin = access.certificate.iter().map(|shown| Self {
            listener: "admin",
            name: shown.name.clone(),
            key: None,
            not_after: shown.not_after.0,
            seconds_left: left(shown.not_after),
        });
        let mut all: Vec<_> = public.chain(admin).collect();
        all.sort_by_key(|certificate| certificate.not_after);
        all
    }
}

impl Config {
    /// What an operator must hear of it.
    pub(super) fn note(&self) -> Option<String> {
        let note = || format!("the last reload was refused: configuration {} goes on", self.generation);
        self.last_reload_failed.then(note)
    }

    pub(super) fn of(policy: &Policy, state: &State) -> Self {
        let last = state.reloads.last();
        let error = last.as_ref().and_then(|reload| reload.outcome.as_ref().err()).map(ToString::to_string);
        Self {
            generation: policy.generation,
            last_reload: last.map_or(state.started, |Reload { at, .. }| at).0,
            last_reload_failed: error.is_some(),
            last_error: error,
            routes: policy.router.routes().len(),
        }
    }
}

impl Connections {
    pub(super) fn of(shared: &Shared) -> Self {
        let metrics = &shared.metrics;
        Self {
            open: shared.admission.total(),
            accepted_total: metrics.total(|w| &w.connections_accepted),
            closed_total: metrics.total(|w| &w.connections_closed),
            refused_total: metrics.total(|w| &w.connections_refused)
                + metrics.total(|w| &w.connections_refused_network)
                + metrics.total(|w| &w.connections_untrusted),
            http2_total: metrics.total(|w| &w.connections_http2),
            handshakes_failed_total: metrics.total(|w| &w.handshakes_failed),
            tunnels: shared.tunnels.open(),
        }
    }
}

impl Caches {
    pub(super) fn of(shared: &Shared, policy: &Policy) -> Self {
        let (hits, misses) = (shared.metrics.total(|w| &w.verdict_hits), shared.metrics.total(|w| &w.verdict_misses));
        Self {
            verdicts: policy.verifier.cached(),
            verdict_hits_total: hits,
            verdict_misses_total: misses,
            verdict_hit_share: share(hits, hits + misses),
            revocations: shared.revocations.len(),
            proofs: policy.senders.proofs().map_or(0, Proofs::remembered),
        }
    }
}

impl Worker {
    /// What an operator must hear of it.
    pub(super) fn note(&self) -> Option<String> {
        (!self.moves).then(|| format!("worker {} hangs", self.number))
    }

    pub(super) fn all(shared: &Shared, series: &Series) -> Vec<Self> {
        // Nothing is known of them before the first look.
        let moves = series.workers().chain(std::iter::repeat(true));
        let one = |(number, (connections, moves))| Self { number, connections, moves };
        shared.admission.loads().zip(moves).enumerate().map(one).collect()
    }
}

/// Two weeks: what renews itself has done so before.
const EXPIRY_SOON: i64 = 14 * 86_400;
