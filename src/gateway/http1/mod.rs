//! HTTP/1.1 as bytes: what the client's side and the upstream's side share, and the client's side itself. No routing,
//! no rules: those need a request that is whole and has one reading, and this is where it gets both.
//!
//! Not hyper's: it forgives what a gateway should refuse (a bare LF, `Content-Length` beside `Transfer-Encoding`, a fragment
//! in the target), answers some requests by itself without a correlation id, and makes a header map of every message that
//! only passes through. `benches/README.md` says what that costs; tests hold each reading here against hyper's.

pub mod answer;
mod arrived;
pub mod buffers;
pub mod fields;
pub mod framing;
pub mod head;
pub mod lines;
mod parting;
pub mod received;
pub mod wire;
