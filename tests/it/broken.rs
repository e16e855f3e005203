//! Answers whose end is in doubt: the client sees that, and none is broken off that only takes its time.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World};
use crate::support::server::{Server, then_close, write};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// HTTP/1.0 knows no end of a body but the connection's: one that must not be taken for it is a reset.
#[test]
fn an_answer_that_breaks_off_is_no_whole_one_to_a_client_of_http_1_0() {
    let begun = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n";
    for (rest, is_whole) in [("0\r\n\r\n", true), ("", false)] {
        let world = Setup::default().before(Server::with(then_close(format!("{begun}{rest}"))));
        let mut client = TcpStream::connect(world.address()).unwrap();
        client.write_all(b"GET /open/x HTTP/1.0\r\nhost: a\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        let end = client.read_to_end(&mut answer);
        let cut = end.err().map(|fault| fault.kind());
        assert_eq!(cut, (!is_whole).then_some(ErrorKind::ConnectionReset));
        assert!(!is_whole || answer.ends_with(b"ok"));
    }
}

/// `response_timeout` ends with the head of the answer, whenever the request does.
#[test]
fn an_answer_that_began_early_has_the_time_of_a_body() {
    let early = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = "    response_timeout: 300ms\n    idle_timeout: 10s\n".to_owned();
    let world: World = Setup { upstream, ..Setup::default() }.at(Server::echo(), early.local_addr().unwrap());
    let mut client = world.client();
    client.write(Request::new("POST", "/open/x").field("content-length: 2").bytes());
    let (mut stream, _) = early.accept().unwrap();
    write(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
    std::thread::sleep(Duration::from_millis(200));
    client.write("ab");
    std::thread::sleep(Duration::from_millis(1200));
    write(&mut stream, "ok");
    assert_eq!(client.answer().text(), "ok");
}

/// A chunk for each byte is the choice of its client: they go on together, and none is lost.
#[test]
fn chunks_of_a_byte_arrive() {
    const CHUNKS: usize = 10_000;
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = Setup::default().at(Server::echo(), upstream.local_addr().unwrap());
    let mut client = world.client();
    let request = Request::new("POST", "/open/x").field("transfer-encoding: chunked").bytes();
    client.write([request, b"1\r\nx\r\n".repeat(CHUNKS), b"0\r\n\r\n".to_vec()].concat());
    let (mut stream, _) = upstream.accept().unwrap();
    let mut seen = Vec::new();
    let mut block = vec![0; 1 << 20];
    while !seen.ends_with(b"0\r\n\r\n") {
        let count = stream.read(&mut block).unwrap();
        assert!(count > 0);
        seen.extend_from_slice(&block[..count]);
    }
    assert_eq!(seen.windows(6).filter(|chunk| *chunk == b"1\r\nx\r\n").count(), CHUNKS);
    write(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(client.answer().status(), 200);
}
