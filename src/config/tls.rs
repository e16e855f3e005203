//! `server.tls`, and the PEM files that other sections name too.

use super::fault::Problem;
use super::reader::{Section, Value};
use super::served::{self, ServedCertificate};
use super::{bounds, file};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;

/// What we show, what is asked of clients, and how both speak.
#[derive(Debug)]
pub struct ServerTls {
    /// Whether clients show certificates too.
    pub clients: ClientCertificates,
    /// What their authorities have taken back; empty: nobody is asked.
    pub revoked: Vec<CertificateRevocationListDer<'static>>,
    /// At least one; the first is for clients that ask for nobody.
    pub certificates: Vec<ServedCertificate>,
    /// The oldest version that is spoken.
    pub min_version: Version,
    /// Whether a client may go on with a session that it began on another connection.
    pub resumption: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

/// Whether clients show certificates in the handshake, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked.
    None,
    /// Who has one may show it.
    Optional(ClientTrust),
    /// Without one there is no connection.
    Required(ClientTrust),
}

/// Which client certificates are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientTrust {
    /// Those that these authorities issued.
    Authorities(Vec<CertificateDer<'static>>),
    /// All: the token's thumbprint says whose it is (RFC 8705 §6.2). That its holder has the key is checked.
    Thumbprint,
}

pub(super) fn server_tls(value: &Value<'_>) -> Option<ServerTls> {
    let section = value.section(&[
        "certificate",
        "key",
        "certificates",
        "client_certificate",
        "client_ca",
        "client_crl",
        "min_version",
        "resumption",
    ])?;
    let certificates = served::read(&section);
    let clients = client_certificates(&section);
    let revoked = section.read_or("client_crl", Vec::new(), |value| revoked(&value, clients.as_ref()));
    let min_version = section.read_or("min_version", Version::Tls12, |value| value.parse(version));
    let resumption = section.read_or("resumption", true, |value| value.truth());
    Some(ServerTls {
        clients: clients?,
        revoked: revoked?,
        certificates: certificates?,
        min_version: min_version?,
        resumption: resumption?,
    })
}

fn version(text: &str) -> Result<Version, Problem> {
    match text {
        "1.2" => Ok(Version::Tls12),
        "1.3" => Ok(Version::Tls13),
        _ => Err(Problem::new("is not a version of TLS that is spoken").hint("write 1.2 or 1.3")),
    }
}

/// `client_certificate: none | optional | required`, and with `client_ca` only certificates of these authorities.
fn client_certificates(section: &Section<'_>) -> Option<ClientCertificates> {
    let make = section.read_or("client_certificate", None, |value| {
        value.parse(|text| match text {
            "none" => Ok(None),
            "optional" => Ok(Some(ClientCertificates::Optional as fn(ClientTrust) -> ClientCertificates)),
            "required" => Ok(Some(ClientCertificates::Required as fn(ClientTrust) -> ClientCertificates)),
            _ => Err(Problem::new("is not what can be asked of clients")
                .did_you_mean(text, ["none", "optional", "required"].into_iter())),
        })
    })?;
    let trust = section
        .read_or("client_ca", ClientTrust::Thumbprint, |value| authorities(&value).map(ClientTrust::Authorities))?;
    match (make, section.find("client_ca")) {
        (Some(make), _) => Some(make(trust)),
        (None, None) => Some(ClientCertificates::None),
        (None, Some(ca)) => {
            let problem = Problem::new("trusts certificates that no client is asked for");
            ca.refuse(problem.hint("add `client_certificate: optional` or `required`"));
            None
        }
    }
}

/// The chain and the key that belongs to its leaf.
pub(super) fn certificate_and_key(
    certificate: Option<&Value<'_>>,
    key: Option<&Value<'_>>,
) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = certificate.and_then(certificates);
    let key_value = key;
    let key = key_value.and_then(private_key);
    let (chain, key, key_value) = (chain?, key?, key_value?);
    // The same check that rustls makes on start, made here so that `check` says what `serve` would.
    match CertifiedKey::from_der(chain.clone(), key.clone_key(), &aws_lc_rs::default_provider()) {
        Ok(_) => Some((chain, key)),
        Err(rustls::Error::InconsistentKeys(_)) => {
            key_value.refuse(
                Problem::new("the key does not belong to the certificate")
                    .hint("the first certificate of `certificate` must be the one that was issued for this key"),
            );
            None
        }
        Err(error) => {
            key_value.refuse(Problem::new(format!("the key and its certificate cannot be used: {error}")));
            None
        }
    }
}

/// Every certificate of the PEM file that `value` names; at least one.
pub(super) fn certificates(value: &Value<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let (_, pem) = file::read(value, bounds::PEM_BYTES_MAX)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Some(chain),
        Ok(_) | Err(_) => {
            value.refuse(
                Problem::new("the file holds no certificate in PEM form")
                    .hint("it begins `-----BEGIN CERTIFICATE-----`"),
            );
            None
        }
    }
}

/// The certificates of a PEM file as authorities. They are read here, so that a reload sees that the file is another, and
/// tried as rustls does it on start, so that `check` says what `serve` would.
pub(super) fn authorities(value: &Value<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let authorities = certificates(value)?;
    if let Err(fault) = authorities.iter().try_for_each(|one| RootCertStore::empty().add(one.clone())) {
        value.refuse(Problem::new(format!("a certificate in it cannot be an authority: {fault}")));
        return None;
    }
    Some(authorities)
}

/// The lists of what these authorities have revoked, each the last that an authority made.
fn revoked(
    value: &Value<'_>,
    clients: Option<&ClientCertificates>,
) -> Option<Vec<CertificateRevocationListDer<'static>>> {
    let roots = match clients? {
        ClientCertificates::Optional(ClientTrust::Authorities(roots))
        | ClientCertificates::Required(ClientTrust::Authorities(roots)) => roots,
        ClientCertificates::None | ClientCertificates::Optional(_) | ClientCertificates::Required(_) => {
            let problem = Problem::new("names what was revoked, but not by whom");
            value.refuse(problem.hint("add `client_ca`: only its authorities' certificates can be revoked"));
            return None;
        }
    };
    let (_, pem) = file::read(value, bounds::CRL_BYTES_MAX)?;
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&pem).collect();
    let Some(lists) = lists.ok().filter(|lists| !lists.is_empty()) else {
        let problem = Problem::new("the file holds no certificate revocation list in PEM form");
        value.refuse(
            problem
                .hint("it begins `-----BEGIN X509 CRL-----`; `openssl crl -inform DER` turns the other form into it"),
        );
        return None;
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().cloned());
    let builder = WebPkiClientVerifier::builder_with_provider(store.into(), aws_lc_rs::default_provider().into());
    if let Err(fault) = builder.with_crls(lists.iter().cloned()).build() {
        value.refuse(Problem::new(format!("a list in it cannot be used: {fault}")));
        return None;
    }
    Some(lists)
}

fn private_key(value: &Value<'_>) -> Option<PrivateKeyDer<'static>> {
    let (_, pem) = file::read(value, bounds::PEM_BYTES_MAX)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).ok();
    if key.is_none() {
        value.refuse(Problem::new("the file holds no private key in PEM form").hint(
            "it begins `-----BEGIN PRIVATE KEY-----`, `-----BEGIN EC PRIVATE KEY-----` or `-----BEGIN RSA PRIVATE KEY-----`; \
             a key with a passphrase cannot be used",
        ));
    }
    key
}
