//! Load at a constant rate. Each connection has its own timetable; a request that could not leave in time counts from
//! the moment it was due, so that a proxy which stalls cannot hide it.

use super::message;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Connections that stay open from the warm-up to the end.
pub(crate) struct Load {
    connections: Vec<Connection>,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Answers with status 200 and a whole body.
    pub(crate) good: u64,
    /// Other answers.
    pub(crate) bad: u64,
    /// In microseconds, sorted.
    latencies_us: Vec<u32>,
}

/// One keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// Which request is next.
    turn: usize,
}

impl Load {
    /// Connects. Each connection begins at another request.
    pub(crate) fn connect(address: SocketAddr, connections: usize) -> io::Result<Self> {
        let connect = |turn| Connection::new(address).map(|connection| Connection { turn, ..connection });
        Ok(Self { connections: (0..connections).map(connect).collect::<io::Result<_>>()? })
    }

    /// Sends `requests` in turn, `rate` a second over all connections, or as fast as they are answered where it is 0.
    pub(crate) fn run(&mut self, requests: &[Vec<u8>], rate: u32, time: Duration) -> io::Result<Outcome> {
        let count = u32::try_from(self.connections.len()).unwrap_or(u32::MAX);
        let interval = if rate == 0 { Duration::ZERO } else { Duration::from_secs(1) * count / rate };
        let begin = Instant::now() + Duration::from_millis(10);
        thread::scope(|scope| {
            let mut running = Vec::new();
            for (place, connection) in (0_u32..).zip(&mut self.connections) {
                let timetable = (begin + interval * place / count, begin + time);
                running.push(scope.spawn(move || connection.keep_asking(requests, timetable, interval)));
            }
            let mut all = Outcome::default();
            for thread in running {
                all.add(thread.join().map_err(|_| io::Error::other("a connection's thread panicked"))??);
            }
            all.latencies_us.sort_unstable();
            Ok(all)
        })
    }
}

impl Connection {
    pub(crate) fn new(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Self { stream, received: vec![0; 64 * 1024], turn: 0 })
    }

    fn keep_asking(
        &mut self,
        requests: &[Vec<u8>],
        (first, end): (Instant, Instant),
        interval: Duration,
    ) -> io::Result<Outcome> {
        let (mut outcome, mut due) = (Outcome::default(), first);
        while due < end {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let is_good = self.ask(&requests[self.turn % requests.len()])?.starts_with(b"HTTP/1.1 200");
            self.turn += 1;
            let now = Instant::now();
            *if is_good { &mut outcome.good } else { &mut outcome.bad } += 1;
            outcome.latencies_us.push(u32::try_from(now.duration_since(due).as_micros()).unwrap_or(u32::MAX));
            due = if interval.is_zero() { now } else { due + interval };
            if now > end {
                break;
            }
        }
        Ok(outcome)
    }

    /// Sends one request and reads its answer to the end.
    pub(crate) fn ask(&mut self, request: &[u8]) -> io::Result<&[u8]> {
        self.stream.write_all(request)?;
        let mut length = 0;
        while message::whole(&self.received[..length]).is_none() {
            match self.stream.read(&mut self.received[length..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => length += count,
            }
        }
        Ok(&self.received[..length])
    }
}

impl Outcome {
    /// The latency below which so many of a hundred answers came, in microseconds.
    pub(crate) fn percentile_us(&self, percent: usize) -> f64 {
        let place = (self.latencies_us.len() * percent / 100).min(self.latencies_us.len().saturating_sub(1));
        self.latencies_us.get(place).copied().map_or(f64::NAN, f64::from)
    }

    fn add(&mut self, other: Self) {
        self.good += other.good;
        self.bad += other.bad;
        self.latencies_us.extend(other.latencies_us);
    }
}

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
