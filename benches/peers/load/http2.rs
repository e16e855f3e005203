//! One stream at a time of a connection of HTTP/2, which it shares with others.

use super::{Answer, HOST, PATH, Target, stream};
use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, header};
use std::io;

/// A place among the streams of one connection.
#[derive(Clone)]
pub(crate) struct Place {
    sender: SendRequest<Bytes>,
}

impl Place {
    /// Opens a connection and gives its first place; clones are the others. Windows are wide, as those of load
    /// generators: what is measured is the proxy.
    pub(crate) async fn open(target: &Target) -> io::Result<Self> {
        let stream = stream::open(target).await?;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES).enable_push(false);
        let (sender, connection) = builder.handshake(stream).await.map_err(io::Error::other)?;
        // What goes wrong on it, its streams will tell.
        tokio::task::spawn_local(async { connection.await.ok() });
        Ok(Self { sender })
    }

    /// Sends one request and reads its answer to the end.
    pub(crate) async fn ask(&mut self, token: Option<&str>) -> io::Result<Answer> {
        self.send(token).await.map_err(io::Error::other)
    }

    async fn send(&mut self, token: Option<&str>) -> Result<Answer, h2::Error> {
        let mut request = Request::get(format!("https://{HOST}{PATH}"))
            .header(header::USER_AGENT, "peers")
            .header(header::ACCEPT, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut sender = self.sender.clone().ready().await?;
        let request = request.body(()).expect("the host, the path and tokens are well-formed");
        let (head, mut body) = sender.send_request(request, true)?.0.await?.into_parts();
        let mut body_bytes = 0;
        while let Some(piece) = body.data().await {
            let piece = piece?.len();
            body.flow_control().release_capacity(piece)?;
            body_bytes += piece;
        }
        Ok(Answer { status: head.status.as_u16(), body_bytes })
    }
}

const WINDOW_BYTES: u32 = 1 << 30;
