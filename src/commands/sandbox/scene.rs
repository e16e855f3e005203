//! The bank and the gateway in front of it, as they stand once both run.

use super::certificates;
use super::configuration::{self, Surroundings};
use super::folder::Folder;
use super::{Keep, Wish};
use crate::clock::Clock;
use crate::commands::CannotServe;
use crate::commands::gateway::Gateway;
use crate::config::{self, Settings};
use crate::net::fetch::{Bounds, Fetcher};
use crate::net::tls;
use crate::sandbox::{Location, Options, ResourceServer, Sandbox, TokenLifetimes};
use bytes::Bytes;
use http::{Request, StatusCode};
use rustls::ServerConfig;
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// What runs.
pub(super) struct Scene {
    sandbox: Sandbox,
    gateway: Gateway,
    /// Whose pages it lets read its answers, from its start on.
    origins: BTreeSet<String>,
    addresses: Addresses,
    folder: Folder,
    fetcher: Fetcher,
}

/// Who listens where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    /// `http` or `https`: of the portal and of the gateway.
    pub(super) scheme: &'static str,
    /// Portal and authorization server.
    pub(super) portal: SocketAddr,
    /// The gateway.
    pub(super) gateway: SocketAddr,
    /// Its admin listener.
    pub(super) admin: SocketAddr,
}

impl Scene {
    /// Starts everything, and returns when the gateway is ready.
    pub(super) async fn set(wish: &Wish) -> anyhow::Result<Self> {
        for _ in 1..CHOICES_MAX {
            let addresses = Addresses::choose(wish)?;
            match Self::at(addresses, wish).await {
                // Between the choice of a port and its use others may take it.
                Err(_) if matches!(wish.keep, Keep::Nothing) && addresses.are_taken() => {}
                outcome => return outcome,
            }
        }
        Self::at(Addresses::choose(wish)?, wish).await
    }

    async fn at(addresses: Addresses, wish: &Wish) -> anyhow::Result<Self> {
        let (folder, location) = match &wish.keep {
            Keep::Nothing => (Folder::temporary()?, Location::Memory),
            Keep::Folder(path) => {
                let fault = |fault| CannotServe(format!("cannot use {}: {fault}", path.display()));
                let folder = Folder::keep(path).map_err(fault)?;
                let location = Location::Folder(folder.path().to_owned());
                (folder, location)
            }
            Keep::Database(url) => (Folder::temporary()?, Location::Server(url.clone())),
        };
        let listeners = [addresses.gateway.ip(), addresses.portal.ip()];
        let made = wish.is_tls.then(|| certificates::make(&folder, &listeners)).transpose()?;
        let (authority, portal_tls) = made.map(|made| (made.authority, made.server)).unzip();
        // Nobody else is called, so nobody else is trusted.
        let fetcher = Fetcher::new(tls::client(Some(authority.as_slice()))?);
        let options = addresses.options(&folder, portal_tls, location, fetcher.clone())?;
        let sandbox =
            Sandbox::start(options).await.map_err(|fault| CannotServe(format!("cannot start the bank: {fault}")))?;
        let origins = sandbox.single_page_origins().await.unwrap_or_default();
        let settings = configure(&folder, &addresses.surroundings(&sandbox, &origins))?;
        // On a thread that may wait: this one serves the keys that the gateway asks for.
        let gateway = match tokio::task::spawn_blocking(|| Gateway::start(settings, Clock::System)).await? {
            Ok(gateway) => gateway,
            Err(fault) => {
                sandbox.stop().await;
                return Err(fault);
            }
        };
        let scene = Self { sandbox, gateway, origins, addresses, folder, fetcher };
        scene.until_ready().await?;
        scene.sandbox.brief_gateway().await?;
        Ok(scene)
    }

    /// Who listens where.
    pub(super) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Where its files lie.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Calls the portal and the gateway as anybody would.
    pub(super) fn fetcher(&self) -> Fetcher {
        self.fetcher.clone()
    }

    /// Ends everything in order: the door first.
    pub(super) async fn clear(self) -> anyhow::Result<()> {
        let Self { sandbox, gateway, .. } = self;
        tokio::task::spawn_blocking(|| gateway.drain()).await?;
        sandbox.stop().await;
        Ok(())
    }

    /// Lets the pages of applications that were added later read the gateway's answers too: by a reload, as an operator
    /// would. Never returns.
    pub(super) async fn keep_origins(&self) {
        let mut known = self.origins.clone();
        let mut ticks = tokio::time::interval(ORIGINS_INTERVAL);
        loop {
            ticks.tick().await;
            let Some(origins) = self.sandbox.single_page_origins().await.filter(|origins| *origins != known) else {
                continue;
            };
            let around = self.addresses.surroundings(&self.sandbox, &origins);
            match configure(&self.folder, &around).and_then(|settings| self.gateway.reload(&settings)) {
                Ok(()) => tracing::info!(count = origins.len(), "the gateway knows other origins of pages now"),
                Err(fault) => tracing::error!(%fault, "the gateway could not be told of an application's origin"),
            }
            known = origins;
        }
    }

    /// Until the gateway holds the issuer's keys.
    async fn until_ready(&self) -> anyhow::Result<()> {
        let address = format!("http://{}/readyz", self.addresses.admin);
        for _ in 0..READY_POLLS_MAX {
            let request = Request::get(&address).body(Bytes::new())?;
            let answer = self.fetcher.send(request, READY_BOUNDS).await;
            if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return Ok(());
            }
            tokio::time::sleep(READY_POLL_INTERVAL).await;
        }
        anyhow::bail!("the gateway did not become ready: {address} says why")
    }
}

impl Addresses {
    /// They stand in tokens, so they are chosen before anybody has them. What is kept would not fit others.
    fn choose(wish: &Wish) -> anyhow::Result<Self> {
        let choose = |wished: SocketAddr, flag| match (free(wished), &wish.keep) {
            (Ok(address), Keep::Nothing) => Ok(address),
            (Ok(address), Keep::Folder(_) | Keep::Database(_)) if wished.port() == 0 || address == wished => {
                Ok(address)
            }
            (Ok(_), Keep::Folder(_) | Keep::Database(_)) => Err(CannotServe(format!(
                "{wished} is busy, and what was kept is good for that address only\n  hint: end what listens there, or \
                 name another by {flag}; then tokens and test links of the old one are worthless"
            ))),
            (Err(fault), _) => Err(CannotServe(format!("cannot listen on {wished}: {fault}"))),
        };
        Ok(Self {
            scheme: if wish.is_tls { "https" } else { "http" },
            portal: choose(wish.portal, "--portal")?,
            gateway: choose(wish.listen, "--listen")?,
            admin: free(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))?,
        })
    }

    /// Whether somebody else listens at one of them.
    fn are_taken(&self) -> bool {
        [self.portal, self.gateway, self.admin].iter().any(|address| free(*address).ok() != Some(*address))
    }

    /// The gateway as third parties write it.
    pub(super) fn gateway_origin(&self) -> String {
        format!("{}://{}", self.scheme, self.gateway)
    }

    /// Portal and authorization server.
    pub(super) fn issuer(&self) -> String {
        format!("{}://{}", self.scheme, self.portal)
    }

    fn options(
        &self,
        folder: &Folder,
        tls: Option<Arc<ServerConfig>>,
        store: Location,
        fetcher: Fetcher,
    ) -> io::Result<Options> {
        let resource_server = ResourceServer::generate(configuration::CLIENT_ID);
        folder.write(configuration::CLIENT_SECRET, &resource_server.secret)?;
        let access_log = folder.file(configuration::ACCESS_LOG);
        Ok(Options {
            portal: self.portal,
            gateway: self.gateway_origin(),
            admin: format!("http://{}", self.admin),
            resource_server,
            fetcher,
            access_log: Some(access_log),
            tls,
            store,
            lifetimes: TokenLifetimes::default(),
            clock: Clock::System,
        })
    }

    fn surroundings<'a>(&self, sandbox: &Sandbox, origins: &'a BTreeSet<String>) -> Surroundings<'a> {
        Surroundings {
            listen: self.gateway,
            admin: self.admin,
            scheme: self.scheme,
            portal: sandbox.portal(),
            apis: sandbox.apis(),
            origins,
        }
    }
}

fn configure(folder: &Folder, around: &Surroundings<'_>) -> anyhow::Result<Settings> {
    let text = configuration::write(around);
    let path = folder.write(configuration::FILE, &text)?;
    Ok(config::parse(&text, &path)?)
}

/// `wished`, or the same host with a free port if that one is busy.
fn free(wished: SocketAddr) -> io::Result<SocketAddr> {
    let bound = match TcpListener::bind(wished) {
        Err(fault) if fault.kind() == io::ErrorKind::AddrInUse => TcpListener::bind((wished.ip(), 0)),
        bound => bound,
    };
    bound?.local_addr()
}

/// Times that ports are chosen.
const CHOICES_MAX: usize = 4;
/// How long a page waits at most that was just registered.
const ORIGINS_INTERVAL: Duration = Duration::from_secs(1);
/// Five seconds; the gateway asks for the keys at once.
const READY_POLLS_MAX: usize = 100;
const READY_POLL_INTERVAL: Duration = Duration::from_millis(50);
const READY_BOUNDS: Bounds = Bounds { total: Duration::from_secs(2), body_bytes_max: 64 * 1024 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_replaced_and_a_free_one_kept() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = holder.local_addr().unwrap();
        assert_ne!(free(taken).unwrap(), taken);
        drop(holder);
        assert_eq!(free(taken).unwrap(), taken);
    }
}
