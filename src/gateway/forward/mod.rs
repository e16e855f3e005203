//! FORWARD: a permitted request goes to a server of its upstream, and the answer comes back as a stream.
//! A request is sent once: another connection is tried only where not a byte of it had left.

pub mod body;
pub mod codec;
pub mod connect;
mod connection;
pub mod headers;
mod http2;
pub mod pool;
pub mod transport;

use super::authorize::permit::Permit;
use super::body::ClientBody;
use super::read::Head;
use super::reason::Reason;
use super::refusal::Refusal;
use body::{RequestBody, ResponseBody};
use connection::{Outgoing, SendFault};
use headers::About;
use http::Response;
use pool::Upstream;

/// Sends a permitted request on its way and gives back the head of the answer, its body still to come.
pub async fn send(
    permit: &Permit<'_>,
    head: &Head,
    body: ClientBody,
    about: &About<'_>,
    upstream: &Upstream,
) -> Result<Response<ResponseBody>, Refusal> {
    let limit = permit.route().body_bytes_max;
    body::check_length(&body, limit)?;
    let mut outgoing = Outgoing { head, permit, about, body: Some(RequestBody::new(body, limit)) };
    // A pooled connection can turn out to have ended before anything was written; a fresh one hardly can.
    for _ in 0..STALE_MAX {
        let link = upstream.check_out().await?;
        match link.send(&mut outgoing).await {
            Ok(response) => return Ok(response),
            Err(SendFault::Unsent) => {}
            Err(SendFault::Refused(reason)) => return Err(reason.into()),
        }
    }
    Err(Reason::UpstreamInvalid.into())
}

/// Ended connections found in a row before we give up on the upstream.
const STALE_MAX: usize = 3;
