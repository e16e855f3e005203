//! `scopegate serve`: runs the gateway until SIGTERM or SIGINT; SIGHUP applies the file anew, and so does whoever may
//! ask for it otherwise; SIGUSR2 lets a successor take
//! over.

use super::CannotServe;
use super::gateway::Gateway;
use super::reload::Reloader;
use super::takeover::{self, Predecessor};
use crate::clock::Clock;
use crate::config;
use crate::net::descriptors;
use crate::net::inherit::Inherited;
use crate::net::notify::{self, State};
use anyhow::Context as _;
use std::future::poll_fn;
use std::path::Path;
use std::process::ExitCode;
use std::task::Poll;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Serves what the file at `path` says.
pub fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let passed = Inherited::from_supervisor()
        .map_err(|fault| CannotServe(format!("a socket that the supervisor passed cannot be used: {fault}")))?;
    let (predecessor, mut inherited) = Predecessor::find()?.map_or((None, passed), |(it, sockets)| (Some(it), sockets));
    let (settings, files) = config::load_with_files(path);
    let settings = settings?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = runtime.block_on(async { Signals::listen() })?;
    descriptors::provide(settings.limits.connections_max);
    let is_successor = predecessor.is_some();
    let mode = settings.server.reload;
    let gateway = match predecessor {
        Some(predecessor) => predecessor.succeed(settings, &mut inherited)?,
        None => Gateway::start_on(settings, Clock::System, &mut inherited)?,
    };
    for address in inherited.addresses() {
        tracing::warn!(%address, "a socket was passed for an address that is not configured: nobody answers there");
    }
    drop(inherited);
    for address in gateway.addresses() {
        tracing::info!(%address, "listening");
    }
    tracing::info!(address = %gateway.admin(), "admin listening: /status, /livez, /readyz, /metrics");
    if !is_successor {
        // Of a successor the supervisor is told by the one that it knows.
        notify::tell(State::Ready);
    }
    let told = runtime.block_on(async {
        let reloader = Reloader::new(path, (mode, files), &gateway);
        wait(&gateway, reloader, signals).await
    });
    match told {
        Leave::Alone => notify::tell(State::Stopping),
        Leave::Succeeded(process) => notify::tell(State::Succeeded(process)),
    }
    tracing::info!("draining: requests in flight end, new ones are not taken");
    gateway.drain();
    tracing::info!("drained");
    Ok(ExitCode::SUCCESS)
}

/// Why we leave.
enum Leave {
    /// Somebody asked us to.
    Alone,
    /// The process with this id serves now.
    Succeeded(u32),
}

/// What we can be told. Listened for before we serve: until then each of them would end the process.
struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
    succeed: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind: SignalKind| signal(kind).with_context(|| format!("cannot listen for signal {kind:?}"));
        Ok(Self {
            hang_up: listen(SignalKind::hangup())?,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            succeed: listen(SignalKind::user_defined2())?,
        })
    }

    /// Whether somebody has asked for a reload that was not done.
    async fn has_hung_up(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.hang_up.poll_recv(cx).is_ready())).await
    }

    /// Until somebody asks us to leave.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Until there is a reason to leave.
async fn wait(gateway: &Gateway, mut reloader: Reloader, mut signals: Signals) -> Leave {
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return Leave::Alone,
            _ = signals.interrupt.recv() => return Leave::Alone,
            // What became of it stands in the log.
            _ = signals.hang_up.recv() => drop(reloader.reload(gateway)),
            why = reloader.next() => reloader.answer(why, gateway),
            _ = signals.succeed.recv() => {
                if let Some(reason) = succeed(gateway, &mut signals).await {
                    return reason;
                }
            }
            () = tokio::time::sleep(OPEN_AGAIN), if gateway.shared().revocations.waits_for_file() => {
                if gateway.open_revocations().is_ok() {
                    tracing::info!("the file of revocations is open again");
                }
            }
        }
    }
}

/// Lets a successor take over. Where it does not, this process goes on; who is told to end meanwhile ends.
async fn succeed(gateway: &Gateway, signals: &mut Signals) -> Option<Leave> {
    tracing::info!("starting a successor");
    notify::tell(State::Reloading);
    let outcome = tokio::select! {
        outcome = takeover::run(gateway) => Some(outcome),
        () = signals.end() => None,
    };
    if let Some(Ok(process)) = outcome {
        // What we were told meanwhile is for whoever serves now.
        if signals.has_hung_up().await {
            takeover::tell_to_reload(process);
        }
        return Some(Leave::Succeeded(process));
    }
    if let Err(fault) = gateway.take_back() {
        tracing::error!("nothing can be revoked until this is mended, which is tried every second: {fault:#}");
    }
    let Some(Err(fault)) = outcome else { return Some(Leave::Alone) };
    gateway.takeover_failed();
    tracing::error!("not taken over, this process goes on serving: {fault:#}");
    notify::tell(State::Ready);
    None
}

/// Between two tries to open the file of revocations, after a takeover that failed.
const OPEN_AGAIN: Duration = Duration::from_secs(1);
