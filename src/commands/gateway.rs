//! A running gateway: its threads, its listeners, and what can be asked of it from outside: reload, drain.

use super::CannotServe;
use super::control::{self, Control};
use super::front::{self, Front};
use super::parts;
use super::worker::{self, Post};
use crate::admin::Admin;
use crate::clock::{Clock, UnixSeconds};
use crate::config::tls::ClientCertificates;
use crate::config::{self, Settings};
use crate::gateway::observe::access_log::{self, LogControl};
use crate::gateway::policy::{Parts, Policy};
use crate::gateway::{Bounds, Worker};
use crate::net::client::Timeouts;
use crate::net::{listen, thread, tls};
use crate::oauth::origin::Origin;
use crate::state::revocations::Revocations;
use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// A gateway that serves until it is drained.
pub struct Gateway {
    control: Arc<Control>,
    addresses: Vec<SocketAddr>,
    admin: SocketAddr,
    stage: watch::Sender<Stage>,
    log: LogControl,
    front: Option<Arc<ArcSwap<Front>>>,
    reloading: Mutex<Fixed>,
    workers: Vec<JoinHandle<()>>,
    others: Vec<JoinHandle<()>>,
}

/// How far the process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It takes requests.
    Serve,
    /// It finishes what it has.
    Drain,
    /// It is gone.
    End,
}

/// What only a restart can change.
#[derive(Debug, PartialEq, Eq)]
struct Fixed {
    listen: Vec<SocketAddr>,
    workers: usize,
    /// Who is asked for a certificate, and whose are good: connections that are open were let in by it.
    tls: Option<ClientCertificates>,
    admin: SocketAddr,
    access_log: config::AccessLog,
    limits: config::limits::Limits,
    revocations: config::revocations::Revocations,
    /// Another memory of used proofs would forget those of this one.
    dpop: Option<config::dpop::Dpop>,
    public_origin: Option<Origin>,
}

/// Everything that `Gateway::start` does with the configuration before it takes a socket.
///
/// The file of revocations is not opened: a gateway that runs may be writing to it.
pub fn rehearse(settings: &Settings) -> anyhow::Result<()> {
    settings.server.tls.as_ref().map(|tls| Front::new(tls, None)).transpose()?;
    let list = Arc::new(Revocations::new(0, Duration::ZERO));
    parts::verifier(settings, None, (&list, &Clock::System)).map(drop)
}

impl Gateway {
    /// Binds every listener, reads every key file, starts every thread. When it returns, requests are answered.
    pub fn start(settings: Settings, clock: Clock) -> anyhow::Result<Self> {
        tls::install_provider();
        let workers = settings.server.workers.get();
        let limits = settings.limits.clone();
        let fixed = Fixed::of(&settings);
        let shared = parts::share(&settings, workers, clock)?;
        let listeners = bind_all(&settings.server.listen, workers)?;
        let addresses = listeners.iter().filter_map(|of_address| of_address.first()?.local_addr().ok()).collect();
        let admin_listener = bind_all(&[settings.admin.listen], 1)?.pop().and_then(|mut one| one.pop());
        let admin_listener = admin_listener.context("the admin listener was not bound")?;
        let admin = admin_listener.local_addr()?;
        let front = settings.server.tls.as_ref().map(|tls| Front::new(tls, None)).transpose()?;
        let front = front.map(|front| Arc::new(ArcSwap::from_pointee(front)));
        warn(&settings, shared.clock.now());
        let (buffers, log, writer) = access_log::open(settings.access_log, workers);
        let (stage, stages) = watch::channel(Stage::Serve);
        let control = Arc::new(Control::new(Admin { shared: Arc::clone(&shared), state: Arc::default() }));

        let mut others = Vec::new();
        if let Some(writer) = writer {
            writer.check().map_err(|fault| CannotServe(format!("cannot write the access log: {fault}")))?;
            let metrics = Arc::clone(&shared.metrics);
            let write = move || writer.run(&metrics.log_lines_unwritten);
            others.push(std::thread::Builder::new().name("access-log".to_owned()).spawn(write)?);
        }
        let mut threads = Vec::new();
        let timeouts = Timeouts { head: limits.head_timeout, idle: limits.idle_timeout, stall: limits.stall_timeout };
        for (index, (listeners, log)) in transpose(listeners).into_iter().zip(buffers).enumerate() {
            let (shared, stages) = (Arc::clone(&shared), stages.clone());
            let post = Post { listeners, front: front.clone(), drain_timeout: limits.drain_timeout };
            let bounds = Bounds { head_bytes_max: limits.head_bytes_max, streams_max: limits.streams_max };
            threads.push(thread::spawn(format!("worker-{index}"), move || {
                worker::run(Worker::new(index, shared, timeouts, bounds, log), post, stages)
            })?);
        }
        let running = Arc::clone(&control);
        others.push(thread::spawn("control".to_owned(), move || control::run(running, admin_listener, stages))?);
        Ok(Self {
            control,
            addresses,
            admin,
            stage,
            log,
            front,
            reloading: Mutex::new(fixed),
            workers: threads,
            others,
        })
    }

    /// Where third parties reach it.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where operators reach it.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Applies a new configuration whole, or not at all: then it says why, and the old one goes on.
    pub fn reload(&self, settings: &Settings) -> anyhow::Result<()> {
        let fixed = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        self.log.reopen();
        let outcome = self.apply(settings, &fixed);
        self.reload_ended(outcome.is_ok());
        outcome
    }

    /// A reload was refused before it came here: the file has faults.
    pub fn reload_refused(&self) {
        self.log.reopen();
        self.reload_ended(false);
    }

    /// Lets requests in flight end, takes no new ones, and returns when all is gone or the drain timeout is over.
    pub fn drain(self) {
        self.control.admin.state.is_draining.store(true, Ordering::Relaxed);
        self.stage.send_replace(Stage::Drain);
        join(self.workers);
        self.stage.send_replace(Stage::End);
        drop(self.log);
        join(self.others);
    }

    fn apply(&self, settings: &Settings, fixed: &Fixed) -> anyhow::Result<()> {
        let shared = &self.control.admin.shared;
        if let Some(what) = fixed.differs_in(&Fixed::of(settings)) {
            bail!("{what} changed, which takes a restart; nothing of the new configuration was applied");
        }
        let old_front = self.front.as_ref().map(|front| front.load_full());
        let front = settings.server.tls.as_ref().map(|tls| Front::new(tls, old_front.as_deref())).transpose()?;
        let old = shared.policy.load_full();
        let now = shared.clock.now();
        let old_keys = old.assertions.as_ref().map(|assertions| assertions.keys());
        let keys = parts::assertion_keys(settings, old_keys, now)?;
        let verifier = parts::verifier(settings, Some(&old.verifier), (&shared.revocations, &shared.clock))?;
        let parts = Parts { verifier, senders: Arc::clone(&old.senders), keys: keys.map(|keys| keys.take(now)) };
        shared.policy.store(Arc::new(Policy::compile(settings, old.generation + 1, parts, &shared.metrics)));
        if let (Some(current), Some(front)) = (&self.front, front) {
            current.store(Arc::new(front));
        }
        warn(settings, now);
        let policy = shared.policy.load();
        shared.metrics.forget(|label| policy.has_label(label));
        self.control.issuers_changed();
        Ok(())
    }

    fn reload_ended(&self, good: bool) {
        self.control.admin.state.last_reload_failed.store(!good, Ordering::Relaxed);
    }
}

impl Fixed {
    fn of(settings: &Settings) -> Self {
        Self {
            listen: settings.server.listen.clone(),
            workers: settings.server.workers.get(),
            tls: settings.server.tls.as_ref().map(|tls| tls.clients.clone()),
            admin: settings.admin.listen,
            access_log: settings.access_log.clone(),
            limits: settings.limits.clone(),
            revocations: settings.revocations.clone(),
            dpop: settings.dpop.clone(),
            public_origin: settings.server.public_origin.clone(),
        }
    }

    fn differs_in(&self, new: &Self) -> Option<&'static str> {
        [
            (self.listen != new.listen, "server.listen"),
            (self.workers != new.workers, "server.workers"),
            (self.tls != new.tls, "what server.tls asks of clients"),
            (self.admin != new.admin, "admin.listen"),
            (self.access_log != new.access_log, "access_log"),
            (self.limits != new.limits, "limits"),
            (self.revocations != new.revocations, "revocations"),
            (self.dpop != new.dpop, "dpop"),
            (self.public_origin != new.public_origin, "server.public_origin"),
        ]
        .into_iter()
        .find_map(|(differs, name)| differs.then_some(name))
    }
}

fn warn(settings: &Settings, now: UnixSeconds) {
    for concern in settings.server.tls.iter().flat_map(|tls| front::concerns(tls, now)) {
        tracing::warn!("{concern}");
    }
}

fn bind_all(addresses: &[SocketAddr], workers: usize) -> anyhow::Result<Vec<Vec<TcpListener>>> {
    let bind = |address: &SocketAddr| {
        listen::bind(*address, workers).map_err(|fault| {
            let hint = "is another process there? `ss -ltnp` shows which";
            CannotServe(format!("cannot listen on {address}: {fault}\n  hint: {hint}")).into()
        })
    };
    addresses.iter().map(bind).collect()
}

/// From one list per address to one per worker.
fn transpose(of_addresses: Vec<Vec<TcpListener>>) -> Vec<Vec<TcpListener>> {
    let mut of_workers: Vec<Vec<TcpListener>> = Vec::new();
    for listeners in of_addresses {
        of_workers.resize_with(listeners.len(), Vec::new);
        for (worker, listener) in of_workers.iter_mut().zip(listeners) {
            worker.push(listener);
        }
    }
    of_workers
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread ended by a fault of ours; see the message before");
        }
    }
}
