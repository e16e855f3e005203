//! TLS in front of a server of the tests, in both directions at once, so that any protocol passes. It keeps what it saw of
//! each handshake.

use super::tls::{Authority, Identity};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion};
use scopegate::net::thread;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A running front.
pub struct Secure {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    config: Mutex<Arc<ServerConfig>>,
    handshakes: Mutex<Vec<Option<Handshake>>>,
}

/// One handshake that came about.
#[derive(Clone, Debug)]
pub struct Handshake {
    pub kind: HandshakeKind,
    /// What the client showed.
    pub client: Option<Vec<u8>>,
    /// What the client asked for by SNI.
    pub name: Option<String>,
    pub alpn: Option<Vec<u8>>,
}

/// How it speaks.
pub struct Terms<'a> {
    pub identity: &'a Identity,
    /// Who shows no certificate of these is turned away.
    pub clients: Option<&'a Authority>,
    pub alpn: &'a [&'a str],
    pub versions: &'a [&'static SupportedProtocolVersion],
}

impl<'a> Terms<'a> {
    /// Anybody may come, in any version and without ALPN.
    pub fn of(identity: &'a Identity) -> Self {
        Self { identity, clients: None, alpn: &[], versions: rustls::ALL_VERSIONS }
    }

    fn config(&self) -> Arc<ServerConfig> {
        let verifier = match self.clients {
            None => WebPkiClientVerifier::no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
                WebPkiClientVerifier::builder_with_provider(roots.into(), default_provider().into()).build().unwrap()
            }
        };
        let chain = vec![CertificateDer::from(self.identity.der().to_vec())];
        let mut config = ServerConfig::builder_with_provider(default_provider().into())
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, self.identity.private_key())
            .unwrap();
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.into()
    }
}

impl Secure {
    /// In front of the server at `behind`.
    pub fn before(behind: SocketAddr, terms: &Terms<'_>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { config: Mutex::new(terms.config()), handshakes: Mutex::default() });
        let shared = Arc::clone(&state);
        thread::spawn("secure".to_owned(), move || async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                thread::beside(Arc::clone(&shared).relay(stream, behind));
            }
        })
        .unwrap();
        Self { address, state }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as `servers` has it.
    pub fn servers(&self) -> String {
        format!("[\"https://{}\"]", self.address)
    }

    /// Speaks otherwise from now on, to those who come.
    pub fn becomes(&self, terms: &Terms<'_>) {
        *self.state.config.lock().unwrap() = terms.config();
    }

    /// The handshakes so far, `None` for one that failed.
    pub fn handshakes(&self) -> Vec<Option<Handshake>> {
        self.state.handshakes.lock().unwrap().clone()
    }

    /// The last handshake, which came about.
    pub fn last(&self) -> Handshake {
        self.handshakes().pop().flatten().expect("a handshake")
    }
}

impl State {
    async fn relay(self: Arc<Self>, stream: TcpStream, behind: SocketAddr) {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config.lock().unwrap()));
        let accepted = acceptor.accept(stream).await;
        let seen = accepted.as_ref().ok().map(|stream| {
            let (_, connection) = stream.get_ref();
            Handshake {
                kind: connection.handshake_kind().unwrap(),
                client: connection.peer_certificates().map(|chain| chain[0].to_vec()),
                name: connection.server_name().map(str::to_owned),
                alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            }
        });
        self.handshakes.lock().unwrap().push(seen);
        if let (Ok(mut front), Ok(mut back)) = (accepted, TcpStream::connect(behind).await) {
            tokio::io::copy_bidirectional(&mut front, &mut back).await.ok();
        }
    }
}
