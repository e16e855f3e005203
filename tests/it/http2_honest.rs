//! What honest clients of HTTP/2 do that looks like an attack: it must not end their connections.

use crate::support::gateway::{Setup, World};
use crate::support::http2::{DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, PING, block, frame};

const STREAM: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "https"), (":authority", "api.bank.example"), (":path", "/open/x")];

fn is_answered(frames: &mut Frames) -> bool {
    frames.bytes(&frame(PING, 0, 0, &[0; 8]));
    let end = frames.next_of(&[PING, GOAWAY]).unwrap();
    end.kind == PING
}

fn world(limits: &[&str]) -> World {
    Setup::limits(limits).with_tls("", &[])
}

/// Before it has our settings a client opens a hundred streams, as its library thinks best. Those beyond the bound are refused,
/// and nothing else.
#[test]
fn streams_that_were_opened_before_our_settings_came_are_refused_alone() {
    let world = world(&["streams: 20"]);
    let mut frames = Frames::connect(&world);
    let head = block(&STREAM);
    let all: Vec<u8> = (0..100).flat_map(|n| frame(HEADERS, END_HEADERS, n * 2 + 1, &head)).collect();
    frames.bytes(&all);
    assert!(is_answered(&mut frames));
    frames.send(DATA, END_STREAM, 1, b"body");
    assert_eq!(frames.next_of(&[HEADERS, GOAWAY]).unwrap().kind, HEADERS, "those inside are answered");
}

/// A body comes in as small pieces as its client writes it, all at once: within our windows none is too small.
#[test]
fn a_body_in_small_pieces_is_no_flood() {
    let world = world(&[]);
    let mut frames = Frames::connect(&world);
    let open = frame(HEADERS, END_HEADERS, 1, &block(&STREAM));
    let pieces = (0..1300).flat_map(|_| frame(DATA, 0, 1, &[b'x'; 48]));
    frames.bytes(&open.into_iter().chain(pieces).collect::<Vec<_>>());
    assert!(is_answered(&mut frames));
    frames.send(DATA, END_STREAM, 1, b"");
    assert_eq!(frames.next_of(&[HEADERS, GOAWAY]).unwrap().kind, HEADERS);
    assert_eq!(world.upstream.only().body.len(), 1300 * 48);
}

/// Requests that were refused at once, while their bodies were still on the way.
#[test]
fn bodies_that_come_behind_their_refusals_harm_nobody() {
    let world = world(&[]);
    let mut frames = Frames::connect(&world);
    let fields = [STREAM[0], STREAM[1], STREAM[2], (":path", "/payments")];
    let streams = (0..130).map(|n| n * 2 + 1);
    for stream in streams.clone() {
        frames.send(HEADERS, END_HEADERS, stream, &block(&fields));
        assert_eq!(frames.next_of(&[HEADERS, GOAWAY]).unwrap().kind, HEADERS);
    }
    frames.bytes(&streams.flat_map(|stream| frame(DATA, 0, stream, &[b'x'; 1000])).collect::<Vec<_>>());
    assert!(is_answered(&mut frames));
}
