//! FORWARD: a permitted request goes to a server of its upstream, and the answer comes back as a stream.
//! A request is sent once: another connection is tried where not a byte of it had left, and, for one that may be repeated
//! (RFC 9110 §9.2.2), where a connection that had been idle ends without a byte of an answer. A payment is not sent twice.

pub mod body;
pub mod choice;
pub mod codec;
pub mod connect;
mod connection;
pub mod exchange;
pub mod headers;
pub mod health;
mod http2;
pub mod pool;
pub mod queue;
pub mod retry;
mod sending;
mod server;
pub mod switched;
pub mod trailers;
pub mod transport;

use super::authorize::permit::Permit;
use super::body::ClientBody;
use super::read::Head;
use super::reason::Reason;
use super::refusal::Refusal;
use body::{RequestBody, Response};
use connection::SendFault;
use headers::About;
use pool::Upstream;
use sending::Outgoing;

/// Sends a permitted request on its way and gives back the head of the answer, its body still to come.
pub async fn send(
    permit: &Permit<'_>,
    head: &Head,
    body: ClientBody,
    about: &About<'_>,
    upstream: &Upstream,
) -> Result<Response, Refusal> {
    let limit = permit.route().body_bytes_max;
    body::check_length(&body, limit)?;
    let end = upstream.end(permit.route().total_timeout);
    let mut outgoing =
        Outgoing { head, permit, about, body: Some(RequestBody::new(body, limit, about.receipt.cloned())), end };
    let may_repeat = retry::is_idempotent(head.method()) && outgoing.body.as_ref().is_some_and(RequestBody::is_over);
    let mut retries = RETRIES_MAX;
    upstream.begins();
    // A pooled connection can turn out to have ended before anything was written; a fresh one hardly can.
    for _ in 0..STALE_MAX {
        let (link, server) = upstream.check_out(end).await?;
        if let Some(trace) = about.trace {
            trace.sent_to(&*server.endpoint);
        }
        match link.send(&mut outgoing).await {
            Ok(response) => {
                upstream.answered(&server, response.status);
                return Ok(response);
            }
            Err(SendFault::Unsent) => {}
            // The server may have closed it before it saw the request, or after.
            Err(SendFault::Stale) if may_repeat && retries > 0 && upstream.may_retry() => retries -= 1,
            Err(SendFault::Stale) => return Err(Reason::UpstreamInvalid.into()),
            Err(SendFault::Refused(reason)) => {
                upstream.failed(&server, reason);
                return Err(reason.into());
            }
        }
    }
    Err(Reason::UpstreamInvalid.into())
}

/// Times that one request is sent again although a server may have received it.
const RETRIES_MAX: usize = 1;

/// Ended connections found in a row before we give up on the upstream.
const STALE_MAX: usize = 3;
