//! The control thread: the admin listener, what issuers are asked for (keys, opaque tokens, status lists), and our own keys.

use super::gateway::Stage;
use super::health;
use super::names::Lookups;
use super::traces::Traces;
use crate::admin::Admin;
use crate::admin::status::series::SAMPLE_INTERVAL;
use crate::clock::Clock;
use crate::config::key_source::KeySource;
use crate::gateway::verify::Issuer;
use crate::gateway::verify::introspect::call::Client;
use crate::gateway::verify::key_source::FetchPlan;
use crate::gateway::verify::keys::KeyStore;
use crate::gateway::verify::status;
use crate::net::fetch::Fetcher;
use crate::net::{listen, thread, tls};
use crate::state::shared::revoked;
use std::io::ErrorKind;
use std::net;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

/// What the control thread works on.
pub struct Control {
    /// Answers operators.
    pub admin: Admin,
    changed: Notify,
}

impl Control {
    /// Nothing runs yet.
    pub fn new(admin: Admin) -> Self {
        Self { admin, changed: Notify::new() }
    }

    /// The policy has other issuers now.
    pub fn issuers_changed(&self) {
        self.changed.notify_one();
    }
}

/// Works until the end.
pub async fn run(
    control: Arc<Control>,
    admin: net::TcpListener,
    is_open: watch::Receiver<bool>,
    stages: watch::Receiver<Stage>,
) {
    match listen::register(admin) {
        Ok(listener) => drop(thread::beside(answer_operators(control.admin.clone(), listener, is_open))),
        Err(fault) => tracing::error!(%fault, "the admin listener cannot be used"),
    }
    let traces = Traces::default();
    tokio::select! {
        () = keep_keys(&control, &traces) => {}
        () = keep_written(&control) => {}
        () = keep_shared(&control) => {}
        () = tend_keys(&control) => {}
        () = keep_series(&control) => {}
        () = until_end(stages) => {}
    }
    // The workers have ended: nothing more comes.
    let shared = &control.admin.shared;
    if let Err(fault) = shared.revocations.write(shared.clock.now()) {
        tracing::error!(%fault, "the last revocations could not be written down and are forgotten");
    }
    traces.finish(&shared.policy.load()).await;
}

/// While they are let in. Who comes at another time waits for whoever listens on the same socket.
async fn answer_operators(admin: Admin, listener: TcpListener, mut is_open: watch::Receiver<bool>) {
    while is_open.wait_for(|is_open| *is_open).await.is_ok() {
        let mut closing = is_open.clone();
        let stop = async move { drop(closing.wait_for(|is_open| !*is_open).await) };
        let take = |stream, _peer| drop(thread::beside(admin.clone().serve(stream)));
        listen::accept(&listener, stop, take, || {}).await;
    }
}

/// Writes down what workers have revoked, so that none of them waits for the disk.
async fn keep_written(control: &Control) {
    let shared = &control.admin.shared;
    let list = &shared.revocations;
    let mut was_good = true;
    loop {
        list.unwritten().await;
        let written = list.write(shared.clock.now());
        if let Err(fault) = &written {
            // While a successor opens the file there is nobody to write it, which is not for long.
            if was_good && fault.kind() != ErrorKind::ResourceBusy {
                tracing::error!(%fault, "revocations cannot be written down; they are in force, and are tried again");
            }
            tokio::time::sleep(WRITE_AGAIN).await;
        }
        was_good = written.is_ok();
    }
}

/// Tells other gateways what is revoked here, and hears what they have revoked.
async fn keep_shared(control: &Control) {
    let shared = &control.admin.shared;
    match &shared.store {
        Some(store) => revoked::keep_in_step(store, &shared.revocations).await,
        None => std::future::pending().await,
    }
}

/// The task that fetches an issuer's keys, and what it was begun with. It holds the keys and not the issuer, which ends
/// with the last policy that has it.
struct Fetching {
    name: Arc<str>,
    keys: Arc<KeyStore>,
    source: KeySource,
    task: JoinHandle<()>,
}

impl Fetching {
    fn is_for(&self, issuer: &Issuer) -> bool {
        let settings = &issuer.settings;
        Arc::ptr_eq(&self.keys, &issuer.keys) && self.source == settings.keys && self.name == settings.name
    }
}

/// Begins what a new policy asks for beside requests. One task per issuer whose keys are fetched; a reload ends those that are no longer needed, or fetch in another way than
/// they should now.
async fn keep_keys(control: &Control, traces: &Traces) {
    let mut kept: Vec<Fetching> = Vec::new();
    let lookups = Lookups::default();
    loop {
        let policy = control.admin.shared.policy.load_full();
        // A candidate's keys are fetched like any; for it nobody is asked about a token.
        let candidates = policy.candidate.iter().flat_map(|candidate| candidate.verifier.issuers());
        let wanted: Vec<_> = policy.verifier.issuers().iter().chain(candidates).collect();
        kept.retain(|fetching| {
            let stays = wanted.iter().any(|issuer| fetching.is_for(issuer));
            if !stays {
                fetching.task.abort();
            }
            stays
        });
        for issuer in wanted {
            if !kept.iter().any(|fetching| fetching.is_for(issuer)) {
                kept.extend(keep_fresh(control, issuer));
            }
        }
        for issuer in policy.verifier.issuers() {
            ask(issuer, &control.admin.shared.clock);
            watch(issuer, &control.admin.shared.clock);
        }
        health::watch(&policy);
        lookups.watch(&policy);
        traces.deliver(&policy, &control.admin.shared.clock);
        drop(policy);
        control.changed.notified().await;
    }
}

/// Lets our own keys take turns.
async fn tend_keys(control: &Control) {
    let mut ticks = tokio::time::interval(TEND_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let shared = &control.admin.shared;
        let policy = shared.policy.load();
        if let Some(assertions) = &policy.assertions
            && let Err(fault) = assertions.keys().tend(shared.clock.now())
        {
            tracing::error!(%fault, "no new key for assertions could be made; the one before goes on");
        }
    }
}

/// Takes down how things stand, for whoever looks at the last minutes.
async fn keep_series(control: &Control) {
    // The first look was at the start.
    let mut ticks = tokio::time::interval_at(Instant::now() + SAMPLE_INTERVAL, SAMPLE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        control.admin.sample();
    }
}

/// Makes the calls about an issuer's opaque tokens, until no policy asks any more.
pub(super) fn ask(issuer: &Arc<Issuer>, clock: &Clock) {
    let Some(introspector) = issuer.introspector.as_ref().filter(|introspector| introspector.is_idle()) else { return };
    let client = match Client::new(issuer, clock.clone()) {
        Ok(Some(client)) => Rc::new(client),
        Ok(None) => return,
        Err(fault) => {
            tracing::error!(issuer = &*issuer.settings.name, %fault, "the issuer cannot be asked about tokens");
            return;
        }
    };
    // Taken by whoever works on them, and by nobody else: the next reload tries again what failed here.
    let Some(mut calls) = introspector.take_calls() else { return };
    thread::beside(async move {
        let slots = Arc::new(Semaphore::new(client.calls_max()));
        while let Some(call) = calls.recv().await {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let client = Rc::clone(&client);
            thread::beside(async move {
                client.answer(call).await;
                drop(slot);
            });
        }
    });
}

/// Fetches an issuer's status lists, until no policy looks at them any more.
pub(super) fn watch(issuer: &Arc<Issuer>, clock: &Clock) {
    let Some(lists) = issuer.status_lists.as_ref().filter(|lists| lists.is_idle()) else { return };
    let client = match status::fetch::Client::new(issuer, clock.clone()) {
        Ok(Some(client)) => Rc::new(client),
        Ok(None) => return,
        Err(fault) => {
            tracing::error!(issuer = &*issuer.settings.name, %fault, "the issuer's status lists cannot be fetched");
            return;
        }
    };
    let Some(mut added) = lists.take_added() else { return };
    thread::beside(async move {
        let mut kept: Vec<JoinHandle<()>> = Vec::new();
        while let Some(list) = added.recv().await {
            kept.retain(|task| !task.is_finished());
            let client = Rc::clone(&client);
            kept.push(thread::beside(async move { client.keep_fresh(&list).await }));
        }
        kept.iter().for_each(JoinHandle::abort);
    });
}

fn keep_fresh(control: &Control, issuer: &Issuer) -> Option<Fetching> {
    let fetcher = match tls::client(issuer.settings.keys.fetching()?.authorities.as_deref()) {
        Ok(client) => Fetcher::new(client),
        Err(fault) => {
            tracing::error!(issuer = &*issuer.settings.name, %fault, "cannot fetch the issuer's keys");
            return None;
        }
    };
    let plan = FetchPlan::new(&issuer.settings, fetcher)?;
    let (name, keys) = (Arc::clone(&issuer.settings.name), Arc::clone(&issuer.keys));
    let (source, clock) = (issuer.settings.keys.clone(), control.admin.shared.clock.clone());
    let (issuer, store) = (Arc::clone(&name), Arc::clone(&keys));
    let task = thread::beside(async move { store.keep_fresh(&issuer, &plan, &clock).await });
    Some(Fetching { name, keys, source, task })
}

async fn until_end(mut stages: watch::Receiver<Stage>) {
    // A sender that is gone means the same.
    let _told = stages.wait_for(|stage| *stage == Stage::End).await;
}

/// A disk that is full or gone does not mend within less.
const WRITE_AGAIN: Duration = Duration::from_secs(1);
/// A key is due to the second, and nobody notices one more.
const TEND_INTERVAL: Duration = Duration::from_secs(1);
