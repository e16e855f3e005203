//! `server`, `admin` and `access_log`: where requests arrive, and where the line about each goes.

use super::fault::Problem;
use super::reader::{Section, Value, distinct};
use super::{AccessLog, Admin, OnQueryToken, Server, ServerTls};
use super::{address, file, limits};
use crate::oauth::challenge::Realm;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::thread;

/// `server:`
pub(super) fn server(value: &Value<'_>) -> Option<Server> {
    let section = value.section(&["listen", "workers", "realm", "pseudonym", "on_query_token", "tls"])?;
    let listen = section.need("listen").and_then(|value| public_addresses(&value, &section));
    let workers = section.find("workers").map_or_else(usable_cpus, |value| workers(&value));
    let realm = section.find("realm").map_or_else(|| Realm::new(OUR_NAME), |value| value.parse(realm));
    let pseudonym = section.read_or("pseudonym", OUR_NAME.into(), |value| value.parse(pseudonym));
    let on_query_token = section.read_or("on_query_token", OnQueryToken::Reject, |value| value.parse(on_query_token));
    let tls = section.read_or("tls", None, |value| server_tls(&value).map(Some));
    Some(Server {
        listen: listen?,
        workers: workers?,
        realm: realm?,
        pseudonym: pseudonym?,
        on_query_token: on_query_token?,
        tls: tls?,
    })
}

/// `admin:`; no requests may arrive where the public listener already is.
pub(super) fn admin(root: &Section<'_>, public: &[SocketAddr]) -> Option<Admin> {
    let listen = match root.find("admin") {
        None => None,
        Some(value) => {
            let section = value.section(&["listen"])?;
            section.find("listen")
        }
    };
    let Some(value) = listen else {
        if public.iter().any(|taken| collide(*taken, ADMIN_DEFAULT)) {
            let problem =
                Problem::new(format!("`server.listen` takes {ADMIN_DEFAULT}, where the admin listener is by default"));
            root.whole().refuse(problem.hint("give `admin.listen` another address"));
        }
        return Some(Admin { listen: ADMIN_DEFAULT });
    };
    let listen = value.parse(|text| {
        let listen = address::socket(text)?;
        if !listen.ip().is_loopback() {
            return Err(Problem::new("is not a loopback address").hint(
                "the admin listener knows no authentication: listen on 127.0.0.1 or [::1] and put a tunnel in front",
            ));
        }
        if public.iter().any(|taken| collide(*taken, listen)) {
            return Err(Problem::new("is taken by `server.listen`").hint("give the admin listener a port of its own"));
        }
        Ok(listen)
    })?;
    Some(Admin { listen })
}

/// `access_log:`
pub(super) fn access_log(value: &Value<'_>) -> Option<AccessLog> {
    let section = value.section(&["path"])?;
    section.read_or("path", AccessLog::Stdout, |path| {
        let text = path.text()?;
        Some(if text.value == "off" { AccessLog::Off } else { AccessLog::File(path.resolve(&text.value)) })
    })
}

fn public_addresses(value: &Value<'_>, server: &Section<'_>) -> Option<Vec<SocketAddr>> {
    let is_plain = server.find("tls").is_none();
    distinct(value.one_or_list()?, |item| {
        item.parse(|text| {
            let listen = address::socket(text)?;
            if is_plain && !listen.ip().is_loopback() {
                return Err(Problem::new("would carry tokens in plain text over a network")
                    .hint("add `server.tls`, or listen on 127.0.0.1 behind something that ends TLS on this machine"));
            }
            Ok(listen)
        })
    })
}

/// Whether the kernel would refuse the second of the two. Port 0 is another port each time.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let same_address = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && same_address
}

fn workers(value: &Value<'_>) -> Option<NonZeroUsize> {
    NonZeroUsize::new(value.whole_number(1, limits::WORKERS_MAX)?)
}

/// Knows of the affinity mask and of the cgroup's quota.
fn usable_cpus() -> Option<NonZeroUsize> {
    Some(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN).min(NonZeroUsize::new(limits::WORKERS_MAX)?))
}

fn realm(text: &str) -> Result<Realm, Problem> {
    Realm::new(text).ok_or_else(|| {
        Problem::new("cannot stand in a challenge").hint("printable ASCII characters other than `\"` and `\\`")
    })
}

/// `token = 1*tchar` (RFC 9110 §5.6.2)
fn on_query_token(text: &str) -> Result<OnQueryToken, Problem> {
    match text {
        "reject" => Ok(OnQueryToken::Reject),
        "reject_and_revoke" => Ok(OnQueryToken::RejectAndRevoke),
        _ => Err(Problem::new("is not what can become of a token in a URL")
            .did_you_mean(text, ["reject", "reject_and_revoke"].into_iter())),
    }
}

fn pseudonym(text: &str) -> Result<Box<str>, Problem> {
    let is_tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.bytes().all(is_tchar) {
        return Ok(text.into());
    }
    Err(Problem::new("cannot stand in `Via`").hint("an RFC 9110 token: letters, digits and !#$%&'*+-.^_`|~"))
}

fn server_tls(value: &Value<'_>) -> Option<ServerTls> {
    let section = value.section(&["certificate", "key"])?;
    let (chain, key) = certificate_and_key(section.need("certificate").as_ref(), section.need("key").as_ref())?;
    Some(ServerTls { chain, key })
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
    let (_, pem) = file::read(value, limits::PEM_BYTES_MAX)?;
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

fn private_key(value: &Value<'_>) -> Option<PrivateKeyDer<'static>> {
    let (_, pem) = file::read(value, limits::PEM_BYTES_MAX)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).ok();
    if key.is_none() {
        value.refuse(Problem::new("the file holds no private key in PEM form").hint(
            "it begins `-----BEGIN PRIVATE KEY-----`, `-----BEGIN EC PRIVATE KEY-----` or `-----BEGIN RSA PRIVATE KEY-----`; \
             a key with a passphrase cannot be used",
        ));
    }
    key
}

/// Our realm and our pseudonym, where the operator has no other.
const OUR_NAME: &str = "scopegate";
/// Where the admin listener is if nobody says otherwise.
const ADMIN_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
