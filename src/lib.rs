//! scopegate: an OAuth 2.0 gateway for a bank's open APIs. It takes the bearer token from the `Authorization` header,
//! validates it, checks its scope against the route, and forwards with identity headers that the API can trust.
//!
//! # The life of a request
//!
//! ```text
//! bytes -> Head -> &Route -> Bearer -> VerifiedToken -> Permit -> Response
//!          read    route     credentials  verify        authorize  forward     then respond and observe
//! ```
//!
//! Each arrow is one function in one file of [`gateway`], and only that file can make its result: a request that reached
//! an upstream without a [`Permit`](gateway::authorize::permit::Permit) does not compile. Between permit and forward
//! [`quotas`](gateway::quotas) count, and may say no: last of all, so that nothing is counted that goes nowhere. The error
//! of every stage is [`Refusal`](gateway::refusal::Refusal), and [`respond`](gateway::respond) is the one place that puts it
//! on the wire. [`pipeline`](gateway::pipeline) has the whole path on one screen: start reading there.
//!
//! # Words
//!
//! | word | what it is here |
//! |---|---|
//! | client, upstream | who is in front of us, and who behind; an upstream has servers |
//! | hop | a proxy of ours in front, whose word on others counts |
//! | issuer, holder | who made a token, and for whom it speaks: a customer, or the client itself |
//! | policy, plan | what requests are decided by; the same as one worker uses it |
//! | verdict | what was found out about a token, as it is remembered |
//! | permit, refusal, reason | the yes and the no of the path; why it is no |
//! | witness, record | who is told how far a request comes; the one that becomes its line in the log |
//! | exchange | a request and its answer, on a connection or as a stream |
//! | field, line | a name and its value; their octets as they stand in a message or a log, made once and copied from then on |
//! | place | where something stands among its like, or room for one more |
//!
//! # The modules, in reading order
//!
//! | module | what it is |
//! |---|---|
//! | [`gateway`] | the data path; what follows serves it |
//! | [`oauth`] | the words of the RFCs as types: scopes, bearer credentials, claims, keys, challenges |
//! | [`config`] | text to [`Settings`](config::Settings), or to every fault with its line; the bounds |
//! | [`state`] | what outlives a policy and all workers share, other gateways too: revocations, used proofs, what quotas count |
//! | [`net`] | sockets, deadlines, threads, TLS; shared by gateway, admin and sandbox |
//! | [`clock`] | the only reader of time |
//! | [`digest`] | SHA-256 |
//! | [`admin`] | what operators ask and tell, on a listener of their own: `/readyz`, `/metrics`, `/status`, `/revoke` and others |
//! | [`commands`] | one file per subcommand, and the only place that wires parts together |
//! | [`cli`], [`telemetry`] | the command line, the process's own log |
//! | `sandbox` | a small bank to try things out; it talks to the gateway over HTTP only |
//!
//! # Threads
//!
//! One worker per CPU, each with a runtime, a listening socket, upstream connections, counters and a log buffer of its
//! own: a request lives and dies on its thread. One control thread fetches keys and status lists, replaces our own keys,
//! answers operators and delivers spans; one writes the access log, one the audit log. They share the
//! [`Policy`](gateway::policy::Policy), which is replaced whole on reload, and the verdict cache.
//!
//! # Where things are added
//!
//! | what | write | then name it in |
//! |---|---|---|
//! | a check | `gateway/authorize/<name>.rs`: a struct and its `check` | `Check` in `gateway/authorize/mod.rs`, its key in `config/demands.rs` and in the list of `config/routes.rs`; the compiler asks in `commands/diff` what it does to who may pass |
//! | a reason to refuse | a variant of `Reason` in `gateway/reason.rs` | the tables beside it and in `gateway/explain/words.rs`: the compiler lists them |
//! | a metric | a field in `gateway/observe/metrics.rs` | `admin/exposition.rs` |
//! | a configuration key | a checked field in its section's file below `config/` | the list of keys there, and `config/scopegate.yaml` |
//! | a rule of a standard | a row in `docs/standards.md` | the test that holds it |
//! | a subcommand | `commands/<name>.rs` | `cli.rs`, `commands/mod.rs` |
//!
//! # Who may import whom
//!
//! commands may use everything and nobody uses commands; gateway uses net, oauth, state, clock and config; admin uses
//! gateway, state, net, clock; state uses net and clock; sandbox uses net, oauth, clock; config uses oauth; net uses clock;
//! oauth uses clock for its dates. Gateway and sandbox never import each other, and stages never call each other.
//! `tests/it/tidy.rs` holds these rules.
//!
//! # What is deliberately absent
//!
//! - No request leaves without a `Permit`, and no `Permit` is made outside `authorize/permit.rs`.
//! - No upstream is given an assertion but for a `Permit`: one that cannot be signed stops the request.
//! - The token is in no log, metric, error or upstream header, and in no cache key but as its GMAC.
//! - Nothing on the path parses configuration, takes a lock on the policy, or starts a timer or a task.
//! - No spelling of a path reaches the router that an upstream could read differently: what is decided on is what is
//!   forwarded, byte for byte, but for a beginning that the route itself names and replaces.
//! - No verdict outlives its reason: dates, keys, revocations and status lists are checked again on every request, scope and
//!   grant are never cached.
//! - No request is sent twice: another connection is tried only where not a byte had left.
//! - Nobody but a trusted hop says who somebody else is, and nothing that it says decides where a request goes.
//! - What third parties are told of a resource comes from the policy and never from an upstream: no route can stand
//!   where it is.
//! - No branch in `src` is there for a test, but `Clock::Manual`.
//! - No bound is hidden: those that an operator may meet are in `config/bounds.rs`, those that `limits:` moves in
//!   `config/limits.rs`.

pub mod admin;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod digest;
pub mod gateway;
pub mod net;
pub mod oauth;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod state;
pub mod telemetry;
