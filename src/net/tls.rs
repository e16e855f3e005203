//! TLS settings for both sides: one provider, versions 1.2 and 1.3, nothing insecure to switch on.

use super::client::HTTP2;
use rustls::client::WantsClientCert;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::hash::HashAlgorithm;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme, SupportedCipherSuite,
};
use std::fmt;
use std::sync::Arc;

/// TLS cannot be set up as the configuration asks.
#[derive(Debug)]
pub struct TlsFault(String);

/// Makes the one provider the process's default, for libraries that ask for it.
pub fn install_provider() {
    // It fails only where one is installed already, which is the same one.
    let _installed_before = aws_lc_rs::default_provider().install_default();
}

/// What a server asks of its clients.
#[derive(Clone, Copy, Debug)]
pub enum AskClients<'a> {
    /// Nothing.
    Nothing,
    /// A certificate, which must be there if it `is_required`. One of these authorities must have issued it; where there
    /// are none, any is good whose key the client has (RFC 8705 §2.2, §6.2).
    Certificate {
        /// Leaf issuers' roots.
        authorities: &'a [CertificateDer<'static>],
        /// What they have taken back, if that is asked.
        revoked: &'a [CertificateRevocationListDer<'static>],
        /// Whether a client without one is turned away.
        is_required: bool,
    },
}

/// Our side as a server (RFC 9325): no early data, session tickets by rustls' defaults, which keep the certificate that
/// the client showed when the session began. Of the suites we choose, whatever order a client has: processors hash SHA-256
/// themselves and SHA-384 they do not, and a handshake hashes a lot; measured, a tenth of it.
pub fn server(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    clients: AskClients<'_>,
) -> Result<Arc<ServerConfig>, TlsFault> {
    let verifier: Arc<dyn ClientCertVerifier> = match clients {
        AskClients::Nothing => WebPkiClientVerifier::no_client_auth(),
        AskClients::Certificate { authorities: [], is_required, .. } => AnyCertificate::verifier(is_required),
        AskClients::Certificate { authorities, revoked, is_required } => {
            let roots = roots(authorities).map_err(|fault| TlsFault(format!("client_ca: {fault}")))?;
            let provider = Arc::new(aws_lc_rs::default_provider());
            // A certificate of which no list says anything, and a list past its next update, are refused: what was
            // revoked meanwhile cannot be known. The whole chain is asked about, up to the authority itself.
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .with_crls(revoked.iter().cloned())
                .enforce_revocation_expiration();
            let builder = if is_required { builder } else { builder.allow_unauthenticated() };
            builder.build().map_err(|fault| TlsFault(format!("client_ca: {fault}")))?
        }
    };
    let mut provider = aws_lc_rs::default_provider();
    // Stable: what is equal in this stays in the order of rustls, TLS 1.3 first.
    provider.cipher_suites.sort_by_key(|suite| hashes_by_sha384(*suite));
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_client_cert_verifier(verifier).with_single_cert(chain, key))
        .map_err(|fault| TlsFault(fault.to_string()))?;
    config.ignore_client_order = true;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The same, for clients that may also speak HTTP/2.
pub fn with_http2(server: &ServerConfig) -> Arc<ServerConfig> {
    let mut server = server.clone();
    server.alpn_protocols.insert(0, HTTP2.to_vec());
    Arc::new(server)
}

fn hashes_by_sha384(suite: SupportedCipherSuite) -> bool {
    let common = match suite {
        SupportedCipherSuite::Tls12(suite) => &suite.common,
        SupportedCipherSuite::Tls13(suite) => &suite.common,
    };
    common.hash_provider.algorithm() == HashAlgorithm::SHA384
}

/// Takes every client certificate, so that a token bound to it can be recognised. The handshake still proves that the
/// client has its key.
#[derive(Debug)]
struct AnyCertificate {
    is_required: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl AnyCertificate {
    fn verifier(is_required: bool) -> Arc<Self> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        Arc::new(Self { is_required, algorithms })
    }
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.is_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Our side as a client, which trusts these authorities, or the system's.
pub fn client(authorities: Option<&[CertificateDer<'static>]>) -> Result<Arc<ClientConfig>, TlsFault> {
    Ok(Arc::new(trusting(authorities)?.with_no_client_auth()))
}

/// Like `client`, and who asks for our certificate gets this one.
pub fn client_as(
    authorities: Option<&[CertificateDer<'static>]>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ClientConfig>, TlsFault> {
    let config = trusting(authorities)?.with_client_auth_cert(chain, key);
    config.map(Arc::new).map_err(|fault| TlsFault(fault.to_string()))
}

fn trusting(
    authorities: Option<&[CertificateDer<'static>]>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsFault> {
    let roots = match authorities {
        Some(authorities) => roots(authorities).map_err(|fault| TlsFault(format!("ca_file: {fault}")))?,
        None => system_roots(),
    };
    Ok(ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|fault| TlsFault(fault.to_string()))?
        .with_root_certificates(roots))
}

fn roots(authorities: &[CertificateDer<'static>]) -> Result<RootCertStore, rustls::Error> {
    let mut roots = RootCertStore::empty();
    authorities.iter().try_for_each(|authority| roots.add(authority.clone()))?;
    Ok(roots)
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
