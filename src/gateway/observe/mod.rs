//! OBSERVE: what happened, told once, when the last byte of the answer has gone.

pub mod access_log;
pub mod clients;
mod end;
pub mod limited;
pub mod line;
pub mod metrics;
pub mod record;
mod statuses;
pub mod totals;
