//! `scopegate sandbox`: a small bank to try things out.

use std::net::SocketAddr;
use std::process::ExitCode;

/// Runs the sandbox until it is told to end.
pub fn run(_listen: SocketAddr, _portal: SocketAddr) -> anyhow::Result<ExitCode> {
    anyhow::bail!("this build has no sandbox yet")
}
