//! A third party's connection: its transport, which tells its `Activity` what passes.

use super::activity::Activity;
use super::readiness;
use socket2::SockRef;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Bytes to and from a client, in the clear or through TLS.
pub enum Transport {
    /// Plain TCP: loopback, or behind a terminator.
    Plain(TcpStream),
    /// TLS by us.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    /// Whether TLS agreed on HTTP/2 (RFC 9113 §3.2).
    pub fn is_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.get_ref().1.alpn_protocol() == Some(HTTP2),
        }
    }

    /// The certificate by which the client authenticated, in DER. It stays the same for the whole connection: there is no
    /// renegotiation, and a resumed session has that of its first handshake.
    pub fn client_certificate(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.get_ref().1.peer_certificates()?.first().map(AsRef::as_ref),
        }
    }
}

/// A transport that keeps the connection's `Activity` up to date.
pub struct ClientStream {
    transport: Transport,
    activity: Rc<Activity>,
}

impl ClientStream {
    /// Watches `transport`.
    pub fn new(transport: Transport, activity: Rc<Activity>) -> Self {
        Self { transport, activity }
    }

    /// In the clear: dropped, it ends by a reset.
    pub fn break_off(&self) {
        if let Transport::Plain(tcp) = &self.transport {
            // Where it cannot be done the connection is gone already.
            SockRef::from(tcp).set_linger(Some(Duration::ZERO)).ok();
        }
    }

    /// Says that nothing more comes, without waiting for the client to say so: dropping the stream then ends the connection.
    pub fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(_) => Poll::Ready(Ok(())),
            Transport::Tls(tls) => {
                tls.get_mut().1.send_close_notify();
                Pin::new(tls).poll_flush(cx)
            }
        }
    }

    /// Whether a read may find something; if not, the task is woken when it may.
    pub fn poll_promising(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.transport {
            Transport::Plain(tcp) => tcp.poll_read_ready(cx),
            Transport::Tls(tls) => readiness::poll_tls(tls.get_ref().0, tls.get_ref().1, cx),
        }
    }

    /// A head has begun: its bytes came with those of the request before it.
    pub fn expect_more(&self) {
        self.activity.received();
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Transport::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        };
        ready!(outcome)?;
        if buffer.filled().len() > before {
            self.activity.received();
        }
        Poll::Ready(Ok(()))
    }
}

/// What TLS has decrypted, where it is: whoever looks at it first spares a copy. In the clear nothing is kept.
impl AsyncBufRead for ClientStream {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let Self { transport, activity } = self.get_mut();
        let Transport::Tls(tls) = transport else { return Poll::Ready(Err(io::ErrorKind::Unsupported.into())) };
        let bytes = ready!(Pin::new(tls).poll_fill_buf(cx))?;
        if !bytes.is_empty() {
            activity.received();
        }
        Poll::Ready(Ok(bytes))
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        if let Transport::Tls(tls) = &mut self.transport {
            Pin::new(tls).consume(count);
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Transport::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        };
        self.activity.watch_write(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Transport::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
        };
        self.activity.watch_write(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(tcp) => tcp.is_write_vectored(),
            Transport::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_flush(cx),
        };
        self.activity.watch_write(outcome.map_ok(|()| 0)).map_ok(drop)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

/// Its name in ALPN.
pub const HTTP2: &[u8] = b"h2";
