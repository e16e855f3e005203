//! Certificates, and clients that show them.

use super::WAIT;
use super::client::{Client, Request};
use super::gateway::{Setup, World};
use super::keys::{self, base64url};
use super::server::Server;
use super::tokens::Token;
use super::wire::Message;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};
use serde_json::json;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};

/// Who issues certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
#[derive(Clone)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: Arc<KeyPair>,
    serial: u64,
}

impl Authority {
    /// One of this name.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server of this name or address.
    pub fn issue_for(&self, name: &str) -> Identity {
        let names = CertificateParams::new(vec![name.to_owned()]).unwrap().subject_alt_names;
        self.issue(|params| params.subject_alt_names = names)
    }

    /// A certificate as `shape` makes it.
    pub fn issue(&self, shape: impl FnOnce(&mut CertificateParams)) -> Identity {
        let (params, key, serial) = params(shape);
        Identity { certificate: params.signed_by(&*key, &self.0).unwrap().der().clone(), key, serial }
    }

    /// A list of those that it has revoked, good until the end of `year`.
    pub fn revocations(&self, revoked: &[&Identity], year: i32) -> String {
        let revoked = revoked.iter().map(|identity| RevokedCertParams {
            serial_number: SerialNumber::from(identity.serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(year, 12, 31),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).unwrap().pem().unwrap()
    }
}

impl Identity {
    /// Its own issuer.
    pub fn self_signed(shape: impl FnOnce(&mut CertificateParams)) -> Self {
        let (params, key, serial) = params(shape);
        Self { certificate: params.self_signed(&*key).unwrap().der().clone(), key, serial }
    }

    /// Another certificate of the same key.
    pub fn renewed(&self) -> Self {
        let (params, _, serial) = params(|_| {});
        Self { certificate: params.self_signed(&*self.key).unwrap().der().clone(), key: Arc::clone(&self.key), serial }
    }

    /// One of a server of these names, whose key has another kind.
    pub fn rsa(names: &[&str]) -> Self {
        let (mut params, _, serial) = params(|_| {});
        params.subject_alt_names = alternatives(names);
        let key = Arc::new(KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap());
        Self { certificate: params.self_signed(&*key).unwrap().der().clone(), key, serial }
    }

    /// One of a server of these names.
    pub fn of(names: &[&str]) -> Self {
        Self::self_signed(|params| params.subject_alt_names = alternatives(names))
    }

    /// Both as files, `name.pem` and `name.key`.
    pub fn files(&self, name: &str) -> [(String, String); 2] {
        let certificate =
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(self.der()));
        [(format!("{name}.pem"), certificate), (format!("{name}.key"), self.key.serialize_pem())]
    }

    /// The certificate.
    pub fn der(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate, for a file.
    pub fn pem(&self) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(self.der()))
    }

    /// Its key, for a file.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Its key, for rustls.
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    /// For `x5t#S256`.
    pub fn thumbprint(&self) -> String {
        base64url(digest(&SHA256, self.der()))
    }

    /// A token that is bound to it.
    pub fn token(&self) -> Token {
        Token::good().claim("cnf", json!({"x5t#S256": self.thumbprint()}))
    }

    /// As a proxy writes it (RFC 9440).
    pub fn client_cert(&self) -> String {
        format!(":{}:", STANDARD.encode(self.der()))
    }
}

fn alternatives(names: &[&str]) -> Vec<SanType> {
    names.iter().map(|name| SanType::DnsName((*name).try_into().unwrap())).collect()
}

fn params(shape: impl FnOnce(&mut CertificateParams)) -> (CertificateParams, Arc<KeyPair>, u64) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    let serial = fastrand::u64(1 << 32..1 << 62);
    params.serial_number = Some(SerialNumber::from(serial));
    shape(&mut params);
    (params, Arc::new(KeyPair::generate().unwrap()), serial)
}

/// A client's side of TLS: what it shows, and the sessions that it remembers.
#[derive(Clone)]
pub struct Caller(Arc<ClientConfig>);

/// A connection through TLS.
pub type TlsClient = Client<StreamOwned<ClientConnection, TcpStream>>;

impl Caller {
    /// Shows this certificate, if any, if asked.
    pub fn new(identity: Option<&Identity>) -> Self {
        Self::with(identity, rustls::ALL_VERSIONS, Resumption::in_memory_sessions(8))
    }

    /// Speaks this version only.
    pub fn speaking(identity: Option<&Identity>, version: &'static SupportedProtocolVersion) -> Self {
        Self::with(identity, &[version], Resumption::in_memory_sessions(8))
    }

    /// With sessions that others may know too.
    pub fn with(
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
        sessions: Resumption,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(SERVER.0.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(default_provider().into())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity @ Identity { certificate, .. }) => {
                builder.with_client_auth_cert(vec![certificate.clone()], identity.private_key()).unwrap()
            }
        };
        config.resumption = sessions;
        Self(config.into())
    }

    /// Its side, for HTTP/2.
    pub fn http2(&self) -> Arc<ClientConfig> {
        let mut config = (*self.0).clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.into()
    }

    /// Sends early data where its sessions allow it.
    pub fn hasty(sessions: Resumption) -> Self {
        let Self(config) = Self::with(None, &[&rustls::version::TLS13], sessions);
        let mut config = Arc::unwrap_or_clone(config);
        config.enable_early_data = true;
        Self(config.into())
    }

    /// A connection whose handshake is yet to come.
    pub fn connect(&self, world: &World) -> TlsClient {
        self.connect_to(world.address())
    }

    /// The same to a gateway that listens there.
    pub fn connect_to(&self, address: SocketAddr) -> TlsClient {
        let tcp = TcpStream::connect(address).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(WAIT)).unwrap();
        let name = ServerName::try_from("api.bank.example").unwrap();
        Client::over(StreamOwned::new(ClientConnection::new(Arc::clone(&self.0), name).unwrap(), tcp))
    }

    /// One request on a connection of its own.
    pub fn send(&self, world: &World, request: &Request) -> Message {
        self.connect(world).send(request)
    }

    /// Whether the gateway hangs up on it before it answers anything.
    pub fn is_turned_away(&self, world: &World) -> bool {
        self.connect(world).has_ended()
    }
}

impl TlsClient {
    /// What the server showed.
    pub fn server_certificate(&mut self) -> Vec<u8> {
        self.stream().conn.peer_certificates().and_then(|chain| chain.first()).expect("a certificate").to_vec()
    }

    /// Which kind of handshake it was, in which version.
    pub fn handshake(&mut self) -> (HandshakeKind, ProtocolVersion) {
        let connection = &self.stream().conn;
        (connection.handshake_kind().unwrap(), connection.protocol_version().unwrap())
    }
}

/// The gateway's own certificate.
static SERVER: LazyLock<(Authority, Identity)> = LazyLock::new(|| {
    let authority = Authority::new("server authority");
    let identity = authority.issue(|params| {
        params.subject_alt_names = alternatives(&["api.bank.example"]);
    });
    (authority, identity)
});

impl Setup {
    /// Listens with TLS, with these further terms of `server.tls`.
    pub fn tls_terms(mut self, terms: &str) -> Self {
        writeln!(self.server, "  tls: {{ certificate: server.pem, key: server.key{terms} }}").unwrap();
        self
    }

    /// Starts so, with these further files beside the configuration.
    pub fn with_tls(self, terms: &str, files: &[(&str, String)]) -> World {
        let upstream = Server::echo();
        let address = upstream.address();
        self.tls_terms(terms).launch(upstream, address, &[files, &server_files()].concat())
    }
}

/// What every gateway with TLS has beside its configuration.
pub fn server_files() -> Vec<(&'static str, String)> {
    let [(_, certificate), (_, key)] = SERVER.1.files("server");
    let keys = keys::set(&[keys::ec(), keys::rsa(), keys::ed()]).to_string();
    vec![("jwks.json", keys), ("server.pem", certificate), ("server.key", key)]
}
