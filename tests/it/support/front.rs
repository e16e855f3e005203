//! TLS in front of a plain server of the tests. It may ask for the client's certificate, which it keeps.

use super::WAIT;
use super::wire::Reader;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Issues certificates.
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, both PEM.
pub struct Identity {
    pub certificate: Certificate,
    pub key: KeyPair,
}

impl Authority {
    /// One that nobody has heard of.
    pub fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate for this name or address.
    pub fn issue(&self, name: &str) -> Identity {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        Identity { certificate: params.signed_by(&key, &self.issuer).unwrap(), key }
    }

    /// For `ca_file`.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }
}

/// The TLS side of a server.
pub struct Front {
    address: SocketAddr,
    /// What the clients showed, one for each connection that came about.
    pub seen: Arc<Mutex<Vec<CertificateDer<'static>>>>,
}

impl Front {
    /// In front of `server`, as `authority` vouches for it. Who shows no certificate of `clients` is turned away in the
    /// handshake.
    pub fn before(server: SocketAddr, authority: &Authority, clients: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(clients.certificate.der().clone()).unwrap();
        let provider = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        Self::with(server, authority, verifier)
    }

    /// The same for anybody.
    pub fn open(server: SocketAddr, authority: &Authority) -> Self {
        Self::with(server, authority, WebPkiClientVerifier::no_client_auth())
    }

    fn with(server: SocketAddr, authority: &Authority, verifier: Arc<dyn ClientCertVerifier>) -> Self {
        let provider = Arc::new(default_provider());
        let identity = authority.issue("127.0.0.1");
        let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![identity.certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Mutex::default()));
        let (config, shared) = (Arc::new(config), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, seen) = (Arc::clone(&config), Arc::clone(&shared));
                std::thread::spawn(move || relay(stream.unwrap(), config, server, &seen));
            }
        });
        Self { address, seen }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as the beginning of an address.
    pub fn origin(&self) -> String {
        format!("https://{}", self.address)
    }
}

/// One request after the other, each with the length of its body.
fn relay(stream: TcpStream, config: Arc<ServerConfig>, server: SocketAddr, seen: &Mutex<Vec<CertificateDer<'static>>>) {
    stream.set_read_timeout(Some(WAIT)).unwrap();
    let mut client = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let mut behind = Reader::new(TcpStream::connect(server).unwrap());
    let mut text = Vec::new();
    let mut is_known = false;
    loop {
        let mut block = [0; 4096];
        // Whatever ends the connection ends this.
        let Ok(count @ 1..) = client.read(&mut block) else { return };
        if !std::mem::replace(&mut is_known, true) {
            let shown = client.conn.peer_certificates().and_then(|chain| chain.first());
            seen.lock().unwrap().extend(shown.map(|certificate| certificate.clone().into_owned()));
        }
        text.extend_from_slice(&block[..count]);
        if !is_complete(&text) {
            continue;
        }
        behind.stream().write_all(&std::mem::take(&mut text)).unwrap();
        let Some(answer) = behind.response(false) else { return };
        if client.write_all(&answer.raw).and_then(|()| client.flush()).is_err() {
            return;
        }
    }
}

fn is_complete(text: &[u8]) -> bool {
    let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    text.len() >= end + 4 + length
}
