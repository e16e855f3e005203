//! A small HTTP client for what is not on the data path: key sets, and the sandbox's own calls.
//! One connection a call, a bound on everything, no redirects followed.

use super::thread;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The bounds of one call.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From the first look-up of the name to the last byte of the body.
    pub total: Duration,
    /// The longest body that is read, in bytes.
    pub body_bytes_max: usize,
}

/// Calls `http://` and `https://` addresses, one connection a call.
#[derive(Clone)]
pub struct Fetcher {
    tls: TlsConnector,
}

/// Why there is no answer. The text names no token, body or query.
#[derive(Debug)]
pub enum FetchError {
    /// The address has no host, or a scheme that is not spoken.
    BadAddress,
    /// The name does not resolve, or nobody listens.
    Connect(std::io::Error),
    /// The TLS handshake failed: most often a certificate that is not trusted.
    Tls(std::io::Error),
    /// The peer broke HTTP or closed early.
    Http(hyper::Error),
    /// The body is longer than allowed, or broke off.
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// The call took longer than allowed.
    Late(Duration),
}

impl Fetcher {
    /// A client that trusts what `tls` trusts.
    pub fn new(tls: Arc<rustls::ClientConfig>) -> Self {
        Self { tls: TlsConnector::from(tls) }
    }

    /// Sends `request`, whose address is absolute, and reads the whole answer.
    pub async fn send(&self, request: Request<Bytes>, bounds: Bounds) -> Result<Response<Bytes>, FetchError> {
        tokio::time::timeout(bounds.total, self.exchange(request, bounds.body_bytes_max))
            .await
            .unwrap_or(Err(FetchError::Late(bounds.total)))
    }

    async fn exchange(&self, request: Request<Bytes>, body_bytes_max: usize) -> Result<Response<Bytes>, FetchError> {
        let target = Target::of(request.uri())?;
        let tcp = target.connect().await?;
        if target.tls {
            over(TokioIo::new(self.shake(&target, tcp).await?), request, body_bytes_max).await
        } else {
            over(TokioIo::new(tcp), request, body_bytes_max).await
        }
    }

    /// A connection to where `uri` leads, to be used more than once. It is driven by a task of this thread.
    pub(super) async fn open(&self, uri: &Uri) -> Result<SendRequest<Full<Bytes>>, FetchError> {
        let target = Target::of(uri)?;
        let tcp = target.connect().await?;
        if target.tls {
            drive(TokioIo::new(self.shake(&target, tcp).await?)).await
        } else {
            drive(TokioIo::new(tcp)).await
        }
    }

    async fn shake(&self, target: &Target<'_>, tcp: TcpStream) -> Result<TlsStream<TcpStream>, FetchError> {
        let name = ServerName::try_from(target.host.to_owned()).map_err(|_| FetchError::BadAddress)?;
        self.tls.connect(name, tcp).await.map_err(FetchError::Tls)
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetcher")
    }
}

struct Target<'a> {
    host: &'a str,
    port: u16,
    tls: bool,
}

impl<'a> Target<'a> {
    fn of(uri: &'a Uri) -> Result<Self, FetchError> {
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(FetchError::BadAddress),
        };
        let host = uri.host().ok_or(FetchError::BadAddress)?;
        // `Uri::host` keeps the brackets of an IPv6 literal; neither DNS nor certificates have them.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self { host, port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }), tls })
    }

    async fn connect(&self) -> Result<TcpStream, FetchError> {
        let tcp = TcpStream::connect((self.host, self.port)).await.map_err(FetchError::Connect)?;
        tcp.set_nodelay(true).map_err(FetchError::Connect)?;
        Ok(tcp)
    }
}

async fn drive<T>(io: T) -> Result<SendRequest<Full<Bytes>>, FetchError>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    let (sender, connection) = hyper::client::conn::http1::handshake(io).await.map_err(FetchError::Http)?;
    thread::beside(async move {
        // What went wrong is told to whoever sends the next request.
        let _ended = connection.await;
    });
    Ok(sender)
}

async fn over<T>(io: T, request: Request<Bytes>, body_bytes_max: usize) -> Result<Response<Bytes>, FetchError>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.map_err(FetchError::Http)?;
    let answer = async {
        let response = sender.send_request(origin_form(request)?).await.map_err(FetchError::Http)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, body_bytes_max).collect().await.map_err(FetchError::Body)?.to_bytes();
        Ok(Response::from_parts(head, body))
    };
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => match ended {
            // The connection may end before the answer was picked up: it is there nevertheless.
            Ok(()) => answer.await,
            Err(fault) => Err(FetchError::Http(fault)),
        },
    }
}

/// RFC 9112 §3.2.1: path and query in the request line, the authority in `Host`.
pub(super) fn origin_form(request: Request<Bytes>) -> Result<Request<Full<Bytes>>, FetchError> {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().ok_or(FetchError::BadAddress)?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| FetchError::BadAddress)?;
    head.headers.insert(header::HOST, host);
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    head.uri = target.parse().map_err(|_| FetchError::BadAddress)?;
    Ok(Request::from_parts(head, Full::new(body)))
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAddress => f.write_str("not an http or https address"),
            Self::Connect(fault) => write!(f, "cannot connect: {fault}"),
            Self::Tls(fault) => write!(f, "TLS handshake failed: {fault}"),
            Self::Http(fault) => write!(f, "no valid HTTP answer: {fault}"),
            Self::Body(fault) if fault.is::<LengthLimitError>() => f.write_str("the answer is longer than allowed"),
            Self::Body(fault) => write!(f, "the answer broke off: {fault}"),
            Self::Late(limit) => write!(f, "no complete answer within {} s", limit.as_secs()),
        }
    }
}

impl std::error::Error for FetchError {}
