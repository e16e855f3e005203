//! What a client offers in its handshake, and what it is shown: clients that take any server's certificate, and look at it.

use super::WAIT;
use super::client::{Client, Request};
use super::gateway::World;
use super::tls::TlsClient;
use super::wire::Message;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs::default_provider};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};
use std::net::TcpStream;
use std::sync::Arc;

/// A client that asks for `name`, if any, and offers what it is told to.
#[derive(Clone, Debug)]
pub struct Hello {
    name: Option<&'static str>,
    version: Option<&'static SupportedProtocolVersion>,
    suites: Option<Vec<CipherSuite>>,
    signs: Option<fn(SignatureScheme) -> bool>,
    protocols: Vec<Vec<u8>>,
}

impl Hello {
    /// Asks for this name.
    pub fn to(name: &'static str) -> Self {
        Self { name: Some(name), ..Self::to_nobody() }
    }

    /// Asks for nobody.
    pub fn to_nobody() -> Self {
        Self { name: None, version: None, suites: None, signs: None, protocols: Vec::new() }
    }

    /// Speaks this version only.
    pub fn speaking(self, version: &'static SupportedProtocolVersion) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Offers these suites only.
    pub fn suites(self, suites: &[CipherSuite]) -> Self {
        Self { suites: Some(suites.to_vec()), ..self }
    }

    /// Verifies these signatures only.
    pub fn verifying(self, signs: fn(SignatureScheme) -> bool) -> Self {
        Self { signs: Some(signs), ..self }
    }

    /// Offers these protocols (ALPN).
    pub fn protocols(self, protocols: &[&str]) -> Self {
        Self { protocols: protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect(), ..self }
    }

    fn provider(&self) -> CryptoProvider {
        let mut provider = default_provider();
        if let Some(suites) = &self.suites {
            provider.cipher_suites.retain(|suite| suites.contains(&suite.suite()));
        }
        if let Some(signs) = self.signs {
            let WebPkiSupportedAlgorithms { all, mapping } = provider.signature_verification_algorithms;
            let mapping: Vec<_> = mapping.iter().filter(|(scheme, _)| signs(*scheme)).copied().collect();
            // As long as the process: that is how the library wants it.
            provider.signature_verification_algorithms = WebPkiSupportedAlgorithms { all, mapping: mapping.leak() };
        }
        provider
    }

    /// A connection whose handshake is over, if it came to that.
    pub fn shake(&self, world: &World) -> Option<TlsClient> {
        let provider = Arc::new(self.provider());
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(
                &self.version.map_or_else(|| rustls::ALL_VERSIONS.to_vec(), |version| vec![version]),
            )
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider.signature_verification_algorithms)))
            .with_no_client_auth();
        config.alpn_protocols.clone_from(&self.protocols);
        config.enable_sni = self.name.is_some();
        let mut tcp = TcpStream::connect(world.address()).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(WAIT)).unwrap();
        let name = ServerName::try_from(self.name.unwrap_or("nobody.example")).unwrap();
        let mut connection = ClientConnection::new(config.into(), name).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp).ok()?;
        }
        Some(Client::over(StreamOwned::new(connection, tcp)))
    }

    /// What the gateway shows to it.
    pub fn shown(&self, world: &World) -> Vec<u8> {
        self.shake(world).expect("a handshake").server_certificate()
    }

    /// One request on a connection of its own.
    pub fn send(&self, world: &World, request: &Request) -> Message {
        self.shake(world).expect("a handshake").send(request)
    }
}

/// Takes every certificate whose key the server has.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _status: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
