//! The life of a worker: it accepts, for itself or for a worker with fewer connections, it answers, it keeps its deadlines,
//! and when told to it drains.

use super::arrival::{self, Reach};
use super::front::Front;
use super::gateway::Stage;
use super::sockets;
use crate::config::limits::Limits;
use crate::gateway::arrival::{Arrival, Client};
use crate::gateway::http1::head::HeadBounds;
use crate::gateway::observe::access_log::LogBuffer;
use crate::gateway::{Bounds, Shared, Worker, policy};
use crate::net::activity::Timeouts;
use crate::net::admission::Place;
use crate::net::deadline::TICK;
use crate::net::{listen, thread};
use arc_swap::ArcSwap;
use std::io;
use std::net::{self, IpAddr, SocketAddr, TcpListener};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

/// What a worker is given.
pub struct Post {
    /// Its own sockets, one for each address where there are enough.
    pub listeners: Vec<TcpListener>,
    /// Where it finds what others accepted for it.
    pub inbox: mpsc::Receiver<Arrived>,
    /// The workers' inboxes, by number.
    pub inboxes: Vec<mpsc::Sender<Arrived>>,
    /// `None`: plain text. Replaced whole by a reload, for connections that begin after it.
    pub front: Option<Arc<ArcSwap<Front>>>,
    /// After this a drain ends whatever is left.
    pub drain_timeout: Duration,
}

/// A connection that was accepted and has its place with the worker that will carry it. Not a byte of it was read.
pub struct Arrived {
    stream: net::TcpStream,
    peer: IpAddr,
    place: Place,
}

/// What workers work with: sockets by address, certificates, log buffers.
pub(super) type Tools<'a> = (Vec<Vec<TcpListener>>, Option<&'a Arc<ArcSwap<Front>>>, Vec<LogBuffer>);

/// Starts a thread for each log buffer.
pub(super) fn employ(
    shared: &Arc<Shared>,
    limits: &Limits,
    (listeners, front, buffers): Tools<'_>,
    stages: &watch::Receiver<Stage>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let (timeouts, bounds) = of_connections(limits);
    let (inboxes, ends): (Vec<_>, Vec<_>) = buffers.iter().map(|_| mpsc::channel(ARRIVED_MAX)).unzip();
    let places = sockets::deal(listeners, buffers.len()).into_iter().zip(ends);
    let mut threads = Vec::new();
    for (index, ((listeners, inbox), log)) in places.zip(buffers).enumerate() {
        let (shared, stages) = (Arc::clone(shared), stages.clone());
        let post = Post {
            listeners,
            inbox,
            inboxes: inboxes.clone(),
            front: front.cloned(),
            drain_timeout: limits.drain_timeout,
        };
        threads.push(thread::spawn(format!("worker-{index}"), move || {
            run(Worker::new(index, shared, timeouts, bounds, log), post, stages)
        })?);
    }
    Ok(threads)
}

fn of_connections(limits: &Limits) -> (Timeouts, Bounds) {
    let timeouts = Timeouts {
        handshake: limits.handshake_timeout,
        head: limits.head_timeout,
        idle: limits.idle_timeout,
        pace: policy::pace(limits),
    };
    let head = HeadBounds { bytes_max: limits.head_bytes_max, fields_max: limits.fields_max };
    let bounds = Bounds {
        head,
        streams_max: limits.streams_max,
        requests_max: limits.requests_per_connection_max,
        tunnel_idle_timeout: limits.tunnel_idle_timeout,
        tunnel_lifetime: limits.tunnel_lifetime,
    };
    (timeouts, bounds)
}

/// Works until it was told to drain and nothing is left, or the drain timeout is over.
pub async fn run(worker: Rc<Worker>, mut post: Post, mut stages: watch::Receiver<Stage>) {
    let linked = Rc::clone(&worker);
    thread::beside(async move { linked.keep_link().await });
    if stages.wait_for(|stage| *stage != Stage::Prepare).await.is_err() {
        return;
    }
    let accepting = Rc::new(());
    let accepts = Rc::downgrade(&accepting);
    let inboxes: Rc<[_]> = post.inboxes.into();
    for listener in post.listeners {
        let reach = reach(&listener);
        match listen::register(listener) {
            Ok(listener) => {
                let (worker, inboxes) = (Rc::clone(&worker), Rc::clone(&inboxes));
                let (front, still, stop) = (post.front.clone(), Rc::clone(&accepting), until_drain(stages.clone()));
                thread::beside(async move {
                    let door = (front.as_deref(), reach);
                    let take = |stream, peer| assign(&worker, &inboxes, door, (stream, peer));
                    listen::accept(&listener, stop, take, || worker.metrics().accept_failures.add(1)).await;
                    listen::accept_rest(&listener, take).await;
                    drop(still);
                });
            }
            Err(fault) => tracing::error!(%fault, "a listener cannot be used"),
        }
    }
    drop(inboxes);
    let (carrier, front) = (Rc::clone(&worker), post.front);
    // It ends when nobody accepts any more who could leave something in it.
    thread::beside(async move {
        while let Some(Arrived { stream, peer, place }) = post.inbox.recv().await {
            if let Ok(stream) = TcpStream::from_std(stream) {
                carry(&carrier, front.as_deref(), (stream, peer), place);
            }
        }
        drop(accepting);
    });
    tokio::select! {
        () = keep_time(&worker) => {}
        () = until_drain(stages.clone()) => {}
    }
    worker.drain(LINGER);
    let empty = async {
        let mut ticks = tokio::time::interval(TICK);
        while Weak::strong_count(&accepts) > 0 || worker.connections() > 0 {
            ticks.tick().await;
            worker.tick();
        }
    };
    if tokio::time::timeout(post.drain_timeout, empty).await.is_err() {
        tracing::warn!(connections = worker.connections(), "the drain timeout is over: closing what is left");
    }
    worker.second();
}

/// Deadlines a few times a second, the rest once a second.
async fn keep_time(worker: &Worker) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for count in 0_u64.. {
        ticks.tick().await;
        worker.tick();
        if count % TICKS_PER_SECOND == 0 {
            worker.second();
        }
    }
}

async fn until_drain(mut stages: watch::Receiver<Stage>) {
    // A sender that is gone means the same: nobody will tell us any more.
    let _told = stages.wait_for(|stage| *stage > Stage::Serve).await;
}

/// A listener that has no address any more is treated as the more open kind.
fn reach(listener: &TcpListener) -> Reach {
    if listener.local_addr().is_ok_and(|address| address.ip().is_loopback()) { Reach::Local } else { Reach::Network }
}

/// Takes a connection in, if it may come and there is room, or leaves it to a worker that has fewer.
fn assign(
    worker: &Rc<Worker>,
    inboxes: &[mpsc::Sender<Arrived>],
    (front, reach): (Option<&ArcSwap<Front>>, Reach),
    (stream, peer): (TcpStream, SocketAddr),
) {
    let peer = peer.ip().to_canonical();
    if !arrival::may_enter(worker, front.is_some(), reach, peer) {
        worker.metrics().connections_untrusted.add(1);
        return;
    }
    let admission = &worker.shared.admission;
    // One whose inbox is full has enough to do.
    let other =
        admission.better_than(worker.index).and_then(|other| Some((other, inboxes.get(other)?.try_reserve().ok()?)));
    // Without TLS whoever comes has ended it for others.
    let client = (front.is_some() && !worker.is_hop(peer)).then_some(peer);
    let place = match admission.admit(other.as_ref().map_or(worker.index, |(other, _)| *other), client) {
        Ok(place) => place,
        Err(turned) => return worker.metrics().turned_away(turned),
    };
    match other {
        None => carry(worker, front, (stream, peer), place),
        Some((_, inbox)) => {
            if let Ok(stream) = stream.into_std() {
                worker.metrics().connections_moved.add(1);
                inbox.send(Arrived { stream, peer, place });
            }
        }
    }
}

/// Serves a connection, which holds its place until its task ends.
fn carry(worker: &Rc<Worker>, front: Option<&ArcSwap<Front>>, (stream, peer): (TcpStream, IpAddr), place: Place) {
    worker.metrics().connections_accepted.add(1);
    let mut guard = Carried { worker: Rc::clone(worker), place };
    let activity = worker.activity();
    let (worker, front) = (Rc::clone(worker), front.map(ArcSwap::load_full));
    thread::beside(async move {
        if let Some(arrival) = arrival::receive(&worker, front, stream, peer, &activity).await
            && count(&worker, &arrival, &mut guard.place)
        {
            worker.serve(arrival, activity).await;
        }
        drop(guard);
    });
}

/// Counts a client that a balancer has named for its network, now that it is known. Whether there is room for it.
fn count(worker: &Worker, arrival: &Arrival, place: &mut Place) -> bool {
    let Client::Known(address) = arrival.client else { return true };
    if !worker.shared.policy.load().proxy_protocol || worker.is_hop(address) {
        return true;
    }
    let counted = place.count(address);
    counted.map_err(|turned| worker.metrics().turned_away(turned)).is_ok()
}

struct Carried {
    worker: Rc<Worker>,
    place: Place,
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.worker.metrics().connections_closed.add(1);
    }
}

/// How long a client that is between requests may stay when we leave: its next request is still answered.
const LINGER: Duration = Duration::from_secs(1);
const TICKS_PER_SECOND: u64 = 5;
/// Connections that wait for a worker to carry them; further ones stay with the worker that accepted them.
const ARRIVED_MAX: usize = 256;
