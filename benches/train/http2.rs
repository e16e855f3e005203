//! A client that speaks HTTP/2, over TLS.

use super::client;
use anyhow::{Context as _, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

/// One connection.
pub(super) struct Http2 {
    runtime: Runtime,
    send: SendRequest<Bytes>,
    authorization: Option<String>,
}

impl Http2 {
    /// With this token in every request, or with none.
    pub(super) fn connect(address: SocketAddr, token: Option<&str>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let send = runtime.block_on(async {
            let tcp = tokio::net::TcpStream::connect(address).await?;
            tcp.set_nodelay(true)?;
            let tls = TlsConnector::from(client::http2()).connect("localhost".try_into()?, tcp).await?;
            ensure!(tls.get_ref().1.alpn_protocol() == Some(b"h2"), "HTTP/2 is not spoken");
            let (send, connection) = h2::client::handshake(tls).await?;
            tokio::spawn(connection);
            Ok(send)
        })?;
        Ok(Self { runtime, send, authorization: token.map(|token| format!("Bearer {token}")) })
    }

    /// The same request on so many streams at a time, with so many bytes of a body; each answer must have this status.
    pub(super) fn ask(
        &mut self,
        streams: usize,
        (method, path): (&str, &str),
        body: usize,
        status: u16,
    ) -> anyhow::Result<()> {
        let mut request = Request::builder().method(method).uri(format!("https://localhost{path}"));
        request = request.header("user-agent", "train/1").header("accept", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let request = request.body(())?;
        let body = Bytes::from(vec![b'x'; body]);
        let asking: Vec<_> =
            (0..streams).map(|_| self.runtime.spawn(ask(self.send.clone(), request.clone(), body.clone()))).collect();
        self.runtime.block_on(async {
            for one in asking {
                let came = tokio::time::timeout(WAIT, one).await.context("no answer")???;
                ensure!(came == status, "{status} was expected, and {came} came");
            }
            Ok(())
        })
    }
}

async fn ask(send: SendRequest<Bytes>, request: Request<()>, mut body: Bytes) -> anyhow::Result<u16> {
    let (answer, mut stream) = send.ready().await?.send_request(request, body.is_empty())?;
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await.context("the stream has ended")??;
        let piece = body.split_to(room.min(body.len()));
        stream.send_data(piece, body.is_empty())?;
    }
    let (head, mut body) = answer.await?.into_parts();
    while let Some(piece) = body.data().await {
        let count = piece?.len();
        body.flow_control().release_capacity(count)?;
    }
    Ok(head.status.as_u16())
}

const WAIT: Duration = Duration::from_secs(20);
