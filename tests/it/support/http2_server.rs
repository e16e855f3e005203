//! An HTTP/2 server that records what it is asked and answers what it is told, good or not.

use super::eventually;
use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use scopegate::net::thread;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Answers one request.
pub type Behaviour = dyn Fn(Call) -> Pin<Box<dyn Future<Output = ()>>> + Send + Sync;

/// A running server.
pub struct Http2 {
    address: SocketAddr,
    state: Arc<State>,
}

pub struct State {
    streams_max: u32,
    behaviour: Mutex<Arc<Behaviour>>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    leave: watch::Sender<()>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub head: Parts,
    pub body: Vec<u8>,
}

/// A request that is being answered.
pub struct Call {
    pub head: Parts,
    pub body: RecvStream,
    pub respond: SendResponse<Bytes>,
    pub connection: usize,
    state: Arc<State>,
}

impl Http2 {
    /// Answers as `behaviour` says; takes `streams_max` requests at a time on a connection.
    pub fn with<F: Future<Output = ()> + 'static>(
        streams_max: u32,
        behaviour: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), streams_max, behaviour)
    }

    /// The same at this address.
    pub fn at<F: Future<Output = ()> + 'static>(
        address: SocketAddr,
        streams_max: u32,
        behaviour: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            streams_max,
            behaviour: Mutex::new(boxed(behaviour)),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            leave: watch::Sender::new(()),
        });
        let shared = Arc::clone(&state);
        thread::spawn("http2".to_owned(), move || async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                thread::beside(Arc::clone(&shared).serve(stream));
            }
        })
        .unwrap();
        Self { address, state }
    }

    /// Answers every request with its method and path when all of it has come.
    pub fn echo() -> Self {
        Self::with(100, Call::echo)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as `servers` has it.
    pub fn servers(&self) -> String {
        format!("[\"http://{}\"]", self.address)
    }

    /// The requests so far that came whole.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Says on every connection that it is about to leave (RFC 9113 §6.8).
    pub fn leave(&self) {
        self.state.leave.send_replace(());
    }

    /// Waits until there were `count` connections.
    pub fn wait_for_connections(&self, count: usize) {
        eventually("connections", || (self.connections() >= count).then_some(()));
    }
}

fn boxed<F: Future<Output = ()> + 'static>(behaviour: impl Fn(Call) -> F + Send + Sync + 'static) -> Arc<Behaviour> {
    Arc::new(move |call| Box::pin(behaviour(call)))
}

impl State {
    async fn serve(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin + 'static) {
        let connection = self.connections.fetch_add(1, Ordering::SeqCst) + 1;
        let handshake = Builder::new().max_concurrent_streams(self.streams_max).handshake(stream).await;
        let Ok(mut line) = handshake else { return };
        let mut leaving = self.leave.subscribe();
        loop {
            tokio::select! {
                accepted = line.accept() => {
                    let Some(Ok((request, respond))) = accepted else { return };
                    let (head, body) = Request::into_parts(request);
                    let call = Call { head, body, respond, connection, state: Arc::clone(&self) };
                    let answer = Arc::clone(&self.behaviour.lock().unwrap())(call);
                    thread::beside(answer);
                }
                told = leaving.changed() => {
                    told.unwrap();
                    line.graceful_shutdown();
                }
            }
        }
    }
}

impl Call {
    /// Reads the request to its end and keeps it; what came of a body that broke off is not kept.
    pub async fn read(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        while let Some(piece) = self.body.data().await {
            let Ok(piece) = piece else { return body };
            self.body.flow_control().release_capacity(piece.len()).unwrap();
            body.extend_from_slice(&piece);
        }
        let seen = Seen { head: self.head.clone(), body: body.clone() };
        self.state.seen.lock().unwrap().push(seen);
        body
    }

    /// Method and path, when all of the request has come.
    pub async fn echo(mut self) {
        self.read().await;
        let text = format!("{} {}", self.head.method, self.head.uri.path());
        self.answer(Response::builder().header("content-length", text.len()), text).await;
    }

    /// The whole of an answer. That the client has left is no fault.
    pub async fn answer(&mut self, head: http::response::Builder, body: impl Into<Bytes>) {
        let body = body.into();
        let head = head.body(()).unwrap();
        let Ok(mut stream) = self.respond.send_response(head, body.is_empty()) else { return };
        if !body.is_empty() {
            send(&mut stream, body, true).await;
        }
    }

    /// The head of an answer whose body is to come.
    pub fn begin(&mut self, head: http::response::Builder) -> SendStream<Bytes> {
        self.respond.send_response(head.body(()).unwrap(), false).unwrap()
    }

    /// Breaks off before an answer.
    pub fn reset(&mut self, reason: Reason) {
        self.respond.send_reset(reason);
    }
}

/// Sends `body` as the client takes it.
pub async fn send(stream: &mut SendStream<Bytes>, mut body: Bytes, is_end: bool) {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let Some(Ok(room)) = poll_fn(|cx| stream.poll_capacity(cx)).await else { return };
        let part = body.split_to(room.min(body.len()));
        if stream.send_data(part, is_end && body.is_empty()).is_err() {
            return;
        }
    }
}

/// The fields as text.
pub fn all<'a>(fields: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    fields.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}
