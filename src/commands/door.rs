//! Who is let in by the admin listener, out of checked settings: made anew by a reload.

use crate::admin::door::{Access, Certificate, Probes};
use crate::config::admin::{self, Admin, AdminTls};
use crate::net::tls::{self, AskClients, TlsFault};
use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use std::sync::Arc;

/// TLS stays the very same where nothing of it changed: whoever came in by a certificate is asked again otherwise.
pub(super) fn open(settings: &Admin, old: Option<&Access>) -> Result<Access, TlsFault> {
    let shown = settings.tls.as_ref().map(material);
    let kept = old.filter(|old| old.material == shown).and_then(|old| old.tls.clone());
    let tls = match (kept, &settings.tls) {
        (Some(kept), _) => Some(kept),
        (None, Some(wanted)) => Some(config(wanted)?),
        (None, None) => None,
    };
    let certificate = settings
        .tls
        .as_ref()
        .map(|tls| Certificate { name: tls.certificate.name(), not_after: tls.certificate.read.not_after });
    Ok(Access {
        tls,
        material: shown,
        certificate,
        token: settings.token.map(|token| token.0),
        takes_certificates: settings.tls.as_ref().is_some_and(|tls| !tls.authorities.is_empty()),
        probes: match settings.probes {
            admin::Probes::Open => Probes::Open,
            admin::Probes::Closed => Probes::Closed,
        },
        hosts: settings.hosts.clone(),
        address: settings.listen.ip(),
    })
}

/// No session outlives its connection: a certificate is looked at whole each time.
fn config(wanted: &AdminTls) -> Result<Arc<ServerConfig>, TlsFault> {
    let authorities = &wanted.authorities;
    // Who has none may still have a token, or ask for what is open to all.
    let clients = if authorities.is_empty() {
        AskClients::Nothing
    } else {
        AskClients::Certificate { authorities, revoked: &[], is_required: false }
    };
    let one = &wanted.certificate;
    let mut config = Arc::unwrap_or_clone(tls::server(one.chain.clone(), one.key.clone_key(), clients)?);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// What makes two configurations the same: a key is as its certificate is, for they were held against each other.
fn material(tls: &AdminTls) -> Vec<Vec<u8>> {
    tls.certificate.chain.iter().chain(&tls.authorities).map(|one| one.to_vec()).collect()
}
