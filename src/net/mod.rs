//! Sockets: what the gateway, the admin listener and the sandbox share.

pub mod fetch;
