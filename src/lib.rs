//! scopegate.

pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod net;
pub mod oauth;
