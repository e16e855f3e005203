//! TLS settings for both sides: one provider, versions 1.2 and 1.3, nothing insecure to switch on.

use rustls::client::WantsClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// TLS cannot be set up as the configuration asks.
#[derive(Debug)]
pub struct TlsFault(String);

/// Makes the one provider the process's default, for libraries that ask for it.
pub fn install_provider() {
    // It fails only where one is installed already, which is the same one.
    let _installed_before = aws_lc_rs::default_provider().install_default();
}

/// Our side as a server (RFC 9325): no early data, session tickets by rustls' defaults.
pub fn server(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Arc<ServerConfig>, TlsFault> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|fault| TlsFault(fault.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Our side as a client: the roots in `ca_file`, or the system's.
pub fn client(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsFault> {
    Ok(Arc::new(trusting(ca_file)?.with_no_client_auth()))
}

/// Like `client`, and who asks for our certificate gets this one.
pub fn client_as(
    ca_file: Option<&Path>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ClientConfig>, TlsFault> {
    let config = trusting(ca_file)?.with_client_auth_cert(chain, key);
    config.map(Arc::new).map_err(|fault| TlsFault(fault.to_string()))
}

fn trusting(ca_file: Option<&Path>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsFault> {
    let roots = match ca_file {
        Some(path) => roots_in(path)?,
        None => system_roots(),
    };
    Ok(ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|fault| TlsFault(fault.to_string()))?
        .with_root_certificates(roots))
}

fn roots_in(path: &Path) -> Result<RootCertStore, TlsFault> {
    let bad = |fault: &dyn fmt::Display| TlsFault(format!("{}: {fault}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|fault| bad(&fault))? {
        let certificate = certificate.map_err(|fault| bad(&fault))?;
        roots.add(certificate).map_err(|fault| bad(&fault))?;
    }
    if roots.is_empty() { Err(bad(&"no certificate in it")) } else { Ok(roots) }
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!("the system has no trusted roots: install ca-certificates, or name a ca_file");
    }
    roots
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsFault {}
