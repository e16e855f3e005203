//! `limits.min_rate`: who sends a body or takes an answer byte by byte is given up like one who does nothing at all, over
//! either protocol (slowhttptest -B and -X); who is slow and no slower than it may be is served.

use crate::support::client::{Client, Request};
use crate::support::gateway::{Setup, World};
use crate::support::http2::{DATA, END_HEADERS, Frames, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE, block};
use crate::support::server::{After, Server, write};
use crate::support::tls::{Caller, server_files};
use crate::support::{WAIT, eventually};
use scopegate::clock::Clock;
use socket2::{Domain, Socket, Type};
use std::io::Read as _;
use std::net::TcpStream;
use std::time::Duration;

const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "https"), (":authority", "api.bank.example"), (":path", "/open/x")];
const GET: [(&str, &str); 4] = [(":method", "GET"), POST[1], POST[2], POST[3]];
/// Half of `stall_timeout` and less: none of these clients is ever silent for so long.
const INTERVAL: Duration = Duration::from_millis(300);
const LIMITS: &str = "stall_timeout: 1s";

/// Does something over and over until it fails, which it must in time.
fn until_given_up(mut drip: impl FnMut() -> bool) {
    let start = Clock::System.instant();
    while drip() {
        std::thread::sleep(INTERVAL);
        assert!(start.elapsed() < WAIT / 2, "it is borne");
    }
    // No sooner than the average of a second or two can say it.
    assert!(start.elapsed() > Duration::from_secs(1));
}

#[test]
fn a_body_that_comes_byte_by_byte_is_408() {
    let world = Setup::limits(&[LIMITS]).start();
    for (n, (framing, drop)) in
        [("content-length: 1000", &b"x"[..]), ("transfer-encoding: chunked", b"1\r\nx\r\n")].into_iter().enumerate()
    {
        let mut client = world.client();
        client.stream().set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        client.write(Request::new("POST", "/open/x").field(framing).numbered(n).bytes());
        until_given_up(|| client.write(drop) && client.stream().peek(&mut [0]).is_err());
        client.stream().set_read_timeout(Some(WAIT)).unwrap();
        assert_eq!((client.answer().status(), &world.log_line(n)["reason"]), (408, &"body_late".into()), "{framing}");
        assert!(client.is_closed(), "{framing}");
    }
    assert!(world.upstream.requests().iter().all(|request| !request.is_complete));
}

#[test]
fn over_http_2_it_is_408_and_the_others_go_on() {
    let world = Setup::limits(&[LIMITS]).with_tls("", &[]);
    let mut frames = Frames::connect(&world);
    frames.send(HEADERS, END_HEADERS, 1, &block(&POST));
    let start = Clock::System.instant();
    let answer = loop {
        frames.send(DATA, 0, 1, b"x");
        std::thread::sleep(INTERVAL);
        assert!(start.elapsed() < WAIT / 2, "it is borne");
        if let Some(frame) = frames.arrived().into_iter().find(|frame| frame.kind == HEADERS) {
            break frame;
        }
    };
    assert_eq!((answer.stream, answer.status()), (1, 408));
    frames.ask(3, &GET);
    assert_eq!(frames.next_of(&[HEADERS]).unwrap().stream, 3);
}

/// A thousand bytes a second are twice what is asked for.
#[test]
fn a_body_that_comes_slowly_is_taken() {
    let world = Setup::limits(&[LIMITS]).start();
    let mut client = world.client();
    client.write(Request::new("POST", "/open/x").field("content-length: 4500").bytes());
    for _ in 0..15 {
        std::thread::sleep(INTERVAL);
        client.write([b'x'; 300]);
    }
    assert_eq!(client.answer().status(), 200);
}

#[test]
fn where_no_rate_is_asked_for_silence_alone_counts() {
    let world = Setup::limits(&[LIMITS, "min_rate: 0B"]).start();
    let mut client = world.client();
    client.write(Request::new("POST", "/open/x").field("content-length: 15").bytes());
    for _ in 0..15 {
        std::thread::sleep(INTERVAL);
        client.write("x");
    }
    assert_eq!(client.answer().status(), 200);
}

/// An upstream that answers before it has the whole request may want one that goes on, however slowly.
#[test]
fn a_body_whose_answer_has_begun_may_take_its_time() {
    let early = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let world = Setup::limits(&[LIMITS]).at(Server::echo(), early.local_addr().unwrap());
    let mut client = world.client();
    client.write(Request::new("POST", "/open/x").field("transfer-encoding: chunked").bytes());
    let (mut stream, _) = early.accept().unwrap();
    write(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    for _ in 0..15 {
        std::thread::sleep(INTERVAL);
        client.write("1\r\nx\r\n");
    }
    client.write("0\r\n\r\n");
    let mut sent = Vec::new();
    while !sent.ends_with(b"0\r\n\r\n") {
        let mut block = [0; 1024];
        let count = stream.read(&mut block).unwrap();
        assert!(count > 0, "it broke off");
        sent.extend_from_slice(&block[..count]);
    }
    write(&mut stream, "2\r\nok\r\n0\r\n\r\n");
    assert_eq!(client.answer().text(), "ok");
}

/// Answers without an end.
fn endless() -> Server {
    Server::with(|_, stream| {
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n");
        while write(stream, vec![b'x'; 64 * 1024]) == After::Keep {}
        After::Close
    })
}

/// Takes a byte off the connection now and then, whatever that is of what was sent: whether there was one.
fn sip(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(1))
}

/// That a client which sips is closed, and its request is over.
fn closes_who_sips(world: &World, stream: &mut TcpStream, what: &str) {
    let start = Clock::System.instant();
    eventually("the answer to begin", || (world.upstream.hits() > 0).then_some(()));
    until_given_up(|| sip(stream) && world.metric("scopegate_connections ") > 0.5);
    assert!(start.elapsed() < WAIT / 2, "{what}");
    eventually(what, || world.log().contains("client_gone").then_some(()));
    eventually(what, || (world.metric("scopegate_connections_late_total") >= 1.0).then_some(()));
}

/// With as little room as the kernel gives, so that it says of as few bytes as it can that they were taken.
#[test]
fn who_takes_an_answer_byte_by_byte_is_closed() {
    let world = Setup::limits(&[LIMITS]).before(endless());
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    socket.connect(&world.address().into()).unwrap();
    let mut client = Client::over(TcpStream::from(socket));
    client.write(Request::get("/open/x").bytes());
    closes_who_sips(&world, client.stream(), "in the clear");
}

#[test]
fn who_takes_an_answer_byte_by_byte_is_closed_through_tls() {
    let upstream = endless();
    let address = upstream.address();
    let world = Setup::limits(&[LIMITS]).tls_terms("").launch(upstream, address, &server_files());
    let mut client = Caller::new(None).connect(&world);
    client.write(Request::get("/open/x").bytes());
    closes_who_sips(&world, &mut client.stream().sock, "through TLS");
}

/// Its windows are wide open, and it takes next to nothing off the connection.
#[test]
fn who_takes_an_answer_byte_by_byte_is_closed_over_http_2() {
    let upstream = endless();
    let address = upstream.address();
    let world = Setup::limits(&[LIMITS]).tls_terms("").launch(upstream, address, &server_files());
    let mut frames = Frames::connect(&world);
    frames.send(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
    frames.send(WINDOW_UPDATE, 0, 0, &[0x7f, 0, 0, 0]);
    frames.ask(1, &GET);
    closes_who_sips(&world, frames.socket(), "over HTTP/2");
}

/// A window that is opened by a byte, over and over: the stream is given up, and the connection goes on.
#[test]
fn a_window_that_opens_byte_by_byte_is_one_that_stays_shut() {
    let world = Setup::limits(&[LIMITS]).with_tls("", &[]);
    world.upstream.becomes(|_, stream| {
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 3600\r\n\r\n");
        write(stream, [b'x'; 3600])
    });
    let opened_by = |bytes: u16| {
        let mut frames = Frames::connect(&world);
        frames.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        frames.ask(1, &GET);
        let (mut taken, start) = (0, Clock::System.instant());
        loop {
            let [high, low] = bytes.to_be_bytes();
            frames.send(WINDOW_UPDATE, 0, 1, &[0, 0, high, low]);
            std::thread::sleep(INTERVAL);
            assert!(start.elapsed() < WAIT / 2, "it is borne");
            for frame in frames.arrived() {
                match frame.kind {
                    DATA => taken += frame.payload.len(),
                    RST_STREAM => {
                        frames.ask(3, &[(":method", "HEAD"), GET[1], GET[2], GET[3]]);
                        assert_eq!(frames.next_of(&[HEADERS]).unwrap().stream, 3);
                        return Err(taken);
                    }
                    _ => {}
                }
            }
            if taken == 3600 {
                return Ok(start.elapsed());
            }
        }
    };
    let taken = opened_by(1).unwrap_err();
    assert!((3..20).contains(&taken), "{taken}");
    assert!(opened_by(300).unwrap() > Duration::from_secs(3), "a thousand bytes a second");
}
