//! A running gateway: its threads, its listeners, and what can be asked of it from outside: reload, drain.

use super::CannotServe;
use super::control::{self, Control};
use super::fixed::Fixed;
use super::front::{self, Front};
use super::parts;
use super::sockets::{self, Sockets};
use super::worker;
use crate::admin::Admin;
use crate::clock::{Clock, UnixSeconds};
use crate::config::{self, Settings};
use crate::gateway::Shared;
use crate::gateway::observe::access_log::{self, LogControl};
use crate::gateway::policy::{Parts, Policy};
use crate::net::inherit::Inherited;
use crate::net::{thread, tls};
use crate::state::exchange::Peer;
use crate::state::revocations::Revocations;
use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// A gateway that serves until it is drained.
pub struct Gateway {
    control: Arc<Control>,
    sockets: Sockets,
    revocations: config::revocations::Revocations,
    stage: watch::Sender<Stage>,
    is_admin_open: watch::Sender<bool>,
    log: LogControl,
    front: Option<Arc<ArcSwap<Front>>>,
    reloading: Mutex<Fixed>,
    workers: Vec<JoinHandle<()>>,
    others: Vec<JoinHandle<()>>,
}

/// How far the process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It gets ready; nobody is let in.
    Prepare,
    /// It takes requests.
    Serve,
    /// It finishes what it has.
    Drain,
    /// It is gone.
    End,
}

/// What a successor must know of its predecessor.
#[derive(Debug, PartialEq, Eq)]
pub struct Legacy {
    /// Earlier proofs are its predecessor's.
    pub proofs_from: UnixSeconds,
    /// The public keys of its assertions, a JWK set; empty where it has none.
    pub keys: String,
}

/// Everything that `Gateway::start` does with the configuration before it takes a socket.
///
/// The file of revocations is not opened: a gateway that runs may be writing to it.
pub fn rehearse(settings: &Settings) -> anyhow::Result<()> {
    settings.server.tls.as_ref().map(|tls| Front::new(tls, None)).transpose()?;
    parts::endpoints(settings, None, Clock::System.instant())?;
    let list = Arc::new(Revocations::new(0, Duration::ZERO));
    parts::verifier(settings, None, (&list, &Clock::System)).map(drop)
}

impl Gateway {
    /// Binds every listener, reads every key file, starts every thread. When it returns, requests are answered.
    pub fn start(settings: Settings, clock: Clock) -> anyhow::Result<Self> {
        Self::start_on(settings, clock, &mut Inherited::default())
    }

    /// The same on the sockets that are there already, and on further ones where they are missing.
    pub fn start_on(settings: Settings, clock: Clock, inherited: &mut Inherited) -> anyhow::Result<Self> {
        let list = Arc::new(parts::revocations(&settings.revocations));
        parts::keep(&list, &settings.revocations, clock.now())?;
        let gateway = Self::prepare(settings, clock, list, inherited)?;
        gateway.open();
        Ok(gateway)
    }

    /// All of it but that nobody is let in before `open`. The file of revocations is the caller's business.
    pub fn prepare(
        settings: Settings,
        clock: Clock,
        list: Arc<Revocations>,
        inherited: &mut Inherited,
    ) -> anyhow::Result<Self> {
        tls::install_provider();
        let workers = settings.server.workers.get();
        let fixed = Fixed::of(&settings);
        let shared = parts::share(&settings, list, workers, clock)?;
        let listeners = sockets::bind(&settings.server.listen, workers, inherited)?;
        let mut admin_listeners = sockets::bind(&[settings.admin.listen], 1, inherited)?;
        let sockets = Sockets::of(&listeners, &admin_listeners)?;
        let admin_listener = admin_listeners.pop().and_then(|mut one| one.pop());
        let admin_listener = admin_listener.context("the admin listener was not bound")?;
        let front = settings.server.tls.as_ref().map(|tls| Front::new(tls, None)).transpose()?;
        let front = front.map(|front| Arc::new(ArcSwap::from_pointee(front)));
        warn(&settings, shared.clock.now());
        let (buffers, log, writer) = access_log::open(settings.access_log, workers);
        let (stage, stages) = watch::channel(Stage::Prepare);
        let (is_admin_open, door) = watch::channel(false);
        let control = Arc::new(Control::new(Admin { shared: Arc::clone(&shared), state: Arc::default() }));

        let mut others = Vec::new();
        if let Some(writer) = writer {
            writer.check().map_err(|fault| CannotServe(format!("cannot write the access log: {fault}")))?;
            let metrics = Arc::clone(&shared.metrics);
            let write = move || writer.run(&metrics.log_lines_unwritten);
            others.push(std::thread::Builder::new().name("access-log".to_owned()).spawn(write)?);
        }
        let threads =
            worker::employ(&control.admin.shared, &settings.limits, (listeners, front.as_ref(), buffers), &stages)?;
        let running = Arc::clone(&control);
        let work = move || control::run(running, admin_listener, door, stages);
        others.push(thread::spawn("control".to_owned(), work)?);
        let (reloading, revocations) = (Mutex::new(fixed), settings.revocations);
        Ok(Self {
            control,
            sockets,
            revocations,
            stage,
            is_admin_open,
            log,
            front,
            reloading,
            workers: threads,
            others,
        })
    }

    /// Lets third parties and operators in.
    pub fn open(&self) {
        self.stage.send_replace(Stage::Serve);
        self.is_admin_open.send_replace(true);
    }

    /// What it cannot answer requests without and does not have yet.
    pub fn missing(&self) -> Vec<String> {
        self.control.admin.missing()
    }

    /// Where third parties reach it.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.sockets.addresses
    }

    /// Where operators reach it.
    pub fn admin(&self) -> SocketAddr {
        self.sockets.admin
    }

    /// Every socket that it listens on.
    pub fn sockets(&self) -> &[TcpListener] {
        &self.sockets.all
    }

    /// What all threads share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.control.admin.shared
    }

    /// Lets go of what one process only can have, for `peer`: operators are not let in any more, and the file of
    /// revocations is closed. Requests are answered as before.
    pub fn let_go(&self, peer: Peer) -> io::Result<Legacy> {
        let (shared, now) = (self.shared(), self.shared().clock.now());
        self.is_admin_open.send_replace(false);
        shared.revocations.hand_over(peer, now)?;
        let policy = shared.policy.load();
        let keys = policy.assertions.as_ref().map(|assertions| assertions.keys().set()).unwrap_or_default();
        Ok(Legacy { proofs_from: policy.senders.proofs().map_or(now, |proofs| proofs.end(now)), keys })
    }

    /// Takes that back, if it was done. The successor must be gone.
    pub fn take_back(&self) -> anyhow::Result<()> {
        let shared = self.shared();
        if let Some(proofs) = shared.policy.load().senders.proofs() {
            proofs.go_on();
        }
        let outcome = if shared.revocations.forget_successor() { self.open_revocations() } else { Ok(()) };
        self.is_admin_open.send_replace(true);
        outcome
    }

    /// Opens the file of revocations, if there is one.
    pub fn open_revocations(&self) -> anyhow::Result<()> {
        let shared = self.shared();
        parts::keep(&shared.revocations, &self.revocations, shared.clock.now())
    }

    /// Goes on where a predecessor ends that let go of the file of revocations and of this.
    pub fn inherit(&self, legacy: &Legacy) -> anyhow::Result<()> {
        let (shared, now) = (self.shared(), self.shared().clock.now());
        self.open_revocations()?;
        let policy = shared.policy.load();
        if let Some(proofs) = policy.senders.proofs() {
            proofs.begin(legacy.proofs_from);
        }
        if let Some(assertions) = &policy.assertions {
            assertions.keys().publish(&legacy.keys, now);
        }
        Ok(())
    }

    /// A successor did not come to serve.
    pub fn takeover_failed(&self) {
        self.control.admin.state.takeovers_failed.fetch_add(1, Ordering::Relaxed);
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
    pub fn drain(mut self) {
        // Else the kernel would greet clients in our name whom nobody answers.
        self.sockets.all.clear();
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
            bail!(
                "{what} changed, which takes a restart (SIGUSR2 does it without losing a request); nothing of the new configuration was applied"
            );
        }
        let old_front = self.front.as_ref().map(|front| front.load_full());
        let front = settings.server.tls.as_ref().map(|tls| Front::new(tls, old_front.as_deref())).transpose()?;
        let old = shared.policy.load_full();
        let now = shared.clock.now();
        let old_keys = old.assertions.as_ref().map(|assertions| assertions.keys());
        let keys = parts::assertion_keys(settings, old_keys, now)?;
        let verifier = parts::verifier(settings, Some(&old.verifier), (&shared.revocations, &shared.clock))?;
        let endpoints = parts::endpoints(settings, Some(&old), shared.clock.instant())?;
        let keys = keys.map(|keys| keys.take(now));
        let quotas = parts::quotas(settings, Some(&old));
        let parts = Parts { verifier, senders: Arc::clone(&old.senders), keys, endpoints, quotas };
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

fn warn(settings: &Settings, now: UnixSeconds) {
    for concern in settings.server.tls.iter().flat_map(|tls| front::concerns(tls, now)) {
        tracing::warn!("{concern}");
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread ended by a fault of ours; see the message before");
        }
    }
}
