//! From a socket to a connection that can be served: who may come, whom a balancer names, TLS. In this order, and all of
//! it within `limits.handshake_timeout`.

use super::front::Front;
use crate::config::bounds::PROXY_HEADER_BYTES_MAX;
use crate::gateway::Worker;
use crate::gateway::arrival::{Arrival, Client};
use crate::net::activity::Activity;
use crate::net::client::Transport;
use crate::net::proxy::{self, Source};
use rustls::HandshakeKind;
use rustls::pki_types::UnixTime;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// What is known of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Whoever comes is on this machine.
    Local,
    /// A network.
    Network,
}

/// Whether a connection from `address` may come in: where tokens would pass a network in the clear, and where clients are
/// named by the PROXY protocol, only hops of ours may.
pub fn may_enter(worker: &Worker, has_tls: bool, reach: Reach, address: IpAddr) -> bool {
    let policy = worker.shared.policy.load();
    let is_for_hops = policy.proxy_protocol || (!has_tls && reach == Reach::Network);
    !is_for_hops || policy.certificates.trusts(address)
}

/// The connection, or nothing where it broke, was too slow or is none that we serve; that is counted here.
pub async fn receive(
    worker: &Worker,
    front: Option<Arc<Front>>,
    mut stream: TcpStream,
    address: IpAddr,
    activity: &Activity,
) -> Option<Arrival> {
    let welcome = async {
        let client = client(worker, &mut stream, address).await?;
        match front {
            Some(front) => shake(worker, &front, stream, client).await,
            None => Some(Arrival { transport: Transport::Plain(stream), client, shown: None }),
        }
    };
    let late = std::future::poll_fn(|cx| activity.poll_late(cx));
    tokio::select! {
        arrival = welcome => arrival.inspect(|_| activity.welcome()),
        () = late => {
            worker.metrics().connections_late.add(1);
            None
        }
    }
}

/// Who is at the other end. A balancer's header comes before TLS: it is not of the client's making.
async fn client(worker: &Worker, stream: &mut TcpStream, address: IpAddr) -> Option<Client> {
    if !worker.shared.policy.load().proxy_protocol {
        return Some(Client::Known(address));
    }
    match proxy::take(stream, PROXY_HEADER_BYTES_MAX).await {
        Ok(Ok(Source::Client(client))) => Some(Client::Known(client.ip().to_canonical())),
        Ok(Ok(Source::Balancer | Source::Unnamed)) => Some(Client::Behind(address)),
        Ok(Err(proxy::BadHeader)) => {
            worker.metrics().proxy_headers_malformed.add(1);
            None
        }
        // It was only looking whether we are there.
        Err(_) => None,
    }
}

async fn shake(worker: &Worker, front: &Front, stream: TcpStream, client: Client) -> Option<Arrival> {
    let Ok(stream) = TlsAcceptor::from(Arc::clone(&front.tls.config)).accept(stream).await else {
        worker.metrics().handshakes_failed.add(1);
        return None;
    };
    let connection = stream.get_ref().1;
    let now = UnixTime::since_unix_epoch(Duration::from_millis(worker.shared.clock.now_ms()));
    if !front.tls.still_takes(connection, now) {
        worker.metrics().handshakes_failed.add(1);
        return None;
    }
    if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
        worker.metrics().handshakes_resumed.add(1);
    }
    let shown = front.shown(connection.server_name());
    Some(Arrival { transport: Transport::Tls(Box::new(stream)), client, shown })
}
