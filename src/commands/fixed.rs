//! What a reload cannot change: it takes a process with other threads and sockets.

use crate::config::tls::{ClientCertificates, ClientTrust};
use crate::config::{self, Settings};
use crate::oauth::origin::Origin;
use std::net::SocketAddr;

/// What only another process can change.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fixed {
    listen: Vec<SocketAddr>,
    workers: usize,
    /// Who is at the other end of the connections that are open was decided by it.
    proxy_protocol: bool,
    /// Whether clients are asked for a certificate, and whether authorities vouch for it. Which authorities can change.
    tls: Option<Asked>,
    admin: SocketAddr,
    access_log: config::AccessLog,
    /// A chain has one writer for all its life.
    audit_log: Option<config::audit_log::AuditLog>,
    limits: config::limits::Limits,
    revocations: config::revocations::Revocations,
    state: Option<config::state::State>,
    /// Another memory of used proofs would forget those of this one.
    dpop: Option<config::dpop::Dpop>,
    public_origin: Option<Origin>,
}

/// Whether a certificate is needed, and whether authorities vouch for it; `None`: nobody is asked.
type Asked = Option<(bool, bool)>;

fn asked(clients: &ClientCertificates) -> Asked {
    let (trust, is_required) = match clients {
        ClientCertificates::None => return None,
        ClientCertificates::Optional(trust) => (trust, false),
        ClientCertificates::Required(trust) => (trust, true),
    };
    Some((is_required, *trust != ClientTrust::Thumbprint))
}

impl Fixed {
    /// What they say of it.
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            listen: settings.server.listen.clone(),
            workers: settings.server.workers.get(),
            proxy_protocol: settings.server.proxy_protocol,
            tls: settings.server.tls.as_ref().map(|tls| asked(&tls.clients)),
            admin: settings.admin.listen,
            access_log: settings.access_log.clone(),
            audit_log: settings.audit_log.clone(),
            limits: settings.limits.clone(),
            revocations: settings.revocations.clone(),
            state: settings.state.clone(),
            dpop: settings.dpop.clone(),
            public_origin: settings.server.public_origin.clone(),
        }
    }

    /// The first key that differs.
    pub(super) fn differs_in(&self, new: &Self) -> Option<&'static str> {
        [
            (self.listen != new.listen, "server.listen"),
            (self.workers != new.workers, "server.workers"),
            (self.proxy_protocol != new.proxy_protocol, "server.proxy_protocol"),
            (self.tls != new.tls, "what server.tls asks of clients"),
            (self.admin != new.admin, "admin.listen"),
            (self.access_log != new.access_log, "access_log"),
            (self.audit_log != new.audit_log, "audit_log"),
            (self.limits != new.limits, "limits"),
            (self.revocations != new.revocations, "revocations"),
            (self.state != new.state, "state"),
            (self.dpop != new.dpop, "dpop"),
            (self.public_origin != new.public_origin, "server.public_origin"),
        ]
        .into_iter()
        .find_map(|(differs, name)| differs.then_some(name))
    }
}
