//! Serves a small HTTP/1.1 service on one address: what is not on the data path. It refuses to be fast.

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

/// Who sent the request; every request carries it as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// A service that answers until it is stopped. Dropping it stops accepting too.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Serving {
    /// Answers on `listener` with `service`, on the runtime that polls this call.
    pub fn start<S, B>(listener: TcpListener, service: S) -> io::Result<Self>
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
        let accepting = tokio::spawn(accept(listener, service, stopped));
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

async fn accept<S, B>(listener: TcpListener, service: S, mut stopped: watch::Receiver<bool>)
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
            let connection = carry(tcp, peer, service.clone(), stopped.clone());
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

async fn carry<S, B>(tcp: TcpStream, peer: PeerAddress, service: S, mut stopped: watch::Receiver<bool>)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        service.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(tcp), service);
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
    use bytes::Bytes;
    use http_body_util::Full;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn started() -> Serving {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = service_fn(|request: Request<Incoming>| async move {
            let peer = request.extensions().get::<PeerAddress>().copied();
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(format!("{peer:?}")))))
        });
        Serving::start(listener, service).unwrap()
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
}
