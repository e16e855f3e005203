//! HTTP/2 towards an upstream (RFC 9113): a worker shares few connections among many exchanges. Frames, compression and
//! flow control are the library's; which connection, how many streams, what is sent and what is believed are decided here.

mod line;
mod request;
pub(super) mod session;
pub(super) mod stream;
