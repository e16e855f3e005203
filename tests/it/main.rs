//! The gateway over real sockets: every test starts one on a port of its own, with an issuer and an upstream that do
//! what the test says. One module per theme; refusals outnumber passes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops at the first surprise"
)]
#![allow(unreachable_pub, reason = "nothing here is reached from outside")]

mod support;

mod admin_access;
mod assertion;
mod assertion_keys;
mod attacks;
mod audit;
mod audit_chain;
mod authorize;
mod balance;
mod benches;
mod broken;
mod cache;
mod catalogue;
mod challenges;
mod checks;
mod cli;
mod connection;
mod cors;
mod credentials;
mod discovery;
mod documents;
mod dpop;
mod drain;
mod envelopes;
mod errors;
mod event_faults;
mod events;
mod explain;
mod explain_offline;
mod faults;
mod forgeries;
mod forward;
mod forwarded;
mod http2;
mod http2_attacks;
mod http2_bounds;
mod http2_honest;
mod identity;
mod instructions;
mod interim;
mod introspection;
mod introspection_cache;
mod keys;
mod kpi;
mod limits;
mod metadata;
mod mtls;
mod observe;
mod openapi;
mod pace;
mod peers;
mod properties;
mod proxies;
mod proxy_protocol;
mod quotas;
mod quotas_at_once;
mod quotas_whom;
mod read;
mod reload;
mod reload_trusted;
mod revocation;
mod rewrite;
mod roles;
mod route;
mod semantics;
mod services;
mod sessions;
mod shadow;
mod standards;
mod state;
mod state_away;
mod state_limits;
mod status;
mod status_list;
mod status_list_age;
mod takeover;
mod tidy;
mod times;
mod tls;
mod traces;
mod trailers;
mod trust;
mod tunnel;
mod turnover;
mod two_tokens;
mod upgrade;
mod upstream;
mod upstream_http2;
mod upstream_http2_answers;
mod upstream_http2_faults;
mod upstream_http2_retired;
mod upstream_names;
mod upstream_queue;
mod upstream_tls;
mod upstream_tls_log;
mod upstream_total;
mod upstreams;
mod verify;
mod wycheproof;
