//! HTTP/2 in two ways: a client that keeps the rules, and frames by hand for what no client would send.

use super::WAIT;
use super::client::Client;
use super::gateway::World;
use super::tls::Caller;
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use rustls::{ClientConnection, StreamOwned};
use std::io::{BufRead as _, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;

/// A client with one connection.
pub struct Http2 {
    runtime: Handle,
    send: SendRequest<Bytes>,
    /// Dropped, it ends the thread that drives the connection.
    _stop: oneshot::Sender<()>,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub fields: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

impl Http2 {
    /// Connects over TLS.
    pub fn connect(world: &World, caller: &Caller) -> Self {
        let ours = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let runtime = ours.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || ours.block_on(stopped));
        let (config, address) = (caller.http2(), world.address());
        let send = runtime.block_on(async {
            let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
            let name = "api.bank.example".try_into().unwrap();
            let tls = TlsConnector::from(config).connect(name, tcp).await.unwrap();
            assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let (send, connection) = h2::client::handshake(tls).await.unwrap();
            let _driven = runtime.spawn(async move { drop(connection.await) });
            send
        });
        Self { runtime, send, _stop: stop }
    }

    /// The outcome of one request.
    pub fn ask(&mut self, request: Request<Bytes>) -> Result<Answer, h2::Error> {
        let mut answers = self.ask_all(vec![request]);
        answers.pop().unwrap()
    }

    /// The outcomes of requests that are under way at the same time: all are sent before anything is read.
    pub fn ask_all(&mut self, requests: Vec<Request<Bytes>>) -> Vec<Result<Answer, h2::Error>> {
        let (runtime, send) = (self.runtime.clone(), self.send.clone());
        let ask_each = move || requests.into_iter().map(|request| runtime.spawn(ask(send.clone(), request))).collect();
        let asked = self.runtime.spawn(async move { ask_each() });
        self.runtime.block_on(async {
            let asked: Vec<_> = asked.await.unwrap();
            let mut answers = Vec::new();
            for one in asked {
                answers.push(tokio::time::timeout(WAIT, one).await.expect("in time").unwrap());
            }
            answers
        })
    }

    /// The parts, to go on by hand.
    pub fn by_hand(&mut self) -> (&Handle, &mut SendRequest<Bytes>) {
        (&self.runtime, &mut self.send)
    }
}

async fn ask(send: SendRequest<Bytes>, request: Request<Bytes>) -> Result<Answer, h2::Error> {
    let (parts, body) = request.into_parts();
    let (answer, mut stream) = send.ready().await?.send_request(Request::from_parts(parts, ()), body.is_empty())?;
    if !body.is_empty() {
        stream.send_data(body, true)?;
    }
    read(answer.await?).await
}

/// All of an answer.
pub async fn read(answer: Response<h2::RecvStream>) -> Result<Answer, h2::Error> {
    let (head, mut stream) = answer.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece?;
        body.extend_from_slice(&piece);
        stream.flow_control().release_capacity(piece.len())?;
    }
    let trailers = stream.trailers().await?;
    Ok(Answer { status: head.status, fields: head.headers, body, trailers })
}

/// A request for this path.
pub fn request(method: Method, path: &str, token: Option<&str>, body: impl Into<Bytes>) -> Request<Bytes> {
    let mut request = Request::new(body.into());
    *request.method_mut() = method;
    *request.uri_mut() = format!("https://api.bank.example{path}").parse().unwrap();
    if let Some(token) = token {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    request
}

/// Frames by hand (RFC 9113 §4, §6).
pub struct Frames(StreamOwned<ClientConnection, TcpStream>);

/// One frame.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

impl Frames {
    /// Connects, and has said what every client says first.
    pub fn connect(world: &World) -> Self {
        let mut frames = Self::connect_silent(world);
        frames.bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        frames.send(SETTINGS, 0, 0, &[]);
        frames
    }

    /// Connects, and has said nothing.
    pub fn connect_silent(world: &World) -> Self {
        let tcp = TcpStream::connect(world.address()).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(WAIT)).unwrap();
        tcp.set_write_timeout(Some(WAIT)).unwrap();
        let name = "api.bank.example".try_into().unwrap();
        let connection = ClientConnection::new(Caller::new(None).http2(), name).unwrap();
        Self(StreamOwned::new(connection, tcp))
    }

    /// Writes; whether the peer still takes it.
    pub fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).and_then(|()| self.0.flush()).is_ok()
    }

    /// Sends a frame.
    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.bytes(&frame(kind, flags, stream, payload))
    }

    /// Sends a request without a body.
    pub fn ask(&mut self, stream: u32, fields: &[(&str, &str)]) -> bool {
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &block(fields))
    }

    /// The next frame; `None` when the peer has gone.
    pub fn next(&mut self) -> Option<Frame> {
        let mut header = [0; 9];
        self.0.read_exact(&mut header).ok()?;
        let [high, middle, low, kind, _flags, stream @ ..] = header;
        let mut payload = vec![0; usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)];
        self.0.read_exact(&mut payload).ok()?;
        Some(Frame { kind, stream: u32::from_be_bytes(stream), payload })
    }

    /// The frames that are there.
    pub fn arrived(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        loop {
            self.0.sock.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            let is_there = self.0.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
            self.0.sock.set_read_timeout(Some(WAIT)).unwrap();
            match is_there.then(|| self.next()).flatten() {
                Some(frame) => frames.push(frame),
                None => return frames,
            }
        }
    }

    /// What is below TLS.
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.0.sock
    }

    /// The next frame of these kinds, others skipped.
    pub fn next_of(&mut self, kinds: &[u8]) -> Option<Frame> {
        std::iter::from_fn(|| self.next()).find(|frame| kinds.contains(&frame.kind))
    }
}

impl Frame {
    /// The status of an answer: the first field of its block, from the table (RFC 7541 appendix A) or in Huffman's code
    /// (appendix B). One that the connection said before is in a table that nobody keeps here.
    pub fn status(&self) -> u16 {
        assert_eq!(self.kind, HEADERS);
        match self.payload[0] {
            place @ 0x88..=0x8e => [200, 204, 206, 304, 400, 404, 500][usize::from(place - 0x88)],
            0x48 | 0x08 => digits(&self.payload[2..][..usize::from(self.payload[1] & 0x7f)]),
            other => panic!("{other:#x} begins no status"),
        }
    }
}

/// Three digits: five bits for `0` to `2`, six for the others.
fn digits(code: &[u8]) -> u16 {
    let mut bits = code.iter().flat_map(|byte| (0..8).rev().map(move |place| u16::from(byte >> place & 1)));
    (0..3).fold(0, |number, _| {
        let first = (0..5).fold(0, |code, _| code << 1 | bits.next().unwrap());
        let digit = if first < 3 { first } else { (first << 1 | bits.next().unwrap()) - 0b1_1001 + 3 };
        number * 10 + digit
    })
}

/// A frame as it goes out.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A field block of literals that are not indexed (RFC 7541 §6.2.2).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(&mut block, text.len());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// An integer with a prefix of seven bits (RFC 7541 §5.1).
fn length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        return block.push(u8::try_from(length).unwrap());
    };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// A client of HTTP/1.1 on the same gateway, to see that others notice nothing.
pub fn other(world: &World) -> Client<StreamOwned<ClientConnection, TcpStream>> {
    Caller::new(None).connect(world)
}
