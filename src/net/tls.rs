//! TLS settings for both sides: one provider, versions 1.2 and 1.3, nothing insecure to switch on.

use super::any_certificate::AnyCertificate;
use super::certificates::{Certificates, Identity};
use super::client::HTTP2;
use rustls::client::{Resumption, WantsClientCert};
use rustls::crypto::aws_lc_rs::cipher_suite as suites;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    NoServerSessionStorage, ProducesTickets, ServerSessionMemoryCache, StoresServerSessions, WebPkiClientVerifier,
};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ConfigBuilder, HandshakeKind, RootCertStore, ServerConfig, ServerConnection, SupportedCipherSuite,
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

/// Our side as a server with one certificate (RFC 9325): no early data, sessions by rustls' defaults, which keep the
/// certificate that the client showed when the session began.
pub fn server(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    clients: AskClients<'_>,
) -> Result<Arc<ServerConfig>, TlsFault> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier(clients)?)
        .with_single_cert(chain, key)?;
    config.ignore_client_order = true;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The public listener's side.
pub struct Front {
    /// For its handshakes.
    pub config: Arc<ServerConfig>,
    /// What it may show.
    pub certificates: Arc<Certificates>,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// The oldest version that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oldest {
    /// With key exchange by ECDHE, and AEAD.
    Tls12,
    /// Only that.
    Tls13,
}

/// What lets clients resume their sessions: tickets, which any worker can read, and a memory for those who speak 1.2
/// without tickets. Both hold the certificate that the client showed.
#[derive(Clone, Debug)]
pub struct Sessions {
    tickets: Arc<dyn ProducesTickets>,
    memory: Arc<dyn StoresServerSessions>,
}

impl Sessions {
    /// New ones: nothing that was begun before can be resumed.
    pub fn new() -> Result<Self, TlsFault> {
        Ok(Self { tickets: aws_lc_rs::Ticketer::new()?, memory: ServerSessionMemoryCache::new(SESSIONS_MAX) })
    }
}

impl Front {
    /// Without `sessions` every handshake is a whole one.
    pub fn new(
        identities: Vec<Identity>,
        clients: AskClients<'_>,
        oldest: Oldest,
        sessions: Option<Sessions>,
    ) -> Result<Self, TlsFault> {
        let provider = provider();
        let certificates = Arc::new(Certificates::new(identities, Arc::clone(&provider))?);
        let verifier = verifier(clients)?;
        let versions: &[_] = match oldest {
            Oldest::Tls12 => &[&TLS13, &TLS12],
            Oldest::Tls13 => &[&TLS13],
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_client_cert_verifier(Arc::clone(&verifier))
            .with_cert_resolver(Arc::<Certificates>::clone(&certificates));
        config.ignore_client_order = true;
        config.alpn_protocols = PROTOCOLS.iter().map(|protocol| protocol.to_vec()).collect();
        // RFC 8470: whoever records early data can send it again, and a payment would be made twice.
        config.max_early_data_size = 0;
        config.send_tls13_tickets = if sessions.is_some() { TICKETS } else { 0 };
        match sessions {
            Some(Sessions { tickets, memory }) => (config.ticketer, config.session_storage) = (tickets, memory),
            None => config.session_storage = Arc::new(NoServerSessionStorage {}),
        }
        Ok(Self { config: Arc::new(config), certificates, verifier })
    }

    /// Whether the client's certificate is good now. A handshake has asked that already, but one that resumes a session
    /// has not: since the session began a certificate may have ended or been revoked.
    pub fn still_takes(&self, connection: &ServerConnection, now: UnixTime) -> bool {
        match (connection.handshake_kind(), connection.peer_certificates()) {
            (Some(HandshakeKind::Resumed), Some([leaf, others @ ..])) => {
                self.verifier.verify_client_cert(leaf, others, now).is_ok()
            }
            _ => true,
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    CryptoProvider { cipher_suites: SUITES.to_vec(), ..aws_lc_rs::default_provider() }.into()
}

fn verifier(clients: AskClients<'_>) -> Result<Arc<dyn ClientCertVerifier>, TlsFault> {
    Ok(match clients {
        AskClients::Nothing => WebPkiClientVerifier::no_client_auth(),
        AskClients::Certificate { authorities: [], is_required, .. } => AnyCertificate::verifier(is_required),
        AskClients::Certificate { authorities, revoked, is_required } => {
            let roots = roots(authorities).map_err(|fault| TlsFault(format!("client_ca: {fault}")))?;
            // A certificate of which no list says anything, and a list past its next update, are refused: what was
            // revoked meanwhile cannot be known. The whole chain is asked about, up to the authority itself.
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
                .with_crls(revoked.iter().cloned())
                .enforce_revocation_expiration();
            let builder = if is_required { builder } else { builder.allow_unauthenticated() };
            builder.build().map_err(|fault| TlsFault(format!("client_ca: {fault}")))?
        }
    })
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

/// Our side towards an upstream that speaks `protocol`, as ALPN calls it. A session is resumed only under the terms that
/// it was begun under: each of these has a memory of its own.
pub fn upstream(
    authorities: Option<&[CertificateDer<'static>]>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    protocol: &[u8],
) -> Result<Arc<ClientConfig>, TlsFault> {
    let config = match identity {
        None => client(authorities)?,
        Some((chain, key)) => client_as(authorities, chain, key)?,
    };
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![protocol.to_vec()];
    config.resumption = Resumption::in_memory_sessions(SERVERS_REMEMBERED_MAX);
    Ok(Arc::new(config))
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

impl From<rustls::Error> for TlsFault {
    fn from(fault: rustls::Error) -> Self {
        Self(fault.to_string())
    }
}

/// Servers of one upstream whose sessions are remembered, each with a handful of tickets; names beyond it begin anew.
const SERVERS_REMEMBERED_MAX: usize = 64;

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsFault {}

/// What the public listener speaks, first choice first. A client that offers others only is refused (RFC 7301 §3.2).
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];
/// What we choose from, first choice first, whatever order a client has: processors hash SHA-256 themselves and SHA-384 they
/// do not, and a handshake hashes a lot; measured, a tenth of it. Of TLS 1.2 the four that RFC 9325 §4.2 recommends.
const SUITES: [SupportedCipherSuite; 7] = [
    suites::TLS13_AES_128_GCM_SHA256,
    suites::TLS13_AES_256_GCM_SHA384,
    suites::TLS13_CHACHA20_POLY1305_SHA256,
    suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suites::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suites::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    suites::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];
/// Tickets after a handshake of TLS 1.3: a client gets another with every connection.
const TICKETS: usize = 1;
/// Sessions in memory, of clients that know no tickets. With a client's certificate each takes 2 to 4 KiB.
const SESSIONS_MAX: usize = 1024;
