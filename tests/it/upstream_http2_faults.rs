//! HTTP/2 upstreams that leave, refuse, fall silent or are held up: no request is lost that need not be, none is sent twice
//! that must not be, and no client holds up another.

use crate::support::client::Request;
use crate::support::gateway::Setup;
use crate::support::http2_server::{Call, Http2, send};
use crate::support::tokens::Token;
use crate::support::{WAIT, eventually};
use crate::upstream_http2::{before, get, post, with};
use bytes::Bytes;
use h2::Reason;
use http::Response;
use scopegate::config::bounds::{UPSTREAM_RESETS_MAX, UPSTREAM_SESSIONS_MAX, UPSTREAM_STREAMS_MAX};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// RFC 9113 §6.8: a server that leaves finishes what it has, and the next request goes elsewhere.
#[test]
fn a_server_that_leaves_loses_no_request() {
    let server = Http2::echo();
    let world = before(&server);
    let mut client = world.client();
    for turn in 0..60 {
        if turn % 7 == 3 {
            server.leave();
        }
        let request = if turn % 2 == 0 { get() } else { post().body("x") };
        assert_eq!(client.send(&request).status(), 200, "{turn}");
    }
    assert_eq!(server.seen().len(), 60);
    assert!(server.connections() > 1);
}

/// RFC 9113 §8.7: what was refused before anything was done may be repeated; a payment is not, all the same.
#[test]
fn a_refused_stream_is_repeated_unless_it_is_a_payment() {
    let refusals = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refusals);
    let server = Http2::with(100, move |mut call: Call| {
        let is_first = count.fetch_add(1, Ordering::SeqCst) == 0;
        async move { if is_first { call.reset(Reason::REFUSED_STREAM) } else { call.echo().await } }
    });
    let world = before(&server);
    assert_eq!(world.send(&get()).status(), 200);
    assert_eq!(refusals.swap(0, Ordering::SeqCst), 2);
    assert_eq!(world.send(&post().body("x")).status(), 502);
    assert_eq!(refusals.load(Ordering::SeqCst), 1, "it was sent once");
    assert_eq!(world.send(&post().body("x")).status(), 200, "the connection goes on");
    assert_eq!(server.connections(), 1);
}

/// A server that refuses everything is not asked for ever.
#[test]
fn refusals_in_a_row_end() {
    let hits = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&hits);
    let server = Http2::with(100, move |mut call: Call| {
        count.fetch_add(1, Ordering::SeqCst);
        async move { call.reset(Reason::REFUSED_STREAM) }
    });
    assert_eq!(before(&server).send(&get()).status(), 502);
    assert!((1..=3).contains(&hits.load(Ordering::SeqCst)));
}

/// A server that goes away naming an earlier stream as the last has done nothing with ours.
#[test]
fn a_request_beyond_the_last_stream_is_repeated_unless_it_is_a_payment() {
    for (request, status) in [(get(), 200), (post().body("x"), 502)] {
        let server = Http2::echo();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let servers = format!("[\"http://{}\"]", listener.local_addr().unwrap());
        let behind = server.address();
        std::thread::spawn(move || {
            let (mut first, _) = listener.accept().unwrap();
            leave_after_head(&mut first);
            // Those that come after reach the server.
            for stream in listener.incoming() {
                let (mut near, mut far) = (stream.unwrap(), TcpStream::connect(behind).unwrap());
                let (mut back, mut forth) = (far.try_clone().unwrap(), near.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut back, &mut forth).ok());
                std::thread::spawn(move || std::io::copy(&mut near, &mut far).ok());
            }
        });
        let setup = Setup { servers, upstream: "    protocol: http2\n".to_owned(), ..Setup::default() };
        assert_eq!(setup.start().send(&request).status(), status);
        assert_eq!(server.seen().len(), usize::from(status == 200));
    }
}

/// A server by hand: settings, and when a head has come, a GOAWAY that says it was not looked at.
fn leave_after_head(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(WAIT)).unwrap();
    stream.read_exact(&mut [0; b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()]).unwrap();
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        stream.read_exact(&mut vec![0; length]).unwrap();
        // HEADERS
        if head[3] == 1 {
            break;
        }
    }
    stream.write_all(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    // Until the gateway has read it and leaves too.
    stream.read_to_end(&mut Vec::new()).ok();
}

/// HTTP-21: a connection that ends while it has a payment leaves it unanswered, and it is not sent again.
#[test]
fn a_connection_that_is_lost_with_a_request_is_502() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let servers = format!("[\"http://{}\"]", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let mut block = [0; 4096];
            stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
            // The preface; then the request.
            let (mut seen, mut wanted) = (0, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len() + 200);
            while seen < wanted {
                match stream.read(&mut block) {
                    Ok(read @ 1..) => seen += read,
                    Ok(_) | Err(_) => wanted = 0,
                }
            }
        }
    });
    let setup = Setup { servers, upstream: "    protocol: http2\n".to_owned(), ..Setup::default() };
    let world = setup.start();
    assert_eq!(world.send(&post().body("x")).status(), 502);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

/// HTTP-34: who does not answer in time is 504; its connection may be lost, so it gets nothing more.
#[test]
fn a_connection_on_which_an_answer_was_late_takes_no_more() {
    let server = Http2::with(100, |call: Call| async move {
        if call.connection == 1 {
            std::future::pending::<()>().await;
        } else {
            call.echo().await;
        }
    });
    let world = with(&server, "    response_timeout: 300ms\n");
    assert_eq!(world.send(&post().body("x").numbered(1)).status(), 504);
    assert_eq!(world.log_line(1)["reason"], "upstream_late");
    assert_eq!(world.send(&get()).status(), 200);
    assert_eq!((server.connections(), server.seen().len()), (2, 1));
}

#[test]
fn an_upstream_that_falls_silent_within_its_body_is_given_up() {
    let server = Http2::with(100, |mut call: Call| async move {
        let mut stream = call.begin(Response::builder());
        send(&mut stream, Bytes::from_static(b"half"), false).await;
        std::future::pending::<()>().await;
    });
    let world = with(&server, "    idle_timeout: 300ms\n");
    let mut client = world.client();
    client.write(get().bytes());
    assert!(client.next().is_some_and(|answer| answer.status() == 200 && !answer.is_complete));
}

#[test]
fn an_idle_connection_ends_in_its_time() {
    let server = Http2::echo();
    let world = with(&server, "    idle_timeout: 300ms\n");
    eventually("a second connection", || {
        assert_eq!(world.send(&get()).status(), 200);
        std::thread::sleep(Duration::from_millis(400));
        (server.connections() >= 2).then_some(())
    });
}

/// Flow control is for each stream: who takes nothing holds up nobody else.
#[test]
fn a_client_that_takes_nothing_does_not_hold_up_the_others() {
    let server = Http2::with(100, |mut call: Call| async move {
        if call.head.uri.path() == "/accounts" {
            return call.echo().await;
        }
        let mut stream = call.begin(Response::builder());
        send(&mut stream, Bytes::from(vec![b'x'; 64 * 1024 * 1024]), true).await;
    });
    let world = before(&server);
    let mut held: Vec<_> = (0..40).map(|_| world.client()).collect();
    for client in &mut held {
        client.write(Request::get("/accounts/large").token(&Token::good().mint()).bytes());
    }
    for _ in 0..20 {
        assert_eq!(world.send(&get()).text(), "GET /accounts");
    }
    assert_eq!(server.connections(), 1);
}

/// CVE-2023-44487 from the other side: clients that leave make us break off, which servers count. Before they have had
/// enough the requests of others go to a new connection.
#[test]
fn clients_that_leave_wear_a_connection_out_and_harm_nobody() {
    let hits = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&hits);
    let server = Http2::with(100, move |call: Call| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            if call.head.uri.path() == "/accounts" {
                return call.echo().await;
            }
            std::future::pending::<()>().await;
        }
    });
    let world = before(&server);
    let leave = |times: usize| {
        for _ in 0..times {
            let before = hits.load(Ordering::SeqCst);
            let mut client = world.client();
            client.write(Request::get("/accounts/never").token(&Token::good().mint()).bytes());
            eventually("the request", || (hits.load(Ordering::SeqCst) > before).then_some(()));
        }
    };
    leave(UPSTREAM_RESETS_MAX - 1);
    assert_eq!((world.send(&get()).status(), server.connections()), (200, 1));
    leave(1);
    eventually("a new connection", || {
        assert_eq!(world.send(&get()).status(), 200);
        (server.connections() == 2).then_some(())
    });
}

/// As many connections as together carry what HTTP/1.1 may; one request more is 503.
#[test]
fn connections_to_a_server_are_bounded() {
    let (waiting, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (count, open) = (Arc::clone(&waiting), Arc::clone(&gate));
    let server = Http2::with(1, move |call: Call| {
        let (count, open) = (Arc::clone(&count), Arc::clone(&open));
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            drop(open.acquire().await);
            call.echo().await;
        }
    });
    let world = with(&server, "    pending_timeout: 100ms\n");
    let mut clients: Vec<_> = (0..UPSTREAM_SESSIONS_MAX).map(|_| world.client()).collect();
    for client in &mut clients {
        client.write(get().bytes());
    }
    eventually("all requests", || (waiting.load(Ordering::SeqCst) == UPSTREAM_SESSIONS_MAX).then_some(()));
    let refused = world.send(&get());
    assert_eq!((refused.status(), refused.get("retry-after")), (503, Some("1")));
    gate.add_permits(UPSTREAM_SESSIONS_MAX + 1);
    for client in &mut clients {
        assert_eq!(client.answer().status(), 200);
    }
    assert_eq!(world.send(&get()).status(), 200);
    assert_eq!(server.connections(), UPSTREAM_SESSIONS_MAX);
}

/// At the bound all share one connection; one more opens a second.
#[test]
fn streams_on_a_connection_are_bounded() {
    let (waiting, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (count, open) = (Arc::clone(&waiting), Arc::clone(&gate));
    let server = Http2::with(1000, move |call: Call| {
        let (count, open) = (Arc::clone(&count), Arc::clone(&open));
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            drop(open.acquire().await);
            call.echo().await;
        }
    });
    let world = before(&server);
    let mut clients: Vec<_> = (0..=UPSTREAM_STREAMS_MAX).map(|_| world.client()).collect();
    let (last, most) = clients.split_last_mut().unwrap();
    for client in &mut *most {
        client.write(get().bytes());
    }
    eventually("all requests", || (waiting.load(Ordering::SeqCst) == UPSTREAM_STREAMS_MAX).then_some(()));
    assert_eq!(server.connections(), 1);
    last.write(get().bytes());
    server.wait_for_connections(2);
    gate.add_permits(UPSTREAM_STREAMS_MAX + 1);
    for client in &mut clients {
        assert_eq!(client.answer().status(), 200);
    }
}
