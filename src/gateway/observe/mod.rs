//! OBSERVE: what happened, told once, when the last byte of the answer has gone.

pub mod access_log;
pub mod audit;
pub mod clients;
pub mod end;
pub mod histogram;
pub mod limited;
pub mod line;
pub mod metrics;
pub mod receipt;
pub mod record;
pub mod refusals;
pub mod services;
mod shadows;
pub mod stamp;
mod statuses;
pub mod totals;
pub mod trace;
