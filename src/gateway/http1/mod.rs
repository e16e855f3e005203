//! HTTP/1.1 as bytes: what the client's side and the upstream's side share, and the client's side itself. No routing,
//! no rules: those need a request that is whole and has one reading, and this is where it gets both.
//!
//! hyper did the client's side before. It forgives what a gateway should refuse (a bare LF, `Content-Length` beside
//! `Transfer-Encoding`, a fragment in the target), answers some requests by itself without a correlation id, and costs
//! a header map for every response that only passes through.

pub mod answer;
mod arrived;
pub mod buffers;
pub mod fields;
pub mod framing;
pub mod head;
pub mod lines;
mod parting;
pub mod wire;
