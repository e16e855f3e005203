//! scopegate with everything on: the cache of verdicts, scopes, identity headers, metrics, an access log to a file.

use super::{Site, write};
use crate::load::stream::Transport;
use crate::support::configuration::{Configuration, Further};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// How large its configuration is.
#[derive(Clone, Copy)]
pub(crate) struct Gate {
    /// Beside the three that every configuration has.
    pub(crate) routes: usize,
    pub(crate) issuers: usize,
    /// Verdicts remembered.
    pub(crate) verdicts: usize,
    /// Another build than the one that is measured.
    pub(crate) build: Option<&'static Path>,
}

impl Gate {
    /// One issuer, few routes, and room for every token.
    pub(crate) const USUAL: Self = Self { routes: 0, issuers: 1, verdicts: 200_000, build: None };
}

pub(super) fn command(site: &Site<'_>, folder: &Path, listen: SocketAddr, gate: Gate) -> anyhow::Result<Vec<PathBuf>> {
    let log = folder.join(LOG).display().to_string();
    let Gate { routes, issuers, verdicts, build } = gate;
    let configuration = Configuration { listen, upstream: site.upstream, routes, verdicts, access_log: &log };
    let tls = match site.transport {
        Transport::Plain => None,
        Transport::Tls | Transport::Http2 => Some(site.folder.as_path()),
    };
    let text = configuration.text_with(&Further { tls, issuers: issuers - 1 });
    // The keys are expected beside it.
    let file = write(&site.folder, &format!("scopegate-{}.yaml", listen.port()), &text)?;
    let program = build.unwrap_or(&site.tools.scopegate).to_owned();
    Ok(vec![program, "serve".into(), "--config".into(), file])
}

/// In a contender's folder.
pub(super) const LOG: &str = "access.log";
