//! FORWARD: an upstream that fails is never the client's fault, and no request is sent twice (E26).

use crate::support::client::Request;
use crate::support::gateway::{Setup, World};
use crate::support::server::{After, Server, nobody, then_close, write};
use crate::support::tokens::Token;
use crate::support::{WAIT, eventually};
use scopegate::clock::Clock;
use std::sync::atomic::{AtomicUsize, Ordering};

fn get() -> Request {
    Request::get("/accounts").token(&Token::good().mint())
}

fn post() -> Request {
    Request::new("POST", "/payments").token(&Token::good().mint()).body("pay")
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// HTTP-28, HTTP-34.
#[test]
fn an_answer_that_is_no_http_is_502() {
    let answers: [(&str, &[u8]); 15] = [
        ("nothing at all", b""),
        ("garbage", b"\x00\x01\x02garbage\r\n\r\n"),
        ("a page without a head", b"<html>hello</html>"),
        ("half a head", b"HTTP/1.1 200 OK\r\ncontent-le"),
        ("HTTP/2", b"HTTP/2 200 OK\r\ncontent-length: 0\r\n\r\n"),
        ("no status", b"HTTP/1.1 OK\r\ncontent-length: 0\r\n\r\n"),
        ("a status of two digits", b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n"),
        ("a field without colon", b"HTTP/1.1 200 OK\r\nx\r\n\r\n"),
        ("NUL in a field", b"HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n"),
        ("an empty field name", b"HTTP/1.1 200 OK\r\n: a\r\n\r\n"),
        ("two lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        ("a list of lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\nab"),
        ("a negative length", b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"),
        ("a length of letters", b"HTTP/1.1 200 OK\r\ncontent-length: abc\r\n\r\n"),
        (
            "an upgrade that nobody asked for",
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        ),
    ];
    let world = World::start();
    for (n, (name, bytes)) in answers.into_iter().enumerate() {
        world.upstream.becomes(then_close(bytes));
        let mut client = world.client();
        client.write(get().numbered(n).bytes());
        let answer = client.next().unwrap_or_else(|| panic!("{name}: closed without an answer"));
        assert_eq!(answer.status(), 502, "{name}");
        assert_eq!(answer.json()["detail"], "The service behind the gateway gave no valid answer", "{name}");
        assert_eq!((answer.get("www-authenticate"), answer.get("retry-after")), (None, None), "{name}");
    }
    for (n, (name, _)) in answers.into_iter().enumerate() {
        assert_eq!(world.log_line(n)["reason"], "upstream_invalid", "{name}");
    }
    assert_eq!(world.upstream.hits(), answers.len(), "none was sent twice");
    world.upstream.becomes(|_, stream| write(stream, ok("back")));
    assert_eq!(world.send(&get()).text(), "back");
}

#[test]
fn an_oversize_head_is_502() {
    let world = World::start();
    for fields in [
        "x-a: b\r\n".repeat(101),
        format!("x-a: {}\r\n", "a".repeat(80 * 1024)),
        format!("x-a: {}\r\n", "a".repeat(600)).repeat(110),
    ] {
        world.upstream.becomes(then_close(format!("HTTP/1.1 200 OK\r\n{fields}content-length: 0\r\n\r\n")));
        assert_eq!(world.send(&get()).status(), 502);
    }
}

#[test]
fn an_upstream_that_refuses_is_502_and_a_silent_one_504() {
    let world = Setup::default().at(Server::echo(), nobody());
    let answer = world.send(&get().numbered(1));
    assert_eq!(
        (answer.status(), answer.json()["detail"].as_str()),
        (502, Some("The service behind the gateway cannot be reached"))
    );
    assert_eq!(world.log_line(1)["reason"], "upstream_refused");

    let silent = Server::with(|_, stream| {
        // Waits until the gateway gives up and closes.
        std::io::Read::read(stream, &mut [0]).ok();
        After::Close
    });
    let setup = Setup { upstream: "    response_timeout: 300ms\n".to_owned(), ..Setup::default() };
    let world = setup.before(silent);
    for (n, request) in [get(), post()].into_iter().enumerate() {
        let answer = world.send(&request.numbered(n));
        assert_eq!(
            (answer.status(), answer.json()["detail"].as_str()),
            (504, Some("The service behind the gateway did not answer in time"))
        );
    }
    assert_eq!(world.log_line(1)["reason"], "upstream_late");
    assert_eq!(world.upstream.hits(), 2, "nothing was sent twice");
}

/// HTTP-28: once the head has gone, a broken body is never ended as if it were whole.
#[test]
fn a_broken_body_looks_broken_to_the_client() {
    let world = World::start();
    let answers = [
        ("a length that lies", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nten octets"),
        ("a chunk that is cut", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nten octets"),
        ("no last chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nten octets\r\n"),
        ("a chunk of letters", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nten octets\r\nxyz\r\n"),
        (
            "a chunk size past 64 bits",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nten octets\r\nfffffffffffffffff\r\n",
        ),
    ];
    for (n, (name, bytes)) in answers.into_iter().enumerate() {
        world.upstream.becomes(then_close(bytes));
        let mut client = world.client();
        client.write(get().numbered(n).bytes());
        // Where the fault came with the head, the head may not have left us yet: then the client sees nothing.
        if let Some(answer) = client.next() {
            assert_eq!((answer.status(), answer.is_complete), (200, false), "{name}");
        }
        assert!(client.is_closed(), "{name}");
    }
    for (n, (name, _)) in answers.into_iter().enumerate() {
        assert_eq!(world.log_line(n)["end"], "upstream_broke", "{name}");
    }
    let setup = Setup { upstream: "    idle_timeout: 300ms\n".to_owned(), ..Setup::default() };
    let stalls = Server::with(|_, stream| {
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nten octets");
        std::io::Read::read(stream, &mut [0]).ok();
        After::Close
    });
    let world = setup.before(stalls);
    let start = Clock::System.instant();
    let mut client = world.client();
    let answer = client.send(&get());
    assert_eq!((answer.status(), answer.is_complete), (200, false), "a body that stalls");
    assert!(start.elapsed() < WAIT / 2, "we wait no longer than the upstream's idle_timeout");
}

/// HTTP-29: octets after the end of an answer are nobody's answer.
#[test]
fn what_follows_an_answer_is_not_the_next_answer() {
    let world = World::start();
    let evil = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
    ] {
        world.upstream.becomes(move |_, stream| write(stream, format!("{head}{evil}")));
        let mut client = world.client();
        assert_ne!(client.send(&get()).text(), "evil", "{head}");
        world.upstream.becomes(|_, stream| write(stream, ok("good")));
        for _ in 0..3 {
            assert_eq!(client.send(&get()).text(), "good", "{head}");
        }
    }
}

/// HTTP-21: a payment that may have been received is not sent again.
#[test]
fn a_request_that_may_have_arrived_is_not_sent_again() {
    let world = World::start();
    world.upstream.becomes(|_, _| After::Close);
    for request in [post(), get(), Request::new("PUT", "/accounts/1").token(&Token::good().mint()).body("x")] {
        world.upstream.take();
        assert_eq!(world.send(&request).status(), 502);
        assert_eq!(world.upstream.take().len(), 1);
    }
    // The same on a connection that was used before: it is open when the request is written.
    let answered = AtomicUsize::new(0);
    world.upstream.becomes(move |_, stream| match answered.fetch_add(1, Ordering::SeqCst) {
        0 => write(stream, ok("first")),
        _ => After::Close,
    });
    let mut client = world.client();
    assert_eq!(client.send(&post()).text(), "first");
    assert_eq!(client.send(&post()).status(), 502);
    assert_eq!(world.upstream.hits(), 2);
}

/// A pooled connection that the upstream has closed meanwhile is not used: not even a payment fails for it.
#[test]
fn a_connection_that_went_stale_costs_nobody_a_request() {
    let world = World::start();
    for round in 1..=5 {
        world.upstream.becomes(then_close(ok("once")));
        assert_eq!(world.send(&post()).text(), "once");
        // The close has arrived when the upstream's own side is gone; the gateway reads it at its next turn.
        eventually("the answer", || (world.upstream.hits() == 2 * round - 1).then_some(()));
        std::thread::sleep(std::time::Duration::from_millis(20));
        world.upstream.becomes(|_, stream| write(stream, ok("again")));
        assert_eq!(world.send(&post()).text(), "again", "{round}");
        assert_eq!(world.upstream.hits(), 2 * round);
        world.upstream.becomes(then_close(ok("x")));
    }
}

/// An upstream may answer before it has read everything; its answer is passed on.
#[test]
fn an_early_answer_is_passed_on() {
    let world = World::start();
    world.upstream.becomes(then_close("HTTP/1.1 409 Conflict\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"));
    let answer = world.send(&post());
    assert_eq!((answer.status(), answer.text().as_str()), (409, "no"));
}
