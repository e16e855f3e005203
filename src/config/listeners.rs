//! `server` and `access_log`: where requests arrive, and where the line about each goes.

use super::envelope::{self, Envelope};
use super::fault::Problem;
use super::files::Reload;
use super::network::{self, Network};
use super::profile::{self, Profile};
use super::reader::{Section, Value, distinct};
use super::tls::{ClientCertificates, ClientTrust, server_tls};
use super::{AccessLog, OnQueryToken, Server};
use super::{address, bounds, upgrade};
use crate::oauth::challenge::Realm;
use crate::oauth::origin::{self, Origin};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::thread;

/// `server:`
pub(super) fn server(value: &Value<'_>) -> Option<Server> {
    let section = value.section(&[
        "listen",
        "workers",
        "realm",
        "pseudonym",
        "on_query_token",
        "public_origin",
        "trusted_hops",
        "proxy_protocol",
        "forward_client_certificate",
        "profile",
        "errors",
        "tls",
        "reload",
    ])?;
    let listen = section.need("listen").and_then(|value| public_addresses(&value, &section));
    let workers = section.find("workers").map_or_else(usable_cpus, |value| workers(&value));
    let realm = section.find("realm").map_or_else(|| Realm::new(OUR_NAME), |value| value.parse(realm));
    let pseudonym = section.read_or("pseudonym", OUR_NAME.into(), |value| value.parse(pseudonym));
    let on_query_token = section.read_or("on_query_token", OnQueryToken::Reject, |value| value.parse(on_query_token));
    let tls = section.read_or("tls", None, |value| server_tls(&value).map(Some));
    let public_origin = section.read_or("public_origin", None, |value| value.parse(origin).map(Some));
    let profile = section.read_or("profile", Profile::Baseline, |value| value.parse(profile::parse));
    let errors = section.read_or("errors", Envelope::Problem, |value| value.parse(envelope::parse));
    let trusted_hops: Option<Vec<Network>> =
        section.read_or("trusted_hops", Vec::new(), |value| distinct(value.list()?, |item| item.parse(network::parse)));
    let proxy_protocol = section.read_or("proxy_protocol", false, |value| value.truth());
    let forward_client_certificate = section.read_or("forward_client_certificate", false, |value| value.truth());
    let reload = section.read_or("reload", Reload::OnRequest, |value| value.parse(reload));
    let server = Server {
        listen: listen?,
        workers: workers?,
        realm: realm?,
        pseudonym: pseudonym?,
        on_query_token: on_query_token?,
        public_origin: public_origin?,
        trusted_hops: trusted_hops?,
        proxy_protocol: proxy_protocol?,
        forward_client_certificate: forward_client_certificate?,
        profile: profile?,
        errors: errors?,
        tls: tls?,
        reload: reload?,
    };
    if let Some(value) = section.find("forward_client_certificate")
        && server.forward_client_certificate
        && !server.vouches()
    {
        let problem = Problem::new("would show upstreams certificates for which nobody vouches");
        value.refuse(
            problem.hint("name `client_ca` in `tls`, or the proxies that check certificates in `trusted_hops`"),
        );
    }
    check_balancers(&section, &server);
    Some(server)
}

fn check_balancers(section: &Section<'_>, server: &Server) {
    if let Some(value) = section.find("proxy_protocol")
        && server.proxy_protocol
        && server.trusted_hops.is_empty()
    {
        let problem = Problem::new("would take the word of anybody for who its client is");
        value.refuse(problem.hint("name the balancers that send the header in `trusted_hops`"));
    }
}

impl Server {
    /// Whether client certificates are those of authorities that were named.
    pub fn knows_authorities(&self) -> bool {
        match self.tls.as_ref().map(|tls| &tls.clients) {
            Some(ClientCertificates::Optional(trust) | ClientCertificates::Required(trust)) => {
                *trust != ClientTrust::Thumbprint
            }
            Some(ClientCertificates::None) | None => false,
        }
    }

    /// Whether what client certificates say can be true.
    pub fn vouches(&self) -> bool {
        self.knows_authorities() || !self.trusted_hops.is_empty()
    }
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
    // Behind something that ends TLS elsewhere, nobody else is let in: see `trusted_hops`.
    let is_plain = server.find("tls").is_none() && server.find("trusted_hops").is_none();
    distinct(value.one_or_list()?, |item| {
        item.parse(|text| {
            let listen = address::socket(text)?;
            if is_plain && !listen.ip().is_loopback() {
                return Err(Problem::new("would carry tokens in plain text over a network").hint(
                    "add `server.tls`, listen on 127.0.0.1, or name in `trusted_hops` what ends TLS in front of us",
                ));
            }
            Ok(listen)
        })
    })
}

/// Whether the kernel would refuse the second of the two. Port 0 is another port each time.
pub(super) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let same_address = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && same_address
}

fn workers(value: &Value<'_>) -> Option<NonZeroUsize> {
    NonZeroUsize::new(value.whole_number(1, bounds::WORKERS_MAX)?)
}

/// Knows of the affinity mask and of the cgroup's quota.
fn usable_cpus() -> Option<NonZeroUsize> {
    Some(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN).min(NonZeroUsize::new(bounds::WORKERS_MAX)?))
}

fn realm(text: &str) -> Result<Realm, Problem> {
    Realm::new(text).ok_or_else(|| {
        Problem::new("cannot stand in a challenge").hint("printable ASCII characters other than `\"` and `\\`")
    })
}

fn on_query_token(text: &str) -> Result<OnQueryToken, Problem> {
    match text {
        "reject" => Ok(OnQueryToken::Reject),
        "reject_and_revoke" => Ok(OnQueryToken::RejectAndRevoke),
        _ => Err(Problem::new("is not what can become of a token in a URL")
            .did_you_mean(text, ["reject", "reject_and_revoke"].into_iter())),
    }
}

fn reload(text: &str) -> Result<Reload, Problem> {
    match text {
        "on_request" => Ok(Reload::OnRequest),
        "on_change" => Ok(Reload::OnChange),
        _ => Err(Problem::new("is not when the configuration is read again")
            .did_you_mean(text, ["on_request", "on_change"].into_iter())),
    }
}

fn origin(text: &str) -> Result<Origin, Problem> {
    let is_tls = |origin: &Origin| origin.as_str().starts_with("https://");
    match Origin::parse(text) {
        Some(origin) if is_tls(&origin) || address::absolute(text).is_ok_and(|(_, host, _)| origin::is_loopback(&host)) => {
            Ok(origin)
        }
        Some(_) | None => Err(Problem::new("is not where third parties reach the gateway")
            .hint("`https://`, a host, and a port if it is another than 443: https://api.bank.example; http is for loopback only")),
    }
}

/// `token` (RFC 9110 §7.6.3)
fn pseudonym(text: &str) -> Result<Box<str>, Problem> {
    if upgrade::is_token(text) {
        return Ok(text.into());
    }
    Err(Problem::new("cannot stand in `Via`").hint("an RFC 9110 token: letters, digits and !#$%&'*+-.^_`|~"))
}

/// Our realm and our pseudonym, where the operator has no other.
const OUR_NAME: &str = "scopegate";
