//! Connections to a server of ours that speaks no HTTP: by name or address, in plain text or TLS.

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::fmt;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where a server is, and how it is reached.
pub struct Dial {
    host: Box<str>,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
}

/// What can be read from and written to. One kind for both transports: what runs over it need not know, and its octets
/// cost more than the call.
pub type Stream = Box<dyn Both>;

/// Both directions.
pub trait Both: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

impl Dial {
    /// In plain text without `tls`.
    pub fn new(host: Box<str>, port: u16, tls: Option<Arc<ClientConfig>>) -> Self {
        Self { host, port, tls }
    }

    /// A new connection. The name is looked up each time: another server may have it by then.
    pub async fn connect(&self) -> io::Result<Stream> {
        let tcp = TcpStream::connect((&*self.host, self.port)).await?;
        tcp.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(tcp)) };
        let name = ServerName::try_from(self.host.to_string()).map_err(io::Error::other)?;
        Ok(Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await?))
    }
}

impl fmt::Display for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dial({self})")
    }
}
