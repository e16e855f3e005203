//! Sockets: what the gateway, the admin listener and the sandbox share.

pub mod activity;
pub mod addresses;
pub mod admission;
mod any_certificate;
pub mod caller;
pub mod certificates;
pub mod client;
pub mod deadline;
pub mod descriptors;
pub mod dial;
pub mod fetch;
pub mod inherit;
pub mod listen;
pub mod notify;
pub mod patience;
pub mod proxy;
pub mod readiness;
pub mod serve;
pub mod task;
pub mod thread;
pub mod tls;
pub mod turn;
