//! An HTTP/1.1 server that records the exact bytes of each request and answers what it is told, good or not: the
//! upstream and the issuer of the tests.

use super::eventually;
use super::wire::{Message, Reader};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

/// Answers one request by writing to the socket.
pub type Behaviour = dyn Fn(&Message, &mut TcpStream) -> After + Send + Sync;

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It waits for the next request.
    Keep,
    /// It is closed.
    Close,
}

/// A running server; dropped, it takes no more connections.
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    requests: Mutex<Vec<Message>>,
    behaviour: Mutex<Arc<Behaviour>>,
    connections: AtomicUsize,
    is_stopped: AtomicBool,
}

impl Server {
    /// Answers every request with `answer`, byte for byte.
    pub fn answering(answer: impl AsRef<[u8]> + 'static) -> Self {
        Self::with(always(answer))
    }

    /// Answers `200` with the request line as its body.
    pub fn echo() -> Self {
        Self::with(|request, stream| {
            let line = &request.start;
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", line.len());
            let body = if request.method() == "HEAD" { "" } else { line.as_str() };
            write(stream, format!("{answer}{body}"))
        })
    }

    /// Answers as `behaviour` says.
    pub fn with(behaviour: impl Fn(&Message, &mut TcpStream) -> After + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), behaviour)
    }

    /// The same at this address.
    pub fn at(
        address: SocketAddr,
        behaviour: impl Fn(&Message, &mut TcpStream) -> After + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            requests: Mutex::default(),
            behaviour: Mutex::new(Arc::new(behaviour)),
            connections: AtomicUsize::new(0),
            is_stopped: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.is_stopped.load(Ordering::SeqCst) {
                    break;
                }
                let state = Arc::clone(&shared);
                state.connections.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || state.serve(Reader::new(stream.unwrap())));
            }
        });
        Self { address, state }
    }

    /// Answers differently from now on, on open connections too.
    pub fn becomes(&self, behaviour: impl Fn(&Message, &mut TcpStream) -> After + Send + Sync + 'static) {
        *self.state.behaviour.lock().unwrap() = Arc::new(behaviour);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Message> {
        self.state.requests.lock().unwrap().clone()
    }

    /// How many requests there were.
    pub fn hits(&self) -> usize {
        self.state.requests.lock().unwrap().len()
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// The requests so far, which are forgotten.
    pub fn take(&self) -> Vec<Message> {
        std::mem::take(&mut *self.state.requests.lock().unwrap())
    }

    /// The one request that there was.
    pub fn only(&self) -> Message {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{:?}", requests.iter().map(|request| &request.start).collect::<Vec<_>>());
        requests.into_iter().next().unwrap()
    }

    /// The last request.
    pub fn last(&self) -> Message {
        self.requests().pop().expect("there was a request")
    }

    /// Waits until there were `count` requests.
    pub fn wait_for(&self, count: usize) {
        eventually("requests", || (self.hits() >= count).then_some(()));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.is_stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

impl State {
    fn serve(&self, mut reader: Reader) {
        while let Some(request) = reader.request() {
            self.requests.lock().unwrap().push(request.clone());
            let behaviour = Arc::clone(&self.behaviour.lock().unwrap());
            if behaviour(&request, reader.stream()) == After::Close {
                break;
            }
        }
    }
}

/// Writes `answer` and keeps the connection.
pub fn write(stream: &mut TcpStream, answer: impl AsRef<[u8]>) -> After {
    match stream.write_all(answer.as_ref()) {
        Ok(()) => After::Keep,
        Err(_) => After::Close,
    }
}

/// The same answer to every request; a `connection: close` in it is kept.
pub fn always(answer: impl AsRef<[u8]> + 'static) -> impl Fn(&Message, &mut TcpStream) -> After + Send + Sync {
    let answer = answer.as_ref().to_vec();
    move |_, stream| write(stream, &answer)
}

/// The same answer to every request, and then the end of the connection.
pub fn then_close(answer: impl AsRef<[u8]> + 'static) -> impl Fn(&Message, &mut TcpStream) -> After + Send + Sync {
    let answer = answer.as_ref().to_vec();
    move |_, stream| {
        write(stream, &answer);
        After::Close
    }
}

/// `200` with `body` of this type.
pub fn ok(content_type: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// An address at which nobody listens, handed out once. It lies below those that systems give to whoever names none (32768 and up
/// on Linux, 49152 elsewhere): else one of the many connections of other tests may be given it before it is used.
pub fn nobody() -> SocketAddr {
    /// Grows with each; two suites at once begin at different places.
    static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(std::process::id()));
    (0..PORTS)
        .map(|_| FIRST_PORT + u16::try_from(NEXT.fetch_add(1, Ordering::Relaxed) % PORTS).unwrap())
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("one of them is free")
}

const FIRST_PORT: u16 = 15_000;
const PORTS: u32 = 17_000;
