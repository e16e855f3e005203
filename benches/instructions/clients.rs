//! Clients with one connection and one request at a time: HTTP/1.1 in plain text and over TLS, HTTP/2.

use crate::doors::{Door, NAME};
use crate::support::message;
use anyhow::{Context as _, bail};
use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{self, Runtime};
use tokio::task::yield_now;
use tokio_rustls::TlsConnector;

/// How to speak.
#[derive(Clone, Copy)]
pub(crate) enum Protocol {
    Http1,
    Http1OverTls,
    Http2,
}

/// What to say.
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) token: Option<String>,
    pub(crate) body: &'static str,
}

/// A connection.
pub(crate) enum Client {
    Http1 { stream: Box<dyn Stream>, received: Vec<u8> },
    Http2 { runtime: Runtime, send: SendRequest<Bytes> },
}

pub(crate) trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

impl Client {
    pub(crate) fn connect(protocol: Protocol, door: &Door) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(door.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        let http1 = |stream| Self::Http1 { stream, received: vec![0; 64 * 1024] };
        match protocol {
            Protocol::Http1 => Ok(http1(Box::new(stream))),
            Protocol::Http1OverTls => {
                let connection = ClientConnection::new(tls(door, "http/1.1")?, NAME.try_into()?)?;
                Ok(http1(Box::new(StreamOwned::new(connection, stream))))
            }
            Protocol::Http2 => {
                let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
                stream.set_nonblocking(true)?;
                let (send, connection) = runtime.block_on(async {
                    let stream = tokio::net::TcpStream::from_std(stream)?;
                    let tls = TlsConnector::from(tls(door, "h2")?).connect(NAME.try_into()?, stream).await?;
                    anyhow::Ok(h2::client::handshake(tls).await?)
                })?;
                runtime.spawn(async { drop(connection.await) });
                Ok(Self::Http2 { runtime, send })
            }
        }
    }

    /// The status of the answer, once all of that is here.
    pub(crate) fn ask(&mut self, ask: &Ask) -> anyhow::Result<u16> {
        match self {
            Self::Http1 { stream, received } => {
                stream.write_all(&ask.message())?;
                stream.flush()?;
                let mut length = 0;
                while message::whole(&received[..length]).is_none() {
                    match stream.read(&mut received[length..])? {
                        0 => bail!("the gateway closed the connection"),
                        count => length += count,
                    }
                }
                Ok(std::str::from_utf8(&received[9..12])?.parse()?)
            }
            Self::Http2 { runtime, send } => runtime.block_on(async {
                let answer = tokio::time::timeout(ANSWER_TIMEOUT, ask.send(send)).await.context("no answer")?;
                // What the connection has to say about it leaves now, not with the next request.
                yield_now().await;
                answer
            }),
        }
    }
}

impl Ask {
    /// As HTTP/1.1 has it, with the fields of `peers`.
    fn message(&self) -> Vec<u8> {
        let Self { method, path, token, body } = self;
        let token = token.as_ref().map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let length = match body.len() {
            0 => String::new(),
            length => format!("content-type: application/json\r\ncontent-length: {length}\r\n"),
        };
        format!("{method} {path} HTTP/1.1\r\nhost: {NAME}\r\nuser-agent: peers\r\naccept: application/json\r\n{token}{length}\r\n{body}")
            .into_bytes()
    }

    async fn send(&self, send: &SendRequest<Bytes>) -> anyhow::Result<u16> {
        let Self { method, path, token, body } = self;
        let mut request = Request::builder().method(*method).uri(format!("https://{NAME}{path}"));
        request = request.header("user-agent", "peers").header("accept", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let (answer, mut stream) = send.clone().ready().await?.send_request(request.body(())?, body.is_empty())?;
        if !body.is_empty() {
            stream.send_data(Bytes::from_static(body.as_bytes()), true)?;
        }
        let (head, mut body) = answer.await?.into_parts();
        while let Some(piece) = body.data().await {
            body.flow_control().release_capacity(piece?.len())?;
        }
        Ok(head.status.as_u16())
    }
}

fn tls(door: &Door, protocol: &str) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(door.certificate.clone())?;
    let builder =
        ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    Ok(Arc::new(config))
}

const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);
