//! Connections to one upstream, as one worker has them. This is the whole interface of the upstream side: check out,
//! send, stream the body, give back.
//!
//! A connection has no task of its own. The request's task polls it: a task and a channel between the two would cost
//! two wake-ups per request. An idle connection is polled once when it is checked out, which reads the end of file
//! that the reactor has already seen, without a system call.

use super::body::{Exchange, RequestBody, ResponseBody, Timeouts};
use crate::config;
use crate::config::limits::{HEADERS_MAX, UPSTREAM_CONNECTIONS_MAX, UPSTREAM_HEAD_BYTES_MAX, UPSTREAM_IDLE_MAX};
use crate::gateway::observe::metrics::Metrics;
use crate::gateway::refusal::{Reason, Refusal};
use crate::net::deadline::Deadlines;
use http::{Request, Response};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::net::TcpStream;

/// One upstream: its servers, asked in turn.
pub struct Upstream {
    settings: Arc<config::Upstream>,
    servers: Vec<Rc<Server>>,
    next: Cell<usize>,
    timeouts: Timeouts,
    home: Home,
}

/// The worker that an upstream's connections belong to.
#[derive(Clone)]
pub struct Home {
    /// The worker's number.
    pub worker: usize,
    /// Its deadlines.
    pub deadlines: Deadlines,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
}

/// One server: its idle connections, the last one used on top.
struct Server {
    place: usize,
    idle: RefCell<Vec<Connection>>,
    open: Cell<usize>,
}

/// A connection that is checked out. Dropped, it is closed.
pub(super) struct Connection {
    sender: http1::SendRequest<RequestBody>,
    driver: Pin<Box<http1::Connection<TokioIo<TcpStream>, RequestBody>>>,
    is_over: bool,
    exchange: Rc<Exchange>,
    slot: Slot,
}

/// Counts an open connection of a server for as long as it exists.
struct Slot(Rc<Server>);

/// Why there is no response.
pub(super) enum SendFault {
    /// Not a byte of it was written: it may be sent again, whatever its method.
    Unsent(Request<RequestBody>),
    /// It may have been received: it must not be sent again.
    Refused(Reason),
}

impl Upstream {
    /// An upstream without connections. `stall` bounds the client's silence within a request body.
    pub fn new(settings: Arc<config::Upstream>, stall: Duration, home: Home) -> Self {
        let servers = (0..settings.servers.len()).map(|place| Rc::new(Server::new(place)));
        let timeouts = Timeouts { response: settings.response_timeout, idle: settings.idle_timeout, stall };
        Self { servers: servers.collect(), next: Cell::new(0), timeouts, home, settings }
    }

    /// The settings that it was made from.
    pub fn settings(&self) -> &Arc<config::Upstream> {
        &self.settings
    }

    /// Closes connections that have been idle for too long. Call it now and then.
    pub fn sweep(&self) {
        let cx = Context::from_waker(Waker::noop());
        for server in &self.servers {
            server.idle.borrow_mut().retain(|connection| connection.exchange.poll_late(&cx).is_pending());
        }
    }

    /// A usable connection to the next server that has or gets one.
    pub(super) async fn check_out(&self) -> Result<Connection, Refusal> {
        let first = self.next.get();
        self.next.set(first.wrapping_add(1) % self.servers.len().max(1));
        let mut refusal = Refusal::upstream_down();
        for server in self.servers.iter().cycle().skip(first).take(self.servers.len()) {
            if let Some(connection) = poll_fn(|cx| Poll::Ready(server.take_idle(cx))).await {
                return Ok(connection);
            }
            if server.open.get() >= UPSTREAM_CONNECTIONS_MAX {
                continue;
            }
            match self.connect(server).await {
                Some(connection) => return Ok(connection),
                None => refusal = Reason::UpstreamRefused.into(),
            }
        }
        Err(refusal)
    }

    async fn connect(&self, server: &Rc<Server>) -> Option<Connection> {
        let slot = Slot::new(server);
        let address = self.settings.servers.get(server.place)?;
        let connecting = TcpStream::connect((&*address.host, address.port));
        let counters = self.home.metrics.worker(self.home.worker);
        counters.upstream_connects.add(1);
        let outcome = match tokio::time::timeout(self.settings.connect_timeout, connecting).await {
            Ok(Ok(tcp)) => handshake(tcp).await.ok(),
            Ok(Err(_)) | Err(_) => None,
        };
        let Some((sender, driver)) = outcome else {
            counters.upstream_connect_failures.add(1);
            return None;
        };
        let exchange = Rc::new(Exchange::new(self.home.deadlines.deadline(), self.timeouts));
        Some(Connection { sender, driver: Box::pin(driver), is_over: false, exchange, slot })
    }
}

type Halves = (http1::SendRequest<RequestBody>, http1::Connection<TokioIo<TcpStream>, RequestBody>);

async fn handshake(tcp: TcpStream) -> Result<Halves, Box<dyn std::error::Error>> {
    tcp.set_nodelay(true)?;
    let halves = http1::Builder::new()
        .max_headers(HEADERS_MAX)
        .max_header_size(UPSTREAM_HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .handshake(TokioIo::new(tcp))
        .await?;
    Ok(halves)
}

impl Server {
    fn new(place: usize) -> Self {
        Self { place, idle: RefCell::default(), open: Cell::new(0) }
    }

    fn take_idle(&self, cx: &mut Context<'_>) -> Option<Connection> {
        loop {
            // The borrow ends before a stale connection is dropped.
            let mut connection = self.idle.borrow_mut().pop()?;
            connection.drive(cx);
            if !connection.is_over && connection.sender.is_ready() {
                return Some(connection);
            }
        }
    }
}

impl Slot {
    fn new(server: &Rc<Server>) -> Self {
        server.open.set(server.open.get() + 1);
        Self(Rc::clone(server))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
    }
}

impl Connection {
    /// Sends `request` and waits for the head of its response.
    pub(super) async fn send(mut self, mut request: Request<RequestBody>) -> Result<Response<ResponseBody>, SendFault> {
        self.exchange.begin();
        request.body_mut().join(&self.exchange);
        let mut answer = pin!(self.sender.try_send_request(request));
        let answered = poll_fn(|cx| {
            if !self.is_over {
                self.is_over = self.driver.as_mut().poll(cx).is_ready();
            }
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(Ok(answer));
            }
            self.exchange.poll_late(cx).map(Err)
        });
        match answered.await {
            Ok(Ok(response)) => {
                self.exchange.rest();
                Ok(response.map(|incoming| ResponseBody::new(incoming, self)))
            }
            Ok(Err(mut fault)) => Err(match fault.take_message() {
                Some(unsent) => SendFault::Unsent(unsent),
                None => SendFault::Refused(self.exchange.fault().unwrap_or(Reason::UpstreamInvalid)),
            }),
            Err(late) => Err(SendFault::Refused(late)),
        }
    }

    /// Lets the connection read and write what it can.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.is_over {
            self.is_over = self.driver.as_mut().poll(cx).is_ready();
        }
    }

    /// What both directions share.
    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Waits for the next bytes of a response body, but not for ever.
    pub(super) fn wait_for_more(&self, cx: &Context<'_>) -> Poll<()> {
        self.exchange.wait_for_more();
        self.exchange.poll_late(cx).map(drop)
    }

    /// Back to the pool, if both directions are at their end.
    pub(super) fn give_back(mut self) {
        if !self.sender.is_ready() {
            // The end of the body may have been read without the connection having noticed.
            self.drive(&mut Context::from_waker(Waker::noop()));
        }
        let server = Rc::clone(&self.slot.0);
        let mut idle = server.idle.borrow_mut();
        if !self.is_over && self.sender.is_ready() && idle.len() < UPSTREAM_IDLE_MAX {
            self.exchange.wait_idle();
            idle.push(self);
        }
    }
}

/// What is buffered of one message, in bytes; a response head may fill it.
const BUFFER_BYTES_MAX: usize = UPSTREAM_HEAD_BYTES_MAX;
