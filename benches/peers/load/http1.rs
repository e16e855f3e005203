//! One connection of HTTP/1.1: one request at a time.

use super::stream::{self, Stream};
use super::{Answer, HOST, PATH, Target, answers};
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Kept alive, or for one request.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    request: Vec<u8>,
    received: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(target: &Target) -> io::Result<Self> {
        let stream = stream::open(target).await?;
        Ok(Self { stream, request: Vec::new(), received: vec![0; 64 * 1024] })
    }

    /// Sends one request and reads its answer to the end.
    pub(crate) async fn ask(&mut self, token: Option<&str>) -> io::Result<Answer> {
        self.write(token, "").await
    }

    /// The same, and the connection ends after it.
    pub(crate) async fn ask_once(mut self, token: Option<&str>) -> io::Result<Answer> {
        let answer = self.write(token, "connection: close\r\n").await?;
        // The other side may have ended it first.
        self.stream.shutdown().await.ok();
        Ok(answer)
    }

    async fn write(&mut self, token: Option<&str>, further: &str) -> io::Result<Answer> {
        let head =
            format_args!("GET {PATH} HTTP/1.1\r\nhost: {HOST}\r\nuser-agent: peers\r\naccept: application/json\r\n");
        self.request.clear();
        match token {
            Some(token) => io::Write::write_fmt(
                &mut self.request,
                format_args!("{head}{further}authorization: Bearer {token}\r\n\r\n"),
            )?,
            None => io::Write::write_fmt(&mut self.request, format_args!("{head}{further}\r\n"))?,
        }
        self.stream.write_all(&self.request).await?;
        self.stream.flush().await?;
        self.read().await
    }

    async fn read(&mut self) -> io::Result<Answer> {
        let mut filled = 0;
        let head = loop {
            filled += some(self.stream.read(&mut self.received[filled..]).await?)?;
            if let Some(head) = answers::head(&self.received[..filled])? {
                break head;
            }
        };
        let mut body_bytes = filled - head.bytes;
        while body_bytes < head.body_bytes {
            body_bytes += some(self.stream.read(&mut self.received).await?)?;
        }
        Ok(Answer { status: head.status, body_bytes })
    }
}

fn some(count: usize) -> io::Result<usize> {
    if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(count) }
}
