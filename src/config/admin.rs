//! `admin`: where operators and dashboards arrive, and what they must show. Loopback asks nobody; a network needs TLS and
//! a token or a certificate.

use super::address;
use super::fault::Problem;
use super::listeners::collide;
use super::reader::{Section, Value, distinct};
use super::secret;
use super::served::{self, ServedCertificate};
use super::tls;
use crate::digest::sha256;
use crate::oauth::bearer;
use rustls::pki_types::CertificateDer;
use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The admin listener.
#[derive(Debug)]
pub struct Admin {
    /// Loopback by default: metrics and status are not for third parties.
    pub listen: SocketAddr,
    /// What it shows and asks for; `None`: it speaks plain text, on loopback only.
    pub tls: Option<AdminTls>,
    /// What opens it; `None`: no token does.
    pub token: Option<TokenDigest>,
    /// Who may ask whether it lives and is ready.
    pub probes: Probes,
    /// Hosts that it is asked under, beside loopback's own: whoever has another in mind is a page that was led here.
    pub hosts: Vec<Box<str>>,
}

/// The TLS of the admin listener.
#[derive(Debug)]
pub struct AdminTls {
    /// The one that is shown.
    pub certificate: ServedCertificate,
    /// Whose certificates open it; empty: nobody is asked for one.
    pub authorities: Vec<CertificateDer<'static>>,
}

/// A token's SHA-256: what is kept of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenDigest(pub [u8; 32]);

/// Who may ask for `/livez` and `/readyz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probes {
    /// Anybody: a kubelet has neither token nor certificate.
    Open,
    /// Whoever may ask for the rest.
    Closed,
}

impl Admin {
    /// `admin:`; no requests may arrive where the public listener already is.
    pub(super) fn read(root: &Section<'_>, public: &[SocketAddr]) -> Option<Self> {
        let section = match root.find("admin") {
            Some(value) => value.section(&["listen", "tls", "token", "client_ca", "probes", "hosts"])?,
            None => {
                free(root.whole(), public)?;
                return Some(Self::default());
            }
        };
        let listen = match section.find("listen") {
            Some(value) => value.parse(|text| {
                let listen = address::socket(text)?;
                if public.iter().any(|taken| collide(*taken, listen)) {
                    return Err(
                        Problem::new("is taken by `server.listen`").hint("give the admin listener a port of its own")
                    );
                }
                Ok(listen)
            }),
            None => free(root.whole(), public),
        };
        let authorities = section.read_or("client_ca", Vec::new(), |value| tls::authorities(&value));
        let certificate = section.read_or("tls", None, |value| certificate(&value).map(Some));
        let token = section.read_or("token", None, |value| token(&value).map(Some));
        let probes = section.read_or("probes", Probes::Open, |value| value.parse(probes));
        let hosts =
            section.read_or("hosts", Vec::new(), |value| distinct(value.one_or_list()?, |item| item.parse(host)));
        let listen = listen?;
        let is_guarded = section.find("token").is_some() || section.find("client_ca").is_some();
        check(&section, listen, is_guarded)?;
        let tls = certificate?.zip(authorities).map(|(certificate, authorities)| AdminTls { certificate, authorities });
        Some(Self { listen, tls, token: token?, probes: probes?, hosts: hosts? })
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: DEFAULT, tls: None, token: None, probes: Probes::Open, hosts: Vec::new() }
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest")
    }
}

/// The default, unless it is taken.
fn free(root: &Value<'_>, public: &[SocketAddr]) -> Option<SocketAddr> {
    if public.iter().any(|taken| collide(*taken, DEFAULT)) {
        let problem = Problem::new(format!("`server.listen` takes {DEFAULT}, where the admin listener is by default"));
        root.refuse(problem.hint("give `admin.listen` another address"));
        return None;
    }
    Some(DEFAULT)
}

/// What belongs together.
fn check(section: &Section<'_>, listen: SocketAddr, is_guarded: bool) -> Option<()> {
    let is_secure = section.find("tls").is_some();
    let place = section.find("listen").unwrap_or_else(|| section.whole().clone());
    let is_safe = listen.ip().is_loopback() || (is_secure && is_guarded);
    if !is_safe {
        let what = format!("\"{listen}\" can be reached from a network, where everybody could read and revoke");
        place.refuse(
            Problem::new(what)
                .hint("listen on 127.0.0.1 or [::1], or add `admin.tls` with `admin.token` or `admin.client_ca`"),
        );
        return None;
    }
    if let (Some(value), false) = (section.find("client_ca"), is_secure) {
        let problem = Problem::new("asks for certificates, which only TLS can carry");
        value.refuse(problem.hint("add `admin.tls: { certificate: …, key: … }`"));
        return None;
    }
    Some(())
}

fn certificate(value: &Value<'_>) -> Option<ServedCertificate> {
    let section = value.section(&["certificate", "key"])?;
    served::read(&section)?.into_iter().next()
}

/// A token in full, so that nobody guesses it and a page's log shows nothing that a digest does not.
fn token(value: &Value<'_>) -> Option<TokenDigest> {
    let secret = secret::read(value)?;
    let token = secret.expose();
    let kinds: HashSet<u8> = token.iter().copied().collect();
    if !bearer::is_b64token(token) || token.len() < TOKEN_BYTES_MIN || kinds.len() < TOKEN_KINDS_MIN {
        let problem =
            Problem::new(format!("is no token of at least {TOKEN_BYTES_MIN} characters that cannot be guessed"));
        value.refuse(problem.hint("letters, digits and `-._~+/`; `openssl rand -hex 32` makes a good one"));
        return None;
    }
    Some(TokenDigest(sha256(token)))
}

fn probes(text: &str) -> Result<Probes, Problem> {
    match text {
        "open" => Ok(Probes::Open),
        "closed" => Ok(Probes::Closed),
        _ => Err(Problem::new("is not who may ask whether we live").did_you_mean(text, ["open", "closed"].into_iter())),
    }
}

fn host(text: &str) -> Result<Box<str>, Problem> {
    let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let is_address = text.parse::<IpAddr>().is_ok();
    if is_address || text.bytes().all(is_host) {
        return Ok(text.to_ascii_lowercase().into());
    }
    Err(Problem::new("is no host").hint("a name or an address, without a port: gate-1.bank.internal"))
}

/// Where the admin listener is if nobody says otherwise.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
/// Of base64url these are 192 bits, of hexadecimal digits 128: nobody guesses either over a network.
const TOKEN_BYTES_MIN: usize = 32;
/// Chance leaves out more than half of the sixteen hexadecimal digits once in a million tokens; `aaaa…` is no chance.
const TOKEN_KINDS_MIN: usize = 8;

#[cfg(test)]
mod tests {
    use crate::config::parse_with;
    use std::path::Path;

    const REST: &str = "
server: { listen: 127.0.0.1:0 }
upstreams: [{ name: a, servers: ['http://[::1]:9001'] }]
routes: [{ path: /, methods: [GET], access: open, upstream: a }]
";

    fn takes(token: &str) -> bool {
        let environment = |_: &str| Some(token.to_owned());
        let text = format!("{REST}admin: {{ token: '${{TOKEN}}' }}\n");
        parse_with(&text, Path::new("x.yaml"), &environment).is_ok_and(|settings| settings.admin.token.is_some())
    }

    #[test]
    fn a_token_is_long_and_not_one_that_is_guessed() {
        let good = "0123456789abcdef0123456789abcdef";
        assert!(takes(good));
        for bad in [&good[1..], "01234560123456012345601234560123", "0123456789 bcdef0123456789abcdef", "changeme"] {
            assert!(!takes(bad), "{bad}");
        }
    }

    #[test]
    fn nothing_shows_a_token() {
        let environment = |_: &str| Some("0123456789abcdef0123456789abcdef".to_owned());
        let text = format!("{REST}admin: {{ token: '${{TOKEN}}' }}\n");
        let settings = parse_with(&text, Path::new("x.yaml"), &environment).unwrap();
        assert!(!format!("{settings:?}").contains("0123456789abcdef"));
    }
}
