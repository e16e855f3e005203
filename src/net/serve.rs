//! Serves a small HTTP/1.1 service on one address: what is not on the data path. It refuses to be fast.

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// Who sent the request; every request carries it as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// The certificate that the client showed in the handshake, and whose key it has proved to hold; every request carries
/// it as an extension, also where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCertificate(pub Option<CertificateDer<'static>>);

/// A service that answers until it is stopped. Dropping it stops accepting too.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Serving {
    /// Answers on `listener` with `service`, on the runtime that polls this call; over TLS, where that is given.
    pub fn start<S, B>(listener: TcpListener, tls: Option<Arc<ServerConfig>>, service: S) -> io::Result<Self>
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        #[expect(clippy::disallowed_methods, reason = "net/ is where tasks are started")]
        let accepting = tokio::spawn(accept(listener, tls.map(TlsAcceptor::from), service, stopped));
        Ok(Self { address, stop, accepting })
    }

    /// The address that is listened on, with its real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more, lets answers finish that are under way, gives up on the rest after a while.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // A panic inside was reported by the runtime; there is nothing left to stop then.
        drop(tokio::time::timeout(STOP_TIMEOUT, self.accepting).await);
    }
}

async fn accept<S, B>(listener: TcpListener, tls: Option<TlsAcceptor>, service: S, mut stopped: watch::Receiver<bool>)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut open = JoinSet::new();
    loop {
        let arrived = tokio::select! {
            () = told(&mut stopped) => break,
            Some(_) = open.join_next() => continue,
            arrived = next(&listener, &places) => arrived,
        };
        if let Ok((tcp, peer, place)) = arrived {
            let connection = welcome(tcp, tls.clone(), peer, service.clone(), stopped.clone());
            open.spawn(async move {
                connection.await;
                drop(place);
            });
        } else {
            // Out of file descriptors, most often: waiting lets connections end.
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
    while open.join_next().await.is_some() {}
}

/// The next connection, once there is a place for it: until then it waits in the kernel's queue.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, PeerAddress, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (tcp, peer) = listener.accept().await?;
    Ok((tcp, PeerAddress(peer.ip()), place))
}

async fn welcome<S, B>(
    tcp: TcpStream,
    tls: Option<TlsAcceptor>,
    peer: PeerAddress,
    service: S,
    stopped: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some(tls) = tls else {
        return carry(tcp, (peer, ClientCertificate(None)), service, stopped).await;
    };
    // What goes wrong in a handshake is the client's to notice: it got an alert.
    let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, tls.accept(tcp)).await else { return };
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).cloned();
    carry(stream, (peer, ClientCertificate(shown.map(CertificateDer::into_owned))), service, stopped).await;
}

async fn carry<T, S, B>(
    transport: T,
    (peer, certificate): (PeerAddress, ClientCertificate),
    service: S,
    mut stopped: watch::Receiver<bool>,
) where
    T: AsyncRead + AsyncWrite + Unpin,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(certificate.clone());
        service.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(transport), service);
    tokio::pin!(connection);
    // What breaks a connection here is the peer's doing and is the peer's to notice.
    tokio::select! {
        ended = connection.as_mut() => drop(ended),
        () = told(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            drop(connection.await);
        }
    }
}

/// Waits for `stop`, or for the `Serving` to be dropped.
async fn told(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stop| *stop).await);
}

/// Connections open at once; one more waits to be accepted.
const CONNECTIONS_MAX: usize = 256;
/// From the first byte of a head to its last, and between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// After a failed `accept`.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// From `stop` to the end, whatever is still under way.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::{self, AskClients};
    use bytes::Bytes;
    use http_body_util::Full;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ClientConfig, RootCertStore};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsConnector;

    async fn started() -> Serving {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = service_fn(|request: Request<Incoming>| async move {
            let peer = request.extensions().get::<PeerAddress>().copied();
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(format!("{peer:?}")))))
        });
        Serving::start(listener, None, service).unwrap()
    }

    #[tokio::test]
    async fn an_answer_knows_its_peer() {
        let serving = started().await;
        let mut tcp = TcpStream::connect(serving.address()).await.unwrap();
        tcp.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("Some(PeerAddress(127.0.0.1))"), "{answer}");
    }

    #[tokio::test]
    async fn a_stopped_service_closes_idle_connections_and_accepts_no_more() {
        let serving = started().await;
        let address = serving.address();
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        idle.readable().await.unwrap();
        serving.stop().await;
        let mut rest = Vec::new();
        idle.read_to_end(&mut rest).await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    /// What is shown is what comes along; who shows nothing is answered too.
    #[tokio::test]
    async fn over_tls_an_answer_knows_the_certificate_that_was_shown() {
        let [ours, theirs] = ["localhost", "client"].map(|name| {
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
            (made.cert.der().clone(), key)
        });
        let clients = AskClients::Certificate { authorities: &[], revoked: &[], is_required: false };
        let config = tls::server(vec![ours.0.clone()], ours.1, clients).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = service_fn(|request: Request<Incoming>| async move {
            let shown = request.extensions().get::<ClientCertificate>().cloned().unwrap();
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(shown.0.map_or(Vec::new(), |der| der.to_vec())))))
        });
        let serving = Serving::start(listener, Some(config), service).unwrap();

        let mut roots = RootCertStore::empty();
        roots.add(ours.0).unwrap();
        let client = || {
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots.clone())
        };
        let shows = client().with_client_auth_cert(vec![theirs.0.clone()], theirs.1).unwrap();
        for (config, seen) in [(shows, theirs.0.to_vec()), (client().with_no_client_auth(), Vec::new())] {
            let tcp = TcpStream::connect(serving.address()).await.unwrap();
            let name = "localhost".try_into().unwrap();
            let mut stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200"));
            assert!(answer.ends_with(&[b"\r\n\r\n".as_slice(), &seen].concat()));
        }
    }
}
