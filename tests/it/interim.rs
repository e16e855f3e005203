//! Answers before the answer (HTTP-20, RFC 9110 §15.2): passed on as they come, bounded, and never in the answer's place.

use crate::support::client::Request;
use crate::support::gateway::{Setup, World};
use crate::support::http2::{self, Http2, request};
use crate::support::server::{After, Server, write};
use crate::support::tls::Caller;
use crate::support::tokens::Token;
use crate::support::wire::{Message, Reader};
use http::Method;
use scopegate::config::bounds::{INTERIM_BYTES_MAX, INTERIMS_MAX};
use std::future::poll_fn;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn get() -> Request {
    Request::get("/accounts").token(&Token::good().mint())
}

fn post() -> Request {
    Request::new("POST", "/payments").token(&Token::good().mint())
}

/// HTTP-20: all of them, in their order, without what belongs to the hop or to us. The connection goes on.
#[test]
fn answers_before_the_answer_are_passed_on() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
        HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nlink: </b>\r\nconnection: x-hop, close\r\nx-hop: canary\r\n\
        keep-alive: 5\r\nx-fapi-interaction-id: theirs\r\nclient-cert: :AAAA:\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n\
        HTTP/1.1 199 Own\r\n\r\n";
    let interim = interim.replace("transfer-encoding: chunked\r\n", "");
    let world = Setup::default().before(Server::answering(format!("{interim}{OK}")));
    let mut client = world.client();
    for _ in 0..3 {
        client.write(get().bytes());
        let all: Vec<Message> = (0..5).map(|_| client.next().unwrap()).collect();
        assert_eq!(all.iter().map(Message::status).collect::<Vec<_>>(), [100, 102, 103, 199, 200]);
        assert_eq!(
            all[2].fields,
            [("link".to_owned(), "</a>; rel=preload".to_owned()), ("link".to_owned(), "</b>".to_owned())]
        );
        assert_eq!((all[4].text().as_str(), all[4].all("link").len()), ("ok", 0));
        assert_eq!(all[4].all("date").len(), 1, "HTTP-37");
    }
    // HTTP-30: pipelined, each before its own answer.
    client.write([get().bytes(), Request::get("/accounts").bytes(), get().bytes()].concat());
    let all: Vec<u16> = (0..11).map(|_| client.next().unwrap().status()).collect();
    assert_eq!(all, [100, 102, 103, 199, 200, 401, 100, 102, 103, 199, 200]);
    client.write(Request::new("HEAD", "/accounts").token(&Token::good().mint()).bytes());
    assert_eq!((0..4).map(|_| client.next().unwrap().status()).collect::<Vec<_>>(), [100, 102, 103, 199]);
}

/// HTTP-20: HTTP/1.0 has none.
#[test]
fn a_client_of_http_1_0_gets_the_answer_alone() {
    let world =
        Setup::default().before(Server::answering(format!("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n{OK}")));
    let mut client = world.client();
    client.write(String::from_utf8(get().bytes()).unwrap().replace("HTTP/1.1", "HTTP/1.0"));
    let answer = client.next().unwrap();
    assert_eq!((answer.status(), answer.text().as_str(), answer.all("link").len()), (200, "ok", 0));
    assert!(client.is_closed());
}

/// They leave when they come, through TLS too, and not with the answer.
#[test]
fn an_answer_before_the_answer_does_not_wait_for_it() {
    let (go, wait) = channel();
    let wait = Mutex::new(wait);
    let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    let world = World::start();
    let secured = Setup::default().with_tls("", &[]);
    let behave = Arc::new(move |stream: &mut TcpStream| {
        write(stream, hint);
        wait.lock().unwrap().recv().unwrap();
        write(stream, OK)
    });
    for world in [&world, &secured] {
        let behave = Arc::clone(&behave);
        world.upstream.becomes(move |_, stream| behave(stream));
    }
    let mut plain = world.client();
    plain.write(get().bytes());
    assert_eq!(plain.next().unwrap().status(), 103);
    go.send(()).unwrap();
    assert_eq!(plain.next().unwrap().text(), "ok");
    let mut tls = Caller::new(None).connect(&secured);
    tls.write(get().bytes());
    assert_eq!(tls.next().unwrap().status(), 103);
    go.send(()).unwrap();
    assert_eq!(tls.next().unwrap().text(), "ok");
}

/// Nor for the end of the request.
#[test]
fn an_answer_before_the_answer_may_come_within_the_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = Setup::default().at(Server::echo(), listener.local_addr().unwrap());
    let mut client = world.client();
    client.write(post().field("content-length: 6").bytes());
    client.write("abc");
    let mut upstream = Reader::new(listener.accept().unwrap().0);
    upstream.stream().write_all(b"HTTP/1.1 102 Processing\r\n\r\n").unwrap();
    assert_eq!(client.next().unwrap().status(), 102);
    client.write("def");
    assert_eq!(upstream.request().unwrap().text(), "abcdef");
    upstream.stream().write_all(OK.as_bytes()).unwrap();
    assert_eq!(client.next().unwrap().text(), "ok");
}

/// HTTP-20, HTTP-19: on a stream of HTTP/2 they are frames before the answer's, and its client is told once to go on.
#[test]
fn a_stream_hears_them_too() {
    let world = Setup::default().with_tls("", &[]);
    let hint = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nlink: </a>\r\nconnection: x-hop\r\nx-hop: canary\r\ncontent-length: 5\r\n\r\n";
    world.upstream.becomes(move |_, stream| write(stream, format!("{hint}{OK}")));
    let mut client = Http2::connect(&world, &Caller::new(None));
    let token = Token::good().mint();
    let (runtime, send) = client.by_hand();
    let heard = |expects: bool, token: &str| {
        let mut parts = request(Method::POST, "/payments", Some(token), "");
        if expects {
            parts.headers_mut().insert("expect", "100-continue".parse().unwrap());
        }
        runtime.block_on(async {
            let (mut answer, mut stream) =
                send.clone().ready().await.unwrap().send_request(parts.map(drop), false).unwrap();
            let mut heard = Vec::new();
            if !expects {
                stream.send_data("abc".into(), true).unwrap();
            }
            while let Some(Ok(interim)) = poll_fn(|cx| answer.poll_informational(cx)).await {
                if expects && heard.is_empty() {
                    stream.send_data("abc".into(), true).unwrap();
                }
                heard.push((interim.status().as_u16(), interim.headers().clone()));
            }
            (heard, http2::read(answer.await.unwrap()).await.unwrap().status.as_u16())
        })
    };
    for expects in [false, true] {
        let (interim, status) = heard(expects, &token);
        assert_eq!(
            (interim.iter().map(|(status, _)| *status).collect::<Vec<_>>(), status),
            (vec![100, 103], 200),
            "{expects}"
        );
        let fields: Vec<_> =
            interim[1].1.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(fields, [("link", "</a>")]);
        let seen = world.upstream.last();
        assert_eq!((seen.text().as_str(), seen.all("expect").len()), ("abc", 0));
    }
    assert_eq!(heard(true, "bad"), (Vec::new(), 401), "no 100 before it");
    assert_eq!(world.upstream.hits(), 2);
}

/// At the bounds and one past them; who talks without end gives no answer.
#[test]
fn answers_before_the_answer_are_bounded() {
    let world = World::start();
    let hint = |bytes: usize| format!("HTTP/1.1 103 x\r\na: {}\r\n\r\n", "x".repeat(bytes - "a: \r\n".len()));
    for (n, (name, interim, count, status)) in [
        ("as many as may be", hint(10).repeat(INTERIMS_MAX), INTERIMS_MAX, 200),
        ("one more", hint(10).repeat(INTERIMS_MAX + 1), INTERIMS_MAX, 502),
        ("as large as may be", hint(INTERIM_BYTES_MAX / 2).repeat(2), 2, 200),
        ("one octet more", hint(INTERIM_BYTES_MAX / 2) + &hint(INTERIM_BYTES_MAX / 2 + 1), 1, 502),
        ("one that is too large", hint(INTERIM_BYTES_MAX + 1), 0, 502),
        ("an upgrade behind one", hint(10) + "HTTP/1.1 101 x\r\nupgrade: x\r\n\r\n", 1, 502),
        ("no answer behind one", hint(10) + "HTTP/1.1 1", 1, 502),
    ]
    .into_iter()
    .enumerate()
    {
        world.upstream.becomes(move |_, stream| {
            write(stream, format!("{interim}{OK}"));
            After::Close
        });
        let mut client = world.client();
        client.write(get().numbered(n).bytes());
        let answers: Vec<u16> = (0..=count).map(|_| client.next().unwrap().status()).collect();
        assert_eq!(answers, [vec![103; count], vec![status]].concat(), "{name}");
    }
    assert_eq!(world.log_line(1)["reason"], "upstream_invalid");
    assert_eq!(world.upstream.hits(), 7, "none was sent twice");
}
