//! The half of an exchange that goes out, on a connection of HTTP/1.1.

use super::body::RequestBody;
use super::codec::{self, Coding};
use super::headers::{self, About};
use super::transport::Transport;
use crate::gateway::authorize::permit::Permit;
use crate::gateway::read;
use crate::net::deadline::Moment;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// The half of an exchange that goes out.
#[derive(Default)]
pub(super) struct Sending {
    pub(super) out: Vec<u8>,
    pub(super) written: usize,
    /// TLS may hold bytes back that were written.
    pub(super) is_flushed: bool,
    pub(super) body: Option<(RequestBody, Coding)>,
    pub(super) has_failed: bool,
}

/// A request on its way out.
pub(super) struct Outgoing<'a> {
    pub(super) head: &'a read::Head,
    /// Without it nothing is written.
    pub(super) permit: &'a Permit<'a>,
    pub(super) about: &'a About<'a>,
    /// Taken when the head is on its way.
    pub(super) body: Option<RequestBody>,
    /// By when the answer must have come, to its last byte.
    pub(super) end: Moment,
}

impl Sending {
    /// Puts the head into `out`. A declared length goes on as it is; a body without one is chunked.
    pub(super) fn begin(&mut self, outgoing: &Outgoing<'_>) -> Coding {
        let head = outgoing.head;
        let is_chunked = outgoing.body.as_ref().is_some_and(|body| !body.is_over() && body.length().is_none());
        let coding = if is_chunked { Coding::Chunked } else { Coding::Length };
        self.out.clear();
        codec::write_head(&mut self.out, (head.method(), outgoing.about.target.as_str()), coding, |out| {
            headers::write(out, head.fields(), outgoing.permit, outgoing.about);
            if let Some(upgrade) = outgoing.about.upgrade {
                upgrade.ask(out);
            }
            if outgoing.about.wants_trailers {
                // RFC 9110 §10.1.4: it is said of the next hop, and named as such.
                out.extend_from_slice(b"te: trailers\r\nconnection: te\r\n");
            }
        });
        coding
    }

    /// Writes the first bytes of what is in `out`.
    pub(super) fn poll_first(&mut self, transport: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.written = ready!(Pin::new(transport).poll_write(cx, &self.out))?;
        self.is_flushed = false;
        self.has_failed = false;
        Poll::Ready(Ok(()))
    }

    /// Writes until everything is written: the body is asked for more only when there is nothing left to write, so
    /// that a slow upstream slows the client and not us.
    pub(super) fn poll(&mut self, transport: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
                self.is_flushed = false;
                self.written += ready!(Pin::new(&mut *transport).poll_write(cx, rest))?;
            }
            if !self.is_flushed {
                ready!(Pin::new(&mut *transport).poll_flush(cx))?;
                self.is_flushed = true;
            }
            self.out.clear();
            self.written = 0;
            let Some((body, coding)) = &mut self.body else {
                return Poll::Ready(Ok(()));
            };
            match ready!(body.poll_piece(cx)) {
                Some(Ok(data)) => {
                    codec::write_data(&mut self.out, &data, *coding);
                    // Chunks as small as a byte must not become as many packets.
                    while self.out.len() < GATHERED_BYTES_MAX
                        && let Some(more) = body.arrived()
                    {
                        codec::write_data(&mut self.out, &more.map_err(io::Error::other)?, *coding);
                    }
                }
                Some(Err(broken)) => return Poll::Ready(Err(io::Error::other(broken))),
                None => {
                    codec::write_end(&mut self.out, *coding);
                    self.body = None;
                }
            }
        }
    }

    /// Lets go of memory that a large body has needed.
    pub(super) fn rest(&mut self) {
        if self.out.capacity() > OUT_KEPT_BYTES_MAX {
            self.out = Vec::new();
        }
    }

    pub(super) fn is_over(&self) -> bool {
        !self.has_failed && self.body.is_none() && self.is_flushed && self.written >= self.out.len()
    }
}

/// Small pieces of a body are written together up to this size.
const GATHERED_BYTES_MAX: usize = 16 * 1024;
/// A connection that is idle keeps no more than this to write from.
const OUT_KEPT_BYTES_MAX: usize = 16 * 1024;
