//! Compares what holds for all requests: the listener and its certificates, proofs, revocations, bounds, upstreams.

use super::change::{Changes, Turn};
use super::{audit_log as audit, store};
use crate::config::admin::{Admin, AdminTls, Probes};
use crate::config::dpop::{Dpop, Nonce};
use crate::config::events::Events;
use crate::config::limits::Limits;
use crate::config::revocations::Revocations;
use crate::config::tls::{ClientCertificates, ClientTrust, ServerTls, Version};
use crate::config::upstreams::Upstream;
use crate::config::{OnQueryToken, Server, Settings};

/// What changed, section by section.
pub(super) fn compare(old: &Settings, new: &Settings) -> Changes {
    // Issuers and quotas are compared with the routes that they are for, and APIs by the routes that their documents make.
    let Settings {
        server,
        admin,
        access_log,
        audit_log,
        tracing,
        issuers: _,
        upstreams,
        quotas: _,
        routes: _,
        apis: _,
        resources,
        limits,
        revocations,
        state,
        dpop,
        events,
        assertion,
        // Of the text, which may change without meaning.
        digest: _,
        // It decides nothing.
        shadow: _,
    } = old;
    let mut changes = Changes::default();
    servers(&mut changes, server, &new.server);
    operators(&mut changes, admin, &new.admin);
    changes.beside("access_log", access_log, &new.access_log);
    changes.presence("audit_log", (audit_log.as_ref(), new.audit_log.as_ref()), Turn::Changed, audit::compare);
    changes.unshown("tracing", tracing, &new.tracing, Turn::Changed);
    all_limits(&mut changes, limits, &new.limits);
    let Revocations { file, entries_max, keep } = revocations;
    let both = (file.as_ref(), new.revocations.file.as_ref());
    // Where they are not written down a restart forgets them.
    changes.presence("revocations.file", both, Turn::Stricter, |changes, old, new| {
        changes.beside("revocations.file", old, new);
    });
    changes.beside("revocations.entries", entries_max, &new.revocations.entries_max);
    changes.demand("revocations.keep", keep, &new.revocations.keep);
    changes.presence("state", (state.as_ref(), new.state.as_ref()), Turn::Stricter, store::compare);
    changes.presence("dpop", (dpop.as_ref(), new.dpop.as_ref()), Turn::MoreOpen, proofs);
    changes.presence("events", (events.as_ref(), new.events.as_ref()), Turn::Stricter, |changes, before, after| {
        let Events { audiences, issuers, token } = before;
        let names = |settings: &Settings, places: &[usize]| -> Vec<_> {
            places.iter().filter_map(|place| settings.issuers.get(*place)).map(|issuer| issuer.issuer.clone()).collect()
        };
        changes.all_of("events.audience", audiences, &after.audiences);
        // Each of them may take tokens back.
        changes.all_of("events.issuers", &names(old, issuers), &names(new, &after.issuers));
        changes.unshown("events.token", token, &after.token, Turn::Changed);
    });
    changes.unshown("assertion", assertion, &new.assertion, Turn::Changed);
    changes.unshown("resources", resources, &new.resources, Turn::Changed);
    all_upstreams(&mut changes, upstreams, &new.upstreams);
    changes
}

/// Whom the admin listener lets in.
fn operators(changes: &mut Changes, old: &Admin, new: &Admin) {
    let Admin { listen, tls, token, probes, hosts } = old;
    let are_closed = |probes: Probes| match probes {
        Probes::Open => false,
        Probes::Closed => true,
    };
    changes.other("admin.listen", listen, &new.listen);
    changes.presence("admin.tls", (tls.as_ref(), new.tls.as_ref()), Turn::Stricter, |changes, old, new| {
        let AdminTls { certificate, authorities } = old;
        let chains = (&certificate.chain, &new.certificate.chain);
        changes.unshown("admin.tls.certificate", chains.0, chains.1, Turn::Changed);
        changes.unshown("admin.client_ca", authorities, &new.authorities, Turn::Different);
    });
    // Beside certificates a token is another way in, without them it is the only one.
    changes.unshown("admin.token", token, &new.token, Turn::Different);
    changes.demand("admin.probes closed", &are_closed(*probes), &are_closed(new.probes));
    changes.accepts("admin.hosts", hosts, &new.hosts);
}

fn servers(changes: &mut Changes, old: &Server, new: &Server) {
    let Server {
        listen,
        workers,
        realm,
        pseudonym,
        on_query_token,
        public_origin,
        trusted_hops,
        proxy_protocol,
        forward_client_certificate,
        // Issuers hold what it comes to for each of them.
        profile: _,
        errors,
        tls,
        reload,
    } = old;
    let revokes = |on: OnQueryToken| match on {
        OnQueryToken::Reject => false,
        OnQueryToken::RejectAndRevoke => true,
    };
    changes.beside("server.listen", listen, &new.listen);
    changes.beside("server.workers", workers, &new.workers);
    changes.beside("server.realm", &realm.as_str(), &new.realm.as_str());
    changes.beside("server.pseudonym", pseudonym, &new.pseudonym);
    changes.demand("server.on_query_token revokes", &revokes(*on_query_token), &revokes(new.on_query_token));
    // Proofs of a key name it.
    changes.other(
        "server.public_origin",
        &public_origin.as_ref().map(ToString::to_string),
        &new.public_origin.as_ref().map(ToString::to_string),
    );
    let networks = |server: &Server| server.trusted_hops.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>();
    let _: &[_] = trusted_hops;
    changes.accepts("server.trusted_hops", &networks(old), &networks(new));
    changes.other("server.proxy_protocol", proxy_protocol, &new.proxy_protocol);
    changes.beside("server.forward_client_certificate", forward_client_certificate, &new.forward_client_certificate);
    changes.beside("server.errors", errors, &new.errors);
    changes.beside("server.reload", reload, &new.reload);
    changes.presence("server.tls", (tls.as_ref(), new.tls.as_ref()), Turn::Stricter, handshakes);
}

fn handshakes(changes: &mut Changes, old: &ServerTls, new: &ServerTls) {
    let ServerTls { clients, revoked, certificates, min_version, resumption } = old;
    let is_newest = |version: Version| match version {
        Version::Tls12 => false,
        Version::Tls13 => true,
    };
    clients_shown(changes, clients, &new.clients);
    changes.unshown("server.tls.client_crl", revoked, &new.revoked, Turn::Different);
    let chains = |tls: &ServerTls| tls.certificates.iter().map(|one| one.chain.clone()).collect::<Vec<_>>();
    let _: &[_] = certificates;
    changes.unshown("server.tls.certificates", &chains(old), &chains(new), Turn::Changed);
    changes.demand("server.tls.min_version 1.3", &is_newest(*min_version), &is_newest(new.min_version));
    changes.beside("server.tls.resumption", resumption, &new.resumption);
}

fn clients_shown(changes: &mut Changes, old: &ClientCertificates, new: &ClientCertificates) {
    let trust = |clients: &ClientCertificates| match clients {
        ClientCertificates::None => ("none", None),
        ClientCertificates::Optional(trust) => ("optional", Some(trust.clone())),
        ClientCertificates::Required(trust) => ("required", Some(trust.clone())),
    };
    let ((before, trusted), (after, trusts)) = (trust(old), trust(new));
    let turn = match (before, after) {
        // Tokens that are bound to a certificate are good only where one can be shown.
        ("none" | "required", "optional") => Turn::MoreOpen,
        ("optional", _) => Turn::Stricter,
        (_, _) => Turn::Different,
    };
    if before != after {
        changes.note("server.tls.client_certificate", (before.to_owned(), after.to_owned()), turn);
    }
    match (trusted, trusts) {
        (Some(ClientTrust::Authorities(_)), Some(ClientTrust::Thumbprint)) => {
            changes.note("server.tls.client_ca", ("set".to_owned(), "-".to_owned()), Turn::MoreOpen);
        }
        (Some(ClientTrust::Thumbprint), Some(ClientTrust::Authorities(_))) => {
            changes.note("server.tls.client_ca", ("-".to_owned(), "set".to_owned()), Turn::Stricter);
        }
        (Some(ClientTrust::Authorities(old)), Some(ClientTrust::Authorities(new))) => {
            changes.unshown("server.tls.client_ca", &old, &new, Turn::Different);
        }
        (Some(ClientTrust::Thumbprint), Some(ClientTrust::Thumbprint)) | (None, _) | (_, None) => {}
    }
}

fn proofs(changes: &mut Changes, old: &Dpop, new: &Dpop) {
    let Dpop { algorithms, max_age, nonce, nonce_life, proofs_max } = old;
    let needs_nonce = |nonce: Nonce| match nonce {
        Nonce::Off => false,
        Nonce::Required => true,
    };
    let names = |dpop: &Dpop| dpop.algorithms.iter().map(|one| one.as_str()).collect::<Vec<_>>();
    let _: &[_] = algorithms;
    changes.accepts("dpop.algorithms", &names(old), &names(new));
    changes.bound("dpop.max_age", max_age, &new.max_age);
    changes.demand("dpop.nonce required", &needs_nonce(*nonce), &needs_nonce(new.nonce));
    changes.bound("dpop.nonce_life", nonce_life, &new.nonce_life);
    changes.beside("dpop.proofs", proofs_max, &new.proofs_max);
}

fn all_limits(changes: &mut Changes, old: &Limits, new: &Limits) {
    let Limits {
        head_bytes_max,
        fields_max,
        target_bytes_max,
        // Each route holds what it comes to for it.
        body_bytes_max: _,
        connections_max,
        streams_max,
        connections_per_network_max,
        requests_per_connection_max,
        handshake_timeout,
        head_timeout,
        idle_timeout,
        stall_timeout,
        rate_min,
        tunnels_max,
        tunnel_idle_timeout,
        tunnel_lifetime,
        drain_timeout,
        verdicts_max,
    } = old;
    changes.bound("limits.head", head_bytes_max, &new.head_bytes_max);
    changes.bound("limits.headers", fields_max, &new.fields_max);
    changes.bound("limits.target", target_bytes_max, &new.target_bytes_max);
    changes.bound("limits.connections", connections_max, &new.connections_max);
    changes.bound("limits.streams", streams_max, &new.streams_max);
    changes.bound("limits.connections_per_network", connections_per_network_max, &new.connections_per_network_max);
    changes.bound("limits.requests_per_connection", requests_per_connection_max, &new.requests_per_connection_max);
    changes.bound("limits.handshake_timeout", handshake_timeout, &new.handshake_timeout);
    changes.bound("limits.head_timeout", head_timeout, &new.head_timeout);
    changes.bound("limits.idle_timeout", idle_timeout, &new.idle_timeout);
    changes.bound("limits.stall_timeout", stall_timeout, &new.stall_timeout);
    changes.demand("limits.min_rate", rate_min, &new.rate_min);
    changes.bound("limits.tunnels", tunnels_max, &new.tunnels_max);
    changes.bound("limits.tunnel_idle_timeout", tunnel_idle_timeout, &new.tunnel_idle_timeout);
    changes.bound("limits.tunnel_lifetime", tunnel_lifetime, &new.tunnel_lifetime);
    changes.beside("limits.drain_timeout", drain_timeout, &new.drain_timeout);
    changes.beside("limits.verdicts", verdicts_max, &new.verdicts_max);
}

/// Where permitted requests go is nobody's permission; that they go elsewhere is worth knowing.
fn all_upstreams(changes: &mut Changes, old: &[Upstream], new: &[Upstream]) {
    let find = |upstreams: &[Upstream], name: &str| upstreams.iter().find(|one| *one.name == *name).cloned();
    let added = new.iter().filter(|upstream| find(old, &upstream.name).is_none());
    for name in old.iter().chain(added).map(|upstream| &upstream.name) {
        let (before, after) = (find(old, name), find(new, name));
        let what = format!("upstream {name}");
        changes.presence(&what, (before.as_ref(), after.as_ref()), Turn::Changed, |changes, before, after| {
            changes.unshown(&what, before, after, Turn::Changed);
        });
    }
}
