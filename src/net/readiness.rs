//! Whether a read through TLS may find something, without reading: most reads of an exchange only listen for the other side's
//! end, and this spares them a buffer. A plain connection's own `poll_read_ready` says the same of it.

use rustls::CommonState;
use std::io;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Ready once a read may find something; until then the task is woken when it may.
pub fn poll_tls(tcp: &TcpStream, tls: &CommonState, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    if has_decrypted(tls) { Poll::Ready(Ok(())) } else { tcp.poll_read_ready(cx) }
}

/// Whether nothing has arrived, not even the end, as far as the reactor knows: it costs no system call, and nobody is woken
/// when that changes. Where it is not certain, the answer is no.
pub fn is_silent(tcp: &TcpStream) -> bool {
    tcp.try_io(Interest::READABLE, || Ok(())).is_err()
}

/// The same through TLS.
pub fn is_tls_silent(tcp: &TcpStream, tls: &CommonState) -> bool {
    !has_decrypted(tls) && is_silent(tcp)
}

/// What was decrypted waits to be read, or the other side has said that nothing follows. Whole records never wait to be
/// decrypted: that is done with the read that they come by.
fn has_decrypted(tls: &CommonState) -> bool {
    !tls.wants_read()
}
