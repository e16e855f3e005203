//! What outlives a policy and is shared by all workers. It knows time and nothing else of us.

mod entries;
pub mod exchange;
mod journal;
mod keeper;
pub mod limits;
pub mod lock;
pub mod replay;
pub mod revocations;
