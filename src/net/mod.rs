//! Sockets: what the gateway, the admin listener and the sandbox share.

pub mod caller;
pub mod certificates;
pub mod client;
pub mod deadline;
pub mod fetch;
pub mod listen;
pub mod proxy;
pub mod serve;
pub mod task;
pub mod thread;
pub mod tls;
