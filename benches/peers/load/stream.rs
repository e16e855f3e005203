//! Opens a connection to what is measured, plain or with TLS. All get the same handshake: TLS 1.3, X25519 and
//! AES-128-GCM, never resumed, so that nobody is measured with less of it than another.

use super::Target;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Either kind; one indirect call a read costs less than everything twice.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// What clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    Tls,
    Http2,
}

/// Connects, and shakes hands where there is TLS.
pub(crate) async fn open(target: &Target) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect(target.address).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = &target.tls else {
        return Ok(Box::new(stream));
    };
    let name = ServerName::try_from(super::HOST).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?))
}

/// How clients speak TLS with who has `certificate`, or `None` where they do not.
pub(crate) fn client(
    transport: Transport,
    certificate: &CertificateDer<'static>,
) -> anyhow::Result<Option<Arc<ClientConfig>>> {
    let protocol = match transport {
        Transport::Plain => return Ok(None),
        Transport::Tls => "http/1.1",
        Transport::Http2 => "h2",
    };
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    };
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let builder =
        ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[&rustls::version::TLS13])?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.into()];
    config.resumption = Resumption::disabled();
    Ok(Some(Arc::new(config)))
}
