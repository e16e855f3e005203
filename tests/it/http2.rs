//! HTTP/2 from clients (RFC 9113): each stream takes the same path as a request of HTTP/1.1.

use crate::support::gateway::{Setup, World};
use crate::support::http2::{END_HEADERS, Frames, HEADERS, Http2, RST_STREAM, block, request};
use crate::support::server::{After, write};
use crate::support::tls::Caller;
use crate::support::tokens::Token;
use crate::support::{WAIT, eventually};
use bytes::Bytes;
use http::{Method, Request};
use std::time::Duration;

fn world() -> World {
    Setup::default().with_tls("", &[])
}

fn get(path: &str) -> Request<Bytes> {
    request(Method::GET, path, Some(&Token::good().mint()), "")
}

#[test]
fn a_stream_is_a_request_like_any_other() {
    let world = world();
    let mut client = Http2::connect(&world, &Caller::new(None));
    let answer = client.ask(get("/accounts?x=1")).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.fields.contains_key("x-fapi-interaction-id") && answer.fields.contains_key("date"));
    for name in ["connection", "transfer-encoding", "keep-alive"] {
        assert!(!answer.fields.contains_key(name), "{name}");
    }
    let seen = world.upstream.only();
    assert_eq!(seen.start, "GET /accounts?x=1 HTTP/1.1");
    assert_eq!((seen.one("host"), seen.one("via")), ("api.bank.example", "2.0 scopegate"));
    assert_eq!(seen.one("x-auth-client-id"), "tpp-1");
    assert!(seen.get("authorization").is_none());
}

#[test]
fn refusals_are_the_same_and_reach_nobody() {
    let world = world();
    let mut client = Http2::connect(&world, &Caller::new(None));
    let rows = [
        ("no token", request(Method::GET, "/accounts", None, ""), 401),
        (
            "another scope",
            request(Method::POST, "/payments", Some(&Token::good().claim("scope", "accounts").mint()), "{}"),
            403,
        ),
        ("no route", get("/nothing"), 404),
        ("another method", request(Method::PATCH, "/accounts", None, ""), 405),
        ("a path with two readings", get("/accounts/../payments"), 400),
        ("a token in the query", request(Method::GET, "/accounts?access_token=x", None, ""), 400),
        ("a tunnel", request(Method::CONNECT, "", None, ""), 405),
    ];
    for (name, mut request, status) in rows {
        if request.method() == Method::CONNECT {
            *request.uri_mut() = "api.bank.example:443".parse().unwrap();
        }
        let answer = client.ask(request).unwrap();
        assert_eq!(answer.status.as_u16(), status, "{name}");
        assert!(answer.fields.contains_key("www-authenticate") || !matches!(status, 401 | 403), "{name}");
    }
    assert_eq!(world.upstream.hits(), 0);
    assert_eq!(client.ask(get("/accounts")).unwrap().status, 200, "the connection goes on");
}

#[test]
fn many_requests_at_a_time_each_get_their_own_answer() {
    let world = world();
    let mut client = Http2::connect(&world, &Caller::new(None));
    let answers = client.ask_all((0..100).map(|n| get(&format!("/accounts/{n}"))).collect());
    for (n, answer) in answers.into_iter().enumerate() {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200);
        assert!(String::from_utf8(answer.body).unwrap().contains(&format!("/accounts/{n} ")), "{n}");
    }
    assert_eq!(world.upstream.hits(), 100);
}

#[test]
fn bodies_pass_byte_for_byte_both_ways() {
    let setup = Setup { limits: "  body: 4MiB\n".to_owned(), ..Setup::default() };
    let world = setup.with_tls("", &[]);
    world.upstream.becomes(|message, stream| {
        write(stream, format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", message.body.len()));
        write(stream, &message.body)
    });
    let mut client = Http2::connect(&world, &Caller::new(None));
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    let answer = client.ask(request(Method::POST, "/open/x", None, body.clone())).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.body == body, "{} bytes", answer.body.len());
}

/// HTTP-29
#[test]
fn answers_without_a_body_have_none() {
    let world = world();
    world.upstream.becomes(|message, stream| {
        let status = if message.target().ends_with("204") { "204 No Content" } else { "200 OK\r\ncontent-length: 5" };
        write(stream, format!("HTTP/1.1 {status}\r\n\r\n"))
    });
    let mut client = Http2::connect(&world, &Caller::new(None));
    let head = client.ask(request(Method::HEAD, "/accounts", Some(&Token::good().mint()), "")).unwrap();
    assert_eq!((head.status.as_u16(), head.fields["content-length"].to_str().unwrap(), head.body.len()), (200, "5", 0));
    let nothing = client.ask(get("/accounts/204")).unwrap();
    assert_eq!((nothing.status.as_u16(), nothing.fields.get("content-length"), nothing.body.len()), (204, None, 0));
}

/// HTTP-28: a body that breaks off is never a whole one.
#[test]
fn an_answer_that_breaks_off_resets_its_stream_only() {
    let world = world();
    world.upstream.becomes(|message, stream| {
        if message.target() == "/accounts/cut" {
            write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
            return After::Close;
        }
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    });
    let mut client = Http2::connect(&world, &Caller::new(None));
    let cut = client.ask(get("/accounts/cut")).unwrap_err();
    assert!(cut.is_reset() || cut.is_go_away(), "{cut}");
    assert_eq!(client.ask(get("/accounts/whole")).unwrap().body, b"ok");
}

/// A client that takes its request back: what was done for it is given up, and its upstream connection with it.
#[test]
fn a_request_that_is_taken_back_is_given_up() {
    let world = world();
    world.upstream.becomes(|message, stream| {
        if message.target() == "/accounts/slow" {
            // Until the gateway hangs up.
            let mut byte = [0];
            let _gone = std::io::Read::read(stream, &mut byte);
            return After::Close;
        }
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    });
    let mut client = Http2::connect(&world, &Caller::new(None));
    let (runtime, send) = client.by_hand();
    let (parts, _) = get("/accounts/slow").into_parts();
    let (answer, mut stream) = runtime
        .block_on(async { send.clone().ready().await.unwrap().send_request(Request::from_parts(parts, ()), true) })
        .unwrap();
    world.upstream.wait_for(1);
    stream.send_reset(h2::Reason::CANCEL);
    drop(answer);
    eventually("its line", || world.log().contains("client_gone").then_some(()));
    assert_eq!(client.ask(get("/accounts")).unwrap().status, 200);
}

/// At the bound, and one past it: the stream is refused, the connection and the others are not.
#[test]
fn streams_are_bounded() {
    let setup = Setup { limits: "  streams: 3\n".to_owned(), ..Setup::default() };
    let world = setup.with_tls("", &[]);
    let mut frames = Frames::connect(&world);
    let head =
        block(&[(":method", "POST"), (":scheme", "https"), (":authority", "api.bank.example"), (":path", "/open/x")]);
    for stream in [1, 3, 5, 7] {
        frames.send(HEADERS, END_HEADERS, stream, &head);
    }
    let refused = frames.next_of(&[RST_STREAM]).unwrap();
    assert_eq!((refused.stream, refused.payload.as_slice()), (7, &[0, 0, 0, 7][..]), "REFUSED_STREAM");
    frames.send(0, 1, 1, b"body");
    let answer = frames.next_of(&[HEADERS]).unwrap();
    assert_eq!(answer.stream, 1, "those inside are answered");
}

/// A client that never opens its window is given up after the stall timeout, and so is its upstream connection.
#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let setup = Setup { limits: "  stall_timeout: 300ms\n".to_owned(), ..Setup::default() };
    let world = setup.with_tls("", &[]);
    world.upstream.becomes(|_, stream| {
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n");
        write(stream, vec![b'x'; 200_000])
    });
    let mut client = Http2::connect(&world, &Caller::new(None));
    let (runtime, send) = client.by_hand();
    let (parts, _) = get("/accounts").into_parts();
    let cut = runtime.block_on(async {
        let (answer, _) =
            send.clone().ready().await.unwrap().send_request(Request::from_parts(parts, ()), true).unwrap();
        let mut body = answer.await.unwrap().into_body();
        tokio::time::timeout(WAIT, async {
            // Takes what fits into its window and opens it for no more.
            loop {
                match body.data().await {
                    Some(Ok(_)) => {}
                    ended => break ended,
                }
            }
        })
        .await
        .expect("in time")
    });
    assert!(matches!(cut, Some(Err(_))), "{cut:?}");
    assert_eq!(client.ask(get("/accounts")).unwrap().body.len(), 200_000, "the connection goes on");
}

#[test]
fn an_idle_connection_is_closed_and_pings_win_it_no_time() {
    let setup = Setup { limits: "  idle_timeout: 400ms\n".to_owned(), ..Setup::default() };
    let world = setup.with_tls("", &[]);
    let mut frames = Frames::connect(&world);
    while frames.send(6, 0, 0, &[0; 8]) {
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// HTTP-35: whoever leaves says so, and what is on its way is answered.
#[test]
fn a_drain_says_goodbye_and_answers_what_is_under_way() {
    let mut world = world();
    world.upstream.becomes(|_, stream| {
        std::thread::sleep(Duration::from_millis(500));
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    });
    let mut client = Http2::connect(&world, &Caller::new(None));
    let (runtime, send) = client.by_hand();
    let (parts, _) = get("/accounts").into_parts();
    let (answer, _) = runtime
        .block_on(async { send.clone().ready().await.unwrap().send_request(Request::from_parts(parts, ()), true) })
        .unwrap();
    let answer = runtime.spawn(answer);
    world.upstream.wait_for(1);
    world.drain();
    assert_eq!(runtime.block_on(answer).unwrap().unwrap().status(), 200);
    assert!(runtime.block_on(async { send.clone().ready().await.is_err() }), "no further requests");
}
