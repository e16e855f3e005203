//! Connections of the admin listener: so many, for so long, over TLS where that is configured.

use super::door::{Access, Turned};
use super::{Admin, Answer};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// The terms under which a client showed its certificate; `None`: it showed none.
type Shown = Option<Arc<ServerConfig>>;

impl Admin {
    /// Answers the requests of one connection.
    pub async fn serve(self, stream: TcpStream) {
        let is_near = stream.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
        let near = || self.state.near_places.try_acquire().ok().filter(|_| is_near);
        let Some(_place) = self.state.places.try_acquire().ok().or_else(near) else {
            self.state.turned.count(Turned::Full);
            return;
        };
        let Some(tls) = self.access.load().tls.clone() else { return self.carry(stream, None).await };
        // What goes wrong in a handshake is the client's to notice: it got an alert.
        let accepting = TlsAcceptor::from(Arc::clone(&tls)).accept(stream);
        let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, accepting).await else { return };
        let shown = stream.get_ref().1.peer_certificates().is_some().then_some(tls);
        self.carry(stream, shown).await;
    }

    async fn carry(&self, transport: impl AsyncRead + AsyncWrite + Unpin, shown: Shown) {
        let service = service_fn(|request| async { Ok::<_, Infallible>(self.welcome(request, shown.as_ref()).await) });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(HEAD_BYTES_MAX)
                .serve_connection(TokioIo::new(transport), service)
        );
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = tokio::time::sleep(LIFE) => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(PARTING, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(fault) = served {
            tracing::debug!(%fault, "an admin connection broke off");
        }
    }

    /// Lets a request in, and answers it.
    async fn welcome(&self, request: Request<Incoming>, shown: Option<&Arc<ServerConfig>>) -> Answer {
        let access = self.access.load_full();
        let (head, body) = request.into_parts();
        match access.admit(&head, has_certificate(&access, shown)) {
            // Its sender shows a token of its own, which is asked for there.
            Err(Turned::Credentials) if head.uri.path() == "/events" && self.takes_events_by_token() => {}
            Err(turned) => {
                self.state.turned.count(turned);
                return access.refuse(turned);
            }
            Ok(()) => {}
        }
        self.answer(head, body).await
    }
}

/// A certificate counts under the terms that it was taken under, and no longer.
fn has_certificate(access: &Access, shown: Option<&Arc<ServerConfig>>) -> bool {
    shown.zip(access.tls.as_ref()).is_some_and(|(then, now)| Arc::ptr_eq(then, now))
}

/// A scraper sends its head at once.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Of a request's head.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// After it a connection answers what it has begun, and ends.
const LIFE: Duration = Duration::from_mins(5);
/// For that.
const PARTING: Duration = Duration::from_secs(10);
