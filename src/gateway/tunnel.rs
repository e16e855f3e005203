//! TUNNEL: behind a switch of protocols (`upgrade`) there are no requests any more. Bytes go both ways as they come, no faster
//! than the other side takes them, until one side has said its last, nothing moves, or what let the client in has ended:
//! its token, by time or by a revocation. A tunnel outlives a reload, and a drain ends it with the last of its time.

use super::answer::Answer;
use super::forward::switched::Switched;
use super::http1::wire::{Gone, Wire};
use super::observe::end::End;
use super::observe::record::Record;
use super::{Bounds, Worker};
use crate::net::deadline::Deadline;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

impl Worker {
    /// Carries what follows a switch, to its end. Whether the client may still be listening then.
    pub(super) async fn tunnel(&self, wire: &Wire, answer: Answer) -> Result<(), Gone> {
        let Some((server, mut record)) = answer.into_switched() else { return Err(Gone) };
        record.switched();
        let look = self.home.deadlines.deadline();
        look.set(LOOK_INTERVAL);
        let now_ms = look.now_ms();
        let mut tunnel = Tunnel {
            wire,
            server,
            record,
            look,
            bounds: self.bounds,
            up: Way::Open,
            began_ms: now_ms,
            moved_ms: now_ms,
        };
        let end = poll_fn(|cx| tunnel.poll(cx)).await;
        tunnel.record.ended(end);
        if end == End::ClientGone { Err(Gone) } else { Ok(()) }
    }
}

struct Tunnel<'w> {
    wire: &'w Wire,
    server: Switched,
    record: Box<Record>,
    /// When it is looked at again whether it may go on.
    look: Deadline,
    bounds: Bounds,
    /// From the client to the server.
    up: Way,
    began_ms: u64,
    /// When the last bytes came, from either side.
    moved_ms: u64,
}

/// One direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    /// Nothing more comes; the receiver has yet to be told.
    Ending,
    Over,
}

impl Tunnel<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            // What the server said before it left reaches the client, even where the client's words cannot reach the server.
            if let Poll::Ready(end) = self.poll_down(cx) {
                return Poll::Ready(end);
            }
            if let Poll::Ready(Err(end)) = self.poll_up(cx) {
                return Poll::Ready(end);
            }
            ready!(self.look.poll(cx));
            if let Some(end) = self.end() {
                return Poll::Ready(end);
            }
            self.look.set(LOOK_INTERVAL);
        }
    }

    /// From the server to the client. The server's end is the tunnel's: who asked has nobody left to speak to.
    fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            let mut end = None;
            while end.is_none() && self.wire.has_room() {
                match self.server.poll_bytes(cx) {
                    Poll::Ready(Ok(Some(bytes))) => {
                        self.moved_ms = self.look.now_ms();
                        self.record.sent(bytes.len());
                        self.wire.queue_piece(bytes);
                    }
                    Poll::Ready(Ok(None)) => end = Some(End::Complete),
                    Poll::Ready(Err(_)) => end = Some(End::UpstreamBroke),
                    Poll::Pending => return self.poll_delivered(cx).map(|()| End::ClientGone),
                }
            }
            match (ready!(self.wire.poll_flush(cx)), end) {
                (Err(Gone), _) => return Poll::Ready(End::ClientGone),
                (Ok(()), Some(end)) => return Poll::Ready(end),
                (Ok(()), None) => {}
            }
        }
    }

    /// Lets leave what there is for the client. Ready only if that has gone.
    fn poll_delivered(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.wire.poll_flush(cx) {
            Poll::Ready(Err(Gone)) => Poll::Ready(()),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    }

    /// From the client to the server. The client may end its direction, and go on listening.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        while self.up == Way::Open {
            ready!(self.server.poll_flush(cx)).map_err(|_| End::UpstreamBroke)?;
            match ready!(self.wire.poll_bytes(cx)) {
                Ok(Some(bytes)) => {
                    self.moved_ms = self.look.now_ms();
                    self.server.queue(&bytes);
                }
                Ok(None) => self.up = Way::Ending,
                Err(Gone) => return Poll::Ready(Err(End::ClientGone)),
            }
        }
        if self.up == Way::Ending {
            ready!(self.server.poll_shutdown(cx)).map_err(|_| End::UpstreamBroke)?;
            self.moved_ms = self.look.now_ms();
            self.up = Way::Over;
        }
        Poll::Ready(Ok(()))
    }

    /// Why it must not go on, if so.
    fn end(&self) -> Option<End> {
        let since = |then_ms: u64| Duration::from_millis(self.look.now_ms().saturating_sub(then_ms));
        if !self.record.is_let_in() {
            return Some(End::TokenEnded);
        }
        if since(self.began_ms) >= self.bounds.tunnel_lifetime {
            return Some(End::TooLong);
        }
        let silence = since(self.moved_ms);
        match self.up {
            Way::Open if silence >= self.bounds.tunnel_idle_timeout => Some(End::Idle),
            Way::Ending | Way::Over if silence >= PARTING_TIMEOUT => Some(End::ClientGone),
            Way::Open | Way::Ending | Way::Over => None,
        }
    }
}

/// Between two looks at whether a tunnel may go on, and so how long one outlives its token.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// What a server may take to end its direction after the client has ended its own.
const PARTING_TIMEOUT: Duration = Duration::from_secs(10);
