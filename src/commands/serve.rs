//! `scopegate serve`: runs the gateway until SIGTERM or SIGINT; SIGHUP applies the file anew.

use super::gateway::Gateway;
use crate::clock::Clock;
use crate::config;
use anyhow::Context as _;
use std::path::Path;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Serves what the file at `path` says.
pub fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let settings = config::load(path)?;
    let gateway = Gateway::start(settings, Clock::System)?;
    for address in gateway.addresses() {
        tracing::info!(%address, "listening");
    }
    tracing::info!(address = %gateway.admin(), "admin listening: /livez, /readyz, /metrics");
    wait(&gateway, path)?;
    tracing::info!("draining: requests in flight end, new ones are not taken");
    gateway.drain();
    tracing::info!("drained");
    Ok(ExitCode::SUCCESS)
}

/// Until somebody asks us to leave.
fn wait(gateway: &Gateway, path: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let mut hang_up = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = hang_up.recv() => reload(gateway, path),
            }
        }
    })
}

fn reload(gateway: &Gateway, path: &Path) {
    match config::load(path) {
        Ok(settings) => match gateway.reload(&settings) {
            Ok(()) => tracing::info!(config = %path.display(), "reloaded"),
            Err(fault) => {
                tracing::error!(config = %path.display(), "not reloaded, the old configuration goes on: {fault:#}");
            }
        },
        Err(faults) => {
            gateway.reload_refused();
            tracing::error!(config = %path.display(), "not reloaded, the old configuration goes on:\n{faults}");
        }
    }
}
