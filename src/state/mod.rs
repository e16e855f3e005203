//! What outlives a policy and is shared by all workers; `shared` is what other gateways share of it, too.

mod entries;
pub mod exchange;
mod journal;
mod keeper;
pub mod limits;
pub mod lock;
pub mod replay;
pub mod revocations;
pub mod shared;
mod sharing;
