//! Connections of HTTP/2 to upstreams that take no more requests, and wait for their last answers.

use crate::support::http2_server::{Call, Http2};
use crate::support::{client::Request, eventually};
use crate::upstream_http2::{get, with};
use bytes::Bytes;
use http::Response;
use std::time::Duration;

/// An answer that was late gives its connection up. A long one on it goes on, and does not stand in the way of new requests.
#[test]
fn a_long_answer_on_a_connection_that_was_given_up_holds_up_nobody() {
    let server = Http2::with(100, |mut call: Call| async move {
        match call.head.uri.path() {
            "/open/endless" => {
                let mut body = call.begin(Response::builder());
                body.send_data(Bytes::from_static(b"one"), false).ok();
                tokio::time::sleep(Duration::from_mins(1)).await;
            }
            "/open/late" => tokio::time::sleep(Duration::from_mins(1)).await,
            _ => call.echo().await,
        }
    });
    let world = with(&server, "    connections: 1\n    response_timeout: 300ms\n");
    let mut endless = world.client();
    endless.write(Request::get("/open/endless").bytes());
    eventually("the endless answer", || (server.seen().len() == 1 || server.connections() == 1).then_some(()));
    for turn in 1..=3 {
        assert_eq!(world.send(&Request::get("/open/late")).status(), 504);
        assert_eq!(world.send(&get()).status(), 200, "after {turn}");
    }
    assert!(server.connections() > 1);
}
