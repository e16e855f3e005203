//! A running gateway: its threads, its listeners, and what can be asked of it from outside: reload, drain.

use super::CannotServe;
use super::concerns;
use super::control::{self, Control};
use super::door;
use super::fixed::Fixed;
use super::front::Front;
use super::life;
use super::parts;
use super::sockets::{self, Sockets};
use super::worker;
use crate::admin::history::Kind;
use crate::admin::reloads::{Reload, Wish};
use crate::admin::{Admin, State};
use crate::clock::{Clock, UnixSeconds};
use crate::config::{self, Settings};
use crate::gateway::Shared;
use crate::gateway::observe::access_log::{self, LogControl};
use crate::gateway::policy::{Parts, Policy};
use crate::net::inherit::Inherited;
use crate::net::{thread, tls};
use crate::state::revocations::Revocations;
use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// A gateway that serves until it is drained.
pub struct Gateway {
    pub(super) control: Arc<Control>,
    sockets: Sockets,
    pub(super) revocations: config::revocations::Revocations,
    stage: watch::Sender<Stage>,
    pub(super) is_admin_open: watch::Sender<bool>,
    log: LogControl,
    front: Option<Arc<ArcSwap<Front>>>,
    reloading: Mutex<Fixed>,
    workers: Vec<JoinHandle<()>>,
    controller: JoinHandle<()>,
    logs: Vec<JoinHandle<()>>,
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

/// Everything that `Gateway::start` does with the configuration before it takes a socket.
///
/// The file of revocations is not opened: a gateway that runs may be writing to it.
pub fn rehearse(settings: &Settings) -> anyhow::Result<()> {
    settings.server.tls.as_ref().map(|tls| Front::new(tls, None)).transpose()?;
    parts::endpoints(settings, None, Clock::System.instant())?;
    let list = Arc::new(Revocations::new(0, Duration::ZERO));
    let (verifier, _) = parts::verifier(settings, None, (&list, &Clock::System))?;
    parts::candidate(settings, (&verifier, &Arc::default()), (&list, &Clock::System)).map(drop)
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
        let access = Arc::new(ArcSwap::from_pointee(door::open(&settings.admin, None)?));
        let life = Arc::new(State::new(shared.clock.now()));
        let control = Arc::new(Control::new(Admin { shared: Arc::clone(&shared), state: life, access }));
        control.admin.sample();

        let mut logs = Vec::new();
        if let Some(writer) = writer {
            writer.check().map_err(|fault| CannotServe(format!("cannot write the access log: {fault}")))?;
            let metrics = Arc::clone(&shared.metrics);
            let write = move || writer.run(&metrics.log_lines_unwritten);
            logs.push(std::thread::Builder::new().name("access-log".to_owned()).spawn(write)?);
        }
        logs.extend(life::write(&shared)?);
        let threads =
            worker::employ(&control.admin.shared, &settings.limits, (listeners, front.as_ref(), buffers), &stages)?;
        let running = Arc::clone(&control);
        let work = move || control::run(running, admin_listener, door, stages);
        let controller = thread::spawn("control".to_owned(), work)?;
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
            controller,
            logs,
        })
    }

    /// Lets third parties and operators in.
    pub fn open(&self) {
        let state = &self.control.admin.state;
        state.history.note(self.shared().clock.now(), Kind::Started, concat!("version ", env!("CARGO_PKG_VERSION")));
        life::started(self.shared());
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

    /// Applies a new configuration whole, or not at all: then it says why, and the old one goes on.
    pub fn reload(&self, settings: &Settings) -> anyhow::Result<()> {
        let fixed = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        self.log.reopen();
        let outcome = self.apply(settings, &fixed);
        let at = self.shared().clock.now();
        self.reload_ended(match &outcome {
            Ok(()) => Reload { at, outcome: Ok(self.shared().policy.load().generation) },
            Err(fault) => Reload::refused(at, &format!("{fault:#}")),
        });
        outcome
    }

    /// A reload was refused before it came here: the file has these faults.
    pub fn reload_refused(&self, why: &str) {
        self.log.reopen();
        self.reload_ended(Reload::refused(self.shared().clock.now(), why));
    }

    /// Those who want a reload by `POST /reload`, for whoever can read the file again. Asked once.
    pub fn take_wishes(&self) -> mpsc::Receiver<Wish> {
        self.control.admin.state.reloads.take_wishes()
    }

    /// Lets requests in flight end, takes no new ones, and returns when all is gone or the drain timeout is over.
    pub fn drain(mut self) {
        // Else the kernel would greet clients in our name whom nobody answers.
        self.sockets.all.clear();
        let state = &self.control.admin.state;
        state.is_draining.store(true, Ordering::Relaxed);
        state.history.note(self.shared().clock.now(), Kind::Draining, "requests in flight end, new ones are not taken");
        self.stage.send_replace(Stage::Drain);
        join(self.workers);
        self.stage.send_replace(Stage::End);
        // Until then it answers operators, and what it does for them is told of.
        join([self.controller]);
        life::ended(&self.control.admin.shared);
        drop(self.log);
        join(self.logs);
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
        let (verifier, read) = parts::verifier(settings, Some(&old.verifier), (&shared.revocations, &shared.clock))?;
        let endpoints = parts::endpoints(settings, Some(&old), shared.clock.instant())?;
        let access = door::open(&settings.admin, Some(&self.control.admin.access.load()))?;
        // What was ready stays so, whatever issuers come now.
        self.control.admin.note_ready();
        let both = (&shared.revocations, &shared.clock);
        let (candidate, others_read) = parts::candidate(settings, (&verifier, &old.senders), both)?;
        // Nothing can fail any more.
        read.take_over(shared.clock.instant());
        others_read.take_over(shared.clock.instant());
        let keys = keys.map(|keys| keys.take(now));
        let quotas = parts::quotas(settings, Some(&old));
        let tracing = parts::tracing(settings, Some(&old), &shared.spans);
        let parts = Parts { verifier, senders: Arc::clone(&old.senders), keys, endpoints, quotas, tracing };
        let policy = Policy::compile(settings, old.generation + 1, parts, &shared.metrics);
        shared.policy.store(Arc::new(policy.beside(candidate)));
        if let (Some(current), Some(front)) = (&self.front, front) {
            let turned = front.trusts_others_than(&current.load());
            current.store(Arc::new(front));
            shared.doors.fetch_add(u64::from(turned), Ordering::Relaxed);
        }
        self.control.admin.access.store(Arc::new(access));
        warn(settings, now);
        let policy = shared.policy.load();
        shared.metrics.forget(
            |label| policy.has_label(label),
            |name| policy.upstreams.iter().any(|upstream| *upstream.name == *name),
        );
        self.control.issuers_changed();
        Ok(())
    }

    fn reload_ended(&self, reload: Reload) {
        let state = &self.control.admin.state;
        life::reloaded(self.shared(), reload.outcome.is_ok());
        state.reloads.ended(reload, &state.history);
    }
}

fn warn(settings: &Settings, now: UnixSeconds) {
    for concern in concerns::of(settings, now) {
        tracing::warn!("{concern}");
    }
}

fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread ended by a fault of ours; see the message before");
        }
    }
}
