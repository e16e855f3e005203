//! Asks servers for their health, where the configuration says so: on the control thread, on connections of their own.

use crate::config::balance::HealthCheck;
use crate::config::bounds::HEALTH_HEAD_BYTES_MAX;
use crate::config::upstreams::Protocol;
use crate::gateway::forward::codec;
use crate::gateway::forward::connect::{Endpoint, Turn};
use crate::gateway::http1::fields::Fields;
use crate::gateway::http1::lines::Lines;
use crate::gateway::policy::Policy;
use crate::net::thread;
use bytes::BytesMut;
use http::{Method, Request, StatusCode};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Begins to ask those that nobody asks yet. Each is asked until no policy and no worker has it any more.
pub(super) fn watch(policy: &Policy) {
    for endpoint in policy.endpoints.iter().flat_map(|endpoints| endpoints.servers.iter()) {
        if let Some(check) = endpoint.take_check() {
            thread::beside(ask_on(Arc::downgrade(endpoint), check.clone()));
        }
    }
}

async fn ask_on(endpoint: Weak<Endpoint>, check: HealthCheck) {
    let (mut good, mut bad) = (0, 0);
    // The first question at once: a server that is down at our start is found before anybody else finds it.
    let mut pause = Duration::ZERO;
    loop {
        tokio::time::sleep(pause).await;
        pause = spread(check.interval);
        let Some(endpoint) = endpoint.upgrade() else { return };
        let answer = tokio::time::timeout(check.timeout, ask(&endpoint, &check.target)).await;
        let is_good = matches!(answer, Ok(Some(status)) if status == check.status);
        (good, bad) = if is_good { (good + 1, 0) } else { (0, bad + 1) };
        if good == check.healthy && endpoint.health.checked(true) {
            endpoint.turned(Turn::Fit);
        }
        if bad == check.unhealthy && endpoint.health.checked(false) {
            endpoint.turned(Turn::Unfit);
        }
    }
}

/// Several gateways must not ask in step.
fn spread(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * fastrand::f64())
}

/// The status of the answer, if there is one.
async fn ask(endpoint: &Arc<Endpoint>, target: &str) -> Option<u16> {
    let (transport, _) = endpoint.open().await.ok()?;
    match endpoint.protocol() {
        Protocol::Http1 => ask_http1(transport, &endpoint.to_string(), target).await,
        Protocol::Http2 => {
            let scheme = if endpoint.is_secure() { "https" } else { "http" };
            ask_http2(transport, format!("{scheme}://{endpoint}{target}")).await
        }
    }
}

async fn ask_http1(mut transport: impl AsyncRead + AsyncWrite + Unpin, host: &str, target: &str) -> Option<u16> {
    let question =
        format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nuser-agent: scopegate\r\nconnection: close\r\n\r\n");
    transport.write_all(question.as_bytes()).await.ok()?;
    transport.flush().await.ok()?;
    let (mut received, mut lines, mut fields) = (BytesMut::new(), Lines::default(), Fields::default());
    loop {
        match codec::read_head(&mut received, &Method::GET, (&mut lines, &mut fields)).ok()?.map(|head| head.status) {
            Some(interim) if interim.is_informational() && interim != StatusCode::SWITCHING_PROTOCOLS => {}
            Some(status) => return Some(status.as_u16()),
            None if received.len() < HEALTH_HEAD_BYTES_MAX => {
                if transport.read_buf(&mut received).await.ok()? == 0 {
                    return None;
                }
            }
            None => return None,
        }
    }
}

async fn ask_http2(transport: impl AsyncRead + AsyncWrite + Unpin, uri: String) -> Option<u16> {
    let (sender, connection) = h2::client::handshake(transport).await.ok()?;
    let asked = async {
        let request = Request::get(uri).header("user-agent", "scopegate").body(()).ok()?;
        let (answer, _) = sender.ready().await.ok()?.send_request(request, true).ok()?;
        Some(answer.await.ok()?.status().as_u16())
    };
    tokio::select! {
        biased;
        status = asked => status,
        _ended = connection => None,
    }
}
