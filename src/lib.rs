//! scopegate.

pub mod admin;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod gateway;
pub mod net;
pub mod oauth;
#[cfg(feature = "sandbox")]
pub mod sandbox;
