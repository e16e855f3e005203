//! Turns the configuration's text into `Settings`, or into every fault it has. Nothing here runs.

mod address;
pub mod admin;
mod asked;
pub mod assertion;
pub mod audit_log;
pub mod balance;
mod bounded;
pub mod bounds;
pub mod cors;
pub mod demands;
pub mod dpop;
pub mod envelope;
pub mod events;
pub mod fault;
mod file;
pub mod files;
pub mod introspection;
pub mod issuers;
pub mod key_source;
mod layer;
pub mod limits;
mod listeners;
mod matcher;
mod names;
pub mod network;
pub mod openapi;
pub mod profile;
mod quantity;
pub mod quotas;
mod reader;
pub mod required;
pub mod resources;
pub mod revocations;
pub mod rewrite;
mod role;
pub mod routes;
pub mod schema;
pub mod secret;
pub mod served;
pub mod service;
mod shadow;
pub mod state;
pub mod status_list;
mod template;
pub mod tls;
pub mod tracing;
mod tree;
mod upgrade;
pub mod upstream_tls;
pub mod upstreams;
mod variables;

use crate::digest::sha256;
use crate::oauth::challenge::Realm;
use crate::oauth::origin::Origin;
use admin::Admin;
use assertion::Assertion;
use audit_log::AuditLog;
use dpop::Dpop;
use envelope::Envelope;
use events::Events;
use fault::{Faults, Problem};
use files::{Files, Reload};
use issuers::Issuer;
use limits::Limits;
use network::Network;
use openapi::Api;
use profile::Profile;
use quotas::Quota;
use reader::{Context, Value};
use resources::Resource;
use revocations::Revocations;
use routes::Route;
use shadow::Role;
use state::State;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use tls::ServerTls;
use tracing::Tracing;
use upstreams::Upstream;

/// Reads and checks the file at `path`. Relative paths in it begin at its folder.
pub fn load(path: &Path) -> Result<Settings, Faults> {
    load_with_files(path).0
}

/// The same, and which files were read for it: also where they have faults, so that it can be tried again once one of them
/// is another.
pub fn load_with_files(path: &Path) -> (Result<Settings, Faults>, Files) {
    let bytes = file::bytes(path, bounds::CONFIG_BYTES_MAX);
    let mut files = Files::default();
    files.note(path, bytes.as_deref().ok());
    let text = bytes
        .map_err(|error| Problem::new(format!("cannot read the configuration: {error}")))
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| Problem::new("the configuration is not UTF-8 text")));
    let outcome = match text {
        Ok(text) => read(&text, path, &variable, Role::Main, &mut files),
        Err(problem) => Err(Faults::one(&path.display().to_string(), problem)),
    };
    (outcome, files)
}

/// Checks the text of a configuration. `file` stands in messages, and relative paths begin at its folder.
pub fn parse(text: &str, file: &Path) -> Result<Settings, Faults> {
    parse_with(text, file, &variable)
}

/// The only look into the environment. A variable that is not UTF-8 counts as missing.
#[expect(clippy::disallowed_methods, reason = "the configuration is the one reader of the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn parse_with(text: &str, file: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Settings, Faults> {
    read(text, file, environment, Role::Main, &mut Files::default())
}

fn read(
    text: &str,
    file: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    role: Role,
    files: &mut Files,
) -> Result<Settings, Faults> {
    let context = Context::new(file, environment, role);
    let (tree, flaws) = tree::parse(text);
    for flaw in flaws {
        context.note(flaw.mark, String::new(), flaw.problem);
    }
    let settings = tree.as_ref().and_then(|node| settings(&context.root(node)));
    let (faults, named) = context.end();
    files.extend(named);
    let digest = digest(text);
    match (settings, Faults::collect(faults, file)) {
        (Some(settings), None) => Ok(Settings { digest, ..settings }),
        (_, Some(faults)) => Err(faults),
        // Every reader that gives nothing has noted why. Were one to forget, a reload must refuse and not panic.
        (None, None) => {
            Err(Faults::one(&file.display().to_string(), Problem::new("refused without a reason: a defect of ours")))
        }
    }
}

/// The SHA-256 of a configuration's text, as `sha256sum` shows it.
fn digest(text: &str) -> Box<str> {
    let digest = sha256(text.as_bytes());
    let digit = |nibble| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    digest.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect::<String>().into()
}

/// Reads every section, the last one too where the first is wrong.
#[expect(clippy::too_many_lines, reason = "one list: a line or two for each section")]
fn settings(root: &Value<'_>) -> Option<Settings> {
    let section = root.section(&SECTIONS)?;
    let server = section.need("server").and_then(|value| listeners::server(&value));
    let public = server.as_ref().map(|server| server.listen.as_slice()).unwrap_or_default();
    let admin = Admin::read(&section, public);
    let access_log = section.read_or("access_log", AccessLog::Stdout, |value| listeners::access_log(&value));
    let audit_log = section.read_or("audit_log", None, |value| AuditLog::read(&value).map(Some));
    let tracing = section.read_or("tracing", None, |value| Tracing::read(&value).map(Some));
    let limits = section.read_or("limits", Limits::default(), |value| Limits::read(&value));
    let revocations = section.read_or("revocations", Revocations::default(), |value| Revocations::read(&value));
    let state = section.read_or("state", None, |value| State::read(&value).map(Some));
    let dpop = section.read_or("dpop", None, |value| Dpop::read(&value, server.as_ref()).map(Some));
    let profile = server.as_ref().map_or(Profile::Baseline, |server| server.profile);
    let nobody = || (names::Names::new(issuers::NOUN), Some(Vec::new()));
    let (issuer_names, issuers) = section.find("issuers").map_or_else(nobody, |value| issuers::read(&value, profile));
    let events =
        section.read_or("events", None, |value| Some(Some(Events::read(&value, &issuer_names, issuers.as_deref())?)));
    let (upstream_names, upstreams) = match section.need("upstreams") {
        Some(value) => upstreams::read(&value, section.find("assertion").is_some()),
        None => (names::Names::unreadable(upstreams::NOUN), None),
    };
    let (upstreams, audiences): (Option<Vec<_>>, Option<Vec<_>>) =
        upstreams.map(|both| both.into_iter().unzip()).unzip();
    let assertion =
        section.read_or("assertion", None, |value| assertion::read(&value, server.as_ref(), audiences).map(Some));
    if let (Some(server), Some(issuers), Some(dpop), Some(revocations)) = (&server, &issuers, &dpop, &revocations) {
        profile::check_gateway(&section, (server, issuers), (dpop.as_ref(), revocations));
    }
    let (quota_names, quotas) = quotas::read(&section, issuers.as_deref());
    let audiences = issuers.as_deref().map(issuers::all_audiences);
    let known = routes::Known {
        issuers: &issuer_names,
        audiences: audiences.as_deref(),
        asked: issuers.as_deref(),
        upstreams: &upstream_names,
        quotas: (&quota_names, quotas.as_deref()),
        servers: upstreams.as_deref(),
        vouches: server.as_ref().is_none_or(Server::vouches),
        limits: &limits.clone().unwrap_or_default(),
        errors: server.as_ref().map_or(Envelope::Problem, |server| server.errors),
        has_metadata: server.as_ref().is_some_and(|server| server.public_origin.is_some()),
    };
    let (apis, routes) = openapi::read(&section, server.as_ref(), &known);
    quotas::check_used(&section, quotas.as_deref(), routes.as_deref());
    let shadow = section.read_or("shadow", None, |value| shadow::read(&value, &section).map(Some));
    let resources = resources::read(&section, server.as_ref(), (&issuer_names, issuers.as_deref()), routes.as_deref());
    Some(Settings {
        digest: Box::default(),
        server: server?,
        admin: admin?,
        access_log: access_log?,
        audit_log: audit_log?,
        tracing: tracing?,
        issuers: issuers?,
        upstreams: upstreams?,
        quotas: quotas?,
        routes: routes?,
        apis: apis?,
        resources: resources?,
        limits: limits?,
        revocations: revocations?,
        state: state?,
        dpop: dpop?,
        events: events?,
        assertion: assertion?,
        shadow: shadow?,
    })
}

/// A configuration in which every value was checked and every reference holds.
#[derive(Debug)]
pub struct Settings {
    /// Of the text that they stand in.
    pub digest: Box<str>,
    /// The listener that third parties reach.
    pub server: Server,
    /// The listener that operators and dashboards reach.
    pub admin: Admin,
    /// Where the line per request goes.
    pub access_log: AccessLog,
    /// Where decisions are written down; `None`: nowhere.
    pub audit_log: Option<AuditLog>,
    /// Which requests are traced; `None`: none.
    pub tracing: Option<Tracing>,
    /// Whose tokens are accepted; never two with one `issuer`.
    pub issuers: Vec<Issuer>,
    /// Where permitted requests go.
    pub upstreams: Vec<Upstream>,
    /// How much of it.
    pub quotas: Vec<Quota>,
    /// What is let through, and on which terms: what was written by hand first, then what the APIs' documents say.
    pub routes: Vec<Route>,
    /// The APIs whose documents were read.
    pub apis: Vec<Api>,
    /// What third parties are told of it; none where no public origin is known.
    pub resources: Vec<Resource>,
    /// The bounds that operators may move.
    pub limits: Limits,
    /// The deny-list.
    pub revocations: Revocations,
    /// Where gateways agree; `None`: each decides by itself.
    pub state: Option<State>,
    /// Which proofs of a key are accepted; `None`: none.
    pub dpop: Option<Dpop>,
    /// Whose security events are taken; `None`: nobody's.
    pub events: Option<Events>,
    /// What upstreams are given to trust; `None`: nothing is signed.
    pub assertion: Option<Assertion>,
    /// What might be in force instead: held against live traffic, and not enforced.
    pub shadow: Option<Box<Self>>,
}

/// The public listener.
#[derive(Debug)]
pub struct Server {
    /// Addresses to listen on; at least one.
    pub listen: Vec<SocketAddr>,
    /// Threads that carry requests.
    pub workers: NonZeroUsize,
    /// The protection space in challenges.
    pub realm: Realm,
    /// Our name in `Via`: a pseudonym, so that no internal name shows.
    pub pseudonym: Box<str>,
    /// What becomes of a token that stands in a URL. The request is refused in any case.
    pub on_query_token: OnQueryToken,
    /// Where third parties reach the gateway, as they know it.
    pub public_origin: Option<Origin>,
    /// Proxies of ours, whose word on their clients counts: address, certificate.
    pub trusted_hops: Vec<Network>,
    /// Whether connections begin with a header of the PROXY protocol, and so come from `trusted_hops` alone.
    pub proxy_protocol: bool,
    /// Whether upstreams are shown the client's certificate.
    pub forward_client_certificate: bool,
    /// What issuers are held to that say nothing else.
    pub profile: Profile,
    /// How requests are refused that no route takes, or one that says nothing else.
    pub errors: Envelope,
    /// `None` is allowed on loopback, and for `trusted_hops` only.
    pub tls: Option<ServerTls>,
    /// When the configuration is read again.
    pub reload: Reload,
}

/// What becomes of a token that stands in a URL, and so in logs and histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnQueryToken {
    /// It goes on, if its holder sends it properly.
    Reject,
    /// If it is a good one, it is revoked: whoever reads the log could use it.
    RejectAndRevoke,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// Standard output.
    Stdout,
    /// Appended to this file, reopened on SIGHUP.
    File(PathBuf),
    /// Nowhere.
    Off,
}

/// The sections of a configuration.
const SECTIONS: [&str; 18] = [
    "server",
    "admin",
    "access_log",
    "audit_log",
    "tracing",
    "limits",
    "revocations",
    "state",
    "dpop",
    "assertion",
    "issuers",
    "events",
    "upstreams",
    "quotas",
    "routes",
    "apis",
    "resources",
    "shadow",
];

#[cfg(test)]
mod tests;
