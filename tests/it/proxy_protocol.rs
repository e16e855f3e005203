//! The PROXY protocol, versions 1 and 2: whom a balancer names is the client, and nobody else can name anybody.

use crate::support::client::{Client, Request};
use crate::support::eventually;
use crate::support::gateway::{Setup, World};
use crate::support::tls::Caller;
use crate::support::tokens::Token;
use scopegate::config::bounds::PROXY_HEADER_BYTES_MAX;

const BALANCED: &str = "  workers: 1\n  proxy_protocol: true\n  trusted_hops: [127.0.0.1/32, 10.0.0.0/8]\n";
const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn setup(server: &str) -> Setup {
    Setup { server: server.to_owned(), ..Setup::default() }
}

/// A header of version 2.
fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, body].concat()
}

fn binary_4(address: [u8; 4], further: &[u8]) -> Vec<u8> {
    binary(0x21, 0x11, &[&address[..], &[192, 0, 2, 2, 0xDC, 0x04, 1, 0xBB], further].concat())
}

fn get(n: usize) -> Request {
    request().numbered(n)
}

fn request() -> Request {
    Request::get("/accounts").token(&Token::good().mint())
}

/// The client's address in the log, and what the upstream was told, for request `n` after these bytes.
fn seen(world: &World, header: &[u8], request: Request, n: usize) -> (String, String) {
    let mut client = world.client();
    client.write(header);
    assert_eq!(client.send(&request.numbered(n)).status(), 200, "{header:?}");
    let last = world.upstream.requests().pop().unwrap();
    (world.log_line(n)["client"].as_str().unwrap().to_owned(), last.one("forwarded").to_owned())
}

fn assert_closed(world: &World, bytes: &[u8], name: &str) {
    let mut client = world.client();
    client.write(bytes);
    assert!(client.has_ended(), "{name}");
}

fn counted(world: &World, metric: &str) -> f64 {
    world.metric(&format!("scopegate_{metric}_total"))
}

#[test]
fn whom_a_balancer_names_is_the_client() {
    let world = setup(BALANCED).start();
    let v6 = [&[0x20, 1, 0x0D, 0xB8][..], &[0; 11], &[1], &[0; 16], &[0, 7, 1, 0xBB]].concat();
    for (n, (header, client, forwarded)) in [
        (LINE.to_vec(), "192.0.2.1", "for=192.0.2.1;proto=http"),
        (b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n".to_vec(), "2001:db8::1", "for=\"[2001:db8::1]\";proto=http"),
        (b"PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\n".to_vec(), "192.0.2.9", "for=192.0.2.9;proto=http"),
        (binary_4([192, 0, 2, 7], &[]), "192.0.2.7", "for=192.0.2.7;proto=http"),
        (binary_4([192, 0, 2, 8], &[0x20, 0, 3, 1, 2, 3]), "192.0.2.8", "for=192.0.2.8;proto=http"),
        (binary(0x21, 0x21, &v6), "2001:db8::1", "for=\"[2001:db8::1]\";proto=http"),
        // It looks whether we are there, or does not say for whom it speaks.
        (binary(0x20, 0, &[]), "127.0.0.1", "for=127.0.0.1;proto=http"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1", "for=127.0.0.1;proto=http"),
        (binary(0x21, 0, &[1, 2, 3]), "127.0.0.1", "for=127.0.0.1;proto=http"),
    ]
    .into_iter()
    .enumerate()
    {
        let expected = (client.to_owned(), forwarded.to_owned());
        assert_eq!(seen(&world, &header, request(), n), expected, "{header:?}");
    }
}

#[test]
fn it_comes_before_tls() {
    let world = setup(BALANCED).with_tls("", &[]);
    for (n, header) in [LINE.to_vec(), binary_4([192, 0, 2, 1], &[])].into_iter().enumerate() {
        let mut connection = Caller::new(None).connect(&world);
        std::io::Write::write_all(&mut connection.stream().sock, &header).unwrap();
        assert_eq!(connection.send(&get(n)).status(), 200);
        assert_eq!(world.log_line(n)["client"], "192.0.2.1");
        assert_eq!(world.upstream.requests().pop().unwrap().one("forwarded"), "for=192.0.2.1;proto=https");
    }
    assert!(Caller::new(None).is_turned_away(&world), "a handshake without it");
    eventually("its count", || (counted(&world, "proxy_headers_malformed") > 0.5).then_some(()));
}

#[test]
fn it_may_come_in_any_two_pieces() {
    let world = setup(BALANCED).start();
    for (round, header) in [LINE.to_vec(), binary_4([192, 0, 2, 1], &[4, 0, 1, 0])].into_iter().enumerate() {
        let all = [&header[..], &get(0).bytes()].concat();
        for end in 1..=header.len() + 1 {
            let mut client = world.client();
            client.write(&all[..end]);
            std::thread::yield_now();
            client.write(&all[end..]);
            assert_eq!(client.answer().status(), 200, "{round} {end}");
        }
        let mut client = world.client();
        for byte in all.chunks(1) {
            client.write(byte);
        }
        assert_eq!(client.answer().status(), 200, "{round} byte by byte");
    }
}

#[test]
fn what_is_not_exactly_one_header_ends_the_connection() {
    let world = setup(BALANCED).start();
    let rows = [
        ("none", get(0).bytes()),
        ("in lower case", b"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n".to_vec()),
        ("of one line's end", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n".to_vec()),
        ("of another family", b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n".to_vec()),
        ("of no address", b"PROXY TCP4 a.example 192.0.2.2 1 2\r\n".to_vec()),
        ("too long", format!("PROXY UNKNOWN {}\r\n", "x".repeat(100)).into_bytes()),
        ("of version 3", binary(0x31, 0x11, &[0; 12])),
        ("of datagrams", binary(0x21, 0x12, &[0; 12])),
        ("with an address cut off", binary(0x21, 0x11, &[0; 11])),
        ("with a value cut off", binary_4([192, 0, 2, 1], &[4, 0, 9, 1])),
    ];
    let count = f64::from(u32::try_from(rows.len()).unwrap());
    for (name, bytes) in rows {
        assert_closed(&world, &bytes, name);
    }
    assert!((counted(&world, "proxy_headers_malformed") - count).abs() < 0.5);
    // A second one belongs to the client, and is no request.
    let mut client = world.client();
    client.write([LINE, LINE, &get(0).bytes()].concat());
    assert_eq!(client.answer().status(), 400);
    assert_eq!(world.upstream.hits(), 0);
    // Whoever only looks whether the port is open says nothing wrong.
    drop(world.client());
    assert_eq!(seen(&world, LINE, request(), 1).0, "192.0.2.1");
    assert!((counted(&world, "proxy_headers_malformed") - count).abs() < 0.5);
}

#[test]
fn a_header_has_so_many_bytes_and_not_one_more() {
    let world = setup(BALANCED).start();
    let of = |bytes: usize| {
        let value = bytes - SIGNATURE.len() - 4 - 12 - 3;
        let [high, low] = u16::try_from(value).unwrap().to_be_bytes();
        binary_4([192, 0, 2, 1], &[&[0x04, high, low][..], &vec![0; value]].concat())
    };
    assert_eq!(of(PROXY_HEADER_BYTES_MAX).len(), PROXY_HEADER_BYTES_MAX);
    assert_eq!(seen(&world, &of(PROXY_HEADER_BYTES_MAX), request(), 0).0, "192.0.2.1");
    assert_closed(&world, &of(PROXY_HEADER_BYTES_MAX + 1), "one more");
    assert!((counted(&world, "proxy_headers_malformed") - 1.0).abs() < 0.5);
}

#[test]
fn a_header_that_does_not_come_to_its_end_is_late() {
    let world =
        Setup { server: BALANCED.to_owned(), ..Setup::limits(&["handshake_timeout: 300ms", "head_timeout: 1m"]) }
            .start();
    for beginning in [&b""[..], b"PROXY TCP4 192.0", &SIGNATURE[..5], &binary_4([192, 0, 2, 1], &[])[..20]] {
        let mut client = world.client();
        client.write(beginning);
        assert!(client.is_closed(), "{beginning:?}");
    }
    eventually("its count", || (counted(&world, "connections_late") > 3.5).then_some(()));
}

#[test]
fn a_header_that_is_just_in_time_is_taken() {
    let world = Setup { server: BALANCED.to_owned(), ..Setup::limits(&["handshake_timeout: 2s"]) }.start();
    let mut client = world.client();
    client.write(&LINE[..9]);
    std::thread::sleep(std::time::Duration::from_millis(1200));
    client.write([&LINE[9..], &get(0).bytes()].concat());
    assert_eq!((client.answer().status(), world.log_line(0)["client"].as_str()), (200, Some("192.0.2.1")));
}

/// From anybody else it is not even read.
#[test]
fn nobody_but_a_hop_gets_in() {
    let world = setup("  workers: 1\n  proxy_protocol: true\n  trusted_hops: [10.0.0.0/8]\n").start();
    for bytes in [[LINE, &get(0).bytes()].concat(), get(0).bytes()] {
        assert_closed(&world, &bytes, "a stranger");
    }
    assert!((counted(&world, "connections_untrusted") - 2.0).abs() < 0.5);
    assert!(counted(&world, "proxy_headers_malformed") < 0.5);
    assert_eq!(world.upstream.hits(), 0);
    // A reload lets it in.
    world.reload(&setup(BALANCED)).unwrap();
    assert_eq!(seen(&world, LINE, request(), 1).0, "192.0.2.1");
    // The protocol itself stays: whose word the open connections are was decided by it.
    let refused = world.reload(&setup("  workers: 1\n")).unwrap_err();
    assert!(refused.to_string().contains("server.proxy_protocol"), "{refused}");
}

/// Proxies of ours are not counted, whoever names them.
#[test]
fn a_hop_that_a_balancer_names_has_no_bound_of_its_network() {
    let limits = "  connections_per_network: 2\n".to_owned();
    let hops = "  workers: 1\n  proxy_protocol: true\n  trusted_hops: [127.0.0.1/32, 10.0.0.9/32]\n";
    let world = Setup { limits, ..setup(hops) }.start();
    let named = |address: &str| {
        let mut client = world.client();
        client.write([format!("PROXY TCP4 {address} 192.0.2.2 1 2\r\n").as_bytes(), &get(3).bytes()].concat());
        client
    };
    let mut hops: Vec<_> = (0..4).map(|_| named("10.0.0.9")).collect();
    assert!(hops.iter_mut().all(|client| client.answer().status() == 200));
    let mut others: Vec<_> = (0..3).map(|_| named("192.0.2.1")).collect();
    let served = others.iter_mut().filter_map(Client::next).count();
    assert_eq!(served, 2);
}

/// The balancer relays bytes: what its client writes of others is no hop's word, whoever the client may be.
#[test]
fn what_a_named_client_says_of_others_does_not_count() {
    let world = setup(BALANCED).start();
    let claims =
        request().field("forwarded: for=6.6.6.6").field("x-forwarded-for: 6.6.6.6").field("client-cert: :AA==:");
    for (n, (header, client)) in [
        (LINE.to_vec(), "192.0.2.1"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (binary(0x21, 0, &[]), "127.0.0.1"),
        (binary(0x20, 0, &[]), "127.0.0.1"),
    ]
    .into_iter()
    .enumerate()
    {
        let expected = (client.to_owned(), format!("for={client};proto=http"));
        assert_eq!(seen(&world, &header, claims.clone(), n), expected, "{header:?}");
    }
    // A proxy of ours behind the balancer does speak for its clients.
    let spoken = request().field("forwarded: for=192.0.2.7;proto=https");
    let (client, forwarded) = seen(&world, b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", spoken, 10);
    assert_eq!((&*client, &*forwarded), ("192.0.2.7", "for=192.0.2.7;proto=https, for=10.0.0.1;proto=http"));
}
