//! Load, on one thread beside the upstream. At a constant rate every request has the moment at which it is due and
//! counts from there, so that a proxy which stalls cannot hide it (coordinated omission).

pub(crate) mod answers;
mod http1;
mod http2;
mod metronome;
pub(crate) mod stream;

use super::statistics;
use super::tokens::Tokens;
pub(crate) use metronome::Beat;
use metronome::Metronome;
use rustls::ClientConfig;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::{self, LocalSet};

/// Who is asked, and what a good answer is.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) body_bytes: usize,
}

/// How clients hold their connections.
#[derive(Clone, Copy)]
pub(crate) enum Habit {
    /// One request at a time on each.
    KeepAlive,
    /// So many at a time.
    Streams(usize),
    /// A new one for every request.
    Reconnect,
}

/// When requests are sent.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    Rate(Beat, Duration),
    /// The next when the last was answered.
    Closed(Duration),
    /// Likewise, until each token was sent once.
    Through,
}

/// What came back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body_bytes: usize,
}

/// What came of a run.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Answers with status 200 and the whole body of the upstream.
    pub(crate) good: u64,
    pub(crate) bad: u64,
    pub(crate) took: Duration,
    latencies_us: Vec<u32>,
}

/// Clients whose connections stay open from the warm-up to the end.
pub(crate) struct Load {
    runtime: tokio::runtime::Runtime,
    local: LocalSet,
    clients: Vec<Client>,
    target: Target,
}

enum Client {
    Http1(Box<http1::Connection>),
    Http2(http2::Place),
    Reconnect(Target),
}

/// What the clients of one run share.
struct Run {
    tokens: Rc<Tokens>,
    /// Nothing is sent after it.
    end: Cell<Option<Instant>>,
    body_bytes: usize,
    outcome: RefCell<Outcome>,
}

impl Habit {
    /// Requests that are due at the same moment, as from clients with one timetable. Who connects anew comes alone.
    pub(crate) fn together(self, connections: usize) -> u32 {
        match self {
            Self::KeepAlive | Self::Streams(_) => u32::try_from(connections).unwrap_or(u32::MAX),
            Self::Reconnect => 1,
        }
    }
}

impl Load {
    /// Connects.
    pub(crate) fn open(target: &Target, connections: usize, habit: Habit) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let local = LocalSet::new();
        let clients = local.block_on(&runtime, within(START_TIMEOUT, connect(target, connections, habit)))?;
        Ok(Self { runtime, local, clients, target: target.clone() })
    }

    /// One request, by the first client.
    pub(crate) fn ask(&mut self, token: Option<&str>) -> io::Result<Answer> {
        let client = self.clients.first_mut().ok_or(io::ErrorKind::NotConnected)?;
        self.local.block_on(&self.runtime, within(START_TIMEOUT, client.ask(token)))
    }

    /// Opens another connection, and sends one request over it.
    pub(crate) fn add(&mut self, token: &str) -> io::Result<()> {
        let work = async {
            let mut connection = http1::Connection::open(&self.target).await?;
            let answer = connection.ask(Some(token)).await?;
            if answer.status == 200 { Ok(connection) } else { Err(io::Error::other(format!("{answer:?}"))) }
        };
        let connection = self.local.block_on(&self.runtime, within(START_TIMEOUT, work))?;
        self.clients.push(Client::Http1(Box::new(connection)));
        Ok(())
    }

    /// Sends `tokens` in turn, at this pace.
    pub(crate) fn run(&mut self, tokens: &Rc<Tokens>, pace: Pace) -> io::Result<Outcome> {
        let most = match pace {
            Pace::Rate(_, time) | Pace::Closed(time) => time + STALL_TIMEOUT,
            Pace::Through => FILL_TIMEOUT,
        };
        let run = Rc::new(Run {
            tokens: Rc::clone(tokens),
            end: Cell::new(None),
            body_bytes: self.target.body_bytes,
            outcome: RefCell::default(),
        });
        let clients = std::mem::take(&mut self.clients);
        let begin = Instant::now();
        self.clients = self.local.block_on(&self.runtime, within(most, drive(clients, Rc::clone(&run), pace)))?;
        let mut outcome = run.outcome.take();
        outcome.took = begin.elapsed();
        outcome.latencies_us.sort_unstable();
        Ok(outcome)
    }
}

async fn connect(target: &Target, connections: usize, habit: Habit) -> io::Result<Vec<Client>> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(match habit {
            Habit::KeepAlive => Client::Http1(Box::new(http1::Connection::open(target).await?)),
            Habit::Streams(_) => Client::Http2(http2::Place::open(target).await?),
            Habit::Reconnect => Client::Reconnect(target.clone()),
        });
    }
    // One after the other on different connections: all firsts, then all seconds.
    let Habit::Streams(streams) = habit else {
        return Ok(clients);
    };
    let places = clients.iter().cycle().take(connections * streams);
    Ok(places.filter_map(Client::another).collect())
}

impl Client {
    /// Another stream of the same connection.
    fn another(&self) -> Option<Self> {
        match self {
            Self::Http2(place) => Some(Self::Http2(place.clone())),
            Self::Http1(_) | Self::Reconnect(_) => None,
        }
    }

    async fn ask(&mut self, token: Option<&str>) -> io::Result<Answer> {
        match self {
            Self::Http1(connection) => connection.ask(token).await,
            Self::Http2(place) => place.ask(token).await,
            Self::Reconnect(target) => http1::Connection::open(target).await?.ask_once(token).await,
        }
    }
}

/// Every client is a task; at a constant rate each has its queue of moments, filled in turn.
async fn drive(clients: Vec<Client>, run: Rc<Run>, pace: Pace) -> io::Result<Vec<Client>> {
    if let Pace::Closed(time) = pace {
        run.end.set(Some(Instant::now() + time));
    }
    let (mut tasks, mut queues) = (Vec::new(), Vec::new());
    for client in clients {
        tasks.push(match pace {
            Pace::Rate(..) => {
                let (queue, due) = mpsc::unbounded_channel();
                queues.push(queue);
                task::spawn_local(client.keep_to(due, Rc::clone(&run)))
            }
            Pace::Closed(_) | Pace::Through => task::spawn_local(client.keep_asking(Rc::clone(&run))),
        });
    }
    if let Pace::Rate(beat, time) = pace {
        conduct(queues, &run, beat, time).await?;
    }
    let mut clients = Vec::new();
    for task in tasks {
        clients.push(task.await.map_err(io::Error::other)??);
    }
    Ok(clients)
}

async fn conduct(queues: Vec<mpsc::UnboundedSender<Instant>>, run: &Run, beat: Beat, time: Duration) -> io::Result<()> {
    let mut metronome = Metronome::start(beat)?;
    let end = Instant::now() + time;
    run.end.set(Some(end));
    let mut turn = queues.iter().cycle();
    loop {
        for due in metronome.due().await? {
            if due >= end {
                return Ok(());
            }
            // Whoever has stopped had a fault, which its task returns.
            turn.next().and_then(|queue| queue.send(due).ok()).unwrap_or_default();
        }
    }
}

impl Client {
    async fn keep_to(mut self, mut queue: mpsc::UnboundedReceiver<Instant>, run: Rc<Run>) -> io::Result<Self> {
        while let Some(due) = queue.recv().await {
            if run.is_over() {
                break;
            }
            run.count(due, self.ask(Some(run.tokens.next()?)).await?);
        }
        Ok(self)
    }

    async fn keep_asking(mut self, run: Rc<Run>) -> io::Result<Self> {
        while !run.is_over() {
            let Some(token) = run.next() else {
                break;
            };
            let sent = Instant::now();
            run.count(sent, self.ask(Some(token)).await?);
        }
        Ok(self)
    }
}

impl Run {
    fn is_over(&self) -> bool {
        self.end.get().is_some_and(|end| Instant::now() > end)
    }

    /// The next token, or `None` where each was to be sent once and has been.
    fn next(&self) -> Option<&str> {
        self.tokens.next().ok()
    }

    fn count(&self, due: Instant, answer: Answer) {
        let mut outcome = self.outcome.borrow_mut();
        let is_good = answer.status == 200 && answer.body_bytes == self.body_bytes;
        *if is_good { &mut outcome.good } else { &mut outcome.bad } += 1;
        outcome.latencies_us.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}

impl Outcome {
    /// The latency that so many of a hundred answers did not exceed, in microseconds.
    pub(crate) fn percentile_us(&self, percent: usize) -> Option<f64> {
        statistics::percentile(&self.latencies_us, percent)
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(time, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

pub(crate) const HOST: &str = "api.bank.example";
const PATH: &str = "/accounts";
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// Beyond the time of a run, for the answers that are still under way.
const STALL_TIMEOUT: Duration = Duration::from_secs(20);
/// A million signatures to verify take two minutes.
const FILL_TIMEOUT: Duration = Duration::from_mins(20);
