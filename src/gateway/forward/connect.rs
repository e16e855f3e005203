//! Opens a connection to a server of an upstream: address, TCP, TLS. Nothing that was opened here was spoken on yet.
//!
//! Any thread may open connections; what is known of a server's certificate is shared by all of them.

use super::health::Health;
use super::transport::{Secured, Transport};
use crate::config::balance::HealthCheck;
use crate::config::bounds::{UPSTREAM_ADDRESSES_MAX, UPSTREAM_ADDRESSES_TRIED};
use crate::config::upstreams::{Protocol, Upstream, UpstreamServer};
use crate::gateway::reason::Reason;
use crate::net::addresses::{Addresses, Learned};
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// One server, and how it is reached.
pub struct Endpoint {
    upstream: Arc<str>,
    server: UpstreamServer,
    protocol: Protocol,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
    addresses: Addresses,
    lookup_interval: Duration,
    /// Whether somebody looks up its name.
    is_looked_up: AtomicBool,
    /// Whether it is asked.
    pub health: Health,
    check: Option<HealthCheck>,
    is_watched: AtomicBool,
    standing: AtomicU8,
}

/// How what is known of a server changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It failed too many requests.
    Ejected,
    /// It answered one after that.
    Back,
    /// It failed too many checks.
    Unfit,
    /// It passed enough of them.
    Fit,
}

/// Why there is no connection. No request was begun on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFault {
    /// Nobody is there, or nobody in time.
    Refused,
    /// Its certificate does not verify.
    Untrusted,
    /// It and we cannot agree on how to speak.
    Handshake,
}

impl Endpoint {
    /// `server` of `upstream`. `tls` is that of the whole upstream, so that its servers share sessions; it is there
    /// exactly if the upstream has terms for it.
    #[expect(clippy::missing_panics_doc, reason = "never: config takes only such names")]
    pub fn new(upstream: &Upstream, server: &UpstreamServer, tls: Option<&Arc<ClientConfig>>, now: Instant) -> Self {
        let name = || {
            let own = || ServerName::try_from(server.host.to_string()).expect("config takes only names of this form");
            upstream.tls.as_ref().and_then(|terms| terms.name.clone()).unwrap_or_else(own)
        };
        Self {
            upstream: Arc::clone(&upstream.name),
            server: server.clone(),
            protocol: upstream.protocol,
            tls: tls.map(|config| (TlsConnector::from(Arc::clone(config)), name())),
            timeout: upstream.connect_timeout,
            addresses: Addresses::new(&server.host, server.port, UPSTREAM_ADDRESSES_MAX),
            lookup_interval: upstream.lookup_interval,
            is_looked_up: AtomicBool::new(false),
            health: Health::new(upstream.eject, now),
            check: upstream.health.clone(),
            is_watched: AtomicBool::new(false),
            standing: AtomicU8::new(GOOD),
        }
    }

    /// What is spoken to it.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Its share of the requests.
    pub fn weight(&self) -> u32 {
        self.server.weight
    }

    /// What it has to be asked now and then. Given once: to whoever asks from then on.
    pub fn take_check(&self) -> Option<&HealthCheck> {
        self.check.as_ref().filter(|_| !self.is_watched.swap(true, Ordering::Relaxed))
    }

    /// Its name, if it has to be looked up, and how often. Given once: to whoever does it from then on.
    pub fn take_name(&self) -> Option<(&str, Duration)> {
        let name = self.addresses.name()?;
        (!self.is_looked_up.swap(true, Ordering::Relaxed)).then_some((name, self.lookup_interval))
    }

    /// Where it is.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Takes in what its name stands for. What changes is said once.
    pub fn learn(&self, found: io::Result<Vec<IpAddr>>) {
        let (upstream, server) = (&*self.upstream, self.to_string());
        let (found, fault) = match found {
            Ok(found) => (Some(found), String::from("the answer is empty")),
            Err(fault) => (None, fault.to_string()),
        };
        let learned = self.addresses.learn(found, UPSTREAM_ADDRESSES_MAX);
        let known = self.addresses.count();
        match learned {
            Learned::Nothing => {}
            Learned::Others => tracing::debug!(upstream, server, known, "a server's name stands for other addresses"),
            Learned::Again => tracing::info!(upstream, server, known, "a server's name is found again"),
            Learned::Lost if known > 0 => {
                tracing::warn!(
                    upstream,
                    server,
                    known,
                    fault,
                    "a server's name is not found: it is asked where it was"
                );
            }
            Learned::Lost => {
                tracing::error!(upstream, server, fault, "a server's name is not found: it is sent nothing");
            }
        }
    }

    /// It takes requests again, or takes none. Said once for each change.
    pub fn turned(&self, turn: Turn) {
        let (upstream, server) = (&*self.upstream, self.to_string());
        match turn {
            Turn::Ejected => tracing::warn!(upstream, server, "a server fails requests and is left alone for a while"),
            Turn::Back => tracing::info!(upstream, server, "a server answers requests again"),
            Turn::Unfit => tracing::warn!(upstream, server, "a server fails its health check and is sent nothing"),
            Turn::Fit => tracing::info!(upstream, server, "a server passes its health check again"),
        }
    }

    /// Whether it is reached through TLS.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// The bound on opening a connection.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A connection to it, and to which of its addresses. Whichever that is, the certificate must have the server's name.
    pub async fn open(self: &Arc<Self>) -> Result<(Transport, SocketAddr), ConnectFault> {
        let opening = async {
            let (tcp, address) = self.reach().await.ok_or(ConnectFault::Refused)?;
            tcp.set_nodelay(true).map_err(|_| ConnectFault::Refused)?;
            let transport = match &self.tls {
                None => Transport::Plain(tcp),
                Some((connector, name)) => self.secure(connector, name, tcp).await?,
            };
            Ok((transport, address))
        };
        tokio::time::timeout(self.timeout, opening).await.unwrap_or(Err(ConnectFault::Refused))
    }

    /// One address after the other. None but the last may use up the time.
    async fn reach(&self) -> Option<(TcpStream, SocketAddr)> {
        let mut addresses = self.addresses.in_turn(UPSTREAM_ADDRESSES_TRIED).await;
        let last = addresses.pop()?;
        let part = self.timeout / u32::try_from(addresses.len() + 1).unwrap_or(u32::MAX);
        for address in addresses {
            if let Ok(Ok(tcp)) = tokio::time::timeout(part, TcpStream::connect(address)).await {
                return Some((tcp, address));
            }
        }
        Some((TcpStream::connect(last).await.ok()?, last))
    }

    async fn secure(
        self: &Arc<Self>,
        connector: &TlsConnector,
        name: &ServerName<'static>,
        tcp: TcpStream,
    ) -> Result<Transport, ConnectFault> {
        let stream = connector.connect(name.clone(), tcp).await.map_err(|fault| self.failed(&fault))?;
        if self.protocol == Protocol::Http2 && stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
            return Err(self.disagrees("it does not choose h2 by ALPN"));
        }
        Ok(Transport::Tls(Box::new(Secured::new(stream, Arc::clone(self)))))
    }

    /// TLS has failed. What is no fault of TLS is one of the network.
    pub(super) fn failed(&self, fault: &io::Error) -> ConnectFault {
        match fault.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(fault @ (rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)) => {
                if self.standing.swap(UNTRUSTED, Ordering::Relaxed) != UNTRUSTED {
                    let (upstream, server) = (&*self.upstream, self.to_string());
                    tracing::error!(upstream, server, %fault, "a server's certificate does not verify: it is sent nothing");
                }
                ConnectFault::Untrusted
            }
            Some(fault) => self.disagrees(fault),
            None => ConnectFault::Refused,
        }
    }

    /// It and we cannot agree on how to speak. Said once, until it `works`.
    pub(super) fn disagrees(&self, fault: impl fmt::Display) -> ConnectFault {
        if self.standing.swap(DISAGREES, Ordering::Relaxed) != DISAGREES {
            let (upstream, server) = (&*self.upstream, self.to_string());
            tracing::error!(upstream, server, %fault, "a server cannot be spoken to as the configuration says");
        }
        ConnectFault::Handshake
    }

    /// It has said something that only the right server can say.
    pub(super) fn works(&self) {
        if self.standing.load(Ordering::Relaxed) != GOOD && self.standing.swap(GOOD, Ordering::Relaxed) != GOOD {
            let (upstream, server) = (&*self.upstream, self.to_string());
            tracing::info!(upstream, server, "a server is spoken to again");
        }
    }
}

/// Whether this is the peer's word that it takes no TLS connection of ours: in version 1.3 it comes when we think that
/// the handshake is over (RFC 8446 §4.4.2.4), and so in place of an answer.
pub(super) fn is_rejection(fault: &io::Error) -> bool {
    match fault.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => matches!(
            alert,
            AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::HandshakeFailure
        ),
        Some(_) | None => false,
    }
}

impl From<ConnectFault> for Reason {
    fn from(fault: ConnectFault) -> Self {
        match fault {
            ConnectFault::Refused => Self::UpstreamRefused,
            ConnectFault::Untrusted => Self::UpstreamUntrusted,
            ConnectFault::Handshake => Self::UpstreamHandshake,
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3986 §3.2.2: an IPv6 address stands in brackets before a port.
        match &*self.server.host {
            host if host.contains(':') => write!(f, "[{host}]:{}", self.server.port),
            host => write!(f, "{host}:{}", self.server.port),
        }
    }
}

/// HTTP/2 through TLS, in ALPN (RFC 9113 §3.1).
const HTTP2: &[u8] = b"h2";
const GOOD: u8 = 0;
const UNTRUSTED: u8 = 1;
const DISAGREES: u8 = 2;
