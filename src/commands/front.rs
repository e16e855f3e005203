//! The TLS of the public listener, out of checked settings: made anew by a reload, for the connections after it.

use crate::clock::UnixSeconds;
use crate::config::served::ServedCertificate;
use crate::config::tls::{ClientCertificates, ClientTrust, ServerTls, Version};
use crate::gateway::arrival::Shown;
use crate::net::certificates::Identity;
use crate::net::tls::{self, AskClients, Oldest, Sessions, TlsFault};
use crate::oauth::server_certificate::Names;
use rustls::pki_types::CertificateRevocationListDer;
use std::sync::Arc;

/// What workers take connections in with.
pub struct Front {
    /// Its handshakes.
    pub tls: tls::Front,
    /// Of the certificates, by their place.
    names: Vec<Arc<Names>>,
    sessions: Option<Sessions>,
    /// What clients' certificates were held against when the sessions began.
    revoked: Vec<CertificateRevocationListDer<'static>>,
    clients: ClientCertificates,
}

impl Front {
    /// Sessions that were begun with `old` can be resumed as long as clients are asked for the same as then; who is asked
    /// at all does not change without a restart.
    pub fn new(settings: &ServerTls, old: Option<&Self>) -> Result<Self, TlsFault> {
        let is_alike = |old: &&Self| old.revoked == settings.revoked && old.clients == settings.clients;
        let kept = old.filter(is_alike).and_then(|old| old.sessions.clone());
        let sessions = match kept {
            _ if !settings.resumption => None,
            Some(kept) => Some(kept),
            None => Some(Sessions::new()?),
        };
        let oldest = match settings.min_version {
            Version::Tls12 => Oldest::Tls12,
            Version::Tls13 => Oldest::Tls13,
        };
        let identities = settings.certificates.iter().map(identity).collect();
        Ok(Self {
            tls: tls::Front::new(identities, asks(settings), oldest, sessions.clone())?,
            names: settings.certificates.iter().map(|one| Arc::new(one.read.names.clone())).collect(),
            sessions,
            revoked: settings.revoked.clone(),
            clients: settings.clients.clone(),
        })
    }

    /// Whether other authorities' certificates are good than with `old`.
    pub fn trusts_others_than(&self, old: &Self) -> bool {
        self.clients != old.clients
    }

    /// What a client that asked for `name` may have been shown; `None` where there is no choice.
    pub fn shown(&self, name: Option<&str>) -> Option<Shown> {
        let certificates = &self.tls.certificates;
        let names = |places: &[usize]| places.iter().filter_map(|place| self.names.get(*place).cloned()).collect();
        certificates.are_several().then(|| names(certificates.places(name)))
    }
}

/// What an operator should know of certificates that can be served nonetheless.
pub fn concerns(settings: &ServerTls, now: UnixSeconds) -> Vec<String> {
    let of = |one: &ServedCertificate| {
        let has_names = one.read.names.iter().next().is_some();
        let nameless =
            "server.tls: the certificate has no subjectAltName, and no client of today takes it for any host";
        let expired = format!("server.tls: the certificate of {} has expired", one.name());
        let found = [(!has_names).then(|| nameless.to_owned()), (one.read.not_after < now).then_some(expired)];
        found.into_iter().flatten()
    };
    settings.certificates.iter().flat_map(of).collect()
}

fn identity(one: &ServedCertificate) -> Identity {
    let names = one.asked_for().map(|name| name.to_string().into());
    Identity { chain: one.chain.clone(), key: one.key.clone_key(), names: names.collect() }
}

fn asks(settings: &ServerTls) -> AskClients<'_> {
    let (trust, is_required) = match &settings.clients {
        ClientCertificates::None => return AskClients::Nothing,
        ClientCertificates::Optional(trust) => (trust, false),
        ClientCertificates::Required(trust) => (trust, true),
    };
    let authorities: &[_] = match trust {
        ClientTrust::Authorities(authorities) => authorities,
        ClientTrust::Thumbprint => &[],
    };
    AskClients::Certificate { authorities, revoked: &settings.revoked, is_required }
}
