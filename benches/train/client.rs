//! Clients that speak HTTP/1.1, in the clear and through TLS.

use super::support::message;
use anyhow::{Context as _, bail, ensure};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub(super) type Plain = TcpStream;
pub(super) type Secure = StreamOwned<ClientConnection, TcpStream>;

/// One connection.
pub(super) struct Client<S> {
    stream: S,
    received: Vec<u8>,
}

impl Client<Plain> {
    pub(super) fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { stream: tcp(address)?, received: Vec::new() })
    }
}

impl Client<Secure> {
    /// The handshake comes with the first request.
    pub(super) fn connect_tls(address: SocketAddr, config: &Arc<ClientConfig>) -> anyhow::Result<Self> {
        let connection = ClientConnection::new(Arc::clone(config), "localhost".try_into()?)?;
        Ok(Self { stream: StreamOwned::new(connection, tcp(address)?), received: Vec::new() })
    }
}

impl<S: Read + Write> Client<S> {
    /// Sends one request and reads its answer to the end; it must have this status.
    pub(super) fn ask(&mut self, request: &[u8], status: u16) -> anyhow::Result<()> {
        self.send(request)?;
        self.receive(status)
    }

    fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).and_then(|()| self.stream.flush()).context("sending")
    }

    fn receive(&mut self, status: u16) -> anyhow::Result<()> {
        self.received.clear();
        let mut piece = [0; 16 * 1024];
        while message::whole(&self.received).is_none() {
            let count = self.stream.read(&mut piece).context("waiting for an answer")?;
            ensure!(count > 0, "closed after {} bytes of an answer", self.received.len());
            self.received.extend_from_slice(&piece[..count]);
        }
        if !self.received.starts_with(format!("HTTP/1.1 {status} ").as_bytes()) {
            let shown = &self.received[..self.received.len().min(600)];
            bail!("{status} was expected, and this came: {}", String::from_utf8_lossy(shown));
        }
        Ok(())
    }
}

/// The same request on each, before any answer is read.
pub(super) fn ask_all<S: Read + Write>(clients: &mut [Client<S>], request: &[u8], status: u16) -> anyhow::Result<()> {
    clients.iter_mut().try_for_each(|client| client.send(request))?;
    clients.iter_mut().try_for_each(|client| client.receive(status))
}

fn tcp(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, WAIT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    Ok(stream)
}

/// Makes this the only certificate that clients believe in.
pub(super) fn trust(certificate: &CertificateDer<'static>) {
    SERVER.set(certificate.clone()).ok();
}

/// Remembers sessions.
pub(super) fn resuming() -> Arc<ClientConfig> {
    config(rustls::ALL_VERSIONS, Resumption::in_memory_sessions(8), &[])
}

/// Every handshake is a whole one, of this version.
pub(super) fn whole(version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    config(&[version], Resumption::disabled(), &[])
}

/// Asks for HTTP/2.
pub(super) fn http2() -> Arc<ClientConfig> {
    config(rustls::ALL_VERSIONS, Resumption::disabled(), &["h2"])
}

fn config(versions: &[&'static SupportedProtocolVersion], sessions: Resumption, alpn: &[&str]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(SERVER.get().unwrap().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(default_provider().into());
    let builder = builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
    let mut config = builder.with_no_client_auth();
    config.resumption = sessions;
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.into()
}

static SERVER: OnceLock<CertificateDer<'static>> = OnceLock::new();

/// For an answer, of a program that counts every step it takes.
const WAIT: Duration = Duration::from_secs(20);
