//! `scopegate serve --config FILE`: runs the gateway.

use crate::config;
use std::path::Path;
use std::process::ExitCode;

/// Reads the configuration and serves until it is told to end.
pub fn run(config: &Path) -> anyhow::Result<ExitCode> {
    config::load(config)?;
    anyhow::bail!("this build cannot serve yet")
}
