//! Listening sockets, and the loop that accepts on them.

use crate::clock::Clock;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};

/// One socket per worker on `address`, so that the kernel spreads connections without a shared queue. All are bound
/// before anybody serves: a port that is taken is a start-up fault, not a surprise.
pub fn bind(address: SocketAddr, workers: usize) -> io::Result<Vec<StdListener>> {
    // Another process with SO_REUSEPORT of its own would otherwise share our port in silence.
    let first = socket(address, Sharing::No)?;
    let address = first.local_addr()?;
    drop(first);
    (0..workers).map(|_| socket(address, Sharing::Yes)).collect()
}

/// The sockets that were inherited for `address`, and further ones beside them where they are fewer than `workers` and let
/// others in. Where they do not, they have to do: connections go to the worker with the fewest anyway.
pub fn complete(mut inherited: Vec<StdListener>, address: SocketAddr, workers: usize) -> io::Result<Vec<StdListener>> {
    let Some(first) = inherited.first() else { return bind(address, workers) };
    let is_shared = SockRef::from(first).reuse_port()?;
    while is_shared && inherited.len() < workers {
        // It does not listen yet: the kernel would give it connections that nobody takes until we serve, or never.
        match bound(address, Sharing::Yes).map(StdListener::from) {
            Ok(more) => inherited.push(more),
            // They are another user's, or the port is one that we could not have opened ourselves.
            Err(fault) => {
                tracing::info!(%fault, %address, sockets = inherited.len(), workers, "fewer sockets than workers");
                break;
            }
        }
    }
    Ok(inherited)
}

/// Whether other sockets may listen on the same port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Yes,
    No,
}

fn socket(address: SocketAddr, sharing: Sharing) -> io::Result<StdListener> {
    let socket = bound(address, sharing)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bound(address: SocketAddr, sharing: Sharing) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(sharing == Sharing::Yes)?;
    socket.set_nonblocking(true)?;
    // Before it listens: connections inherit it, and the first may be there before anybody accepts.
    socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A socket of `bind` or `complete`, in this thread's reactor. What it accepts sends at once (`TCP_NODELAY`), which Linux hands down from
/// the listener: a system call less for each connection.
pub fn register(listener: StdListener) -> io::Result<TcpListener> {
    let socket = SockRef::from(&listener);
    if !socket.is_listener()? {
        socket.listen(BACKLOG)?;
    }
    socket.set_tcp_nodelay(true)?;
    TcpListener::from_std(listener)
}

/// Accepts until `stop` is ready. `failed` is told of every try that failed for want of something of ours.
pub async fn accept(
    listener: &TcpListener,
    stop: impl Future<Output = ()>,
    mut take: impl FnMut(TcpStream, SocketAddr),
    failed: impl Fn(),
) {
    tokio::pin!(stop);
    // When the last try failed, until it is long enough ago.
    let mut failing: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if failing.take_if(|last| last.elapsed() > CALM).is_some() {
                    tracing::info!("connections are accepted again");
                }
                take(stream, peer);
            }
            Err(fault) if is_passing(&fault) => {}
            // Out of file descriptors or memory: others must end before anybody else can come in. Without the pause the
            // same failure would be had as often as the CPU can ask for it.
            Err(fault) => {
                failed();
                if failing.replace(Clock::System.instant()).is_none() {
                    tracing::error!(%fault, "connections cannot be accepted; it is tried again until they can");
                }
                tokio::select! {
                    () = &mut stop => return,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
}

/// Takes what is already in the queue: clients that the kernel has greeted in our name.
pub async fn accept_rest(listener: &TcpListener, mut take: impl FnMut(TcpStream, SocketAddr)) {
    while let Some(Ok((stream, peer))) = now(listener.accept()).await {
        take(stream, peer);
    }
}

/// What `future` has at once.
async fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = std::future::ready(()) => None,
    }
}

/// The client gave up between its handshake and our accept.
fn is_passing(fault: &io::Error) -> bool {
    matches!(
        fault.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// What the kernel takes from us for one connection beyond what it has sent. Without a bound that is 4 MiB for each client
/// that reads slowly: four hundred of them filled the kernel's memory for TCP, and everybody else's connections stood still.
pub const UNSENT_BYTES_MAX: u32 = 256 * 1024;
/// Connections that the kernel holds for us while we are busy.
const BACKLOG: i32 = 4096;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// At the edge tries fail and succeed in turns; without failure for so long it is over.
const CALM: Duration = Duration::from_secs(2);
