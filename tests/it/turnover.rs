//! `limits.requests_per_connection`: a connection carries so many requests and not one more, and its end costs nobody one.

use crate::support::client::Request;
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::http2::{
    END_HEADERS, END_STREAM, Frame, Frames, GOAWAY, HEADERS, Http2, PING, block, frame, request as stream,
};
use crate::support::server::{After, write};
use crate::support::tls::Caller;
use crate::support::tokens::Token;
use http::Method;

const OPEN: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "api.bank.example"), (":path", "/open/x")];
const ACK: u8 = 1;

fn setup() -> Setup {
    Setup::limits(&["requests_per_connection: 3", "streams: 4"])
}

fn get() -> Request {
    Request::get("/accounts").token(&Token::good().mint())
}

/// RFC 9112 §9.6: the last answer says so, whatever it is, and the connection ends behind it.
#[test]
fn the_last_answer_of_a_connection_says_that_it_is() {
    let world = setup().start();
    let payment = || Request::new("POST", "/payments").token(&Token::good().mint()).body("paid");
    let rows = [
        ("an answer of the upstream's", get(), 200),
        ("to a body", payment(), 200),
        ("to a HEAD", Request::new("HEAD", "/accounts").token(&Token::good().mint()), 200),
        ("a refusal", Request::get("/accounts"), 401),
        ("no route", Request::get("/nowhere"), 404),
    ];
    for (name, last, status) in rows {
        let mut client = world.client();
        // What is refused counts like the rest.
        for (before, expected) in [(Request::get("/accounts"), 401), (get(), 200)] {
            let answer = client.send(&before);
            assert_eq!((answer.status(), answer.get("connection")), (expected, None), "before {name}");
        }
        let answer = client.send(&last);
        assert_eq!((answer.status(), answer.get("connection")), (status, Some("close")), "{name}");
        assert!(client.is_closed(), "{name}");
    }
    let mut one_less = world.client();
    (0..2).for_each(|_| assert_eq!(one_less.send(&get()).status(), 200));
    assert_eq!(one_less.send(&get()).status(), 200, "the third");
}

/// What a client has sent behind the last request was not read, let alone forwarded: it may send it again. Its bytes do not
/// cost it the answers before them.
#[test]
fn what_is_pipelined_behind_the_last_request_is_not_begun() {
    let world = setup().start();
    world.upstream.becomes(|_, stream| {
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
        write(stream, vec![b'x'; 100_000])
    });
    for _ in 0..5 {
        let mut client = world.client();
        client.write(get().bytes().repeat(20));
        for turn in 1..=3 {
            let answer = client.answer();
            assert_eq!((answer.status(), answer.body.len()), (200, 100_000));
            assert_eq!(answer.get("connection"), (turn == 3).then_some("close"));
        }
        assert!(client.is_closed());
        assert_eq!(world.upstream.take().len(), 3);
    }
}

#[test]
fn over_tls_it_is_the_same() {
    let world = setup().with_tls("", &[]);
    let mut client = Caller::new(None).connect(&world);
    let said: Vec<_> = (0..3).map(|_| client.send(&get()).get("connection").map(str::to_owned)).collect();
    assert_eq!(said, [None, None, Some("close".to_owned())]);
    assert!(client.is_closed());
}

fn last_stream(goaway: &Frame) -> u32 {
    u32::from_be_bytes(goaway.payload[..4].try_into().unwrap()) & 0x7fff_ffff
}

/// An upstream that answers everything but `/open/slow`, which is answered once `/open/go` was asked for.
fn with_slow(world: &World) {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    world.upstream.becomes(move |message, stream| {
        match message.target() {
            "/open/slow" => wait.lock().unwrap().recv().unwrap(),
            "/open/go" => go.send(()).unwrap(),
            _ => {}
        }
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        After::Keep
    });
}

/// RFC 9113 §6.8: what is under way is answered, and so is what was on its way when we said that we leave; the last stream
/// that we name is the last that we have begun.
#[test]
fn over_http_2_the_client_is_told_and_everything_that_has_begun_is_answered() {
    let world = setup().with_tls("", &[]);
    with_slow(&world);
    let ask = |frames: &mut Frames, id, path| frames.ask(id, &[OPEN[0], OPEN[1], OPEN[2], (":path", path)]);
    let mut frames = Frames::connect(&world);
    ask(&mut frames, 1, "/open/slow");
    ask(&mut frames, 3, "/open/x");
    assert_eq!(frames.next_of(&[HEADERS, GOAWAY]).unwrap().kind, HEADERS, "two are borne");
    ask(&mut frames, 5, "/open/x");
    let soon = frames.next_of(&[GOAWAY]).expect("the third is the last");
    assert_eq!((last_stream(&soon), &soon.payload[4..]), (0x7fff_ffff, &[0; 4][..]), "NO_ERROR, and no end yet");
    let ping = frames.next_of(&[PING]).unwrap();
    // It crossed our word, and is no fault.
    ask(&mut frames, 7, "/open/go");
    frames.send(PING, ACK, 0, &ping.payload);
    let mut answered = Vec::new();
    let last = loop {
        let frame = frames.next_of(&[HEADERS, GOAWAY]).expect("it ends with a word");
        if frame.kind == GOAWAY {
            break frame;
        }
        answered.push(frame.stream);
    };
    assert_eq!(last_stream(&last), 7);
    // Beyond it nothing begins.
    ask(&mut frames, 9, "/open/beyond");
    answered.extend(std::iter::from_fn(|| frames.next_of(&[HEADERS])).map(|frame| frame.stream));
    answered.sort_unstable();
    assert!([&[1, 5, 7][..], &[1, 7]].contains(&&answered[..]), "the answer to 5 may have come before: {answered:?}");
    assert_eq!(world.upstream.hits(), 4);
    assert!(world.metric("scopegate_connections_strained_total") < 0.5);
}

/// A client that keeps the rules loses nothing.
#[test]
fn over_http_2_no_request_of_a_client_that_listens_is_lost() {
    let world = setup().with_tls("", &[]);
    let caller = Caller::new(None);
    for _ in 0..10 {
        let mut client = Http2::connect(&world, &caller);
        let ask = || stream(Method::GET, "/accounts", Some(&Token::good().mint()), "");
        for outcome in client.ask_all((0..4).map(|_| ask()).collect()) {
            assert_eq!(outcome.unwrap().status, 200);
        }
        // It was told, and asks no more.
        eventually("its end", || client.ask(ask()).is_err().then_some(()));
    }
}

/// Who does not want to know has as many more as could be on their way, and is then cut off.
#[test]
fn over_http_2_who_does_not_listen_is_cut_off() {
    let world = setup().with_tls("", &[]);
    let mut frames = Frames::connect(&world);
    let head = block(&OPEN);
    let asks = (0..).map(|turn| frame(HEADERS, END_HEADERS | END_STREAM, turn * 2 + 1, &head));
    // One at a time, so that none is refused for being one too many at a time.
    let mut answered = 0;
    for ask in asks.take(100) {
        frames.bytes(&ask);
        let Some(answer) = frames.next_of(&[HEADERS]) else { break };
        assert_eq!(answer.kind, HEADERS);
        answered += 1;
    }
    assert_eq!(answered, 3 + 2 * 4, "so many as the bound, and twice those that may be open");
    eventually("the count", || (world.metric("scopegate_connections_strained_total") >= 1.0).then_some(()));
}
