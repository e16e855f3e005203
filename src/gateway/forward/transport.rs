//! Bytes to and from a server of an upstream, in the clear or through TLS.

use super::connect::Endpoint;
use crate::net::readiness;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A connection's bytes.
pub enum Transport {
    /// Plain TCP: loopback, or the operator's own network.
    Plain(TcpStream),
    /// TLS, the server's certificate verified.
    Tls(Box<Secured>),
}

/// A TLS connection that tells its endpoint what becomes of it.
pub struct Secured {
    stream: TlsStream<TcpStream>,
    endpoint: Arc<Endpoint>,
    /// The server has said something: it takes our certificate too.
    has_spoken: bool,
}

impl Transport {
    /// Whether nothing has arrived, not even the end, as far as the reactor knows. Where it is not certain, the answer is no.
    pub(super) fn is_silent(&self) -> bool {
        match self {
            Self::Plain(tcp) => readiness::is_silent(tcp),
            Self::Tls(tls) => readiness::is_tls_silent(tls.stream.get_ref().0, tls.stream.get_ref().1),
        }
    }

    /// Whether a read may find something; if not, the task is woken when it may.
    pub(super) fn poll_promising(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => tcp.poll_read_ready(cx),
            Self::Tls(tls) => readiness::poll_tls(tls.stream.get_ref().0, tls.stream.get_ref().1, cx),
        }
    }
}

impl Secured {
    pub(super) fn new(stream: TlsStream<TcpStream>, endpoint: Arc<Endpoint>) -> Self {
        Self { stream, endpoint, has_spoken: false }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        if !self.has_spoken {
            match &outcome {
                Ok(()) if buffer.filled().len() > before => {
                    self.has_spoken = true;
                    self.endpoint.works();
                }
                Ok(()) => {}
                // Noted there; the reader makes its own of it.
                Err(fault) => drop(self.endpoint.failed(fault)),
            }
        }
        Poll::Ready(outcome)
    }
}

impl AsyncRead for Transport {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Self::Tls(tls) => tls.poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_shutdown(cx),
        }
    }
}
