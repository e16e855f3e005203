//! FORWARD: a permitted request goes to a server of its upstream, and the answer comes back as a stream.
//! A request is sent once: another connection is tried only where not a byte of it had left.

pub mod body;
pub mod headers;
pub mod pool;

use super::authorize::permit::Permit;
use super::read::Head;
use super::refusal::{Reason, Refusal};
use body::{RequestBody, ResponseBody};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use pool::{SendFault, Upstream};

/// Sends the request on its way and gives back the head of the answer, its body still to come. `head` has its
/// forwarding headers already: see `headers::prepare`.
pub async fn send(
    permit: &Permit<'_>,
    head: Head,
    body: Incoming,
    upstream: &Upstream,
) -> Result<Response<ResponseBody>, Refusal> {
    let limit = permit.route().body_bytes_max;
    body::check_length(&body, limit)?;
    let mut request = Request::from_parts(head.parts, RequestBody::new(body, limit));
    // A pooled connection can turn out to be closed before anything was written; a fresh one cannot.
    for _ in 0..STALE_MAX {
        let connection = upstream.check_out().await?;
        match connection.send(request).await {
            // We never ask for an upgrade, so this answers something else (RFC 9110 §15.2.2). Passed on, it would
            // leave the client with a connection that is no longer HTTP, and us with one that is.
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => break,
            Ok(response) => return Ok(response),
            Err(SendFault::Unsent(unsent)) => request = unsent,
            Err(SendFault::Refused(reason)) => return Err(reason.into()),
        }
    }
    Err(Reason::UpstreamInvalid.into())
}

/// Closed connections found in a row before we give up on the upstream.
const STALE_MAX: usize = 3;
