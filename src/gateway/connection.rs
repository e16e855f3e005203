//! One client connection: hyper reads its requests, the worker's path answers them, the deadlines end it.

use super::Worker;
use super::observe::line;
use super::observe::record::Origin;
use super::read;
use super::verify::memo::Memo;
use crate::config::limits::HEADERS_MAX;
use crate::net::client::{Activity, ClientStream, Phase, Transport};
use http::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

/// Who is at the other end of a connection.
pub struct Peer {
    /// Its address, as a field of the log.
    address: Rc<[u8]>,
    activity: Rc<Activity>,
    /// The token that came last.
    pub(super) memo: Memo,
    /// What the upstream is told of it (RFC 7239 §4).
    pub(super) forwarded: HeaderValue,
}

/// How a client reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// In the clear.
    Http,
    /// Through TLS.
    Https,
}

impl Peer {
    fn new(address: SocketAddr, protocol: Protocol, activity: Rc<Activity>) -> Self {
        let address = address.ip().to_canonical();
        Self {
            address: line::field("client", address.to_string().as_bytes()).into(),
            forwarded: forwarded(address, protocol),
            memo: Memo::default(),
            activity,
        }
    }

    pub(super) fn origin(&self) -> Origin<'_> {
        Origin { client: &self.address, activity: &self.activity }
    }
}

impl Worker {
    /// The state of a connection that begins now.
    pub fn activity(&self) -> Rc<Activity> {
        let activity = Rc::new(Activity::new(self.timeouts, self.home.deadlines.deadline()));
        self.connections.borrow_mut().push(Rc::downgrade(&activity));
        activity
    }

    /// Serves a connection to its end.
    pub async fn serve(self: Rc<Self>, transport: Transport, address: SocketAddr, activity: Rc<Activity>) {
        let protocol = match transport {
            Transport::Plain(_) => Protocol::Http,
            Transport::Tls(_) => Protocol::Https,
        };
        let stream = TokioIo::new(ClientStream::new(transport, Rc::clone(&activity)));
        let peer = Rc::new(Peer::new(address, protocol, Rc::clone(&activity)));
        let service = service_fn(|request| {
            let (worker, peer) = (Rc::clone(&self), Rc::clone(&peer));
            peer.activity.begin();
            async move { Ok::<_, Infallible>(worker.handle(request, &peer).await) }
        });
        let mut connection = pin!(
            http1::Builder::new()
                .max_headers(HEADERS_MAX)
                .max_header_size(self.head_bytes_max)
                .max_buf_size(self.head_bytes_max.max(BUFFER_BYTES_MIN))
                .serve_connection(stream, service)
        );
        let ended = poll_fn(|cx| match connection.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => activity.poll_late(cx).map(|()| None),
        });
        match ended.await {
            Some(Err(fault)) => self.count_unreadable(&fault),
            Some(Ok(())) => {}
            // An idle connection that ends is nobody's fault; one that dawdles over its head may be an attack.
            None if activity.phase() == Phase::Idle => {}
            None => self.metrics().connections_late.add(1),
        }
    }

    fn count_unreadable(&self, fault: &hyper::Error) {
        if read::unreadable(fault).is_some() {
            self.metrics().heads_unreadable.add(1);
        }
    }
}

/// `for` and `proto`; the host goes on in its own field. IPv6 is quoted and bracketed (RFC 7239 §6).
fn forwarded(client: IpAddr, protocol: Protocol) -> HeaderValue {
    let proto = match protocol {
        Protocol::Http => "http",
        Protocol::Https => "https",
    };
    let text = match client {
        IpAddr::V4(address) => format!("for={address};proto={proto}"),
        IpAddr::V6(address) => format!("for=\"[{address}]\";proto={proto}"),
    };
    HeaderValue::from_str(&text).expect("addresses are visible ASCII")
}

/// hyper's own floor.
const BUFFER_BYTES_MIN: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_has_the_form_of_rfc_7239() {
        let v4 = forwarded("192.0.2.1".parse().unwrap(), Protocol::Http);
        assert_eq!(v4, "for=192.0.2.1;proto=http");
        let v6 = forwarded("2001:db8::1".parse().unwrap(), Protocol::Https);
        assert_eq!(v6, "for=\"[2001:db8::1]\";proto=https");
    }
}
