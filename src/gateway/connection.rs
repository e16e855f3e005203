//! One client connection: its requests are read one after the other, the worker's path answers them, the deadlines
//! end it.

use super::Worker;
use super::arrival::{Arrival, Client, Protocol, Shown, Source};
use super::certificate::{self, ClientCertificate, Terms, Vouched};
use super::http1::answer::{self, Asked};
use super::http1::fields::Fields;
use super::http1::head::Persists;
use super::http1::wire::{Gone, NoHead, Wire};
use super::interim::Interim;
use super::observe::record::Origin;
use super::reason::Reason;
use super::refusal::Refusal;
use super::verify::memo::Memos;
use crate::clock::Clock;
use crate::net::activity::{Activity, Timeouts};
use crate::net::client::{ClientStream, Transport};
use crate::net::deadline::Deadlines;
use crate::net::patience::Pace;
use crate::net::turn;
use http::StatusCode;
use std::future::{Future, poll_fn};
use std::net::Ipv4Addr;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

/// Who is at the other end of a connection.
pub struct Peer {
    client: Client,
    /// It, as far as the connection itself says.
    pub(super) source: Rc<Source>,
    /// What it was shown that we are.
    shown_to: Option<Shown>,
    pub(super) activity: Rc<Activity>,
    /// The certificate that it showed in the handshake.
    certificate: Option<Rc<ClientCertificate>>,
    /// Those that it says its own clients showed.
    vouched: certificate::Shown,
    /// The tokens that came last.
    pub(super) memos: Memos,
}

impl Peer {
    fn new(
        (client, shown_to): (Client, Option<Shown>),
        transport: &Transport,
        activity: Rc<Activity>,
        terms: &Terms,
    ) -> Self {
        let protocol = match transport {
            Transport::Plain(_) => Protocol::Http,
            Transport::Tls(_) => Protocol::Https,
        };
        Self {
            source: Rc::new(Source::new(client, protocol)),
            client,
            shown_to,
            certificate: transport
                .client_certificate()
                .map(|der| Rc::new(ClientCertificate::new(der, terms.handshake))),
            vouched: certificate::Shown::default(),
            memos: Memos::default(),
            activity,
        }
    }

    /// Somebody who asks what would become of a request, with this certificate in DER. No proxy, whatever its address: what
    /// proxies vouch for is taken as vouched for.
    pub(super) fn imagined(certificate: Option<&[u8]>, terms: &Terms, clock: &Clock) -> Self {
        let vouched = if terms.hops.is_empty() { terms.handshake } else { Vouched::Yes };
        let client = Client::Behind(Ipv4Addr::UNSPECIFIED.into());
        let pace = Pace { stall: Duration::ZERO, rate_min: 0 };
        let timeouts = Timeouts { handshake: Duration::ZERO, head: Duration::ZERO, idle: Duration::ZERO, pace };
        Self {
            client,
            source: Rc::new(Source::new(client, Protocol::Http)),
            shown_to: None,
            activity: Rc::new(Activity::new(timeouts, Deadlines::new(clock.instant()).deadline())),
            certificate: certificate.map(|der| Rc::new(ClientCertificate::new(der, vouched))),
            vouched: certificate::Shown::default(),
            memos: Memos::default(),
        }
    }

    /// The certificate of the request's client. A proxy of ours speaks for others, never for itself: its own certificate is
    /// nobody's whom the request is from.
    pub(super) fn certificate(&self, terms: &Terms, fields: &Fields) -> Result<Option<Rc<ClientCertificate>>, Refusal> {
        if self.client.is_hop(terms) { self.vouched.find(fields) } else { Ok(self.certificate.clone()) }
    }

    /// Whether it is a proxy of ours, whose word on others counts.
    pub(super) fn is_hop(&self, terms: &Terms) -> bool {
        self.client.is_hop(terms)
    }

    /// Where a request with these fields came from, for its record.
    pub(super) fn origin<'a>(&'a self, source: &'a Source) -> Origin<'a> {
        Origin { client: &source.line, address: source.address, activity: &self.activity }
    }

    /// Whether we were shown to be `host` (RFC 9110 §7.4, §15.5.20): a client that shares its connection between hosts must
    /// not be answered for one that our certificate is not for.
    pub(super) fn expects(&self, host: &[u8]) -> Result<(), Refusal> {
        let Some(shown) = &self.shown_to else { return Ok(()) };
        let is_covered = std::str::from_utf8(host).is_ok_and(|host| shown.iter().all(|names| names.cover(host)));
        if is_covered { Ok(()) } else { Err(Reason::Misdirected.into()) }
    }
}

impl Worker {
    /// The state of a connection that begins now.
    pub fn activity(&self) -> Rc<Activity> {
        let activity = Rc::new(Activity::new(self.timeouts, self.home.deadlines.deadline()));
        if self.is_draining.get() {
            // It was on its way when the others were told.
            activity.hurry(LINGER);
        }
        self.connections.borrow_mut().push(Rc::downgrade(&activity));
        activity
    }

    /// Lets the other requests that are ready go first. One that is alone has nobody to wait for.
    pub(super) async fn after_others(&self) {
        if self.under_way.get() > 1 {
            turn::after_others().await;
        }
    }

    /// Lets every connection that there is end after the answers under way.
    pub(super) fn dismiss(&self) {
        self.connections.borrow().iter().filter_map(Weak::upgrade).for_each(|connection| connection.dismiss(LINGER));
    }

    /// Whom a request of `peer` with these fields is from.
    pub(super) fn source_of(&self, peer: &Peer, terms: &Terms, fields: &Fields) -> Rc<Source> {
        if !peer.client.is_hop(terms) {
            return Rc::clone(&peer.source);
        }
        let (named, is_bad) = peer.source.named(terms, fields);
        self.metrics().forwarded_malformed.add(u64::from(is_bad));
        named.map_or_else(|| Rc::clone(&peer.source), Rc::new)
    }

    /// Serves a connection to its end.
    pub async fn serve(self: Rc<Self>, arrival: Arrival, activity: Rc<Activity>) {
        let Arrival { transport, client, shown } = arrival;
        let terms = &self.plan().policy.certificates;
        let peer = Peer::new((client, shown), &transport, Rc::clone(&activity), terms);
        let is_http2 = transport.is_http2();
        let stream = ClientStream::new(transport, Rc::clone(&activity));
        if is_http2 {
            // Boxed, so that connections of the other kind carry no room for it.
            return Box::pin(self.serve_http2(stream, &peer)).await;
        }
        let wire = Wire::new(stream, self.bounds.head, self.home.buffers.clone());
        let mut exchanges = pin!(self.exchanges(&wire, &peer));
        let is_late = poll_fn(|cx| match exchanges.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(false),
            Poll::Pending => activity.poll_late(cx).map(|()| true),
        });
        // An idle connection that ends is nobody's fault; one that dawdles over its head may be an attack.
        if is_late.await && !activity.is_idle() {
            self.metrics().connections_late.add(1);
        }
    }

    /// One request after the other, until either side has had enough.
    async fn exchanges(self: &Rc<Self>, wire: &Rc<Wire>, peer: &Peer) {
        for number in 1.. {
            let (asked, mut answer) = match wire.next().await {
                Ok((head, body)) => {
                    let asked = Asked::by(&head.request, head.persists);
                    let asked = if number < self.bounds.requests_max { asked } else { asked.finally() };
                    let interim = Interim::http1(wire, &head);
                    // Pinned here: handed over by value, the connection would have room for it twice.
                    let mut work = pin!(self.handle(head.request, (body, interim), peer));
                    match while_there(wire, work.as_mut()).await {
                        Some(answer) => (asked, answer),
                        None => return,
                    }
                }
                Err(NoHead::Gone) => return,
                Err(NoHead::Bad(bad)) => {
                    self.metrics().heads_unreadable.add(1);
                    (Asked::by_nobody(), self.refuse_head(bad, peer))
                }
            };
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                answer::switch(wire, &answer, asked, &self.date.get());
                // Boxed, so that connections without one carry no room for it.
                let end = Box::pin(self.tunnel(wire, answer)).await;
                peer.activity.hurry(LINGER);
                if end.is_ok() {
                    wire.close().await;
                }
                return;
            }
            // The answers of one turn are written one right after the other.
            self.after_others().await;
            match answer::send(wire, &mut answer, asked, &self.date.get()).await {
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
async fn while_there<T>(wire: &Wire, mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => wire.poll_gone(cx).map(|Gone| None),
    })
    .await
}

/// How long a client may take to end its direction after an answer that ends the connection.
const LINGER: Duration = Duration::from_secs(2);
