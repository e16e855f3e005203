//! The life of a worker: it accepts, it answers, it keeps its deadlines, and when told to it drains.

use super::gateway::Stage;
use crate::gateway::Worker;
use crate::net::client::{Activity, Transport};
use crate::net::deadline::TICK;
use crate::net::{listen, thread};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_rustls::TlsAcceptor;

/// What a worker is given.
pub struct Post {
    /// Its own sockets, one for each address.
    pub listeners: Vec<TcpListener>,
    /// `None`: plain text. Replaced whole by a reload, for connections that begin after it.
    pub tls: Option<Arc<ArcSwap<ServerConfig>>>,
    /// After this a drain ends whatever is left.
    pub drain_timeout: Duration,
}

/// Works until it was told to drain and nothing is left, or the drain timeout is over.
pub async fn run(worker: Rc<Worker>, post: Post, stages: watch::Receiver<Stage>) {
    let accepting = Rc::new(());
    for listener in post.listeners {
        match listen::register(listener) {
            Ok(listener) => {
                let (worker, tls, still) = (Rc::clone(&worker), post.tls.clone(), Rc::clone(&accepting));
                let stop = until_drain(stages.clone());
                thread::beside(async move {
                    listen::accept(listener, stop, |stream, peer| take(&worker, tls.as_deref(), stream, peer)).await;
                    drop(still);
                });
            }
            Err(fault) => tracing::error!(%fault, "a listener cannot be used"),
        }
    }
    tokio::select! {
        () = keep_time(&worker) => {}
        () = until_drain(stages.clone()) => {}
    }
    worker.drain(LINGER);
    let empty = async {
        let mut ticks = tokio::time::interval(TICK);
        while Rc::strong_count(&accepting) > 1 || worker.connections() > 0 {
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
    let _told = stages.wait_for(|stage| *stage != Stage::Serve).await;
}

/// Takes a connection in, if there is room. It counts until its task ends.
fn take(worker: &Rc<Worker>, tls: Option<&ArcSwap<ServerConfig>>, stream: TcpStream, peer: SocketAddr) {
    if !worker.shared.admit() {
        worker.metrics().connections_refused.add(1);
        return;
    }
    worker.metrics().connections_accepted.add(1);
    let guard = Admitted(Rc::clone(worker));
    let activity = worker.activity();
    let (worker, tls) = (Rc::clone(worker), tls.map(|tls| TlsAcceptor::from(tls.load_full())));
    thread::beside(async move {
        if let Some(transport) = transport(&worker, tls, stream, &activity).await {
            worker.serve(transport, peer, activity).await;
        }
        drop(guard);
    });
}

async fn transport(
    worker: &Worker,
    tls: Option<TlsAcceptor>,
    stream: TcpStream,
    activity: &Activity,
) -> Option<Transport> {
    let Some(tls) = tls else {
        return Some(Transport::Plain(stream));
    };
    // The handshake shares the bound of the first head: the activity's deadline is already running.
    let late = std::future::poll_fn(|cx| activity.poll_late(cx));
    tokio::select! {
        shaken = tls.accept(stream) => match shaken {
            Ok(stream) => Some(Transport::Tls(Box::new(stream))),
            Err(_) => {
                worker.metrics().handshakes_failed.add(1);
                None
            }
        },
        () = late => {
            worker.metrics().connections_late.add(1);
            None
        }
    }
}

struct Admitted(Rc<Worker>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.shared.release();
        self.0.metrics().connections_closed.add(1);
    }
}

/// How long a client that is between requests may stay when we leave: its next request is still answered.
const LINGER: Duration = Duration::from_secs(1);
const TICKS_PER_SECOND: u64 = 5;
