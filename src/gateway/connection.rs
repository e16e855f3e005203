//! One client connection: its requests are read one after the other, the worker's path answers them, the deadlines
//! end it.

use super::Worker;
use super::certificate::{ClientCertificate, Shown, Terms};
use super::http1::answer::{self, Asked};
use super::http1::head::Persists;
use super::http1::wire::{Gone, NoHead, Wire};
use super::observe::line;
use super::observe::record::Origin;
use super::refusal::Refusal;
use super::verify::memo::Memo;
use crate::net::client::{Activity, ClientStream, Phase, Transport};
use http::{HeaderMap, HeaderValue};
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// Who is at the other end of a connection.
pub struct Peer {
    ip: IpAddr,
    /// Its address, as a field of the log.
    address: Rc<[u8]>,
    pub(super) activity: Rc<Activity>,
    /// The certificate that it showed in the handshake.
    certificate: Option<Rc<ClientCertificate>>,
    /// Those that it says its own clients showed.
    shown: Shown,
    /// The token that came last.
    pub(super) memo: Memo,
    /// The client's own token that came last, on routes that ask for two.
    pub(super) client_memo: Memo,
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
    fn new(address: SocketAddr, transport: &Transport, activity: Rc<Activity>, terms: &Terms) -> Self {
        let address = address.ip().to_canonical();
        let protocol = match transport {
            Transport::Plain(_) => Protocol::Http,
            Transport::Tls(_) => Protocol::Https,
        };
        Self {
            address: line::field("client", address.to_string().as_bytes()).into(),
            forwarded: forwarded(address, protocol),
            ip: address,
            certificate: transport
                .client_certificate()
                .map(|der| Rc::new(ClientCertificate::new(der, terms.handshake))),
            shown: Shown::default(),
            memo: Memo::default(),
            client_memo: Memo::default(),
            activity,
        }
    }

    /// The certificate of the request's client. A proxy of ours speaks for others, never for itself: its own certificate is
    /// nobody's whom the request is from.
    pub(super) fn certificate(
        &self,
        terms: &Terms,
        headers: &HeaderMap,
    ) -> Result<Option<Rc<ClientCertificate>>, Refusal> {
        if terms.trusts(self.ip) { self.shown.find(headers) } else { Ok(self.certificate.clone()) }
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
        let peer = Peer::new(address, &transport, Rc::clone(&activity), &self.plan().policy.certificates);
        let is_http2 = transport.is_http2();
        let stream = ClientStream::new(transport, Rc::clone(&activity));
        if is_http2 {
            // Boxed, so that connections of the other kind carry no room for it.
            return Box::pin(self.serve_http2(stream, Rc::new(peer))).await;
        }
        let wire = Wire::new(stream, self.bounds.head_bytes_max, self.home.buffers.clone());
        let mut exchanges = pin!(self.exchanges(&wire, &peer));
        let is_late = poll_fn(|cx| match exchanges.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(false),
            Poll::Pending => activity.poll_late(cx).map(|()| true),
        });
        // An idle connection that ends is nobody's fault; one that dawdles over its head may be an attack.
        if is_late.await && activity.phase() != Phase::Idle {
            self.metrics().connections_late.add(1);
        }
    }

    /// One request after the other, until either side has had enough.
    async fn exchanges(self: &Rc<Self>, wire: &Rc<Wire>, peer: &Peer) {
        loop {
            let (asked, answer) = match wire.next().await {
                Ok((head, body)) => {
                    peer.activity.begin();
                    let asked = Asked::by(&head.parts, head.persists);
                    match while_there(wire, self.handle(head.parts, body, peer)).await {
                        Some(answer) => (asked, answer),
                        None => return,
                    }
                }
                Err(NoHead::Gone) => return,
                Err(NoHead::Bad(bad)) => {
                    peer.activity.begin();
                    self.metrics().heads_unreadable.add(1);
                    (Asked::by_nobody(), self.refuse_head(bad, peer))
                }
            };
            match answer::send(wire, answer, asked, &self.date.get()).await {
                Ok(Persists::Yes) => {}
                Ok(Persists::No) => {
                    peer.activity.hurry(LINGER);
                    return if asked.is_last() && wire.is_quiet() { wire.part().await } else { wire.close().await };
                }
                Err(Gone) => return,
            }
        }
    }
}

/// The outcome of `work`, or nothing if the client leaves first: what is done for it is then given up.
async fn while_there<T>(wire: &Wire, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => wire.poll_gone(cx).map(|Gone| None),
    })
    .await
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

/// How long a client may take to end its direction after an answer that ends the connection.
const LINGER: Duration = Duration::from_secs(2);

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
