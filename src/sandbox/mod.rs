//! A small bank around the door: a portal for developers, an authorization server, three banking APIs.
//! It talks to the gateway over HTTP only, as any bank would, and keeps everything in a database.
//! For loopback and for trying things out: it refuses to be a production authorization server.

pub mod bank;
pub mod story;

mod attempts;
mod authz;
mod cookie;
mod customer;
mod form;
mod page;
mod portal;
mod redirect_uri;
mod scopes;
mod secret;
mod store;
mod vocabulary;

pub use scopes::Api;
pub use store::Location;

use crate::clock::{Clock, UnixSeconds};
use crate::net::fetch::Fetcher;
use crate::net::serve::Serving;
use crate::net::task::Background;
use attempts::Attempts;
use authz::{Keys, UnderWay};
use axum::Router;
use cookie::Jar;
use hyper_util::service::TowerToHyperService;
use portal::Passwords;
use rustls::ServerConfig;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};
use store::Store;
use tokio::net::TcpListener;

/// How a sandbox is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the portal and the authorization server listen; a free port is taken if this one is busy.
    pub portal: SocketAddr,
    /// The gateway as third parties reach it, `http://127.0.0.1:8080`: the audience of every token.
    pub gateway: String,
    /// The gateway's admin listener, `http://127.0.0.1:9090`: where a bank's own servers tell it what is revoked.
    pub admin: String,
    /// Who the gateway is when it asks about opaque tokens.
    pub resource_server: ResourceServer,
    /// Calls the gateway, on a developer's behalf and on the bank's.
    pub fetcher: Fetcher,
    /// The gateway's access log, which developers read their applications' calls from.
    pub access_log: Option<PathBuf>,
    /// With which the portal serves; without it, it speaks plain http.
    pub tls: Option<Arc<ServerConfig>>,
    /// Where everything is kept.
    pub store: Location,
    /// How long what is given out lives.
    pub lifetimes: TokenLifetimes,
    /// Where time comes from.
    pub clock: Clock,
}

/// A server of the bank that may ask the authorization server about tokens (RFC 7662 §2.1).
#[derive(Clone)]
pub struct ResourceServer {
    /// Its client id.
    pub client_id: String,
    /// Its secret.
    pub secret: String,
}

/// How long what the authorization server gives out lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLifetimes {
    /// Access tokens, unless the developer asked for short ones.
    pub access: Duration,
    /// Access tokens of applications that want to see them expire.
    pub access_short: Duration,
    /// Authorization codes.
    pub code: Duration,
    /// Refresh tokens that nobody uses.
    pub refresh_idle: Duration,
}

/// The running sandbox: banking APIs, portal and authorization server.
#[derive(Debug)]
pub struct Sandbox {
    apis: Serving,
    portal: Serving,
    site: Arc<Site>,
    upkeep: Background,
}

/// What every page and endpoint shares.
#[derive(Debug)]
struct Site {
    /// The authorization server's name (RFC 8414 §2) and the portal's address.
    issuer: String,
    gateway: String,
    admin: String,
    resource_server: ResourceServer,
    fetcher: Fetcher,
    calls: portal::Calls,
    catalogue: portal::Catalogue,
    started: UnixSeconds,
    lifetimes: TokenLifetimes,
    clock: Clock,
    keys: Keys,
    refreshing: UnderWay,
    store: Store,
    attempts: Attempts,
    passwords: Passwords,
}

impl Sandbox {
    /// Starts everything on the runtime that polls this call.
    pub async fn start(options: Options) -> io::Result<Self> {
        let apis = TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), 0)).await?;
        let listener = bind(options.portal).await?;
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let store = Store::open(&options.store).await?;
        let keys = Keys::open(&store, options.clock.now()).await.map_err(io::Error::other)?;
        let issuer = format!("{scheme}://{}", listener.local_addr()?);
        let site = Site {
            catalogue: portal::Catalogue::read(&options.gateway, &issuer).map_err(io::Error::other)?,
            calls: portal::Calls::follow(options.access_log, options.clock.clone()),
            started: options.clock.now(),
            issuer,
            gateway: options.gateway,
            admin: options.admin,
            resource_server: options.resource_server,
            fetcher: options.fetcher,
            lifetimes: options.lifetimes,
            clock: options.clock,
            keys,
            refreshing: UnderWay::default(),
            store,
            attempts: Attempts::default(),
            passwords: Passwords::default(),
        };
        let site = Arc::new(site);
        let apis = serve(apis, None, bank::router(Arc::clone(&site)))?;
        let portal = serve(listener, options.tls, desk(Arc::clone(&site)))?;
        let upkeep = Background::start(authz::keep_up(Arc::downgrade(&site)));
        Ok(Self { apis, portal, site, upkeep })
    }

    /// The banking APIs: the gateway's upstream, which third parties never reach themselves.
    pub fn apis(&self) -> SocketAddr {
        self.apis.address()
    }

    /// The portal and the authorization server; the port differs from the wished one if that was busy.
    pub fn portal(&self) -> SocketAddr {
        self.portal.address()
    }

    /// Where the pages of applications that run in browsers come from: the gateway must let them read its answers.
    /// None, if the store does not answer now.
    pub async fn single_page_origins(&self) -> Option<BTreeSet<String>> {
        self.site.store.single_page_origins().await.ok()
    }

    /// Tells the gateway, now that it answers, everything that is revoked: it may know nothing of what was before. One
    /// that does not answer is told later.
    pub async fn brief_gateway(&self) -> io::Result<()> {
        self.site.store.owe_all_revocations().await.map_err(io::Error::other)?;
        authz::tell_what_is_due(&self.site).await.map_err(io::Error::other)
    }

    /// Lets answers finish that are under way.
    pub async fn stop(self) {
        self.portal.stop().await;
        self.apis.stop().await;
        drop(self.upkeep);
        self.site.store.close().await;
    }
}

impl Site {
    /// Who the bank's customer at a browser is.
    fn customers_cookie(&self) -> Jar {
        Jar::of("scopegate_customer", &self.issuer)
    }

    /// Who the developer at a browser is.
    fn developers_cookie(&self) -> Jar {
        Jar::of("scopegate_portal", &self.issuer)
    }
}

impl ResourceServer {
    /// One with a new secret.
    pub fn generate(client_id: &str) -> Self {
        Self { client_id: client_id.to_owned(), secret: secret::fresh("secret_") }
    }
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceServer({})", self.client_id)
    }
}

impl Default for TokenLifetimes {
    fn default() -> Self {
        Self {
            access: Duration::from_mins(5),
            access_short: Duration::from_secs(3),
            code: Duration::from_mins(1),
            refresh_idle: Duration::from_hours(24),
        }
    }
}

/// The portal and the authorization server under one address.
fn desk(site: Arc<Site>) -> Router {
    let pages = portal::router().merge(authz::pages()).fallback(page::unknown);
    page::guard(pages).merge(authz::endpoints()).with_state(site)
}

fn serve(listener: TcpListener, tls: Option<Arc<ServerConfig>>, router: Router) -> io::Result<Serving> {
    Serving::start(listener, tls, TowerToHyperService::new(router))
}

/// The wished address, or a free port beside it.
async fn bind(wished: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(wished).await {
        Err(fault) if fault.kind() == io::ErrorKind::AddrInUse => TcpListener::bind((wished.ip(), 0)).await,
        bound => bound,
    }
}

#[cfg(test)]
mod tests;
