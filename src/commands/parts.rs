//! Makes the gateway's parts out of checked settings.

use super::CannotServe;
use super::read_keys::ReadKeys;
use crate::clock::{Clock, UnixSeconds};
use crate::config::key_source::KeySource;
use crate::config::state::{self, State};
use crate::config::upstream_tls::UpstreamTls;
use crate::config::upstreams::{Protocol, Upstream};
use crate::config::{self, Settings};
use crate::gateway::Shared;
use crate::gateway::assertion::keys::{Change, Keys};
use crate::gateway::authorize::proof::Proofs;
use crate::gateway::authorize::sender::Senders;
use crate::gateway::forward::connect::Endpoint;
use crate::gateway::forward::queue::Queue;
use crate::gateway::observe::audit::Audit;
use crate::gateway::observe::metrics::Metrics;
use crate::gateway::observe::trace::{Counts, Tracing};
use crate::gateway::policy::{Endpoints, Parts, Policy};
use crate::gateway::quotas::Quota;
use crate::gateway::upgrade::Tunnels;
use crate::gateway::verify::events::record::Record;
use crate::gateway::verify::keys::KeyStore;
use crate::gateway::verify::{Issuer, Verifier, key_source};
use crate::net::admission::Admission;
use crate::net::dial::Dial;
use crate::net::tls::{self, TlsFault};
use crate::state::revocations::Revocations;
use crate::state::shared::{LimitsAway, Login, ProofsAway, RevocationsAway, Store, Terms};
use arc_swap::ArcSwap;
use rustls::ClientConfig;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

pub(super) fn share(
    settings: &Settings,
    revocations: Arc<Revocations>,
    workers: usize,
    clock: Clock,
) -> anyhow::Result<Arc<Shared>> {
    let metrics = Arc::new(Metrics::new(workers));
    let limits = &settings.limits;
    let store = settings.state.as_ref().map(|state| store(state, workers, clock.clone())).transpose()?;
    if store.is_some() {
        revocations.share();
    }
    let spans = Arc::<Counts>::default();
    let (verifier, read) = verifier(settings, None, (&revocations, &clock))?;
    read.take_over(clock.instant());
    let parts = Parts {
        verifier,
        senders: senders(settings, store.clone(), clock.now()),
        keys: assertion_keys(settings, None, clock.now())?.map(|new| new.take(clock.now())),
        endpoints: endpoints(settings, None, clock.instant())?,
        quotas: quotas(settings, None),
        tracing: tracing(settings, None, &spans),
    };
    let policy = Policy::compile(settings, 1, parts, &metrics);
    let (candidate, read) = candidate(settings, (&policy.verifier, &policy.senders), (&revocations, &clock))?;
    read.take_over(clock.instant());
    let audit = settings.audit_log.as_ref().map(|log| {
        let path = log.path.display();
        let hint = "the gateway must be able to make, read and append to the file, which is nobody else's";
        Audit::open(log, clock.clone())
            .map_err(|fault| CannotServe(format!("cannot write the audit log {path}: {fault}\n  hint: {hint}")))
    });
    Ok(Arc::new(Shared {
        policy: Arc::new(ArcSwap::from_pointee(policy.beside(candidate))),
        revocations,
        store,
        events: Record::default(),
        metrics,
        audit: audit.transpose()?,
        spans,
        admission: Arc::new(Admission::new(workers, limits.connections_max, limits.connections_per_network_max)),
        tunnels: Arc::new(Tunnels::new(limits.tunnels_max)),
        doors: AtomicU64::new(0),
        clock,
    }))
}

/// Where spans go: as before, where nothing about it changed.
pub(super) fn tracing(settings: &Settings, old: Option<&Policy>, spans: &Arc<Counts>) -> Option<Arc<Tracing>> {
    let wanted = settings.tracing.as_ref()?;
    let known = old.and_then(|old| old.tracing.as_ref()).filter(|known| known.settings == *wanted);
    Some(known.map_or_else(|| Arc::new(Tracing::new(wanted.clone(), Arc::clone(spans))), Arc::clone))
}

/// How the servers of each upstream are reached. An upstream that stays the same keeps what was learned of its servers, and
/// their TLS sessions.
pub(super) fn endpoints(settings: &Settings, old: Option<&Policy>, now: Instant) -> anyhow::Result<Vec<Endpoints>> {
    let known = |wanted: &Upstream| {
        let (upstreams, endpoints) = old.map(|old| (&old.upstreams, &old.endpoints))?;
        let (_, endpoints) = upstreams.iter().zip(endpoints).find(|(upstream, _)| ***upstream == *wanted)?;
        Some(endpoints.clone())
    };
    let of_upstream = |upstream: &Upstream| match known(upstream) {
        Some(endpoints) => Ok(endpoints),
        None => {
            let tls = upstream.tls.as_ref().map(|terms| upstream_tls(terms, upstream.protocol)).transpose();
            let tls = tls.map_err(|fault| CannotServe(format!("upstream {}: {fault}", upstream.name)))?;
            let endpoint = |server| Arc::new(Endpoint::new(upstream, server, tls.as_ref(), now));
            let (workers, bounds) = (settings.server.workers.get(), (upstream.connections_max, upstream.pending_max));
            Ok(Endpoints {
                servers: upstream.servers.iter().map(endpoint).collect(),
                queue: Queue::new(upstream.servers.len(), workers, bounds),
            })
        }
    };
    settings.upstreams.iter().map(of_upstream).collect()
}

fn upstream_tls(terms: &UpstreamTls, protocol: Protocol) -> Result<Arc<ClientConfig>, TlsFault> {
    let identity = terms.identity.as_ref().map(|identity| (identity.chain.clone(), identity.key.clone_key()));
    let protocol: &[u8] = match protocol {
        Protocol::Http1 => b"http/1.1",
        Protocol::Http2 => b"h2",
    };
    tls::upstream(terms.authorities.as_deref(), identity, protocol)
}

/// Quotas keep what they counted where they count the same.
pub(super) fn quotas(settings: &Settings, old: Option<&Policy>) -> Vec<Arc<Quota>> {
    let quota = |wanted: &config::quotas::Quota| {
        let old = old.and_then(|old| old.quotas.iter().find(|known| known.settings.name == wanted.name));
        Arc::new(Quota::new(wanted.clone(), old.map(|old| &**old)))
    };
    settings.quotas.iter().map(quota).collect()
}

/// What a token's sender is proven by.
pub(super) fn senders(settings: &Settings, store: Option<Arc<Store>>, now: UnixSeconds) -> Arc<Senders> {
    let proofs = settings.dpop.clone().zip(settings.server.public_origin.clone());
    Arc::new(Senders::new(proofs.map(|(dpop, origin)| Proofs::new(dpop, origin, store, now))))
}

/// What several gateways agree by. Nothing is connected here.
fn store(settings: &State, workers: usize, clock: Clock) -> anyhow::Result<Arc<Store>> {
    let tls = settings.store.tls.then(|| tls::client(settings.authorities.as_deref())).transpose();
    let tls = tls.map_err(|fault| CannotServe(format!("state: {fault}")))?;
    let dial = Dial::new(settings.store.host.clone(), settings.store.port, tls);
    let password = settings.password.as_ref().map(|password| String::from_utf8_lossy(password.expose()).into());
    let login = Login { username: settings.username.clone(), password, database: settings.store.database };
    let terms = Terms {
        prefix: settings.prefix.clone(),
        timeout: settings.timeout,
        proofs: match settings.proofs_away {
            state::ProofsAway::Refuse => ProofsAway::Refuse,
            state::ProofsAway::Local => ProofsAway::Local,
        },
        revocations: match settings.revocations_away {
            state::RevocationsAway::GoOn => RevocationsAway::GoOn,
            state::RevocationsAway::Refuse => RevocationsAway::Refuse,
        },
        limits: match settings.limits_away {
            state::LimitsAway::Local => LimitsAway::Local,
            state::LimitsAway::Refuse => LimitsAway::Refuse,
            state::LimitsAway::Allow => LimitsAway::Allow,
        },
    };
    Ok(Arc::new(Store::new((dial, login), terms, workers, clock)))
}

/// An empty list, which takes nothing before `keep`, if it has a file.
pub(super) fn revocations(settings: &config::revocations::Revocations) -> Revocations {
    let config::revocations::Revocations { file, entries_max, keep } = settings;
    if file.is_some() { Revocations::before_file(*entries_max, *keep) } else { Revocations::new(*entries_max, *keep) }
}

/// Opens the list's file. One that cannot be read whole must not be begun anew: what was revoked would be accepted.
pub(super) fn keep(
    list: &Revocations,
    settings: &config::revocations::Revocations,
    now: UnixSeconds,
) -> anyhow::Result<()> {
    let Some(path) = &settings.file else { return Ok(()) };
    list.keep_in(path, now).map_err(|fault| {
        let hint = if fault.kind() == ErrorKind::ResourceBusy {
            "wait until the other one has ended, or give each a file of its own"
        } else if fault.kind() == ErrorKind::InvalidData {
            "mend the line, or move the file away if nothing in it matters any more"
        } else {
            "the gateway must be able to read and write the file, and to make others beside it"
        };
        CannotServe(format!("revocations: {}: {fault}\n  hint: {hint}", path.display())).into()
    })
}

/// Keeps the verifier, and with it the verdicts, where no issuer changed; keeps the keys of each issuer that has them
/// from the same place. Key files are read again in any case, and come into force with everything else, or not at all.
pub(super) fn verifier(
    settings: &Settings,
    old: Option<&Arc<Verifier>>,
    (revocations, clock): (&Arc<Revocations>, &Clock),
) -> anyhow::Result<(Arc<Verifier>, ReadKeys)> {
    let mut read = Vec::new();
    let mut issuers = Vec::new();
    for wanted in &settings.issuers {
        let issuer = issuer(wanted, old, clock);
        if let KeySource::File(path) = &wanted.keys {
            let set = key_source::read_file(path)
                .map_err(|fault| CannotServe(format!("issuer {}: {}: {fault}", wanted.name, path.display())))?;
            read.push((Arc::clone(&issuer.keys), set));
        }
        issuers.push(issuer);
    }
    let same = |old: &&Arc<Verifier>| {
        old.issuers().len() == issuers.len() && old.issuers().iter().zip(&issuers).all(|(a, b)| Arc::ptr_eq(a, b))
    };
    let verifier = match old.filter(same) {
        Some(old) => Arc::clone(old),
        None => Arc::new(Verifier::new(issuers, settings.limits.verdicts_max, Arc::clone(revocations), clock.clone())),
    };
    Ok((verifier, ReadKeys(read)))
}

/// What might be in force instead: with the verdicts of whom both know, and by the proofs of those in force. It sends
/// nothing, so it has neither upstreams nor keys of its own.
pub(super) fn candidate(
    settings: &Settings,
    (verifier_in_force, senders): (&Arc<Verifier>, &Arc<Senders>),
    both: (&Arc<Revocations>, &Clock),
) -> anyhow::Result<(Option<Policy>, ReadKeys)> {
    let Some(wanted) = &settings.shadow else { return Ok((None, ReadKeys::default())) };
    let (verifier, read) = verifier(wanted, Some(verifier_in_force), both)?;
    let parts = Parts {
        verifier,
        senders: Arc::clone(senders),
        keys: None,
        endpoints: Vec::new(),
        quotas: Vec::new(),
        tracing: None,
    };
    Ok((Some(Policy::compile(wanted, 0, parts, &Metrics::new(1))), read))
}

/// Keys of assertions that can be had: taken over together with everything else, or not at all.
pub(super) enum AssertionKeys {
    /// Nothing was signed so far.
    New(Keys),
    /// Those that there were go on, with what is to change.
    Same(Arc<Keys>, Change),
}

/// `None` where nothing is to be signed.
pub(super) fn assertion_keys(
    settings: &Settings,
    old: Option<&Arc<Keys>>,
    now: UnixSeconds,
) -> anyhow::Result<Option<AssertionKeys>> {
    let Some(wanted) = &settings.assertion else { return Ok(None) };
    let keys = match old {
        None => Keys::new(&wanted.key, now).map(AssertionKeys::New),
        Some(old) => old.prepare(&wanted.key).map(|change| AssertionKeys::Same(Arc::clone(old), change)),
    };
    keys.map(Some).map_err(|fault| CannotServe(format!("assertion.key: {fault}")).into())
}

impl AssertionKeys {
    /// The keys, changed.
    pub(super) fn take(self, now: UnixSeconds) -> Arc<Keys> {
        match self {
            Self::New(keys) => Arc::new(keys),
            Self::Same(keys, change) => {
                keys.take_over(change, now);
                keys
            }
        }
    }
}

/// The issuer as it was, or a new one, with the keys of its predecessor where they come from the same place: another
/// audience is no reason to be without keys.
fn issuer(wanted: &config::issuers::Issuer, old: Option<&Arc<Verifier>>, clock: &Clock) -> Arc<Issuer> {
    let same_keys = |known: &&Arc<Issuer>| {
        known.settings.issuer == wanted.issuer && known.settings.keys.is_same_place(&wanted.keys)
    };
    match old.into_iter().flat_map(|old| old.issuers()).find(same_keys) {
        Some(known) if known.settings == *wanted => Arc::clone(known),
        Some(known) => Arc::new(known.changed(wanted.clone(), clock)),
        None => Arc::new(Issuer::new(wanted.clone(), Arc::new(KeyStore::default()), clock)),
    }
}
