//! The life of a worker: it accepts, it answers, it keeps its deadlines, and when told to it drains.

use super::arrival::{self, Reach};
use super::front::Front;
use super::gateway::Stage;
use crate::gateway::Worker;
use crate::net::deadline::TICK;
use crate::net::{listen, thread};
use arc_swap::ArcSwap;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// What a worker is given.
pub struct Post {
    /// Its own sockets, one for each address.
    pub listeners: Vec<TcpListener>,
    /// `None`: plain text. Replaced whole by a reload, for connections that begin after it.
    pub front: Option<Arc<ArcSwap<Front>>>,
    /// After this a drain ends whatever is left.
    pub drain_timeout: Duration,
}

/// Works until it was told to drain and nothing is left, or the drain timeout is over.
pub async fn run(worker: Rc<Worker>, post: Post, stages: watch::Receiver<Stage>) {
    let accepting = Rc::new(());
    for listener in post.listeners {
        let reach = reach(&listener);
        match listen::register(listener) {
            Ok(listener) => {
                let (worker, front, still) = (Rc::clone(&worker), post.front.clone(), Rc::clone(&accepting));
                let stop = until_drain(stages.clone());
                thread::beside(async move {
                    let door = (front.as_deref(), reach);
                    listen::accept(listener, stop, |stream, peer| take(&worker, door, stream, peer)).await;
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

/// A listener that has no address any more is treated as the more open kind.
fn reach(listener: &TcpListener) -> Reach {
    if listener.local_addr().is_ok_and(|address| address.ip().is_loopback()) { Reach::Local } else { Reach::Network }
}

/// Takes a connection in, if there is room. It counts until its task ends.
fn take(worker: &Rc<Worker>, (front, reach): (Option<&ArcSwap<Front>>, Reach), stream: TcpStream, peer: SocketAddr) {
    let peer = peer.ip().to_canonical();
    if !arrival::may_enter(worker, front.is_some(), reach, peer) {
        worker.metrics().connections_untrusted.add(1);
        return;
    }
    if !worker.shared.admit() {
        worker.metrics().connections_refused.add(1);
        return;
    }
    worker.metrics().connections_accepted.add(1);
    let guard = Admitted(Rc::clone(worker));
    let activity = worker.activity();
    let (worker, front) = (Rc::clone(worker), front.map(ArcSwap::load_full));
    thread::beside(async move {
        if let Some(arrival) = arrival::receive(&worker, front, stream, peer, &activity).await {
            worker.serve(arrival, activity).await;
        }
        drop(guard);
    });
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
